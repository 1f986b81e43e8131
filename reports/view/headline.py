"""What the records show, in sentences.

Wrong outputs come first. Only valid runs that were not emulated are ranked, and only within one row of a matrix: one
model of one folder, one scenario, the same input shapes. What limits a comparison is in the same sentence.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from bench.compare.rules import FEW, Subject
from bench.record.record import Record
from bench.reports.view.matrix import Matrix, MatrixRow
from bench.reports.view.rows import Numbered, options_words
from bench.reports.view.sentences import Sentence, emulated_sentences, failed_sentences, side_by_side, wrong_sentences
from bench.reports.words import units
from bench.reports.words.causes import STATUS_WORDS, Status, doubt, emulated, status
from bench.reports.words.quality import pair_words, title

__all__ = ["Sentence", "counts", "counts_words", "headline"]


def headline(matrices: Sequence[Matrix], items: Sequence[Numbered]) -> tuple[Sentence, ...]:
    """Outputs that are wrong; a sentence for each model and scenario that was measured, then for each model that an
    emulator compiled, with the chips; what failed; what was lost of quality; how several folders stand together."""
    measured = [_row_sentence(m, row) for m in matrices for row in m.rows]
    told = [s for s in [*measured, *emulated_sentences(items), *failed_sentences(items)] if s is not None]
    wronger = [sentence for item in items for sentence in _losses(item)]
    every = [*wrong_sentences(items), *told, *wronger, *side_by_side(items)]
    if every or not items:
        return tuple(sorted(every, key=lambda sentence: sentence.status not in ("wrong", "emulated_wrong")))
    return (Sentence("Nothing was measured:", f"{counts_words(items)}", "skipped"),)


def _losses(item: Numbered) -> list[Sentence]:
    """What a run lost against the reference beyond noise."""
    record, quality = item.record, item.record.quality
    if quality is None or record.status != "ok":
        return []
    where = f"{item.model} on {item.place}:"
    by_name = {metric.name: metric for metric in quality.metrics}
    lost = [pair for pair in quality.paired if pair.word == "worse" and pair.metric in by_name]
    return [Sentence(f"{where} {title(p.metric)}", f"{pair_words(p, by_name[p.metric])}.", "failed") for p in lost]


def counts(items: Sequence[Numbered]) -> tuple[tuple[Status, int], ...]:
    """How many runs of each status, in the order of ``STATUS_WORDS``; only those that occur."""
    found = Counter(status(i.record) for i in items)
    return tuple((s, found[s]) for s in STATUS_WORDS if found[s])


def counts_words(items: Sequence[Numbered]) -> str:
    """``7 runs: 3 valid; 1 emulated, outputs wrong; 1 failed.``"""
    if not items:
        return "No runs."
    parts = "; ".join(f"{n} {STATUS_WORDS[s]}" for s, n in counts(items))
    return f"{units.counted(len(items), 'run')}: {parts}."


def _row_sentence(matrix: Matrix, row: MatrixRow) -> Sentence | None:
    measured = [i.record for i in row.runs if i.record.status == "ok" and not emulated(i.record)]
    if all(status(r) == "wrong" for r in measured):  # or there is none; what is wrong has a sentence of its own
        return None
    valid = [r for r in measured if status(r) == "valid"]
    scenario = valid[0].plan.scenario if valid else measured[0].plan.scenario
    name = f"{_told_apart(row, matrix)} ({matrix.short}):"
    if not valid:
        return _nothing_claimed(name, measured)
    distinct = _newest(valid)
    if len(distinct) == 1 < len(valid):
        show = _rate if scenario.name == "offline" else _speed
        said = f"{name} {', '.join(map(show, valid))} on {_where(valid[0])};"
        return Sentence(
            said, f"{len(valid)} runs of one kind, not ranked: use odb compare to see if they differ.", "unjudged"
        )
    if scenario.name == "offline":
        return _throughput_sentence(name, distinct)
    return _latency_sentence(name, distinct)


def _nothing_claimed(name: str, measured: Sequence[Record]) -> Sentence:
    """No run is valid: why, each reason once."""
    whys = dict.fromkeys(doubt(r) or "no reason was recorded" for r in measured)
    many = len(measured) > 1
    what = f"none of {len(measured)} measurements is valid" if many else "the only measurement is not valid"
    return Sentence(name, f"{what} ({' / '.join(whys)}); nothing is claimed.", "invalid")


def _newest(records: Sequence[Record]) -> list[Record]:
    """Of several runs that nothing tells apart only the last: the fastest would be the luckiest."""
    from bench.compare.comparability import alike

    kept: list[Record] = []
    for record in sorted(records, key=lambda r: r.created_utc, reverse=True):
        if not any(alike(record, newer) for newer in kept):
            kept.append(record)
    ids = {record.record_id for record in kept}
    return [record for record in records if record.record_id in ids]


def _told_apart(row: MatrixRow, matrix: Matrix) -> str:
    """Its name; where other rows have the same, with what stands below it: the weights' precision or the shape. Of
    several folders with its own."""
    alike = [other for other in matrix.rows if (other.name, other.folder) == (row.name, row.folder)]
    name = row.name if len(alike) == 1 else " ".join((row.name, *row.notes[:1]))
    return f"{name} in {row.folder}" if row.folder else name


def _latency_sentence(name: str, valid: Sequence[Record]) -> Sentence:
    ranked = sorted((r for r in valid if _p50(r) is not None), key=lambda r: _p50(r) or 0)
    if not ranked:
        return Sentence(name, "too few samples for a median.", "unjudged")
    best = ranked[0]
    if len(ranked) == 1:
        return Sentence(f"{name} {_speed(best)} on {_where(best)},", "the only valid measurement.", "valid")
    other = ranked[1]
    first, second = _interval(best), _interval(other)
    pair = f"{_speed(best)} on {_where(best)}, {_speed(other)} on {_where(other)}"
    if refusal := _refusal(best, other):
        return Sentence(f"{name} {pair};", refusal, "unjudged")
    if first is None or second is None:
        return Sentence(f"{name} {pair};", f"no interval, so no ranking. {_caveats(best, other)}".strip(), "unjudged")
    if first[1] >= second[0]:
        rest = f"their 95 % intervals overlap, so neither is known to be faster. {_caveats(best, other)}"
        return Sentence(f"{name} {pair};", rest.strip(), "valid")
    ratio = (_p50(other) or 0) / (_p50(best) or 1)
    rest = f"next is {_where(other)} at {_speed(other)} ({ratio:.2f}×; 95 % intervals apart). {_caveats(best, other)}"
    return Sentence(f"{name} fastest on {_where(best)}, {_speed(best)};", rest.strip(), "valid")


def _throughput_sentence(name: str, valid: Sequence[Record]) -> Sentence:
    known = [r for r in valid if r.summary.throughput_per_s is not None]
    ranked = sorted(known, key=lambda r: -(r.summary.throughput_per_s or 0))
    if not ranked:
        return Sentence(name, "no throughput was recorded.", "unjudged")
    best, said = ranked[0], [f"{_rate(r)} on {_where(r)}" for r in ranked]
    if len(ranked) == 1:
        return Sentence(f"{name} {said[0]},", "the only valid measurement.", "valid")
    if refusal := _refusal(best, ranked[1]):
        return Sentence(f"{name} {', '.join(said)};", refusal, "unjudged")
    rest = f"next: {'; '.join(said[1:])}. A rate has no interval. {_caveats(best, ranked[1])}"
    return Sentence(f"{name} highest rate on {_where(best)}, {_rate(best)};", rest.strip(), "valid")


def _p50(record: Record) -> int | None:
    return record.summary.latency_ns.p50 if record.summary.latency_ns is not None else None


def _interval(record: Record) -> tuple[int, int] | None:
    return record.summary.latency_ns.p50_ci95 if record.summary.latency_ns is not None else None


def _rate(record: Record) -> str:
    return units.number(record.summary.throughput_per_s, "queries/s")


def _speed(record: Record) -> str:
    text = record.summary.text_generation
    whole = units.duration(_p50(record))
    if text is None or text.decode_tokens_per_s is None:
        return whole
    return f"{whole} a query ({units.number(text.decode_tokens_per_s, 'tokens/s')} decoding)"


def _where(record: Record) -> str:
    return units.clean(record.plan.target.id)


def _refusal(a: Record, b: Record) -> str:
    """Why two runs are not ranked, by the rules of `odb compare`; empty where they may be compared as targets."""
    from bench.compare.comparability import comparable

    ranking: tuple[Subject, ...] = ("target",)
    refused = [units.clean(r.message) for r in comparable(a, b, ranking).reasons if r.invalidates]
    return " ".join(["not ranked, because they may not be compared.", *refused]) if refused else ""


def _caveats(a: Record, b: Record) -> str:
    """What a reader must know before comparing two valid runs."""
    found = [said for differs, said in _CAVEATS if differs(a, b)]
    executed = a.plan.target.executed_precision, b.plan.target.executed_precision
    if None in executed:
        first, second = (units.clean(e) if e else "an unknown precision" for e in executed)
        found.insert(0, f"they ran in {first} and {second}")
    if a.plan.target.id == b.plan.target.id and options_words(a) != options_words(b):
        found.append(f"the first with {options_words(a) or 'no options'}, the second with {options_words(b) or 'none'}")
    return f"Caution: {'; '.join(found)}." if found else ""


_CAVEATS: tuple[tuple[Callable[[Record, Record], bool], str], ...] = (
    (lambda a, b: a.environment.host != b.environment.host, "the machines differ"),
    (
        lambda a, b: min(len(a.repeats), len(b.repeats)) < FEW,
        f"with fewer than {FEW} repeats, a machine that switches between two speeds can look like this",
    ),
    (lambda a, b: a.fidelity is None or b.fidelity is None, "not all outputs were compared with the reference"),
)
