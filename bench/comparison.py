"""How much two records differ, metric by metric, and whether that is more than noise.

The words, at a tolerance of x:

    slower, faster      shown to differ, and by more than x as estimated (of memory and energy: worse, better)
    same                shown to lie within ±x, both sides tested, each at 5 %
    cannot_tell         neither; then how many repeats would tell

"Shown to differ" is a test between processes, corrected by Holm's method over all metrics of the pair, so that of
comparisons without any difference at most 2 % name one. ±x is meant both ways alike: 1/(1 + x) to 1 + x. Of a record
that is not valid nothing is claimed: a machine that was busy in one of two runs looks like a difference between them.
"""

from collections.abc import Collection
from statistics import geometric_mean
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from bench.comparability import Comparability, comparable
from bench.comparability_table import Subject
from bench.process_values import METRICS, Curve, Metric, Observation, Unit, observe
from bench.quality.comparison import QualityComparison, compare_quality, not_compared
from bench.ratio import LogRatio, holm, log_ratio, processes_to_tell
from bench.record import Record, RecordedRun
from bench.verdict import CODES

Word = Literal["faster", "slower", "better", "worse", "same", "cannot_tell"]

TOLERANCE = 0.03
ALPHA_DIFFERENT = 0.02  # of naming any difference in a pair that has none
ALPHA_SAME = 0.05  # of calling one metric the same that differs by the tolerance
CONFIDENCE = 0.95  # of the intervals
EMULATED = {"emulated", "emulated_against_measured"}  # refusals that are about times alone


class Side(Struct, frozen=True):
    """One of the two records. ``curves``: a distribution a process, for drawing."""

    record_id: str
    created_utc: str
    model: str
    target: str
    device: str | None
    options: dict[str, str]
    scenario: str
    valid: bool | None
    command: str = ""
    curves: tuple[Curve, ...] = ()


class Change(Struct, frozen=True):
    """One metric of both. ``base`` and ``new``: geometric means of ``base_values`` and ``new_values``, one a process.

    ``ratio``: new over base; it, its ``interval`` (95 %) and the p-values are null below two processes a side.
    ``p_corrected``: of no difference, by Holm. ``gain``: whether the change, if any, is for the better.
    ``repeats_needed``: a side, to tell what could not be told; null where it is told, or where over 200 would not.
    """

    metric: str
    title: str
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
    message: str = ""


class Omitted(Struct, frozen=True):
    """A metric that is not compared, and why."""

    metric: str
    title: str
    reason: str


class Comparison(Struct, frozen=True):
    """Without ``changes`` where the records may not be compared. ``broken``: the base was measured, the new failed.
    ``quality``: the answers on one dataset, sample by sample; ``None`` where neither run was judged. What an emulator
    answers counts: there it is compared although the times are not."""

    base: Side
    new: Side
    comparability: Comparability
    tolerance: float
    changes: tuple[Change, ...] = ()
    omitted: tuple[Omitted, ...] = ()
    broken: bool = False
    quality: QualityComparison | None = None

    @property
    def worse(self) -> bool:
        """Whether anything is worse beyond the tolerance, or no longer works."""
        slower = any(change.word in ("slower", "worse") for change in self.changes)
        return self.broken or slower or (self.quality is not None and self.quality.worse)


def compare(
    base: RecordedRun, new: RecordedRun, tolerance: float = TOLERANCE, subjects: Collection[Subject] = ()
) -> Comparison:
    """Compare two runs. Raises ``InputError`` for samples that cannot be times, ``ValueError`` for a tolerance of 0
    or less."""
    return compare_observed(observe(base), observe(new), tolerance, subjects)


def compare_observed(
    base: Observation, new: Observation, tolerance: float = TOLERANCE, subjects: Collection[Subject] = ()
) -> Comparison:
    """As ``compare``, of runs whose samples were reduced to their processes' figures."""
    if not tolerance > 0:
        raise ValueError(f"the tolerance must be above 0, not {tolerance}")
    allowed = comparable(base.record, new.record, subjects)
    broken = base.record.status == "ok" and new.record.status == "failed"
    sides = _side(base), _side(new)
    if allowed.refused:
        return Comparison(*sides, allowed, tolerance, broken=broken, quality=_quality(base, new, allowed))
    applying = [m for m in METRICS if m.name in base.values and m.name in new.values]
    omitted = {m.name: why for m in applying if (why := _why_omitted(m, base, new)) is not None}
    changes = _changes([m for m in applying if m.name not in omitted], base, new, tolerance)
    left_out = tuple(Omitted(m.name, m.title, omitted[m.name]) for m in applying if m.name in omitted)
    return Comparison(*sides, allowed, tolerance, changes, left_out, quality=_quality(base, new, allowed))


def _quality(base: Observation, new: Observation, allowed: Comparability) -> QualityComparison | None:
    """The answers of both; nothing where the pair is refused for more than being emulated."""
    refused = {reason.code for reason in allowed.reasons if reason.invalidates}
    same = base.record.plan.model.id == new.record.plan.model.id
    if refused and not (refused <= EMULATED and same):
        return None
    for side, record in (("base", base.record), ("new", new.record)):
        reasons = record.verdict.reasons if record.verdict is not None else ()
        if record.quality is not None and any(reason.code == "quality_of_another" for reason in reasons):
            return not_compared(
                record.quality, f"the {side} record's quality is of another file or target than its speed"
            )
    results = base.quality_results, new.quality_results
    return compare_quality(base.record.quality, new.record.quality, results, ALPHA_DIFFERENT)


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
        record.plan.scenario.name,
        record.verdict.valid if record.verdict is not None else None,
        record.plan.command,
        observed.curves,
    )


def _why_omitted(metric: Metric, base: Observation, new: Observation) -> str | None:
    """Why the metric cannot be compared; ``None`` where every process of both sides has it, above 0."""
    missing = []
    for side, observed in (("base", base), ("new", new)):
        values = observed.values[metric.name]
        known = sum(value is not None and value > 0 for value in values)
        if known == 0 or known < len(values):
            missing.append(f"{known} of {len(values)} processes of {side}")
    if missing:
        return f"known in {' and '.join(missing)}: {metric.needs}"
    if metric.unit == "joules" and base.energy_channel != new.energy_channel:
        return f"read from {base.energy_channel} in one record and from {new.energy_channel} in the other"
    return None


def _changes(metrics: list[Metric], base: Observation, new: Observation, tolerance: float) -> tuple[Change, ...]:
    """All metrics at once, because each is judged by how many there are."""
    pairs = [(_known(base, metric), _known(new, metric)) for metric in metrics]
    found = [log_ratio(x, y) if min(len(x), len(y)) > 1 else None for x, y in pairs]
    corrected = iter(holm([ratio.p_different() for ratio in found if ratio is not None]))
    tested = sum(ratio is not None for ratio in found)
    changes = []
    for metric, (x, y), ratio in zip(metrics, pairs, found, strict=True):
        untrue = _untrue(metric, base.record, "base") or _untrue(metric, new.record, "new")
        change = Change(
            metric.name, metric.title, metric.unit, "cannot_tell", geometric_mean(x), geometric_mean(y), x, y
        )
        if ratio is None:
            message = (
                "One process shows no spread between processes: a side needs two repeats at least; five are usual."
            )
            changes.append(replace(change, message=message))
        else:
            judged = _judged(change, metric, ratio, next(corrected), tolerance, tested)
            unclaimed = replace(
                judged, word="cannot_tell", repeats_needed=None, message=f"Nothing is claimed: {untrue}."
            )
            changes.append(unclaimed if untrue else judged)
    return tuple(changes)


def _untrue(metric: Metric, record: Record, side: str) -> str:
    """Why the metric of a run cannot be believed, by its verdict; empty where it can."""
    if record.verdict is None:
        return f"the {side} record has no verdict"
    barring = [r.code for r in record.verdict.reasons if r.invalidates and (metric.timed or not _of_times(r.code))]
    return f"the {side} record is not valid ({', '.join(barring)})" if barring and not record.verdict.valid else ""


def _of_times(code: str) -> bool:
    return code in CODES and CODES[code].timing


def _known(observed: Observation, metric: Metric) -> tuple[float, ...]:
    return tuple(value for value in observed.values[metric.name] if value is not None)


def _judged(
    change: Change, metric: Metric, found: LogRatio, p_corrected: float, tolerance: float, tested: int
) -> Change:
    p_same = found.p_equivalent(tolerance)
    beyond = not 1 / (1 + tolerance) <= found.ratio <= 1 + tolerance
    gain = (found.ratio < 1) == metric.lower_is_better if found.ratio != 1 else None
    word: Word = "cannot_tell"
    needed, message = None, ""
    if p_same < ALPHA_SAME:
        word = "same"
    elif p_corrected < ALPHA_DIFFERENT and beyond:
        word = ("faster" if gain else "slower") if metric.speed else ("better" if gain else "worse")
    else:
        count = min(len(change.base_values), len(change.new_values))
        plan = processes_to_tell(found, tolerance, ALPHA_DIFFERENT / tested, ALPHA_SAME)
        needed = None if plan is None else max(plan, count + 1)
        message = _untold(found, p_corrected < ALPHA_DIFFERENT, tolerance, tested, needed, count)
    return replace(
        change,
        word=word,
        ratio=found.ratio,
        interval=found.interval(CONFIDENCE),
        p_different=found.p_different(),
        p_corrected=p_corrected,
        p_same=p_same,
        gain=gain,
        repeats_needed=needed,
        message=message,
    )


def _untold(found: LogRatio, differs: bool, tolerance: float, tested: int, needed: int | None, count: int) -> str:
    if differs:
        known = f"It differs, but whether by more than ±{100 * tolerance:g} % is not known."
    elif found.p_different() < 1 - CONFIDENCE and tested > 1:
        known = f"Alone it would pass for a difference; one of {tested} metrics may look so by chance."
    else:
        known = "It may be noise."
    if needed is None:
        return f"{known} Even 200 repeats a side would hardly tell: quieten the machine, or choose another tolerance."
    return f"{known} About {needed} repeats a side would tell, {needed - count} more."
