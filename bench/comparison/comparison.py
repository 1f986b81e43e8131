"""How much two records differ, metric by metric, and whether that is more than noise.

The words, at a tolerance of x:

    slower, faster      shown to differ, and by more than x as estimated (of memory and energy: worse, better)
    same                shown to lie within ±x, both sides tested, each at 5 %
    cannot_tell         neither; then how many repeats would tell

"Shown to differ" is a test between processes, or between pairs of processes that took turns (``odb run --against``). It
is corrected by Holm's method over every metric of every pair of records that one command compares, so that of commands
that compare identical systems at most 2 % report a difference. The leading metric of a pair (p50, time per token or
throughput) gets half of the pair's error rate, because it answers the main question. For records that did not take
turns, p-values are floored at the probability of complete separation under the null: 10 % for 3 against 3, 0.8 % for 5
against 5, so at least five per side are needed. This assumes a machine with two speeds. A median or a rate that is
shown to differ by more than ``SPEEDS``, a factor that a machine's speeds do not reach, is called slower or faster from
two per side on. ±x is symmetric on a log scale: 1/(1 + x) to 1 + x. No claim is made about an invalid record, because a
machine that was busy in one of two runs looks like a difference between them; the exception is a record that is invalid
because its processes differ, which the interval includes.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from bench.analysis.metrics import METRICS, Metric, Unit
from bench.comparison.along import PointMetric, points_compared
from bench.comparison.comparability import Comparability, comparable
from bench.comparison.contrast import concerns, contrast_of, estimates, exceeds, figure_of, why_omitted, why_silent
from bench.comparison.interleaved import alternated, broken, pair_logs, until_of
from bench.comparison.observe import Curve, Observation, left_open, observe
from bench.comparison.operators import OperatorChanges, operators_changed
from bench.comparison.quality import QualityComparison, QualityTests, examine_quality, not_compared
from bench.comparison.recheck import Recheck, recheck
from bench.comparison.rules import FEW, SPEEDS, Subject, asked_of, scenario_text, side_words
from bench.record.evidence import Until
from bench.record.record import Record, RecordedRun
from bench.record.shown.command import shown_command
from bench.scenarios.kinds import kind_of
from bench.stats.ratio import Contrast, holm, processes_to_tell
from bench.words import Sentence, sentence

Word = Literal["faster", "slower", "better", "worse", "same", "cannot_tell"]

TOLERANCE = 0.03
ALPHA_DIFFERENT = 0.02  # of naming any difference in a command that compares nothing different
ALPHA_SAME = 0.05  # of calling one metric the same that differs by the tolerance
CONFIDENCE = 0.95  # of the intervals
EMULATED = {"emulated", "emulated_against_measured"}  # refusals that are about times alone
AS_SHOWN = 0.005  # of a ratio: figures are shown with three digits


class Side(Struct, frozen=True):
    """One of the two records. ``doubts``: codes that make it invalid; ``remarks``: codes that are only noted.
    ``curves``: one distribution per process, for drawing. ``folder``: where it was, if one of several new ones.
    ``scenario``: its name and what was ``asked`` for. ``rack_device``: the device of a rack that measured it."""

    record_id: str
    created_utc: str
    model: str
    target: str
    device: Sentence | str | None
    options: dict[str, str]
    scenario: str
    valid: bool | None
    command: str = ""
    doubts: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    curves: tuple[Curve, ...] = ()
    folder: str = ""
    asked: tuple[str, ...] = ()
    rack_device: str = ""


class Change(Struct, frozen=True):
    """One metric of both. ``base`` and ``new``: the figures of the records' summaries, which reports show; without one
    the geometric means of ``base_values`` and ``new_values``, one a process.

    ``ratio``: new over base, of a fraction ``difference``: new less base. They and the p-values are null below two
    processes a side.
    ``pair_ratios``: one per pair, if the two were measured in alternation. ``p_corrected``: of no difference, by Holm.
    ``gain``: whether the change, if any, is for the better. ``repeats_needed``: repeats per side that would decide it;
    null if it is decided, or if 200 would not. ``claimed``: whether a claim is made, including "cannot tell yet"; false
    with one process per side or for an invalid run. ``beyond_speeds``: shown to be more than a machine's own changes of
    speed explain. ``message``: why it cannot be told, or why nothing is claimed."""

    metric: str
    title: Sentence
    unit: Unit
    word: Word
    base: float
    new: float
    base_values: tuple[float, ...]
    new_values: tuple[float, ...]
    ratio: float | None = None
    interval: tuple[float, float] | None = None
    p_different: float | None = None
    p_corrected: float | None = None
    p_same: float | None = None
    gain: bool | None = None
    repeats_needed: int | None = None
    message: Sentence | str = ""
    pair_ratios: tuple[float, ...] = ()
    claimed: bool = True
    beyond_speeds: bool = False
    difference: float | None = None
    difference_interval: tuple[float, float] | None = None
    axis: str = ""
    at: float | None = None

    @property
    def process_ratio(self) -> float:
        """Of the two figures: new over base of whole processes."""
        return self.new / self.base

    @property
    def contradicted(self) -> bool:
        """Whether ``ratio`` is another than that of the two figures as they are shown."""
        return self.ratio is not None and abs(math.log(self.process_ratio / self.ratio)) > AS_SHOWN

    @property
    def by_turns(self) -> bool:
        """Whether that is because neighbouring turns gave ``ratio``; otherwise the figures are medians, it of means."""
        return self.contradicted and bool(self.pair_ratios)


class Omitted(Struct, frozen=True):
    """A metric that is not compared, and why."""

    metric: str
    title: Sentence
    reason: Sentence | str


class Comparison(Struct, frozen=True):
    """Without ``changes`` where the records may not be compared. ``broken``: the base was measured, and the new failed
    or was skipped; or the new failed, and the base, which took turns with it, was not measured for that.
    ``quality``: the answers on one dataset, sample by sample; ``None`` where neither run was judged. What an emulator
    answers counts: there it is compared although the times are not. ``alternated``: both were measured in turns.
    ``leading``: the metric that is asked for first. ``tests``: of how many the p-values were corrected for.
    ``recheck``: of two emulated records, whether placement and outputs are the same again. ``until``: how the number of
    pairs was decided while they were measured; all p-values and intervals hold for several looks. ``operators``: those
    whose time changed most, where both were profiled; nothing is decided by them."""

    base: Side
    new: Side
    comparability: Comparability
    tolerance: float
    changes: tuple[Change, ...] = ()
    omitted: tuple[Omitted, ...] = ()
    broken: bool = False
    quality: QualityComparison | None = None
    alternated: bool = False
    leading: str | None = None
    tests: int = 0
    recheck: Recheck | None = None
    until: Until | None = None
    operators: OperatorChanges | None = None

    @property
    def worse(self) -> bool:
        """Whether anything is worse beyond the tolerance, or no longer works, or computes something else now."""
        slower = any(change.word in ("slower", "worse") for change in self.changes)
        moved = self.recheck is not None and self.recheck.worse
        return self.broken or self.wrong or slower or moved or (self.quality is not None and self.quality.worse)

    @property
    def wrong(self) -> bool:
        """Whether the outputs were right in the base, as far as they were checked, and are not in the new."""
        doubtful = {"output_mismatch", "seeded_mismatch", "output_unchecked", "not_measured"}
        not_right = doubtful & {*self.base.doubts, *self.base.remarks}
        return "output_mismatch" in self.new.doubts and self.base.valid is not None and not not_right


class _Test(Struct, frozen=True):
    """One metric of one pair of records before it is judged. ``found`` None: below two processes a side.
    ``left_open``: by power meters, a fraction of the ratio."""

    metric: Metric
    change: Change
    found: Contrast | None
    untrue: tuple[Sentence, ...]
    weight: float
    left_open: float = 0.0


class _Examined(Struct, frozen=True):
    comparison: Comparison
    tests: tuple[_Test, ...] = ()
    quality: QualityTests | None = None


def compare(
    base: RecordedRun, new: RecordedRun, tolerance: float = TOLERANCE, subjects: Collection[Subject] = ()
) -> Comparison:
    """Compare two runs. Raises ``InputError`` for samples that cannot be times, ``ValueError`` for a tolerance of 0
    or less."""
    return compare_all([(observe(base), observe(new))], tolerance, subjects)[0]


def compare_all(
    pairs: Sequence[tuple[Observation, Observation]], tolerance: float = TOLERANCE, subjects: Collection[Subject] = ()
) -> list[Comparison]:
    """Compare each (base, new), as ``compare`` does, all of them judged as one family."""
    if not tolerance > 0:
        raise ValueError(f"the tolerance must be above 0, not {tolerance}")
    examined = [_examine(base, new, tolerance, subjects) for base, new in pairs]
    family = [member for one in examined for member in _family(one)]
    corrected = iter(holm([p for p, _ in family], [weight for _, weight in family]))
    return [_judge(one, corrected, tolerance, len(family)) for one in examined]


def compare_so_far(base: Observation, new: Observation, tolerance: float, among: int) -> Comparison:
    """Compare one pair of runs while it is measured, where ``among`` families of tests share the error rate and nothing
    is known of the others: by Bonferroni's correction, so that what is decided now stays so in ``compare_all``."""
    examined = _examine(base, new, tolerance, ())
    family = list(_family(examined))
    corrected = (min(1.0, p * among / weight) for p, weight in family)
    return _judge(examined, corrected, tolerance, among * len(family))


def _family(one: _Examined) -> Iterator[tuple[float, float]]:
    """The p-value and the weight of each test, those of quality after the others: of a pair each kind weighs 1."""
    yield from ((test.found.p_different(), test.weight) for test in one.tests if test.found is not None)
    judged = one.quality.differences if one.quality is not None else ()
    yield from ((difference.p_value, 1 / len(judged)) for difference in judged)


def _examine(base: Observation, new: Observation, tolerance: float, subjects: Collection[Subject]) -> _Examined:
    allowed = comparable(base.record, new.record, subjects)
    quality = _quality(base, new, allowed)
    comparison = Comparison(_side(base), _side(new), allowed, tolerance, broken=broken(base.record, new.record))
    if {reason.code for reason in allowed.reasons if reason.invalidates} == {"emulated"}:
        comparison = replace(comparison, recheck=recheck(base.record, new.record))
    if allowed.refused:
        return _Examined(comparison, quality=quality)
    applying = [m for m in METRICS if concerns(m, base, new)]
    points = points_compared(base.record.summary, new.record.summary)
    applying += [point for point in points if concerns(point, base, new)]
    omitted = {m.name: why for m in applying if (why := why_omitted(m, base, new)) is not None}
    compared = [m for m in applying if m.name not in omitted]
    left_out = tuple(Omitted(m.name, m.title, omitted[m.name]) for m in applying if m.name in omitted)
    together = alternated(base.record, new.record)
    names = [metric.name for metric in compared]
    leading = next((n for n in kind_of(base.record.plan.scenario).leading if n in names), None)
    comparison = replace(comparison, operators=operators_changed(base.record, new.record))
    return _Examined(
        replace(comparison, omitted=left_out, alternated=together, leading=leading, until=until_of(base, new)),
        tuple(_test(metric, base, new, together, weight) for metric, weight in _weighted(compared, leading)),
        quality,
    )


def _quality(base: Observation, new: Observation, allowed: Comparability) -> QualityTests | None:
    """The answers of both; nothing where the pair is refused for more than being emulated."""
    refused = {reason.code for reason in allowed.reasons if reason.invalidates}
    if refused - EMULATED:
        return None
    for side, record in (("base", base.record), ("new", new.record)):
        reasons = record.verdict.reasons if record.verdict is not None else ()
        if record.quality is not None and any(reason.code == "quality_of_another" for reason in reasons):
            return not_compared(record.quality, sentence("compare.quality_of_another", side=side_words(side)))
    return examine_quality(base.record.quality, new.record.quality, (base.quality_results, new.quality_results))


def _weighted(metrics: Sequence[Metric], leading: str | None) -> Iterator[tuple[Metric, float]]:
    """Every metric with its fraction of the error rate: half for the leading one, the other half for the rest
    together. The points of curves share as much among them."""
    points = [metric for metric in metrics if isinstance(metric, PointMetric)]
    whole = [metric for metric in metrics if not isinstance(metric, PointMetric)]
    rest = len(whole) - 1
    for metric in whole:
        alike = leading is None or not rest
        yield metric, 1.0 / len(whole) if alike else 0.5 if metric.name == leading else 0.5 / rest
    yield from ((point, 1.0 / len(points)) for point in points)


def _side(observed: Observation) -> Side:
    record: Record = observed.record
    target = record.plan.target
    return Side(
        record.record_id,
        record.created_utc,
        record.plan.model.id,
        target.id,
        target.device_name,
        target.options_requested,
        scenario_text(record.plan.scenario),
        record.verdict.valid if record.verdict is not None else None,
        shown_command(record.plan.command),
        tuple(sorted(set(record.verdict.invalidating))) if record.verdict else (),
        tuple(sorted({r.code for r in record.verdict.reasons if not r.invalidates})) if record.verdict else (),
        observed.curves,
        asked=asked_of(record.plan.scenario),
        rack_device=record.device,
    )


def _test(metric: Metric, base: Observation, new: Observation, together: bool, weight: float) -> _Test:
    x, y = (tuple(v for v in side.values[metric.name] if v is not None) for side in (base, new))
    logs = pair_logs(metric.name, base, new)
    found = contrast_of(metric, (base, new), (x, y), logs)
    pairs = () if logs is None or metric.fraction else tuple(math.exp(log) for log in logs.logs)
    change = Change(
        metric.name,
        metric.title,
        metric.unit,
        "cannot_tell",
        figure_of(metric, base, x),
        figure_of(metric, new, y),
        x,
        y,
        pair_ratios=pairs,
        axis=metric.axis if isinstance(metric, PointMetric) else "",
        at=metric.at if isinstance(metric, PointMetric) else None,
    )
    silent = why_silent(metric, base, new, together)
    return _Test(metric, change, found, silent, weight, left_open(metric, base, new))


# ---------------------------------------------------------------------------------------------------- judging


def _judge(examined: _Examined, corrected: Iterator[float], tolerance: float, tests: int) -> Comparison:
    changes = []
    for test in examined.tests:
        if test.found is None:
            changes.append(replace(test.change, message=sentence("compare.one_process"), claimed=False))
            continue
        beyond = min(1.0, tests * test.found.p_beyond(math.log(SPEEDS))) if test.metric.bounded else 1.0
        judged = _judged(test, max(next(corrected), min(test.found.by_luck, beyond)), tolerance, tests)
        judged = replace(judged, beyond_speeds=beyond < ALPHA_DIFFERENT)
        changes.append(_silent(test, judged) if test.untrue else judged)
    quality = None if examined.quality is None else examined.quality.judged(corrected, ALPHA_DIFFERENT)
    return replace(examined.comparison, changes=tuple(changes), tests=tests, quality=quality)


def _silent(test: _Test, judged: Change) -> Change:
    """The change without a claim, because a record is not valid."""
    tail = test.metric.tail and test.change.pair_ratios
    why = sentence("compare.not_claimed.tail" if tail else "compare.not_claimed", why=test.untrue)
    return replace(judged, word="cannot_tell", repeats_needed=None, message=why, claimed=False)


def _judged(test: _Test, p_corrected: float, tolerance: float, tests: int) -> Change:
    found, metric, change = test.found, test.metric, test.change
    assert found is not None
    values = change.base_values, change.new_values
    p_same = found.p_equivalent(max(0.0, tolerance - test.left_open))
    differs, beyond = p_corrected < ALPHA_DIFFERENT, exceeds(metric, values, found, tolerance + test.left_open)
    gain = (found.difference < 0) == metric.lower_is_better if found.difference else None
    word: Word = "cannot_tell"
    needed: int | None = None
    message: Sentence | str = ""
    if differs and beyond:
        word = ("faster" if gain else "slower") if metric.speed else ("better" if gain else "worse")
    elif p_same < ALPHA_SAME:
        word = "same"
    elif test.left_open and (
        found.p_equivalent(tolerance) < ALPHA_SAME or (differs and exceeds(metric, values, found, tolerance))
    ):
        message = sentence("compare.untold.meters", uncertainty=test.left_open)
    else:
        count = min(len(change.base_values), len(change.new_values))
        alone = found.p_different()  # 0 where neither side has any spread
        factor = p_corrected / alone if alone and 0 < p_corrected < 1 else tests
        plan = processes_to_tell(found, tolerance, ALPHA_DIFFERENT / max(1.0, factor), ALPHA_SAME)
        needed = None if plan is None else max(plan, count + 1, FEW if found.by_luck else 0)
        message = _untold(found, differs, tolerance, tests, needed, count)
    return replace(
        change,
        **estimates(found, CONFIDENCE),
        word=word,
        p_different=found.p_different(),
        p_corrected=p_corrected,
        p_same=p_same,
        gain=gain,
        repeats_needed=needed,
        message=message,
    )


def _untold(found: Contrast, differs: bool, tolerance: float, tests: int, needed: int | None, count: int) -> Sentence:
    if found.by_luck >= ALPHA_DIFFERENT and found.p_different() < ALPHA_DIFFERENT:
        code = "compare.untold.luck" if found.look is None else "compare.untold.luck_of_pairs"
        known = sentence(code, chance=found.by_luck)
    elif differs:
        known = sentence("compare.untold.near", tolerance=tolerance)
    elif found.p_different() < 1 - CONFIDENCE and tests > 1:
        known = sentence("compare.untold.one_of_many", tests=tests)
    else:
        known = sentence("compare.untold.noise")
    advice = sentence("compare.untold.too_noisy")
    if needed is not None:
        advice = sentence("compare.untold.repeats", needed=needed, more=needed - count)
    return sentence("text.two", first=known, second=advice)
