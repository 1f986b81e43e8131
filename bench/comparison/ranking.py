"""Which run of a group is the fastest, by the inference of ``odb compare``.

A group holds runs of one model in one scenario, as a report shows them side by side. Runs that were measured on a
device, are valid and may be compared form a contest. Its pairs are compared as ``odb compare`` compares two records
(``compare_all``: Welch's test between processes, or pairs that took turns, with the tolerance), by the metric that
leads their scenario. All pairs of all groups that one call ranks are one family of Holm's correction. A larger family
only makes corrected p-values larger, so a difference that a comparison of the two records cannot tell is not claimed
here either.

The fastest is the run that every other one is shown to be slower than. Without one, ``Contest.leader`` has the best
figure among the runs that are not shown to be slower than another, and the undecided runs are named.

A contest of up to ``TOGETHER`` runs compares every pair. With more runs, every pair of the ``TOGETHER`` best is
compared, and the best with each of the others: the number of pairs grows with the number of runs, not with its square.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from statistics import geometric_mean
from typing import Literal

import msgspec
from msgspec import Struct

from bench.analysis.metrics import METRICS, Metric, Unit, figures_of
from bench.analysis.verdict.emulated import is_emulated
from bench.comparison.comparability import comparable
from bench.comparison.comparison import ALPHA_DIFFERENT, TOLERANCE, Change, Comparison, compare_all
from bench.comparison.interleaved import alternated
from bench.comparison.observe import Observation, observe
from bench.comparison.rules import FEW, RULES
from bench.errors import InputError
from bench.record.record import Reason, Record, RecordedRun
from bench.scenarios.kinds import kind_of
from bench.stats.ratio import falls_apart_by_luck
from bench.words import Sentence

TOGETHER = 8
"""Runs of a contest that are all compared with one another; also the number of contests of a group at the most."""

Word = Literal["slower", "faster", "same", "cannot_tell"]
Why = Literal["", "one_process", "few_processes", "near_tolerance", "noise"]
Code = Literal["not_measured", "emulated", "not_judged", "not_valid", "older", "no_figure", "not_comparable"]


class Apart(Struct, frozen=True, kw_only=True):
    """A run that takes part in no contest. ``older``: of the same as a newer run. ``reasons``: those of its verdict, or
    why it may not be compared. ``detail``: what is wrong with its samples."""

    run: int
    code: Code
    reasons: tuple[Reason, ...] = ()
    detail: Sentence | str = ""


class Against(Struct, frozen=True, kw_only=True):
    """The leader compared with the run ``run``. ``word``: what the run is, compared with the leader. ``ratio``: its
    figure over the leader's, with the 95 % ``interval``; ``None`` below two processes a side.

    ``why`` and ``needed`` (processes a side; ``None``: over 200 would not do) are of ``cannot_tell``. ``processes``: of
    the leader and of the run. ``in_turns``: the two were measured in alternation. ``beyond_speeds``: the difference is
    more than a machine's changes of speed explain. A run that was not compared with the leader is ``cannot_tell``
    without ``why``.
    """

    run: int
    word: Word
    ratio: float | None = None
    interval: tuple[float, float] | None = None
    p_corrected: float | None = None
    processes: tuple[int, int] = (0, 0)
    why: Why = ""
    needed: int | None = None
    in_turns: bool = False
    beyond_speeds: bool = False


class Contest(Struct, frozen=True, kw_only=True):
    """Runs that may be compared with one another. ``runs``: the leader, then the others from the best figure on;
    ``figures``: of each, as reports show it, in ``unit``. ``fastest``: the leader, if every other is shown to be
    slower. ``against``: the leader compared with each other. ``refusals``: why its best run may not be compared with
    that of the group's first contest."""

    metric: str
    title: Sentence
    unit: Unit
    runs: tuple[int, ...]
    figures: tuple[float, ...]
    tolerance: float
    fastest: int | None = None
    against: tuple[Against, ...] = ()
    refusals: tuple[Reason, ...] = ()

    @property
    def leader(self) -> int:
        return self.runs[0]

    @property
    def open(self) -> tuple[Against, ...]:
        """The runs that keep the leader from being the fastest."""
        return tuple(one for one in self.against if one.word != "slower")


class Ranking(Struct, frozen=True):
    """Of one group; runs are named by their index in it. ``contests``: that of the best figure first."""

    contests: tuple[Contest, ...] = ()
    apart: tuple[Apart, ...] = ()


class _Entrant(Struct, frozen=True, kw_only=True):
    """A run of a field. ``figure``: that of its record. ``value``: geometric mean over processes, which is what
    comparisons are of; it and ``seen`` only where there is something to compare with."""

    run: int
    record: Record
    metric: Metric
    figure: float
    seen: Observation | None = None
    value: float = 0.0

    @property
    def badness(self) -> float:
        size = self.value or self.figure
        return size if self.metric.lower_is_better else -size


class _Field(Struct, frozen=True, kw_only=True):
    """A contest before it is held: the best first. ``pairs``: places of those that are compared."""

    entrants: list[_Entrant]
    refusals: tuple[Reason, ...]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        count = len(self.entrants)
        return [*combinations(range(min(count, TOGETHER)), 2), *((0, place) for place in range(TOGETHER, count))]


def rank(groups: Sequence[Sequence[RecordedRun]], tolerance: float = TOLERANCE) -> tuple[Ranking, ...]:
    """The ranking of each group, all pairs judged as one family. Raises ``ValueError`` for a tolerance of 0 or less."""
    fields: list[list[_Field]] = []
    apart: list[list[Apart]] = []
    for group in groups:
        out: list[Apart] = []
        alone = _fields(list(_entrants(group, out)), out)
        fields.append([f for field in alone if (f := _observed(field, group, out)).entrants])
        apart.append(sorted(out, key=lambda one: one.run))
    asked = [_turned(f, pair) for group_fields in fields for f in group_fields for pair in f.pairs]
    found = iter(compare_all(asked, tolerance))
    return tuple(
        Ranking(tuple(_held(f, [next(found) for _ in f.pairs], tolerance) for f in of_group), tuple(out))
        for of_group, out in zip(fields, apart, strict=True)
    )


# ------------------------------------------------------------------------------------------------------ who enters


def _entrants(group: Sequence[RecordedRun], out: list[Apart]) -> Iterator[_Entrant]:
    """The runs that may be ranked; the others join ``out``."""
    valid = []
    for index, run in enumerate(group):
        barred = _barred(index, run.record)
        if barred is not None:
            out.append(barred)
        else:
            valid.append(index)
    newest = _newest(group, valid)
    out += [Apart(run=index, code="older") for index in valid if index not in newest]
    for index in newest:
        record = group[index].record
        figures = figures_of(record.summary)
        metric = next((m for m in _leading(record) if figures.get(m.name)), None)
        if metric is None:
            out.append(Apart(run=index, code="no_figure"))
        else:
            yield _Entrant(run=index, record=record, metric=metric, figure=figures[metric.name])


def _barred(index: int, record: Record) -> Apart | None:
    verdict = record.verdict
    if record.status != "ok":
        return Apart(run=index, code="not_measured")
    if is_emulated(record):
        return Apart(run=index, code="emulated")
    if verdict is None:
        return Apart(run=index, code="not_judged")
    if not verdict.valid:
        return Apart(run=index, code="not_valid", reasons=tuple(r for r in verdict.reasons if r.invalidates))
    return None


def _newest(group: Sequence[RecordedRun], valid: Sequence[int]) -> list[int]:
    """The last of several runs that are the same by every rule of comparability: taking the best would select by
    luck."""
    last: dict[bytes, int] = {}
    for index in sorted(valid, key=lambda i: group[i].record.created_utc):
        record = group[index].record
        last[msgspec.json.encode([rule.of(record) for rule in RULES], order="deterministic")] = index
    return sorted(last.values())


def _leading(record: Record) -> list[Metric]:
    """The metrics that a comparison leads with, the first that both records have."""
    by_name = {metric.name: metric for metric in METRICS}
    return [by_name[name] for name in kind_of(record.plan.scenario).leading if name in by_name]


def _fields(entrants: list[_Entrant], out: list[Apart]) -> list[_Field]:
    """The contests, each of runs that may be compared with its best; a run that belongs to none joins ``out``."""
    fields: list[_Field] = []
    for entrant in sorted(entrants, key=lambda e: e.badness):
        refusals: list[tuple[Reason, ...]] = []
        for field in fields:
            refused = _refused(field.entrants[0].record, entrant.record)
            if not refused:
                field.entrants.append(entrant)
                break
            refusals.append(refused)
        else:
            if len(fields) < TOGETHER:
                fields.append(_Field(entrants=[entrant], refusals=refusals[0] if refusals else ()))
            else:
                out.append(Apart(run=entrant.run, code="not_comparable", reasons=refusals[0]))
    return fields


def _observed(field: _Field, group: Sequence[RecordedRun], out: list[Apart]) -> _Field:
    """The field with the figures of every process, by the first leading metric that two runs have. Runs that lack it
    join ``out``."""
    if len(field.entrants) < 2:
        return field
    seen: dict[int, Observation] = {}
    for entrant in field.entrants:
        try:
            seen[entrant.run] = observe(group[entrant.run])
        except InputError as error:
            out.append(Apart(run=entrant.run, code="no_figure", detail=error.sentence))
    leading = _leading(field.entrants[0].record)
    metric = next((m for m in leading if sum(_complete(m, one) for one in seen.values()) > 1), leading[0])
    found = [
        _Entrant(
            run=entrant.run,
            record=entrant.record,
            metric=metric,
            figure=seen[entrant.run].figures.get(metric.name) or _mean(metric, seen[entrant.run]),
            seen=seen[entrant.run],
            value=_mean(metric, seen[entrant.run]),
        )
        for entrant in field.entrants
        if entrant.run in seen and _complete(metric, seen[entrant.run])
    ]
    kept = {entrant.run for entrant in found}
    out += [Apart(run=run, code="no_figure") for run in seen if run not in kept]
    return _Field(entrants=sorted(found, key=lambda e: e.badness), refusals=field.refusals)


def _complete(metric: Metric, seen: Observation) -> bool:
    """Whether every process has the figure, as a comparison asks."""
    values = seen.values.get(metric.name, ())
    return bool(values) and all(value is not None and value > 0 for value in values)


def _mean(metric: Metric, seen: Observation) -> float:
    return geometric_mean([value for value in seen.values[metric.name] if value is not None])


def _refused(a: Record, b: Record) -> tuple[Reason, ...]:
    base, new = (b, a) if alternated(b, a) else (a, b)
    return tuple(reason for reason in comparable(base, new).reasons if reason.invalidates)


# ------------------------------------------------------------------------------------------------------ who wins


def _turned(field: _Field, pair: tuple[int, int]) -> tuple[Observation, Observation]:
    """The better figure as base, except for two that took turns, whose records state the sides."""
    first, second = (field.entrants[place].seen for place in pair)
    assert first is not None
    assert second is not None
    return (second, first) if alternated(second.record, first.record) else (first, second)


def _held(field: _Field, found: Sequence[Comparison], tolerance: float) -> Contest:
    """The contest by the comparison of each of its pairs."""
    entrants = field.entrants
    verdicts: dict[tuple[int, int], Against] = {}
    for (i, j), comparison in zip(field.pairs, found, strict=True):
        there, back = _verdicts(entrants[i], entrants[j], comparison)
        verdicts |= {(i, j): there, (j, i): back}
    places = range(len(entrants))
    beaten = {i for (i, _), one in verdicts.items() if one.word == "faster"}
    leader = next((i for i in places if i not in beaten), 0)
    order = [leader, *(i for i in places if i != leader)]
    against = tuple(
        verdicts.get((leader, i), Against(run=entrants[i].run, word="cannot_tell")) for i in places if i != leader
    )
    decided = bool(against) and all(one.word == "slower" for one in against)
    metric = entrants[0].metric
    return Contest(
        metric=metric.name,
        title=metric.title,
        unit=metric.unit,
        runs=tuple(entrants[i].run for i in order),
        figures=tuple(entrants[i].figure for i in order),
        tolerance=tolerance,
        fastest=entrants[leader].run if decided else None,
        against=against,
        refusals=field.refusals,
    )


_BACK: dict[Word, Word] = {"slower": "faster", "faster": "slower"}


def _verdicts(a: _Entrant, b: _Entrant, comparison: Comparison) -> tuple[Against, Against]:
    """Of ``b`` compared with ``a``, and of ``a`` compared with ``b``."""
    change = next((c for c in comparison.changes if c.metric == a.metric.name), None)
    if change is None:  # may not be compared, although each may with the best of the contest
        return Against(run=b.run, word="cannot_tell"), Against(run=a.run, word="cannot_tell")
    swapped = comparison.base.record_id == b.record.record_id
    forth = _against(b.run, change, comparison, turn=swapped)
    return forth, _against(a.run, change, comparison, turn=not swapped)


def _against(run: int, change: Change, comparison: Comparison, turn: bool) -> Against:
    """``turn``: the run is the base of ``change``."""
    word: Word = "cannot_tell"
    if change.word in ("slower", "faster", "same"):
        word = _BACK.get(change.word, change.word) if turn else change.word
    ratio, interval = change.ratio, change.interval
    if turn and ratio is not None and interval is not None:
        ratio, interval = 1 / ratio, (1 / interval[1], 1 / interval[0])
    processes = len(change.base_values), len(change.new_values)
    open_ = word == "cannot_tell"
    why = _why(change, comparison.alternated) if open_ else ""
    return Against(
        run=run,
        word=word,
        ratio=ratio,
        interval=interval,
        p_corrected=change.p_corrected,
        processes=processes[::-1] if turn else processes,
        why=why,
        needed=_needed(change, why) if open_ else None,
        in_turns=comparison.alternated,
        beyond_speeds=change.beyond_speeds,
    )


def _why(change: Change, in_turns: bool) -> Why:
    if change.ratio is None:
        return "one_process"
    luck = 0.0 if in_turns else falls_apart_by_luck(len(change.base_values), len(change.new_values))
    if luck >= ALPHA_DIFFERENT and change.repeats_needed is not None:
        return "few_processes"
    if change.p_corrected is not None and change.p_corrected < ALPHA_DIFFERENT:
        return "near_tolerance"
    return "noise"


def _needed(change: Change, why: Why) -> int | None:
    if why == "one_process":
        return FEW
    if why == "few_processes":
        return max(FEW, change.repeats_needed or 0)
    return change.repeats_needed
