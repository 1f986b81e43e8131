"""What every writer shows: runs as rows, cells and tables, so that a page, a text and a terminal agree.

A cell is a value, a status and notes. Times of emulated runs never enter a matrix, because they are the emulator's.
"""

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import Scenario
from bench.record.record import Record
from bench.reports.view.rows import Cell, Numbered, fidelity_words, options_words, placement_words
from bench.reports.words.causes import DOUBTED, STATUS_SIGNS, doubt, emulated, status, status_word
from bench.reports.words.figures import (
    asked_for,
    asked_title,
    beside,
    between,
    figure,
    leading,
    metrics,
    short_title,
    shown,
)
from bench.reports.words.names import failure_kind, phase
from bench.reports.words.plans import imported_words, ran_in
from bench.reports.words.quality import quality_note
from bench.reports.words.scenarios import may_stop, scenario_short, scenario_words
from bench.words import say, units


class Subject(Struct, frozen=True):
    """One model as it was measured: the row of a matrix. ``None``: the run ended before it was known. Two files of one
    name are two models; so is one file in two folders."""

    model: str
    precision: str | None
    shapes: tuple[tuple[str, tuple[int, ...]], ...] | None
    sha256: str | None = None
    folder: str = ""

    def covers(self, other: "Subject") -> bool:
        """Whether ``other`` says nothing that contradicts this."""
        return (
            (self.model, self.folder) == (other.model, other.folder)
            and other.precision in (None, self.precision)
            and other.shapes in (None, self.shapes)
            and other.sha256 in (None, self.sha256)
        )


class MatrixRow(Struct, frozen=True):
    """``cells``: for each target of the matrix, the runs that belong there (usually one, sometimes none). ``folder``:
    whose runs they are, where there are several folders."""

    name: str
    notes: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]
    runs: tuple[Numbered, ...]
    folder: str = ""


class Matrix(Struct, frozen=True):
    """Model × target, for one scenario of one task. ``shows``: what the numbers are, empty where there are none;
    ``bars``: what the bars are, empty where there are none."""

    caption: str
    short: str
    shows: str
    bars: str
    targets: tuple[str, ...]
    rows: tuple[MatrixRow, ...]

    @property
    def placed(self) -> bool:
        return any(row.folder for row in self.rows)


def _figures(record: Record) -> tuple[str, tuple[str, ...], float | None]:
    """Value, notes and bar weight of a measured cell: the leading figure with its interval, and those beside it."""
    name = leading(record)
    if name == "tpot_ns":
        times = tuple(f"{metrics()[time].short} {shown(record, time)}" for time in ("ttft_ns", "tpot_ns"))
        return shown(record, "decode_tokens_per_s"), times, figure(record, name)
    value, latency = figure(record, name), record.summary.latency_ns
    if value is None:
        few = name == "latency_p50_ns" and latency is not None
        why = say("report.p50_needs", samples=latency.n if few and latency is not None else 0) if few else ""
        why = why or say("report.no_latency" if latency is None else "report.no_figure", figure=metrics()[name].title)
        return units.MISSING, (why,), None
    bounds = between(record, name) or say("report.no_interval")
    others = [one for one in beside(record) if figure(record, one) is not None]
    named = (f"{short_title(one)} {shown(record, one)}" for one in others)
    return shown(record, name), (*((bounds,) if metrics()[name].rule.interval else ()), *named), value


def cell(item: Numbered) -> Cell:
    """A run as one cell of the matrix."""
    record = item.record
    state = status(record)
    options = options_words(record)
    if state in ("failed", "skipped"):
        notes = _kept(_why_not(record), _named_chip(item), options)
        return Cell(status_word(state), state, notes, item.number)
    doubted = doubt(record) or (status_word(state) if state in DOUBTED else "")
    if emulated(record):
        notes = _kept(
            placement_words(record),
            fidelity_words(record),
            quality_note(record),
            _tokens(record),
            _named_chip(item),
            options,
        )
        return Cell(say("report.compiles"), state, notes, item.number, doubt=doubted)
    value, notes, weight = _figures(record)
    ran = ran_in(record.plan.target)
    executed = say("report.ran_in", precision=units.clean(ran)) if ran else say("report.ran_in_unknown")
    extra = tuple(f"{asked_title(record, m)}: {shown(record, m.name)}" for m in asked_for(record))
    if state in DOUBTED:
        notes, weight, extra = (), None, tuple(f"{STATUS_SIGNS[state]} {note}" for note in extra)
    return Cell(
        value,
        state,
        _kept(*notes, *extra, executed, imported_words(record), quality_note(record), options),
        item.number,
        weight,
        doubt=doubted if state in DOUBTED else "",
    )


def _why_not(record: Record) -> str:
    """Of a run that failed its kind and phase, of a skipped one the reason."""
    failure = record.failure
    if failure is None:
        return say("report.no_reason")
    if record.status == "skipped":
        return units.clean(failure.message)
    if not failure.phase:
        return failure_kind(failure.kind)
    return say("report.failed.in", kind=failure_kind(failure.kind), phase=phase(failure.phase))


def _named_chip(item: Numbered) -> str:
    """The chip of an emulated run where its name is known."""
    return item.chip if emulated(item.record) and item.record.plan.target.device_name else ""


def _tokens(record: Record) -> str:
    model, scenario = record.plan.model, record.plan.scenario
    stops = may_stop(record.plan)
    return scenario_short(model.task, scenario, stops) if model.task == "text_generation" else ""


def _kept(*notes: str) -> tuple[str, ...]:
    return tuple(n for n in notes if n)


def _subject(item: Numbered) -> Subject:
    model, inputs = item.record.plan.model, item.record.plan.inputs
    shapes = tuple(sorted(inputs.shapes.items())) if inputs is not None and model.task == "tensor" else None
    return Subject(model.id, model.precision, shapes, model.sha256, item.run.folder)


def _subjects(items: Sequence[Numbered]) -> dict[Subject, list[Numbered]]:
    """Items by row. A run that ended before its model was read joins the first row it does not contradict."""
    found: dict[Subject, list[Numbered]] = {}
    for item in sorted(items, key=lambda i: _unknowns(_subject(i))):
        mine = _subject(item)
        found.setdefault(next((s for s in found if s.covers(mine)), mine), []).append(item)
    first = {s: min(i.number for i in members) for s, members in found.items()}
    return {s: sorted(found[s], key=lambda i: i.number) for s in sorted(found, key=lambda s: first[s])}


def _unknowns(subject: Subject) -> tuple[bool, ...]:
    return subject.sha256 is None, subject.precision is None, subject.shapes is None


def _row(subject: Subject, members: Sequence[Numbered], targets: Sequence[str]) -> MatrixRow:
    cells = {i.number: cell(i) for i in members}
    weighed = {i.number: leading(i.record) for i in members if cells[i.number].weight is not None}
    alike = len({*weighed.values()}) == 1  # else the bars would be of different figures
    top = max((c.weight for c in cells.values() if c.weight is not None), default=0) if alike else 0
    if top > 0:
        cells = {n: replace(c, bar=None if c.weight is None else c.weight / top) for n, c in cells.items()}
    shapes = ", ".join("×".join(map(str, shape)) for _, shape in subject.shapes or ())
    model = members[0].record.plan.model
    size = ""
    if model.parameters is not None:
        count = units.counted(model.parameters, "parameter", shown=units.quantity(model.parameters))
        size = say("report.stored", parameters=count)
    return MatrixRow(
        name=members[0].model,
        folder=units.clean(subject.folder),
        notes=_kept(_weights(subject), shapes, size),
        cells=tuple(tuple(cells[i.number] for i in members if i.record.plan.target.id == t) for t in targets),
        runs=tuple(members),
    )


def _weights(subject: Subject) -> str:
    return say("report.weights", precision=units.clean(subject.precision)) if subject.precision else ""


def _shows(measured: Sequence[Record]) -> tuple[str, str]:
    """What the numbers of a matrix are, and what its bars are; empty where nothing was measured."""
    if not measured:
        return "", ""
    name = leading(measured[0])
    if name == "tpot_ns":
        return say("report.shows.text"), str(metrics()[name].title)
    others = [one for one in beside(measured[0]) if any(figure(record, one) is not None for record in measured)]
    if name == "latency_p50_ns" and not others:
        return say("report.shows.latency"), short_title(name)
    title = metrics()[name].title
    first = say("report.shows.interval", figure=title) if metrics()[name].rule.interval else str(title)
    return say("report.parts", parts=[first, *(str(metrics()[one].title) for one in others)]), str(title)


def matrices(items: Sequence[Numbered]) -> tuple[Matrix, ...]:
    """One matrix for each task and scenario, in order of first appearance; emulated targets stand last.

    A run without a time of a device (skipped, failed, emulated) joins a matrix of its task, whatever its lengths.
    """
    items = [i for i in items if i.number not in _tabled(items)]
    timed = [i for i in items if i.record.status == "ok" and not emulated(i.record)]
    keys = dict.fromkeys(_group(i.record) for i in timed)
    groups: dict[tuple[str, Scenario], list[Numbered]] = {}
    for item in items:
        mine = _group(item.record)
        near = (k for k in [*keys, *groups] if (k[0], k[1].name) == (mine[0], mine[1].name))
        groups.setdefault(mine if mine in keys else next(near, mine), []).append(item)
    return tuple(_matrix(task, scenario, members) for (task, scenario), members in groups.items())


def _tabled(items: Sequence[Numbered]) -> set[int]:
    """The emulated runs that only their own table shows: all of them where one model was tried on several chips, or
    where nothing else was run."""
    theirs = [i for i in items if emulated(i.record)]
    cells = Counter((_subject(i).model, i.run.folder, i.record.plan.target.id) for i in theirs)
    alone = len(theirs) == len(items)
    return {i.number for i in theirs} if alone or any(n > 1 for n in cells.values()) else set()


def _group(record: Record) -> tuple[str, Scenario]:
    return record.plan.model.task, record.plan.scenario


def _matrix(task: str, scenario: Scenario, members: Sequence[Numbered]) -> Matrix:
    seen = dict.fromkeys((i.record.plan.target.id, emulated(i.record)) for i in members)
    targets = tuple(dict.fromkeys(t for t, _ in sorted(seen, key=lambda s: s[1])))
    rows = tuple(_row(s, m, targets) for s, m in _subjects(members).items())
    every = [cell for row in rows for cells in row.cells for cell in cells]
    stops = any(may_stop(i.record.plan) for i in members)
    shows, bars = _shows([i.record for i in members if i.record.status == "ok" and not emulated(i.record)])
    return Matrix(
        caption=scenario_words(task, scenario, stops),
        short=scenario_short(task, scenario, stops),
        shows=shows,
        bars=bars if any(cell.bar is not None for cell in every) else "",
        targets=targets,
        rows=rows,
    )
