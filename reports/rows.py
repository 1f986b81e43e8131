"""What every writer shows: runs as rows, cells and tables, so that a page, a text and a terminal say the same.

A cell is a value, a status and notes. Times of emulated runs never enter a matrix (they are the emulator's).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from bench.record import Fidelity, PlacementSummary, Record, RecordedRun, Scenario
from bench.reports import units
from bench.reports.quality_words import quality_note
from bench.reports.wording import scenario_short, scenario_words
from bench.verdict_outputs import MADE_UP

SHOWN_HASH = 8  # digits of a checksum that tell files of one name apart

Status = Literal["plain", "valid", "invalid", "unjudged", "emulated", "failed", "skipped"]

STATUS_WORDS: dict[Status, str] = {
    "valid": "valid",
    "invalid": "not valid",
    "unjudged": "no verdict",
    "emulated": "emulated",
    "failed": "failed",
    "skipped": "skipped",
}
STATUS_SIGNS: dict[Status, str] = {
    "valid": "✓",
    "invalid": "!",
    "unjudged": "?",
    "emulated": "◇",
    "failed": "✕",
    "skipped": "–",
}


class Cell(Struct, frozen=True):
    """``run``: the number of the run it speaks of, from 1. ``weight``: what a bar may show, on the matrix' own scale;
    ``bar``: that as a share of the largest in its row."""

    value: str
    status: Status = "plain"
    notes: tuple[str, ...] = ()
    run: int | None = None
    weight: float | None = None
    bar: float | None = None

    @property
    def word(self) -> str:
        return STATUS_WORDS.get(self.status, "")

    @property
    def sign(self) -> str:
        return STATUS_SIGNS.get(self.status, "")


MISSING_CELL = Cell(units.MISSING)


class Table(Struct, frozen=True):
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


class Subject(Struct, frozen=True):
    """One model as it was measured: the row of a matrix. ``None``: the run ended before it was known."""

    model: str
    precision: str | None
    shapes: tuple[tuple[str, tuple[int, ...]], ...] | None

    def covers(self, other: "Subject") -> bool:
        """Whether ``other`` says nothing that contradicts this."""
        return (
            self.model == other.model
            and other.precision in (None, self.precision)
            and other.shapes in (None, self.shapes)
        )


class Numbered(Struct, frozen=True):
    """A run and its number on the page."""

    number: int
    run: RecordedRun

    @property
    def record(self) -> Record:
        return self.run.record


class MatrixRow(Struct, frozen=True):
    """``cells``: for each target of the matrix, the runs that belong there (usually one, sometimes none)."""

    name: str
    notes: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]
    runs: tuple[Numbered, ...]


class Matrix(Struct, frozen=True):
    """Model × target, for one scenario of one task. ``shows``: what the numbers are; ``bars``: what the bars are."""

    caption: str
    short: str
    shows: str
    bars: str
    targets: tuple[str, ...]
    rows: tuple[MatrixRow, ...]


def numbered(runs: Sequence[RecordedRun]) -> tuple[Numbered, ...]:
    """The runs, numbered. Models of one name and precision whose files differ bear the start of their checksums."""
    files: dict[tuple[str, str | None], set[str]] = {}
    for run in runs:
        model = run.record.plan.model
        if model.sha256 is not None:
            files.setdefault((model.id, model.precision), set()).add(model.sha256)
    return tuple(Numbered(i, _told_apart(run, files)) for i, run in enumerate(runs, start=1))


def _told_apart(run: RecordedRun, files: Mapping[tuple[str, str | None], Collection[str]]) -> RecordedRun:
    plan = run.record.plan
    if plan.model.sha256 is None or len(files[plan.model.id, plan.model.precision]) == 1:
        return run
    named = replace(plan.model, id=f"{plan.model.id} {plan.model.sha256[:SHOWN_HASH]}")
    return replace(run, record=replace(run.record, plan=replace(plan, model=named)))


def emulated(record: Record) -> bool:
    return record.plan.target.emulated or (record.verdict is not None and record.verdict.emulated)


def status(record: Record) -> Status:
    """The one word for a run. An emulated run that worked is ``emulated``, whatever its verdict."""
    if record.status != "ok":
        return record.status
    if emulated(record):
        return "emulated"
    if record.verdict is None:
        return "unjudged"
    return "valid" if record.verdict.valid else "invalid"


def invalidating_codes(record: Record) -> tuple[str, ...]:
    return record.verdict.invalidating if record.verdict is not None else ()


def on_device(placement: PlacementSummary) -> str:
    """Nodes on the requested device, of all: ``118 of 118 nodes on HTP``."""
    there, total = placement.nodes.get(placement.requested, 0), sum(placement.nodes.values())
    return f"{units.grouped(there)} of {units.grouped(total)} nodes on {units.clean(placement.requested)}"


def agreement_word(found: Fidelity) -> str:
    """Whether the outputs agree with the reference's."""
    if found.ok is False and found.by_degree and found.inputs_source in MADE_UP:
        return "disagrees on made-up inputs"
    return {True: "agrees", False: "disagrees", None: "not judged"}[found.ok]


def fidelity_words(record: Record) -> str:
    """Agreement with the reference, in a few words."""
    found = record.fidelity
    if found is None:
        return "fidelity not checked"
    said = agreement_word(found)
    if found.cosine_min is not None:
        return f"fidelity: cosine {units.similarity(found.cosine_min)}, {said}"
    if found.token_prefix is not None:
        return f"fidelity: {found.token_prefix} of {found.tokens_compared} tokens equal, {said}"
    return f"fidelity: {units.clean(found.reason)}" if found.reason else f"fidelity: {said}"


def options_words(record: Record) -> str:
    return ", ".join(f"{units.clean(k)}={units.clean(v)}" for k, v in record.plan.target.options_requested.items())


def _figures(record: Record) -> tuple[str, tuple[str, ...], float | None]:
    """Value, notes and bar weight of a measured cell."""
    latency, text = record.summary.latency_ns, record.summary.text_generation
    if text is not None:
        times = f"TTFT {units.duration(text.ttft_ns)}", f"TPOT {units.duration(text.tpot_ns)}"
        return units.number(text.decode_tokens_per_s, "tokens/s"), times, text.tpot_ns
    if record.plan.scenario.name == "offline":
        each = (f"p50 {units.duration(latency.p50)} a query",) if latency is not None else ()
        return units.number(record.summary.throughput_per_s, "queries/s"), each, record.summary.throughput_per_s
    if latency is None:
        return units.MISSING, ("no latency was recorded",), None
    if latency.p50 is None:
        return units.MISSING, (f"p50 needs more than {latency.n} samples",), None
    between = units.interval(*latency.p50_ci95) if latency.p50_ci95 is not None else "no interval"
    return units.duration(latency.p50), (between,), latency.p50


def cell(item: Numbered) -> Cell:
    """A run as one cell of the matrix."""
    record = item.record
    state = status(record)
    options = options_words(record)
    if record.failure is not None and state in ("failed", "skipped"):
        said = units.clean(record.failure.message)
        where = f"{record.failure.kind} in {record.failure.phase}" if record.failure.phase else record.failure.kind
        return Cell(state, state, _kept(units.clean(where) if state == "failed" else said, options), item.number)
    if state in ("failed", "skipped"):
        return Cell(state, state, _kept("no reason was recorded", options), item.number)
    doubt = ", ".join(units.clean(code) for code in invalidating_codes(record))
    if state == "emulated":
        placed = on_device(record.placement) if record.placement is not None else "placement unknown"
        model, scenario = record.plan.model, record.plan.scenario
        tokens = scenario_short(model.task, scenario) if model.task == "text_generation" else ""
        invalid = f"not valid: {doubt}" if doubt else ""
        notes = _kept(placed, fidelity_words(record), quality_note(record), tokens, invalid, options)
        return Cell("compiles", state, notes, item.number)
    value, notes, weight = _figures(record)
    ran_in = record.plan.target.executed_precision
    executed = f"ran in {units.clean(ran_in)}" if ran_in else "executed precision unknown"
    return Cell(value, state, _kept(*notes, executed, quality_note(record), doubt, options), item.number, weight)


def _kept(*notes: str) -> tuple[str, ...]:
    return tuple(n for n in notes if n)


def _subject(record: Record) -> Subject:
    model, inputs = record.plan.model, record.plan.inputs
    shapes = tuple(sorted(inputs.shapes.items())) if inputs is not None and model.task == "tensor" else None
    return Subject(model.id, model.precision, shapes)


def _subjects(items: Sequence[Numbered]) -> dict[Subject, list[Numbered]]:
    """Items by row. A run that ended before its model was read joins the first row it does not contradict."""
    found: dict[Subject, list[Numbered]] = {}
    for item in sorted(items, key=lambda i: (_subject(i.record).precision is None, _subject(i.record).shapes is None)):
        mine = _subject(item.record)
        found.setdefault(next((s for s in found if s.covers(mine)), mine), []).append(item)
    first = {s: min(i.number for i in members) for s, members in found.items()}
    return {s: sorted(found[s], key=lambda i: i.number) for s in sorted(found, key=lambda s: first[s])}


def _row(subject: Subject, members: Sequence[Numbered], targets: Sequence[str]) -> MatrixRow:
    cells = {i.number: cell(i) for i in members}
    top = max((c.weight for c in cells.values() if c.weight is not None), default=0)
    if top > 0:
        cells = {n: replace(c, bar=None if c.weight is None else c.weight / top) for n, c in cells.items()}
    shapes = ", ".join("×".join(map(str, shape)) for _, shape in subject.shapes or ())
    model = members[0].record.plan.model
    size = f"{units.quantity(model.parameters)} parameters" if model.parameters is not None else ""
    return MatrixRow(
        name=units.clean(subject.model),
        notes=_kept(f"weights {units.clean(subject.precision)}" if subject.precision else "", shapes, size),
        cells=tuple(tuple(cells[i.number] for i in members if i.record.plan.target.id == t) for t in targets),
        runs=tuple(members),
    )


def _shows(task: str, scenario: Scenario) -> tuple[str, str]:
    """What the numbers of a matrix are, and what its bars are."""
    if task == "text_generation":
        numbers = "decode rate (median), with time to first token and time per output token"
        return numbers, "time per output token, shorter is faster"
    if scenario.name == "offline":
        return "queries per second, several in flight", "queries per second, longer is more"
    return "latency of one query: median (p50) and its 95 % interval", "p50, shorter is faster"


def matrices(items: Sequence[Numbered]) -> tuple[Matrix, ...]:
    """One matrix for each task and scenario, in order of first appearance; emulated targets stand last.

    A run without a time of a device (skipped, failed, emulated) joins a matrix of its task, whatever its lengths.
    """
    timed = [i for i in items if i.record.status == "ok" and not emulated(i.record)]
    keys = dict.fromkeys(_group(i.record) for i in timed)
    groups: dict[tuple[str, Scenario], list[Numbered]] = {}
    for item in items:
        mine = _group(item.record)
        near = (k for k in [*keys, *groups] if (k[0], k[1].name) == (mine[0], mine[1].name))
        groups.setdefault(mine if mine in keys else next(near, mine), []).append(item)
    return tuple(_matrix(task, scenario, members) for (task, scenario), members in groups.items())


def _group(record: Record) -> tuple[str, Scenario]:
    return record.plan.model.task, record.plan.scenario


def _matrix(task: str, scenario: Scenario, members: Sequence[Numbered]) -> Matrix:
    seen = dict.fromkeys((i.record.plan.target.id, emulated(i.record)) for i in members)
    targets = tuple(dict.fromkeys(t for t, _ in sorted(seen, key=lambda s: s[1])))
    shows, bars = _shows(task, scenario)
    return Matrix(
        caption=scenario_words(task, scenario),
        short=scenario_short(task, scenario),
        shows=shows,
        bars=bars,
        targets=targets,
        rows=tuple(_row(s, m, targets) for s, m in _subjects(members).items()),
    )
