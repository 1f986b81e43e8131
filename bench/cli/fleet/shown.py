"""Plans, outcomes and devices of a fleet, as people and scripts read them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import console, echo_json
from bench.printable import clean
from bench.words import say, speaking

if TYPE_CHECKING:
    from bench.cli.terminal.progress import Expected
    from bench.errors import InputError
    from bench.fleet.client.planning import FleetOrder, FleetPlan, LeftOut
    from bench.fleet.client.rack import Asked
    from bench.fleet.client.running import Outcome
    from bench.fleet.facts import DeviceFacts
    from bench.fleet.ledger import Line
    from bench.record.record import Record

MOST_NAMES = 3


def tell_damaged(out: Path) -> None:
    """Name on stderr the lines of the ledger in ``out`` that do not count."""
    from bench.fleet.ledger import LEDGER, damaged_lines

    for told in damaged_lines(out / LEDGER):
        click.echo(f"odb: {clean(str(told))}", err=True)


def print_plan(plan: "FleetPlan", devices: "Sequence[Asked]", as_json: bool) -> None:
    """The orders with their devices, then what is left out and why, and which of the devices are in quarantine."""
    from rich.table import Table

    from bench.cli.fleet.expected import order_seconds, plan_seconds
    from bench.cli.terminal.progress import span_text

    whole = plan_seconds(plan.orders)
    if as_json:
        with speaking("en"):
            rows = [{**_run(one), **_seconds(order_seconds(one))} for one in plan.orders]
            gaps = [_left_out(one) for one in plan.left_out]
            held = {one.facts.name: str(one.state.quarantined) for one in devices if one.state.quarantined}
        echo_json({"orders": rows, "left_out": gaps, "quarantined": held, **_seconds(whole)})
        return
    names = ("device", "model", "target", "scenario", "takes")
    table = Table(*(say(f"cli.column.{name}") for name in names), box=None, pad_edge=False)
    for one in plan.orders:
        words = (clean(text) for text in (one.model, one.target, one.scenario))
        table.add_row(_devices(one), *words, span_text(order_seconds(one)))
    if plan.orders:
        console().print(table)
    print_left_out(plan, err=False)
    chosen = {name for one in plan.orders for name in one.devices}
    for device in devices:
        if device.state.quarantined and device.facts.name in chosen:
            _print_quarantined(device)
    click.echo("\n" + say("cli.fleet.plan", runs=len(plan.orders), devices=len(chosen)))
    if plan.orders:
        click.echo(say("cli.fleet.plan.takes", time=span_text(whole)))


def _print_quarantined(one: "Asked") -> None:
    name = clean(one.facts.name)
    click.echo(say("cli.fleet.plan.quarantined", device=name, reason=clean(str(one.state.quarantined))))
    _print_remedy(say("fleet.client.quarantined.remedy", device=name), False)


def print_left_out(plan: "FleetPlan", err: bool = True, chosen_only: bool = False) -> None:
    """Each reason once, with the devices and runs that it holds for. ``chosen_only``: without devices that ``--where``
    did not choose, unless it chose none."""
    from bench.fleet.client.planning import WHERE

    told: dict[tuple[str, str], list[str]] = {}
    for gap in plan.left_out:
        if chosen_only and gap.code == WHERE and plan.orders:
            continue
        what = " ".join(clean(text) for text in (gap.device, gap.model, gap.target, gap.scenario) if text)
        told.setdefault((clean(str(gap.reason)), clean(str(gap.remedy))), []).append(what)
    for (reason, remedy), whats in told.items():
        click.echo(say("cli.fleet.left_out", what=_few(whats), reason=reason), err=err)
        _print_remedy(remedy, err)


def print_failed(outcome: "Outcome") -> None:
    """The orders without a record, on stderr."""
    named = {one.id: one for one in outcome.plan.orders}
    for line in outcome.failed:
        order = named[line.order]
        what = f"{clean(order.model)} {clean(order.target)} {clean(order.scenario)}"
        code = "cli.fleet.refused" if line.kind == "refused" else "cli.fleet.lost"
        click.echo(say(code, what=what, device=clean(line.device) or "–", reason=clean(str(line.reason))), err=True)
        _print_remedy(clean(str(line.remedy)), True)


def print_unreadable(errors: "Sequence[InputError]") -> None:
    """The records that were fetched and cannot be read any more, on stderr."""
    for error in errors:
        click.echo(clean(str(error.sentence)), err=True)
        _print_remedy(clean(str(error.advice)), True)


def for_scripts(outcome: "Outcome", records: "Sequence[Record]") -> dict[str, Any]:
    """The outcome as plain data, the same in every language."""
    failed: Mapping[str, Line] = {line.order: line for line in outcome.failed}
    with speaking("en"):
        lines = [
            {"order": line.order, "device": line.device, "state": line.kind, **_why(line)} for line in failed.values()
        ]
        return {
            "orders": [{"order": one.id, **_run(one)} for one in outcome.plan.orders],
            "records": records,
            "failed": lines,
            "left_out": [_left_out(one) for one in outcome.plan.left_out],
        }


def device_for_scripts(one: "Asked", queued: Sequence[str]) -> dict[str, Any]:
    """A device as plain data."""
    running = one.state.running
    with speaking("en"):
        return {
            "device": one.facts.name,
            "labels": one.facts.labels,
            "targets": list(one.facts.usable),
            "versions": one.facts.versions,
            "running": None
            if running is None
            else {
                "order": running.order,
                "model": running.model,
                "target": running.target,
                "scenario": running.scenario,
                "seconds": round(running_seconds(one), 1),
                "step": str(running.step),
                "step_seconds": round(step_seconds(one), 1),
            },
            "queued": list(queued),
            "finished": list(one.state.finished),
            "finished_bytes": one.state.finished_bytes,
            "finished_oldest_seconds": round(oldest_seconds(one), 1),
            "quarantined": str(one.state.quarantined),
            "lost_runs": one.state.lost_runs,
            "clock_off_seconds": round(one.clock_off_s, 3),
            "free_bytes": one.facts.free_bytes,
            "cache_bytes": one.facts.cache_bytes,
            "cache_most_bytes": one.facts.cache_most_bytes,
            "takes_plugins": one.facts.takes_plugins,
        }


def print_devices(devices: "Sequence[Asked]", queues: Mapping[str, Sequence[str]]) -> None:
    """One line a device: what it does and what it is."""
    from rich.table import Table

    names = ("device", "state", "queue", "targets", "labels")
    table = Table(*(say(f"cli.column.{name}") for name in names), box=None, pad_edge=False)
    for one in devices:
        labels = " ".join(f"{key}={value}" for key, value in sorted(one.facts.labels.items()) if key not in LONG_LABELS)
        queued = str(len(waiting(one, queues)))
        table.add_row(clean(one.facts.name), _doing(one), queued, clean(" ".join(_offered(one.facts))), clean(labels))
    console().print(table)


def _offered(facts: "DeviceFacts") -> list[str]:
    """The targets that are measured where none is named; the JSON has all that can be used."""
    found = sorted(facts.targets.items())
    return [f"{name}:{one.name}" for name, target in found for one in target.devices if one.usable and one.default]


LONG_LABELS = ("cpu", "machine")
"""In the JSON only."""


def waiting(one: "Asked", queues: Mapping[str, Sequence[str]]) -> list[str]:
    """The orders that wait for the device, without the one that it carries out."""
    now = "" if one.state.running is None else one.state.running.order
    return [order for order in dict.fromkeys(queues.get(one.facts.name, ())) if order != now]


def running_seconds(one: "Asked") -> float:
    """How long the device's run has gone on, by the device's own clock."""
    running = one.state.running
    return 0.0 if running is None else _since(one, running.since_utc_ns)


def step_seconds(one: "Asked") -> float:
    """How long it has done what it does of its run."""
    running = one.state.running
    return 0.0 if running is None or not running.step else _since(one, running.step_since_utc_ns)


def oldest_seconds(one: "Asked") -> float:
    """How long the result has waited that has waited for longest."""
    since_utc_ns = one.state.finished_since_utc_ns  # 0: none waits, or the last was fetched just now
    return _since(one, since_utc_ns) if since_utc_ns else 0.0


def _since(one: "Asked", utc_ns: int) -> float:
    return max(0.0, (one.facts.utc_ns - utc_ns) / 1e9)


def _doing(one: "Asked") -> str:
    from bench.cli.terminal.progress import clock_text

    running, parts = one.state.running, []
    if running is not None:
        what = " ".join(clean(text) for text in (running.model, running.target, running.scenario) if text)
        time = clock_text(running_seconds(one))
        parts.append(say("cli.fleet.state.running", what=what or clean(running.order), time=time))
        if running.step:
            step, time = clean(str(running.step)), clock_text(step_seconds(one))
            parts[-1] = say("cli.fleet.state.step", what=parts[-1], step=step, time=time)
    if one.state.quarantined:
        parts.append(say("cli.fleet.state.quarantined", reason=clean(str(one.state.quarantined))))
    elif running is None:
        parts.append(say("cli.fleet.state.free"))
    if one.state.finished:
        time, size_bytes = clock_text(oldest_seconds(one)), one.state.finished_bytes
        parts.append(say("cli.fleet.state.finished", count=len(one.state.finished), size_bytes=size_bytes, time=time))
    return ", ".join(parts)


def _devices(order: "FleetOrder") -> str:
    return clean(order.order.device) or say("cli.fleet.any_of", devices=_few(list(order.devices)))


def _few(names: list[str]) -> str:
    shown = ", ".join(clean(name) for name in names[:MOST_NAMES])
    return shown if len(names) <= MOST_NAMES else say("cli.fleet.and_more", shown=shown, count=len(names) - MOST_NAMES)


def _run(one: "FleetOrder") -> dict[str, Any]:
    return {
        "devices": list(one.devices),
        "model": one.model,
        "target": one.target,
        "scenario": one.scenario,
    }


def _seconds(expected: "Expected") -> dict[str, int]:
    return {"at_least_seconds": round(expected.least), "at_most_seconds": round(expected.most)}


def _left_out(one: "LeftOut") -> dict[str, Any]:
    return {"device": one.device, "model": one.model, "target": one.target, "scenario": one.scenario, **_why(one)}


def _why(one: "LeftOut | Line") -> dict[str, str]:
    return {"code": one.code, "reason": str(one.reason), "what_to_do": str(one.remedy)}


def _print_remedy(remedy: str, err: bool) -> None:
    if remedy:
        click.echo(f"  {say('cli.what_to_do', remedy=remedy)}", err=err)
