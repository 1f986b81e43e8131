"""Energy of one run, and the power meter that it was read by; ``None`` if the record lacks that part."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.record.energy import EnergySummary, JoinedMeter, RepeatEnergy
from bench.record.record import Record
from bench.reports.view.rows import Cell, Table, columns
from bench.reports.view.tables import plain_row
from bench.reports.words.figures import between, figure, interval, shown
from bench.reports.words.names import known, tier
from bench.words import say, units

if TYPE_CHECKING:
    from bench.analysis.power.uncertainty import Uncertainty


def energy_table(record: Record) -> Table | None:
    """Power proxies by tier. Tiers are never added up or converted into each other."""
    found = record.summary.energy
    if found is None:
        return None
    why = units.clean(str(found.reason))
    best = tier("meter" if found.tier == "meter" else "sensor")
    above = _noted(record, "joules_per_inference", found.sensor_channel)
    rows = [plain_row(best, say("report.energy.energy"), shown(record, "joules_per_inference"), above or why)]
    rows += _with_idle(record, found, best)
    rows += _channel_rows([r.energy for r in record.repeats], "report.energy.repeat")
    rows += _channel_rows([r.power_pass for r in record.repeats], "report.energy.pass")
    spent, npu_ns = shown(record, "cpu_seconds_per_inference"), _seconds(found.npu_busy_seconds_per_inference)
    rows += [
        plain_row(tier("activity"), say("report.energy.cpu_time"), spent, say("report.energy.all_threads")),
        plain_row(
            tier("activity"), say("report.energy.cores"), units.number(found.cores_busy), say("report.energy.over_wall")
        ),
        plain_row(tier("activity"), say("report.energy.npu"), npu_ns, ""),
        plain_row(tier("model"), say("report.energy.macs"), units.quantity(found.macs), say("report.energy.of_file")),
        plain_row(
            tier("model"), say("report.energy.moved"), units.size(found.bytes_moved), say("report.energy.estimate")
        ),
    ]
    note = say("report.energy.best", tier=tier(found.tier or "none"))
    heads = columns("tier", "quantity", "value", "note")
    return Table(say("report.energy.caption"), heads, tuple(rows), f"{note} {why}".strip())


def _with_idle(record: Record, found: EnergySummary, best: str) -> list[tuple[Cell, ...]]:
    """Figures with idle inside; none where no energy was read."""
    if found.total_joules_per_inference is None:
        return []
    total = _noted(record, "total_joules_per_inference", found.total_sensor_channel)
    delay = _noted(record, "energy_delay_joule_seconds", None)
    watts = units.figure(found.watts, "watts")
    rows = [
        plain_row(best, say("report.energy.total"), shown(record, "total_joules_per_inference"), total),
        plain_row(best, say("report.energy.watts"), watts, ""),
        plain_row(
            best,
            say("report.energy.delay"),
            shown(record, "energy_delay_joule_seconds"),
            "; ".join(filter(None, (say("report.energy.delay.note"), delay))),
        ),
    ]
    if figure(record, "battery_hours") is not None:
        capacity = say("report.energy.battery", watt_hours=record.plan.settings.get("battery_wh", 0))
        hours = _noted(record, "battery_hours", None)
        note = "; ".join(filter(None, (say("report.energy.battery.note"), hours)))
        rows.append(plain_row(best, capacity, shown(record, "battery_hours"), note))
    return rows


def _noted(record: Record, name: str, channel: str | None) -> str:
    """The 95 % interval of a metric, and the channel that it is of."""
    bounds = say("report.between95", bounds=between(record, name)) if interval(record, name) is not None else ""
    named = say("report.energy.channel", name=units.clean(channel)) if channel else ""
    return "; ".join(filter(None, (named, bounds)))


def _channel_rows(repeats: Sequence[RepeatEnergy | None], window: str) -> list[tuple[Cell, ...]]:
    """``window``: the code of what the readings cover."""
    channels = [c for energy in repeats if energy is not None for c in energy.channels]
    rows = []
    for sensor, name in dict.fromkeys((c.sensor, c.name) for c in channels):
        mine = [c for c in channels if (c.sensor, c.name) == (sensor, name)]
        domain = known(f"report.domain.{mine[0].domain}", mine[0].domain)
        label = f"{units.clean(sensor)} {units.clean(name)} ({domain})"
        total = units.span([c.joules_total for c in mine], units.joules)
        idle = units.span([c.idle_watts for c in mine], lambda v: units.number(v, "W"))
        kept = "lost" if any(c.lost for c in mine) else "kept"
        if any(c.joules_total is not None or c.joules is not None for c in mine):
            above = units.span([c.joules for c in mine], units.joules)
            note = say(f"report.energy.above_idle.{kept}", window=say(window), total=total, idle=idle)
            own = tier("meter" if mine[0].domain == "meter" else "sensor")
            rows.append(plain_row(own, label, above, note))
        elif any(c.memory_bytes is not None for c in mine):
            held = units.span([c.memory_bytes for c in mine], units.size)
            rows.append(plain_row(tier("activity"), label, held, say(f"report.energy.held.{kept}", window=say(window))))
        else:
            busy = units.span([c.busy_seconds for c in mine], lambda v: units.number(v, "s"))
            rows.append(plain_row(tier("activity"), label, busy, say(f"report.energy.busy.{kept}", window=say(window))))
    return rows


def meter_table(record: Record) -> Table | None:
    """Where the run is in the log of a joined meter, and what that rests on."""
    meter = record.meter
    if meter is None:
        return None
    named = {known(f"report.meter.device.{key}", key): units.clean(value) for key, value in meter.device.items()}
    device = ", ".join(f"{key} {value}" for key, value in named.items())
    log = f"{units.clean(meter.log)} ({say(f'power.format.{meter.format}')}, {units.clean(meter.channel)})"
    rows = [
        plain_row(say("report.meter.log"), log, f"sha256 {units.clean(meter.sha256[:16])}…"),
        *([plain_row(say("report.meter.device"), device, "")] if device else []),
        plain_row(say("report.meter.place"), _place(meter), units.clean(str(meter.reason))),
        *_idle_rows(meter),
    ]
    if not meter.problem:
        rows.insert(2, plain_row(say("report.meter.readings"), say(f"report.meter.readings.{meter.stands_for}"), ""))
    rows += _uncertain_rows(record, meter)
    for one in meter.left_out[:MOST_LEFT_OUT]:
        rows.append(plain_row(say("report.meter.without"), str(one.repeat), units.clean(str(one.reason))))
    return Table(say("report.meter.caption"), columns("quantity", "value", "note"), tuple(rows))


MOST_LEFT_OUT = 8


def _uncertain_rows(record: Record, meter: JoinedMeter) -> list[tuple[Cell, ...]]:
    """How uncertain each figure is, those that are alike in one row."""
    from bench.analysis.power.uncertainty import uncertainties

    alike: dict[Uncertainty, list[str]] = {}
    for name, found in uncertainties(record).items():
        alike.setdefault(found, []).append(say(f"metric.{name}.title"))
    rows = []
    for found, titles in alike.items():
        code = "nothing" if found.of_window is None else "unstated" if found.of_meter is None else "stated"
        if code == "stated" and meter.stated_uncertainty is None:
            code = "estimate"
        told = say(f"report.meter.uncertainty.{code}", window=found.of_window, meter=found.of_meter)
        known = units.rough_percent(found.whole) if found.of_window is not None else units.MISSING
        rows.append(plain_row(say("report.meter.uncertainty", of=", ".join(titles)), known, told))
    return rows


def _place(meter: JoinedMeter) -> str:
    if meter.offset_s is None or meter.doubt_s is None:
        return say("report.meter.place.none")
    return say(f"report.meter.place.{meter.aligned_by}", offset_s=meter.offset_s, doubt_s=meter.doubt_s)


def _idle_rows(meter: JoinedMeter) -> list[tuple[Cell, ...]]:
    if meter.idle is None:
        return []
    source = say(f"report.meter.idle.{meter.idle.source}", readings=meter.idle.readings)
    cooled = meter.idle.cooldown_s
    note = say("report.meter.cooldown.note" if cooled is not None else "report.meter.cooldown.none")
    rows = [plain_row(say("report.meter.idle"), units.figure(meter.idle_watts, "watts"), source)]
    if meter.idle.shows_cooldown:
        spent = units.duration(None if cooled is None else cooled * 1e9)
        rows.append(plain_row(say("report.meter.cooldown"), spent, note))
    return rows


def _seconds(value: float | None) -> str:
    return units.duration(None if value is None else value * 1e9)
