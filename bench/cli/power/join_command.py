"""``odb power join``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.help import FLOAT, Command, option
from bench.cli.language import lang_option
from bench.cli.options import echo_json, json_option
from bench.cli.power.read_command import voltage
from bench.printable import clean
from bench.words import say, sentence, units

if TYPE_CHECKING:
    from bench.power.alignment import Alignment
    from bench.power.log import PowerLog
    from bench.record.record import RecordedRun

WITHIN_S = 120.0


@click.command("join", cls=Command, help="cli.help.power.join", epilog="cli.epilog.power.join")
@lang_option
@click.argument("results", metavar="RESULTS", type=click.Path(path_type=Path))
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="cli.help.power.join.output")
@option("--mapping", metavar="time=COLUMN,power=COLUMN", help="cli.help.power.read.mapping")
@option("--channel", metavar="NAME", default="", help="cli.help.power.read.channel")
@option("--volts", metavar="V", default="", help="cli.help.power.read.volts")
@option("--zone", metavar="ZONE", default="", help="cli.help.power.read.zone")
@option("--clock-doubt", type=FLOAT, metavar="SECONDS", help="cli.help.power.join.clock_doubt")
@option(
    "--within", type=FLOAT, default=WITHIN_S, show_default=True, metavar="SECONDS", help="cli.help.power.join.within"
)
@option("--idle-watts", type=FLOAT, metavar="W", help="cli.help.power.join.idle_watts")
@json_option
def command(
    results: Path,
    file: Path,
    output: Path | None,
    mapping: str | None,
    channel: str,
    volts: str,
    zone: str,
    clock_doubt: float | None,
    within: float,
    idle_watts: float | None,
    as_json: bool,
) -> int:
    """``odb power join``."""
    from bench.errors import InputError, of_flag
    from bench.power.doubts import doubts_of
    from bench.power.joining import Readings
    from bench.power.mapping import parse_mapping
    from bench.power.reading import read_log
    from bench.store.records import load_records, prepare_folder

    if idle_watts is not None and not 0 <= idle_watts < 1e5:
        raise InputError(of_flag("--idle-watts", sentence("power.no_idle_watts", watts=idle_watts)))
    ask = parse_mapping(mapping) if mapping else None
    log = read_log(file, ask, channel=channel, volts=voltage(volts), zone=zone)
    doubts = doubts_of(log)
    if blocking := [doubt.told for doubt in doubts if doubt.blocks]:
        raise InputError(sentence("power.join.blocked", file=file.name), sentence("text.sentences", parts=blocking))
    runs = [run for run in load_records(results) if run.record.status == "ok"]
    if not runs:
        raise InputError(sentence("power.join.no_run", folder=results), sentence("power.join.no_run.remedy"))
    folder = output or results.with_name(f"{results.resolve().name}-metered")
    refuse_twice(results, folder, runs)
    origin, alignment = aligned(log, results, runs, clock_doubt, within)
    idle = idle_watts if idle_watts is not None else alignment.idle_watts
    readings = Readings(log, alignment, origin)
    codes = tuple(doubt.code for doubt in doubts)
    joined = [(run, readings.joined(run.record, idle, codes)) for run in runs]
    folder = prepare_folder(folder)
    written = [written_to(folder, run, found.record) for run, found in joined if found.record is not None]
    if as_json:
        echo_json(for_scripts(folder, alignment, idle, written, joined))
    else:
        click.echo(shown(folder, alignment, idle, written, joined))
    return 0 if written else 3


def refuse_twice(results: Path, folder: Path, runs: "list[RecordedRun]") -> None:
    """Raises ``InputError`` where a run would be in one folder twice, as if it had been measured twice, or would have
    the energy of two logs."""
    from bench.errors import InputError
    from bench.store.records import load_records

    joined = next((run.record for run in runs if run.record.meter is not None), None)
    if joined is not None:
        raise InputError(
            sentence("power.join.joined", record=joined.record_id), sentence("power.join.joined.remedy", folder=results)
        )
    asked = {run.record.record_id for run in runs}
    there = load_records(folder) if folder.is_dir() and any(folder.glob("*/record.json")) else []
    for run in there:
        meter = run.record.meter
        if run.record.record_id in asked or (meter is not None and meter.joined_from in asked):
            raise InputError(
                sentence("power.join.there", folder=folder, record=run.record.record_id),
                sentence("power.join.there.remedy"),
            )


def aligned(
    log: "PowerLog", results: Path, runs: "list[RecordedRun]", clock_doubt: float | None, within: float
) -> "tuple[int, Alignment]":
    """The origin that seconds count from, and the log's place. Raises ``InputError`` where it is not known, or not well
    enough."""
    from datetime import datetime

    from bench.errors import InputError, of_flag
    from bench.power.alignment import MOST_DOUBT_S, Alignment, aligned_by_marker
    from bench.power.pulses import markers_in

    if not 0 < within <= 86_400:
        raise InputError(of_flag("--within", sentence("power.join.bad_within", seconds=within)))
    if clock_doubt is not None:
        if log.clock != "utc":
            raise InputError(sentence("power.join.no_clock", file=log.name), sentence("power.join.no_clock.remedy"))
        if not 0 <= clock_doubt <= MOST_DOUBT_S:
            raise InputError(
                of_flag(
                    "--clock-doubt", sentence("power.join.doubt_too_large", doubt_s=clock_doubt, most_s=MOST_DOUBT_S)
                )
            )
        began = datetime.fromisoformat(log.began)
        return round(began.timestamp() * 1e9), Alignment("clock", 0.0, clock_doubt)
    markers = markers_in(results)
    if not markers:
        raise InputError(sentence("power.join.no_marker", folder=results), sentence("power.join.no_marker.remedy"))
    if log.clock == "utc":
        origin = round(datetime.fromisoformat(log.began).timestamp() * 1e9)
        return origin, aligned_by_marker(log, markers, origin, within)
    # Without a clock the log may have begun at any time before the marker that it still contains.
    origin = markers[0].begins_unix_ns
    return origin, aligned_by_marker(log, markers, origin, float(log.seconds[-1]) + within)


def written_to(folder: Path, run: "RecordedRun", record: Any) -> "RecordedRun":
    """The joined record, under an id of its own, its figures computed again."""
    from msgspec.structs import replace

    from bench.record.record import RecordedRun
    from bench.store.derived import judged
    from bench.store.records import new_record_id, save

    named = replace(record, record_id=new_record_id(record.plan.model.id, record.plan.target.id), samples_file=None)
    found = judged(RecordedRun(named, run.samples)).record
    return RecordedRun(save(folder, found, run.samples), run.samples)


def shown(folder: Path, alignment: "Alignment", idle: float | None, written: Any, joined: Any) -> str:
    """What people read."""
    lines = [say(f"power.join.aligned.{alignment.by}", offset_s=alignment.offset_s, doubt_s=alignment.doubt_s)]
    lines.append(
        say("power.join.idle", watts=units.figure(idle, "watts")) if idle is not None else say("power.join.no_idle")
    )
    for run in written:
        energy = run.record.summary.energy
        plan = run.record.plan
        each = units.joules(energy.joules_per_inference if energy else None)
        lines.append(say("power.join.run", model=clean(plan.model.id), target=clean(plan.target.id), joules=each))
    for run, found in joined:
        plan = run.record.plan
        lines += [
            say("power.join.left_out", model=clean(plan.model.id), target=clean(plan.target.id), why=why)
            for why in found.left_out
        ]
    lines.append(say("power.join.written", n=len(written), folder=folder) if written else say("power.join.nothing"))
    return "\n".join(lines)


def for_scripts(folder: Path, alignment: "Alignment", idle: float | None, written: Any, joined: Any) -> dict[str, Any]:
    return {
        "folder": str(folder) if written else None,
        "alignment": alignment,
        "idle_watts": idle,
        "records": [
            {
                "record_id": run.record.record_id,
                "joined_from": run.record.meter.joined_from,
                "model": run.record.plan.model.id,
                "target": run.record.plan.target.id,
                "joules_per_inference": run.record.summary.energy and run.record.summary.energy.joules_per_inference,
            }
            for run in written
        ],
        "left_out": [
            {"record_id": run.record.record_id, "reasons": [str(why) for why in found.left_out]}
            for run, found in joined
            if found.left_out
        ],
    }
