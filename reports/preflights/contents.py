"""What every writer of a preflight shows, in the language that is spoken."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from bench.preflight.found import Bound, Preflight, Row
from bench.record.record import Fidelity
from bench.words import Sentence, say, sentence, units

MISSING = units.MISSING


class Shown(Struct, frozen=True):
    """One chip. ``figures``: text by column, empty where there is nothing to say. ``mark``: of the reason below the
    table, 0 for none. ``least``: the bound itself, where a rate was asked for. ``left``: operators that are left over,
    where they are not the same on all chips."""

    name: str
    title: str
    part: str
    status: str
    sign: str
    figures: dict[str, str]
    mark: int = 0
    least: str = ""
    same_as: str = ""
    left: str = ""
    why: tuple[str, ...] = ()


class Reason(Struct, frozen=True):
    """Why some chips have no figures: the same for all of them."""

    mark: int
    names: tuple[str, ...]
    text: str
    remedy: str


class Contents(Struct, frozen=True):
    """``columns``: those that any chip has something to say in, in their order. ``answer``: to what was needed, and
    ``fit`` the chips that fit. ``left``: the operators that are left over on all chips alike."""

    title: str
    about: str
    answer: str
    fit: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Shown, ...]
    reasons: tuple[Reason, ...]
    left: str
    findings: tuple[str, ...]
    sources: tuple[str, ...]
    notes: tuple[str, ...]


COLUMNS = ("nodes", "macs", "precision", "fidelity", "context", "compile", "generation", "spill_fill", "vtcm", "bound")
"""In the order in which a narrow terminal leaves them out, the last first."""
SIGNS = {"ran": "✓", "refused": "✕", "failed": "✕", "foretold": "?", "interrupted": "…", "planned": "?"}


def contents(found: Preflight) -> Contents:
    """Everything of one model on one device."""
    reasons = list(_reasons(found.rows))
    marks = {name: reason.mark for reason in reasons for name in reason.names}
    left = {left_words(row) for row in found.rows if row.placement is not None}
    common = left.pop() if len(left) == 1 else ""
    rows = tuple(_shown(row, marks.get(row.variant.name, 0), common) for row in found.rows)
    columns = tuple(column for column in COLUMNS if any(row.figures[column] not in ("", MISSING) for row in rows))
    return Contents(
        title=say("cli.model_on_target", model=units.clean(found.model.id), target=found.target),
        about=_about(found),
        answer=_answer(found),
        fit=found.fit if found.need else (),
        columns=columns,
        rows=rows,
        reasons=tuple(reasons),
        left=common,
        findings=tuple(_findings(found)),
        sources=tuple(_sources(found.rows)),
        notes=tuple(_notes(found)),
    )


def column_title(name: str) -> str:
    """The head of a column."""
    return say(f"preflight.column.{name}")


def _shown(row: Row, mark: int, common: str) -> Shown:
    bound, left = row.bound, left_words(row)
    asked = bound is not None and bound.frames_per_s is not None and bound.least_ns is not None
    return Shown(
        name=row.variant.name,
        title=units.clean(row.variant.title),
        part=row.variant.part,
        status=row.status,
        sign=SIGNS[row.status],
        figures=_figures(row),
        mark=mark,
        same_as=row.same_run_as,
        left="" if left == common else left,
        least=say("preflight.bound.least", least=units.duration(bound.least_ns)) if bound and asked else "",
        why=tuple(units.clean(str(one)) for one in (row.answer.why if row.answer is not None else ()) if one),
    )


def _figures(row: Row) -> dict[str, str]:
    compiled, placement = row.compiled, row.placement
    there, total = 0, 0
    if placement is not None:
        there, total = placement.nodes.get(placement.requested, 0), sum(placement.nodes.values())
    return {
        "nodes": say("report.out_of", part=there, total=total) if placement is not None else MISSING,
        "macs": _percent(row.macs),
        "precision": row.precision or MISSING,
        "fidelity": fidelity_words(row.fidelity),
        "context": _size(compiled.size_bytes if compiled else None),
        "compile": units.duration(row.compile_ns) if row.compile_ns is not None else MISSING,
        "generation": row.variant.generation,
        "spill_fill": _size(compiled.spill_fill_bytes if compiled else None),
        "vtcm": _size(compiled.vtcm_bytes if compiled else None),
        "bound": bound_words(row.bound),
    }


def _percent(fraction: float | None) -> str:
    return MISSING if fraction is None else units.percent(fraction)


def _size(size_bytes: int | None) -> str:
    return MISSING if size_bytes is None else units.size(size_bytes)


def fidelity_words(found: Fidelity | None) -> str:
    """The figure, and a sign where the outputs are wrong."""
    if found is None or (found.cosine_min is None and found.token_prefix is None):
        return MISSING
    if found.cosine_min is not None:
        text = units.similarity(found.cosine_min)
    else:
        text = say("report.out_of", part=found.token_prefix or 0, total=found.tokens_compared or 0)
    return f"{text} ✕" if found.ok is False else text


def bound_words(bound: Bound | None) -> str:
    """Whether the rate that was asked for is excluded. Without one nothing is shown: a time alone would be taken for a
    latency."""
    if bound is None or bound.least_ns is None or bound.frames_per_s is None:
        return MISSING
    return say(f"preflight.bound.{bound.speed}", frames_per_s=bound.frames_per_s)


def left_words(row: Row) -> str:
    """The operators that are not on the accelerator, and how many of each."""
    return ", ".join(f"{units.clean(op)} ×{count}" if count > 1 else units.clean(op) for op, count in row.left.items())


def _reasons(rows: Sequence[Row]) -> Iterator[Reason]:
    """One for all chips that have the same, whose own names aside."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.reason and row.status != "ran":
            groups.setdefault(f"{row.status} {_nameless(row.reason, row, '')!r} {row.remedy!r}", []).append(row)
    for mark, group in enumerate(groups.values(), 1):
        first = group[0]
        these = sentence("preflight.these", count=len(group)) if len(group) > 1 else first.variant.title
        yield Reason(
            mark=mark,
            names=tuple(row.variant.name for row in group),
            text=units.clean(str(_nameless(first.reason, first, these))),
            remedy=units.clean(str(first.remedy)),
        )


def _nameless(told: Sentence | str, row: Row, instead: Sentence | str) -> Sentence | str:
    """``told`` with ``instead`` for the chip's own name."""
    if isinstance(told, str):
        return told
    figures = {name: instead if value == row.variant.title else value for name, value in told.figures.items()}
    return Sentence(told.code, figures)


def _about(found: Preflight) -> str:
    model = found.model
    facts = [model.format, model.precision, units.size(model.size_bytes)]
    if model.macs is not None:
        facts.append(say("preflight.macs", macs=units.quantity(model.macs)))
    versions = [f"{name} {version}" for name, version in found.versions.items()]
    return " · ".join(units.clean(fact) for fact in (*facts, *versions) if fact)


def _answer(found: Preflight) -> str:
    counts = {status: sum(row.status == status for row in found.rows) for status in SIGNS}
    told = [say(f"preflight.count.{status}", count=count) for status, count in counts.items() if count]
    summed = say("preflight.counts", count=len(found.rows), counts=told)
    if not found.need:
        return summed
    need = [f"{name}={value:g}" for name, value in found.need.items()]
    word = {0: "fits", 1: "none", 3: "cannot_tell"}[found.status]
    first = found.fit[0] if found.fit else ""
    answer = say(f"preflight.answer.{word}", need=need, first=first, count=len(found.fit))
    return f"{answer} {summed}"


def _findings(found: Preflight) -> Iterator[str]:
    """What else was found, and what would move operators to the accelerator."""
    seen: set[str] = set()
    yield from _too_much_vtcm(found.rows)
    for row in found.rows:
        advice = row.placement.remedies if row.placement is not None else ()
        reason = row.fidelity.reason if row.fidelity is not None and row.fidelity.reason else ""
        for one in (*row.findings, *advice, *([reason] if reason else [])):
            text = units.clean(str(_nameless(one, row, sentence("preflight.some"))))
            if text and text not in seen:
                seen.add(text)
                yield text


def _too_much_vtcm(rows: Sequence[Row]) -> Iterator[str]:
    """Chips that were compiled for with more memory of the accelerator than they have."""
    beyond: dict[tuple[int, int], list[str]] = {}
    for row in rows:
        planned = row.compiled.vtcm_bytes if row.compiled is not None else None
        has = row.compiled.vtcm_of_chip_bytes if row.compiled is not None else None
        if planned is not None and has is not None and planned > has:
            beyond.setdefault((planned, has), []).append(row.variant.name)
    for (planned, has), names in beyond.items():
        yield say("preflight.vtcm_beyond", planned=planned, has=has, names=names)


def _sources(rows: Sequence[Row]) -> Iterator[str]:
    """Where the published figures of the bounds stand."""
    seen: set[str] = set()
    for row in rows:
        bound = row.bound if row.bound is not None and row.bound.frames_per_s is not None else None
        for figure, unit in (
            (bound.operations_per_s if bound else None, "operations"),
            (bound.memory_bytes_per_s if bound else None, "memory"),
        ):
            if figure is None:
                continue
            code = f"preflight.source.{unit}" if figure.read else f"preflight.source.{unit}.here"
            text = say(
                code,
                name=row.variant.name,
                value=figure.value / (1e12 if unit == "operations" else 1e9),
                document=units.clean(figure.document),
                read=figure.read,
            )
            if text not in seen:
                seen.add(text)
                yield text


def _notes(found: Preflight) -> Iterator[str]:
    """How the figures came about, and what they are not."""
    ran = sum(row.status == "ran" for row in found.rows)
    if ran and found.emulated:
        yield say("preflight.note.emulated", runs=found.runs, chips=ran)
    if any(row.compile_ns is not None for row in found.rows):
        yield say("preflight.note.compile", machine=units.clean(found.machine), jobs=found.jobs)
    if found.reference:
        yield say("preflight.note.reference", reference=units.clean(found.reference))
    asked = [row.bound for row in found.rows if row.bound is not None and row.bound.frames_per_s is not None]
    if asked:
        bounded = any(one.least_ns is not None for one in asked)
        yield say("preflight.note.bound" if bounded else "preflight.note.no_bound")
    if found.order and len(found.rows) > 1:
        yield str(found.order)
