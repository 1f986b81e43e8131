"""What the records show, in sentences.

Wrong outputs come first. Runs are ranked within one row of a matrix: one model of one folder, one scenario, the same
input shapes. Which is the fastest is asked of ``bench.comparison.ranking``, which decides as ``odb compare`` does; here
it is only put into words. What limits a comparison is in the same sentence.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

from bench.record.quality import Paired, QualityMetric
from bench.record.record import Record
from bench.reports.view.matrix import Matrix, MatrixRow
from bench.reports.view.rows import Numbered, options_words, rack_device
from bench.reports.view.sentences import (
    Sentence,
    emulated_sentences,
    failed_sentences,
    named,
    side_by_side,
    wrong_sentences,
)
from bench.reports.view.staged.sentences import pipeline_sentences
from bench.reports.words import figures
from bench.reports.words.causes import STATUS_SIGNS, Status, doubt, emulated, status, status_word
from bench.reports.words.imports import import_words
from bench.reports.words.leading import leading_words
from bench.reports.words.names import failure_kind
from bench.reports.words.quality import pair_words, title
from bench.reports.words.ranking import figure_words, lead_code, relation, untold
from bench.words import say, units

if TYPE_CHECKING:
    from bench.comparison.ranking import Against, Apart, Contest, Ranking

__all__ = ["Sentence", "counts", "counts_words", "headline"]


def headline(matrices: Sequence[Matrix], items: Sequence[Numbered]) -> tuple[Sentence, ...]:
    """Outputs that are wrong; a sentence for each model and scenario that was measured, then for each model that an
    emulator compiled, with the chips; what failed; what was lost of quality; how several folders stand together."""
    from bench.comparison.ranking import rank

    rows = [(matrix, row) for matrix in matrices for row in matrix.rows]
    rankings = rank([[item.run for item in row.runs] for _, row in rows])
    measured = chain.from_iterable(_row_sentences(*row, ranking) for row, ranking in zip(rows, rankings, strict=True))
    told = [*measured, *pipeline_sentences(items), *emulated_sentences(items), *failed_sentences(items)]
    records = [item.record for item in items]
    wronger = [sentence for item in items for sentence in _losses(item, records)]
    every = [*wrong_sentences(items), *told, *wronger, *side_by_side(items)]
    if every or not items:
        return tuple(sorted(every, key=lambda sentence: sentence.status not in ("wrong", "emulated_wrong")))
    return (_nothing_measured(items),)


def _nothing_measured(items: Sequence[Numbered]) -> Sentence:
    """The reasons, each kind once; the number of runs is stated next to it."""
    ends = {item.record.status for item in items}
    how = "either" if len(ends) > 1 else "skipped" if ends == {"skipped"} else "failed"
    said = say(f"report.nothing.{'only' if len(items) == 1 else 'every'}_{how}")
    kinds = dict.fromkeys(failure_kind(i.record.failure.kind) for i in items if i.record.failure is not None)
    if kinds:
        said = say("report.with_figure", said=said, figure=say("report.parts", parts=kinds))
    return Sentence(say("report.nothing.lead"), say("report.nothing.rest", said=said), "skipped")


def _losses(item: Numbered, records: Sequence[Record]) -> list[Sentence]:
    """What a run lost against the reference beyond noise, and whether a runtime's own import is the cause; ``records``:
    of all runs, which may show it."""
    record, quality = item.record, item.record.quality
    if quality is None or record.status != "ok":
        return []
    where = say("report.model_on", model=item.model, place=item.place)
    by_name = {metric.name: metric for metric in quality.metrics}
    lost = [pair for pair in quality.paired if pair.word == "worse" and pair.metric in by_name]
    return [
        Sentence(
            say("report.loss.lead", about=where, metric=title(p.metric)),
            say("report.sentence", said=_loss_words(p, by_name[p.metric], record, records)),
            "failed",
        )
        for p in lost
    ]


def _loss_words(pair: Paired, metric: QualityMetric, record: Record, records: Sequence[Record]) -> str:
    said = pair_words(pair, metric)
    imported = import_words(record, records) if pair.metric == "perplexity" else ""
    return say("report.import.loss", said=said, imported=imported) if imported else said


def counts(items: Sequence[Numbered]) -> tuple[tuple[Status, int], ...]:
    """How many runs of each status, in the order of ``STATUS_SIGNS``; only those that occur."""
    found = Counter(status(i.record) for i in items)
    return tuple((s, found[s]) for s in STATUS_SIGNS if found[s])


def counts_words(items: Sequence[Numbered]) -> str:
    """``7 runs: 3 valid; 1 emulated, outputs wrong; 1 failed.``"""
    if not items:
        return say("report.counts.none")
    parts = "; ".join(say("report.counts.of", count=n, status=status_word(s)) for s, n in counts(items))
    return say("report.counts", runs=len(items), parts=parts)


def _row_sentences(matrix: Matrix, row: MatrixRow, ranking: "Ranking") -> list[Sentence]:
    measured = [i.record for i in row.runs if i.record.status == "ok" and not emulated(i.record)]
    if all(status(r) == "wrong" for r in measured):  # or there is none; wrong outputs have a separate sentence
        return []
    valid = [r for r in measured if status(r) == "valid"]
    name = say("report.row", model=_told_apart(row, matrix), scenario=matrix.short)
    if not valid:
        return [_nothing_claimed(name, measured)]
    held = [run for contest in ranking.contests for run in contest.runs]
    silent = [one for one in ranking.apart if one.code in ("no_figure", "not_comparable")]
    if len(held) + len(silent) == 1:
        return [_alone(name, row, ranking)]
    unranked = [_unranked(name, row.runs[one.run], one) for one in silent]
    if not held:
        return unranked
    said = _Said(name, row, _places([row.runs[run] for run in held]))
    several = len(ranking.contests) > 1
    return [*(said.apart(ranking.contests) if several else [said.of(ranking.contests[0])]), *unranked]


def _alone(name: str, row: MatrixRow, ranking: "Ranking") -> Sentence:
    """One run that might be ranked; with it, those of the same kind."""
    (index,) = [run for c in ranking.contests for run in c.runs] or [
        one.run for one in ranking.apart if one.code == "no_figure"
    ]
    best = row.runs[index].record
    if _missing(best):
        return Sentence(say("report.lead", about=name), _why_missing(best), "unjudged")
    older = [row.runs[one.run].record for one in ranking.apart if one.code == "older"]
    if older:
        known = sorted([best, *older], key=lambda r: r.created_utc)
        said = say("report.alone.several", row=name, figures=map(leading_words, known), target=_where(best))
        return Sentence(said, say("report.alone.several_rest", runs=len(known)), "unjudged")
    said = say("report.alone.valid", row=name, figure=leading_words(best), target=_where(best))
    return Sentence(said, say("report.alone.valid_rest"), "valid")


def _unranked(name: str, item: Numbered, one: "Apart") -> Sentence:
    """A valid run that was compared with no other."""
    whys = [str(one.detail)] if one.detail else [reason.message for reason in one.reasons]
    why = " ".join(map(units.clean, whys)) or say("report.unranked.no_figure")
    where = _where(item.record)
    strong = say("report.unranked.lead", row=name, target=where)
    if not _missing(item.record):
        strong = say("report.unranked.lead_figure", row=name, figure=leading_words(item.record), target=where)
    why = why if why.endswith(".") else say("report.sentence", said=why)
    return Sentence(strong, say("report.unranked.rest", why=why), "unjudged")


def _places(items: Sequence[Numbered]) -> dict[int, str]:
    """Number of a run -> its target; where several have the same, with its options; where those are the same, too, with
    the number."""
    found = {i.number: _where(i.record) for i in items}
    options = {i.number: options_words(i.record) or say("report.no_options") for i in items}
    numbers = {i.number: str(i.number) for i in items}
    for code, more in (("report.place.options", options), ("report.place.number", numbers)):
        endings: dict[str, set[str]] = {}
        for number, place in found.items():
            endings.setdefault(place, set()).add(more[number])
        found = {
            number: say(code, place=place, more=more[number]) if len(endings[place]) > 1 else place
            for number, place in found.items()
        }
    return found


class _Said:
    """The contests of one row in sentences. ``places``: number of a run -> what it is called."""

    def __init__(self, name: str, row: MatrixRow, places: dict[int, str]) -> None:
        self.name, self.row, self.places = name, row, places

    def of(self, contest: "Contest", among: str = "") -> Sentence:
        """``among``: which runs the contest is of, where it is not of all."""
        row = self.name if not among else say("report.row_among", row=self.name, targets=among)
        return self._decided(contest, row) if contest.fastest is not None else self._undecided(contest, row)

    def apart(self, contests: Sequence["Contest"]) -> list[Sentence]:
        """Several contests, whose runs may not be compared with one another."""
        groups = [c for c in contests if len(c.runs) > 1]
        ranked = [self.of(c, named([self._place(run) for run in c.runs])) for c in groups]
        shown = [self._shown(c, c.leader) for c in contests]
        whys = dict.fromkeys(units.clean(r.message) for c in contests for r in c.refusals)
        said = say("report.apart.each_other" if groups else "report.apart.ranked")
        strong = say("report.figures", row=self.name, figures=say("report.parts", parts=shown))
        return [*ranked, Sentence(strong, " ".join([said, *whys]), "unjudged")]

    def _decided(self, contest: "Contest", row: str) -> Sentence:
        best, following = contest.leader, contest.against[0]
        strong = say(lead_code(contest.unit), row=row, target=self._place(best), figure=self._figure(contest, best))
        rest = say(
            "report.fastest.next",
            target=self._place(following.run),
            figure=self._figure(contest, following.run),
            relation=relation(following),
        )
        return Sentence(strong, " ".join([rest, *self._limits(contest, contest.against)]), "valid")

    def _undecided(self, contest: "Contest", row: str) -> Sentence:
        """What the leader is not decided against, why, and which runs are slower."""
        best = self._place(contest.leader)
        among = [contest.leader, *(one.run for one in contest.open)]
        strong = say("report.figures", row=row, figures=named([self._shown(contest, run) for run in among]))
        told = [untold(one, best, self._place(one.run), contest.tolerance) for one in contest.open]
        slower = [one for one in contest.against if one.word == "slower"]
        parts = [say("report.sentence", said=why) for why in told[:_EXPLAINED]]
        if len(told) > _EXPLAINED:
            parts.append(say("report.undecided.more", count=len(told) - _EXPLAINED, leader=best))
        if slower:
            each = [say("report.with_figure", said=self._place(one.run), figure=relation(one)) for one in slower]
            parts += [say("report.undecided.slower", leader=best, others=named(each)), *self._limits(contest, slower)]
        undecided = any(one.word != "same" for one in contest.open)
        return Sentence(strong, " ".join(parts), "unjudged" if undecided else "valid")

    def _limits(self, contest: "Contest", claimed: Sequence["Against"]) -> list[str]:
        """What the claim supposes of runs that did not take turns, and what a reader must know of the two."""
        steady = all(one.in_turns or one.beyond_speeds for one in claimed)
        cautions = _caveats(self._record(contest.leader), self._record(claimed[0].run))
        return [*([] if steady else [say("report.supposed")]), *cautions]

    def _record(self, run: int) -> Record:
        return self.row.runs[run].record

    def _place(self, run: int) -> str:
        return self.places[self.row.runs[run].number]

    def _figure(self, contest: "Contest", run: int) -> str:
        return figure_words(contest.metric, str(contest.title), contest.unit, contest.figures[contest.runs.index(run)])

    def _shown(self, contest: "Contest", run: int) -> str:
        return say("report.figure_on", figure=self._figure(contest, run), target=self._place(run))


_EXPLAINED = 3
"""How many undecided pairs a sentence explains."""


def _nothing_claimed(name: str, measured: Sequence[Record]) -> Sentence:
    """The reasons why all runs are invalid, each once."""
    whys = " / ".join(dict.fromkeys(doubt(r) or say("report.no_reason") for r in measured))
    code = "report.nothing_claimed.none_of" if len(measured) > 1 else "report.nothing_claimed.only"
    rest = say(code, measurements=len(measured), why=whys)
    return Sentence(say("report.lead", about=name), rest, "invalid")


def _told_apart(row: MatrixRow, matrix: Matrix) -> str:
    """Its name; where other rows have the same, with what stands below it: the weights' precision or the shape. Of
    several folders with its own."""
    alike = [other for other in matrix.rows if (other.name, other.folder) == (row.name, row.folder)]
    name = row.name if len(alike) == 1 else " ".join((row.name, *row.notes[:1]))
    return say("report.in_folder", name=name, folder=row.folder) if row.folder else name


def _missing(record: Record) -> bool:
    """Whether the record lacks the figure that its sentence would give."""
    return figures.figure(record, figures.leading(record)) is None


def _why_missing(record: Record) -> str:
    if record.other_tool is not None:
        return say("report.alone.other_tool")
    name = figures.leading(record)
    known = {"latency_p50_ns": "no_median", "throughput_per_s": "no_throughput"}
    if name in known:
        return say(f"report.alone.{known[name]}")
    return say("report.alone.no_figure", figure=figures.metrics()[name].title)


def _where(record: Record) -> str:
    return ", ".join((units.clean(record.plan.target.id), *rack_device(record)))


def _caveats(a: Record, b: Record) -> list[str]:
    """What a reader must know before comparing two valid runs, in one sentence; none where there is nothing."""
    found = []
    executed = a.plan.target.executed_precision, b.plan.target.executed_precision
    if None in executed:
        first, second = (units.clean(e) if e else say("report.caution.unknown_precision") for e in executed)
        found.append(say("report.caution.ran_in", first=first, second=second))
    if a.environment.host != b.environment.host:
        found.append(say("report.caution.machines"))
    if a.fidelity is None or b.fidelity is None:
        found.append(say("report.caution.outputs"))
    return [say("report.caution", found="; ".join(found))] if found else []
