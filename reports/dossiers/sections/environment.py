"""The test environment (시험환경): what the applicant states of the device, and what was detected."""

from bench.reports.dossiers.blocks import Block, Facts, Grid, Section, Text
from bench.reports.dossiers.blocks import Fact as Labelled
from bench.reports.dossiers.sections.overview import heads
from bench.reports.view.machines import field_name, machines
from bench.reports.view.rows import Cell, Numbered, Table, numbered
from bench.reports.view.tables import plain_row
from bench.reports.words.names import known
from bench.submission.assessment import Assessment
from bench.submission.form import Submission
from bench.words import say, units


def measured_runs(found: Assessment) -> tuple[Numbered, ...]:
    """The records that were measured, without those of yardsticks, numbered as the dossier names them: those that
    decide criteria first, in the order of the criteria."""
    deciding = list(dict.fromkeys(row.record_id for row in found.rows))
    place = {record_id: n for n, record_id in enumerate(deciding)}
    good = [run for run in found.own if run.record.status == "ok"]
    oldest = sorted(good, key=lambda run: (run.record.created_utc, run.record.record_id))
    return numbered(sorted(oldest, key=lambda run: place.get(run.record.record_id, len(place))))


def environment(found: Assessment) -> tuple[Section, ...]:
    items = measured_runs(found)
    blocks: list[Block] = [Facts(stated_facts(found.submission)), Text(say("dossier.environment.stated"), "note")]
    for machine in machines(items):
        title = machine.name
        rows = tuple(plain_row(label, value) for label, value in machine.facts)
        blocks.append(Grid(Table(title, heads("item", "value"), rows, say("dossier.environment.detected"))))
    if items:
        blocks.append(Grid(conditions(items)))
    else:
        blocks.append(Text(say("dossier.no_records")))
    return (Section("environment", say("dossier.section.environment"), tuple(blocks)),)


def stated_facts(form: Submission) -> tuple[Labelled, ...]:
    """What a program cannot detect."""
    device = form.device
    room = "" if device.room_celsius is None else f"{units.localised(f'{device.room_celsius:g}')} °C"
    found = (
        ("device", units.clean(device.name)),
        ("maker", units.clean(device.maker)),
        ("soc", units.clean(device.soc)),
        ("form_factor", units.clean(device.form_factor)),
        ("power_supply", units.clean(device.power_supply)),
        ("cooling", units.clean(device.cooling)),
        ("room", room),
        ("notes", units.clean(device.notes)),
    )
    return tuple(Labelled(say(f"dossier.fact.{name}"), value or units.MISSING) for name, value in found)


def conditions(items: tuple[Numbered, ...]) -> Table:
    """The machine's state just before each run. What could not be read is listed at the first run; one that
    lacks the same refers to it."""
    rows = []
    listed: dict[tuple[str, ...], int] = {}
    for item in items:
        state = item.record.environment
        power = known(f"report.power_source.{state.power_source}", state.power_source) if state.power_source else ""
        battery = "" if state.battery_percent is None else say("report.battery", percent=state.battery_percent)
        heat = [f"{units.clean(k)} {units.localised(f'{v:.1f}')} °C" for k, v in state.temperature_celsius.items()]
        clocks = [
            f"{units.clean(known(f'report.frequency.{k}', k))} {v:.0f} MHz" for k, v in state.frequency_mhz.items()
        ]
        missing = tuple(f"{field_name(k)}: {units.clean(str(reason))}" for k, reason in state.unavailable.items())
        first = listed.setdefault(missing, item.number)
        unread = Cell("", notes=missing) if missing else Cell(units.MISSING)
        if missing and first != item.number:
            unread = Cell(say("dossier.conditions.alike", number=first))
        rows.append(
            (
                Cell(run_name(item), notes=(units.when(item.record.created_utc),)),
                Cell(power or units.MISSING, notes=(battery,) if battery else ()),
                Cell(units.clean(state.governor or units.MISSING)),
                Cell(heat[0] if heat else units.MISSING, notes=tuple(heat[1:])),
                Cell(clocks[0] if clocks else units.MISSING, notes=tuple(clocks[1:])),
                unread,
            )
        )
    columns = heads("record", "power", "governor", "temperature", "frequency", "not_readable")
    return Table(say("dossier.conditions"), columns, tuple(rows), say("dossier.conditions.note"))


def run_name(item: Numbered) -> str:
    """``1. net: ort:cpu, single-stream``."""
    plan = item.record.plan
    return say(
        "dossier.run_name",
        number=item.number,
        model=item.model,
        target=units.clean(plan.target.id),
        scenario=units.clean(plan.scenario.name),
    )
