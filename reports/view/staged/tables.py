"""The stages of one run as a table."""

from collections.abc import Iterable

from bench.contracts import STAGES
from bench.record.inputs import PipelineFacts, PipelineStage
from bench.record.record import Record
from bench.reports.view.rows import Cell, Table, columns
from bench.reports.words import figures
from bench.words import say, units


def stages_table(record: Record) -> Table | None:
    """A row a stage: its mean time of an input, the interval, how much of the whole it has, and what it does; then the
    whole, the network alone, and overlapped queries."""
    found = record.plan.pipeline
    if found is None or record.status != "ok":
        return None
    means = {name: figures.figure(record, f"stage_{name}_ns") for name in STAGES}
    whole = sum(value for value in means.values() if value is not None)
    facts = {stage.name: stage for stage in found.stages}
    rows = [
        _row(
            record,
            say(f"report.stage.{name}"),
            f"stage_{name}_ns",
            _fraction(means[name], whole),
            _does(facts.get(name)),
        )
        for name in STAGES
    ]
    rows.append(
        _row(record, say("report.pipeline.whole"), figures.leading(record), "", say("report.pipeline.whole_note"))
    )
    text = record.plan.model.task == "text_generation"
    alone = say("report.pipeline.alone_note.text" if text else "report.pipeline.alone_note")
    rows.append(_row(record, say("report.pipeline.alone"), "network_alone_ns", "", alone))
    rate = figures.figure(record, "overlapped_per_s")
    note = say("report.pipeline.overlapped_note", rate=units.number(rate, "/s")) if rate is not None else ""
    rows.append(_row(record, say("report.pipeline.overlapped"), "overlapped_latency_ns", "", note))
    heads = columns("stage", "time_per_input", "interval95", "fraction_of_whole", "stage_does")
    notes = [*_notes(found), *([say("report.pipeline.first_token")] if text else [])]
    return Table(say("report.pipeline.caption", kind=found.kind), heads, tuple(rows), " ".join(notes))


def _row(record: Record, title: str, name: str, fraction: str, note: str) -> tuple[Cell, ...]:
    between = figures.between(record, name)
    return tuple(
        map(Cell, (title, figures.shown(record, name), between or units.MISSING, fraction or units.MISSING, note))
    )


def _fraction(mean: float | None, whole: float) -> str:
    return "" if mean is None or not whole else units.percent(mean / whole)


def _does(stage: PipelineStage | None) -> str:
    if stage is None:
        return ""
    by = ", ".join(f"{units.clean(name)} {units.clean(version)}" for name, version in stage.by.items())
    does = units.clean(str(stage.does))
    return " · ".join(filter(None, (does, by)))


def _notes(found: PipelineFacts) -> Iterable[str]:
    yield say("report.pipeline.inputs", inputs=found.inputs, files=found.files, sha256=units.clean(found.sha256)[:8])
    if (found.files_found or 0) > found.files + len(found.not_taken):
        yield say("report.pipeline.some_files", files_found=found.files_found)
    if (found.inputs_found or 0) > found.inputs:
        yield say("report.pipeline.some_inputs", inputs_found=found.inputs_found)
    if found.not_taken:
        first = found.not_taken[0]
        yield say(
            "report.pipeline.not_taken",
            count=len(found.not_taken),
            file=units.clean(first.file),
            why=units.clean(str(first.reason)),
        )
    if found.bound_each:
        yield say("report.pipeline.bound_each")
