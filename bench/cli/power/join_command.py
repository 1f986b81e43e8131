"""``odb power join``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.help import FLOAT, Command, option
from bench.cli.language import lang_option
from bench.cli.options import echo_json, json_option
from bench.cli.power.shown import aligned_lines, left_out_lines
from bench.printable import clean
from bench.words import say, sentence, units

if TYPE_CHECKING:
    from bench.power.log import PowerLog
    from bench.power.placing import Outcome
    from bench.record.record import Record, RecordedRun

WITHIN_S = 120.0  # as bench.power.asking has it, which is not imported for --help


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
@option("--meter", metavar="model=NAME,uncertainty=0.5%,…", help="cli.help.power.join.meter")
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
    meter: str | None,
    as_json: bool,
) -> int:
    """``odb power join``."""
    from bench.errors import InputError
    from bench.power.asking import LogAsk, checked, parse_meter, voltage
    from bench.power.mapping import parse_mapping
    from bench.power.placing import join
    from bench.power.pulses import markers_in
    from bench.store.records import load_records, prepare_folder

    ask = checked(
        LogAsk(
            file=file,
            mapping=parse_mapping(mapping) if mapping else None,
            channel=channel,
            volts=voltage(volts),
            zone=zone,
            clock_doubt=clock_doubt,
            within_s=within,
            idle_watts=idle_watts,
            meter=parse_meter(meter),
        )
    )
    log = ask.read()
    runs = [run for run in load_records(results) if run.record.status == "ok"]
    if not runs:
        raise InputError(sentence("power.join.no_run", folder=results), sentence("power.join.no_run.remedy"))
    folder = output or results.with_name(f"{results.resolve().name}-metered")
    refuse_twice(results, folder, runs, log)
    outcome = join(log, ask, runs, markers_in(results), str(results))
    if any(found.metered for found in outcome.joined):
        folder = prepare_folder(folder)
    pairs = zip(runs, outcome.joined, strict=True)
    written = [written_to(folder, run, found.record) for run, found in pairs if found.metered]
    if as_json:
        echo_json(for_scripts(folder, outcome, written, runs))
    else:
        click.echo(shown(folder, outcome, written, runs))
    return 0 if written else 3


def refuse_twice(results: Path, folder: Path, runs: "list[RecordedRun]", log: "PowerLog") -> None:
    """Raises ``InputError`` where a run would be in one folder twice, as if it had been measured twice, or would have
    the energy of two logs. The same log may be joined again, as with the meter's uncertainty, which was forgotten."""
    from bench.errors import InputError
    from bench.store.records import load_records

    meters = [(run.record, run.record.meter) for run in runs]
    joined = next((record for record, meter in meters if meter is not None and meter.sha256 != log.sha256), None)
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


def written_to(folder: Path, run: "RecordedRun", record: Any) -> "RecordedRun":
    """The joined record, under an id of its own, its figures computed again."""
    from msgspec.structs import replace

    from bench.record.record import RecordedRun
    from bench.store.derived import judged
    from bench.store.records import new_record_id, save

    named = replace(record, record_id=new_record_id(record.plan.model.id, record.plan.target.id), samples_file=None)
    found = judged(RecordedRun(named, run.samples)).record
    return RecordedRun(save(folder, found, run.samples), run.samples)


def shown(folder: Path, outcome: "Outcome", written: "list[RecordedRun]", runs: "list[RecordedRun]") -> str:
    """What people read."""
    lines = [*aligned_lines(outcome)]
    for run in written:
        energy, plan = run.record.summary.energy, run.record.plan
        above, total = (
            units.joules(getattr(energy, name, None)) for name in ("joules_per_inference", "total_joules_per_inference")
        )
        model, target = clean(plan.model.id), clean(plan.target.id)
        lines.append(say("power.join.run", model=model, target=target, joules=above, total=total))
    lines += left_out_lines(outcome, runs)
    lines.append(say("power.join.written", n=len(written), folder=folder) if written else say("power.join.nothing"))
    return "\n".join(lines)


def for_scripts(
    folder: Path, outcome: "Outcome", written: "list[RecordedRun]", runs: "list[RecordedRun]"
) -> dict[str, Any]:
    return {
        "folder": str(folder) if written else None,
        "alignment": outcome.alignment,
        "idle_watts": outcome.idle.watts,
        "idle": outcome.idle.found,
        "records": [_for_scripts(run.record) for run in written],
        "left_out": [
            {"record_id": run.record.record_id, "reasons": [str(why) for why in found.left_out]}
            for run, found in zip(runs, outcome.joined, strict=True)
            if found.left_out
        ],
    }


def _for_scripts(record: "Record") -> dict[str, Any]:
    """``uncertainty``: metric -> a fraction; null where the meter's is not stated, or the energy is not above 0."""
    from bench.analysis.power.uncertainty import uncertainties

    energy, found = record.summary.energy, uncertainties(record)
    return {
        "record_id": record.record_id,
        "joined_from": record.meter and record.meter.joined_from,
        "model": record.plan.model.id,
        "target": record.plan.target.id,
        "joules_per_inference": energy and energy.joules_per_inference,
        "joules_per_inference_ci95": energy and energy.joules_per_inference_ci95,
        "total_joules_per_inference": energy and energy.total_joules_per_inference,
        "total_joules_per_inference_ci95": energy and energy.total_joules_per_inference_ci95,
        "watts": energy and energy.watts,
        "uncertainty": {name: None if one.of_window is None else one.whole for name, one in found.items()},
    }
