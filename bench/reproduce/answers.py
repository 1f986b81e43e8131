"""Criterion by criterion: was the claimed figure reproduced?"""

from collections.abc import Mapping, Sequence
from math import exp, log, log1p
from statistics import fmean

from msgspec import Struct
from msgspec.structs import replace

from bench.analysis.quality import MARGIN as QUALITY_MARGIN
from bench.analysis.verdict.emulated import is_emulated
from bench.comparison.comparability import comparable
from bench.comparison.interleaved import CANCELLED, pair_logs
from bench.comparison.observe import observe
from bench.comparison.rules import FEW
from bench.errors import OdbError
from bench.record.record import Record, RecordedRun
from bench.reproduce.equivalence import OWN_CHANGES, Equivalence, equivalence, within
from bench.scenarios.lasting import lasting_of
from bench.submission.assessment import Row
from bench.submission.decision import target_of
from bench.submission.dossier.reproduction import Answer
from bench.submission.figures import FigureKind, Seen, figure_kind
from bench.words import Sentence, sentence

NEAR_ONE = 1e-4
"""Cosines and agreements that differ by this are alike on any machine."""
STEADY = (*CANCELLED, "processes_differ")
"""Reasons that make a run's own times doubtful, and that the ratio to a yardstick is not touched by."""


class Side(Struct, frozen=True):
    """A run and its yardstick, if it has one."""

    run: RecordedRun
    yardstick: RecordedRun | None = None

    @property
    def record(self) -> Record:
        return self.run.record


def answer(row: Row, claimed: Side | None, again: Side | None, margin: float, other_inputs: bool = False) -> Answer:
    """The answer for the criterion of ``row``. ``margin``: as a fraction, stated by the claim. ``other_inputs``:
    whether the reviewer fed inputs of his own."""
    name = row.criterion.id
    if claimed is None:
        return Answer(criterion=name, word="cannot_tell", reason=row.decision.reason, unit=row.unit)
    kind = figure_kind(row.criterion.metric)
    of = claimed.record.record_id
    if kind.of_device and any(side is not None and is_emulated(side.record) for side in (claimed, again)):
        emulated = sentence("submission.emulated_figure")
        return Answer(criterion=name, word="cannot_tell", unit=kind.unit, reason=emulated, claimed_record=of)
    seen = kind.see(claimed.run)
    open_ = Answer(criterion=name, word="cannot_tell", unit=kind.unit, claimed=seen.value, claimed_record=of)
    if again is None or again.record.status != "ok":
        failure = None if again is None else again.record.failure
        return replace(open_, reason=sentence("reproduce.not_measured") if failure is None else failure.sentence)
    anew = kind.see(again.run)
    open_ = replace(open_, again=anew.value, again_record=again.record.record_id)
    if seen.value is None or anew.value is None:
        return replace(open_, reason=seen.reason or anew.reason)
    pairs = _pairs(kind, claimed, again)
    doubt = _doubt(kind, claimed, again, other_inputs, by_yardstick=pairs is not None)
    if doubt is not None:
        return replace(open_, reason=doubt)
    if kind.of_device:
        lower, by = row.criterion.direction == "at_most", pairs is not None
        found = (
            _by_pairs(pairs, claimed, again, margin, lower) if pairs else _times(kind, claimed, again, margin, lower)
        )
        if by and found.word == "reproduced":
            found = _with_own_times(found, row, seen.value, anew.value, _slower(kind, claimed, again), margin)
    else:
        found, by = _figures(kind, claimed.record, again.record, seen, anew, other_inputs), False
    told = {"word": found.word, "ratio": found.ratio, "interval": found.interval, "reason": found.reason}
    return replace(open_, by_yardstick=by, **told)


# ------------------------------------------------------------------------------------------------------ of the device


def _times(kind: FigureKind, claimed: Side, again: Side, margin: float, lower_is_better: bool) -> Equivalence:
    values = [_by_process(kind, side.run) for side in (claimed, again)]
    of_one = min(map(len, values)) < 2 and lasting_of(claimed.record.plan.scenario) is not None
    if kind.metric is not None and (kind.metric.fraction or (of_one and not kind.metric.bounded)):
        return _within_run(kind.see(claimed.run), kind.see(again.run), margin, lower_is_better)
    if of_one:
        return Equivalence(word="cannot_tell", reason=sentence("reproduce.rate_of_one_run"))
    own = 1.0 if kind.about == "memory" else OWN_CHANGES
    return equivalence(values[0], values[1], margin, lower_is_better, own)


def _within_run(seen: Seen, anew: Seen, margin: float, lower_is_better: bool) -> Equivalence:
    """Of a figure that relates parts of one run to each other, such as a retained fraction: the machine's own speed
    cancels in it, so that two runs may confirm each other. To contradict, there must be as many processes as for any
    figure, and intervals that are apart."""
    found = within(seen.value or 0.0, anew.value or 0.0, margin, lower_is_better)
    if found.word != "not_reproduced":
        return found
    if min(seen.n, anew.n) < FEW:
        return replace(found, word="cannot_tell", reason=sentence("reproduce.few_processes", least=FEW))
    if _overlapping(seen, anew):
        return replace(found, word="cannot_tell", reason=sentence("reproduce.too_uncertain"))
    return found


def _overlapping(seen: Seen, anew: Seen) -> bool:
    if seen.low is None or seen.high is None or anew.low is None or anew.high is None:
        return False
    return seen.low <= anew.high and anew.low <= seen.high


def _by_pairs(
    pairs: tuple[list[float], list[float]], claimed: Side, again: Side, margin: float, lower_is_better: bool
) -> Equivalence:
    """By the ratios to the yardstick. They may confirm what was measured on a busy or unsteady machine and not
    contradict it: load slows two models down by as much only if they use the machine alike."""
    found = equivalence(*pairs, margin, lower_is_better)
    if found.word != "not_reproduced":
        return found
    doubt = invalid(claimed.record, again.record)
    return found if doubt is None else replace(found, word="cannot_tell", reason=doubt)


def _pairs(kind: FigureKind, claimed: Side, again: Side) -> tuple[list[float], list[float]] | None:
    """The ratios to the yardstick, one a pair of processes; ``None`` for a figure that has none, and where the two have
    no common yardstick."""
    if kind.metric is None or not kind.metric.bounded or not _same_yardstick(claimed, again):
        return None
    found = _to_yardstick(kind.observed, claimed), _to_yardstick(kind.observed, again)
    return found if all(found) else None


def _slower(kind: FigureKind, claimed: Side, again: Side) -> float:
    """How many times as long the yardstick took here as beside the claim."""
    means = [
        fmean(map(log, _by_process(kind, side.yardstick))) for side in (claimed, again) if side.yardstick is not None
    ]
    return exp(means[1] - means[0])


def _with_own_times(
    found: Equivalence, row: Row, before: float, after: float, slower: float, margin: float
) -> Equivalence:
    """What the figures themselves say beside equal ratios. Who changes the times of a record can change those of its
    yardstick by the same factor, and no ratio shows it: so the yardstick's own speed must be one that the machine can
    have had, and a target that the claim meets must not be missed here."""
    lower, target = row.criterion.direction == "at_most", target_of(row.criterion)
    if not 1 / OWN_CHANGES <= slower <= OWN_CHANGES:
        reason = sentence("reproduce.yardstick_of_another_speed", slower=slower, factor=OWN_CHANGES)
        return replace(found, word="cannot_tell", reason=reason)
    if (before <= target < after) if lower else (before >= target > after):
        return replace(found, word="cannot_tell", reason=sentence("reproduce.target_missed_here", slower=slower))
    if abs(log(after / before)) > log1p(margin):
        return replace(found, reason=sentence("reproduce.ratio_alone", change=after / before, slower=slower))
    return found


def _by_process(kind: FigureKind, run: RecordedRun) -> list[float]:
    """Empty unless every process has the figure."""
    values = observe(run).values.get(kind.observed, ())
    return [] if None in values else [float(value) for value in values if value is not None]


def _to_yardstick(name: str, side: Side) -> list[float]:
    """The figure over the yardstick's, one a pair of processes; empty where there is no yardstick or no figure."""
    if side.yardstick is None:
        return []
    base, new = observe(side.yardstick), observe(side.run)
    if None in base.values.get(name, (None,)) or None in new.values.get(name, (None,)):
        return []
    found = pair_logs(name, base, new)
    return [] if found is None else [exp(log) for log in found.logs]


def _same_yardstick(claimed: Side, again: Side) -> bool:
    """Whether both were held to the same model."""
    if claimed.yardstick is None or again.yardstick is None:
        return False
    x, y = claimed.yardstick.record.plan, again.yardstick.record.plan
    return (x.model.id, x.model.sha256, x.scenario) == (y.model.id, y.model.sha256, y.scenario)


def _doubt(
    kind: FigureKind, claimed: Side, again: Side, other_inputs: bool, by_yardstick: bool
) -> Sentence | str | None:
    """Why the two do not answer; ``None`` where they do. ``by_yardstick``: whether ratios to it are compared."""
    x, y = claimed.record, again.record
    if (x.plan.model.sha256, x.plan.target.id) != (y.plan.model.sha256, y.plan.target.id):
        return sentence("reproduce.another_model_or_target")
    if not kind.of_device:
        return None
    for reason in comparable(x, y).reasons:
        if reason.invalidates and not (other_inputs and reason.code == "input_differs"):
            return reason.sentence
    return invalid(x, y, STEADY if by_yardstick else ())


def invalid(claimed: Record, again: Record, but: Sequence[str] = ()) -> Sentence | None:
    """Which of the two is invalid, for reasons other than ``but``; ``None`` where neither is."""
    for side, record in (("claimed", claimed), ("again", again)):
        codes = () if record.verdict is None else record.verdict.invalidating
        wrong = [code for code in codes if code not in but]
        if record.verdict is None or wrong:
            return sentence(f"reproduce.not_valid.{side}", codes=wrong)
    return None


# ------------------------------------------------------------------------------------------------------ of the answers


def _figures(
    kind: FigureKind, claimed: Record, again: Record, seen: Seen, anew: Seen, other_inputs: bool
) -> Equivalence:
    before, after = seen.value or 0.0, anew.value or 0.0
    if kind.about == "size":
        return within(before, after, 0.0, lower_is_better=True)
    if kind.about == "quality":
        return _quality(claimed, again, seen, anew)
    if kind.about == "outputs" and other_inputs:
        return _with_other_inputs(again, before, after)
    if before == after or (kind.about == "outputs" and _alike(kind, before, after)):
        return Equivalence(word="reproduced")
    if claimed.environment.runtime != again.environment.runtime:
        return Equivalence(word="cannot_tell", reason=sentence("reproduce.other_runtime"))
    if after > before:
        return Equivalence(word="cannot_tell", reason=sentence("reproduce.better"))
    return Equivalence(word="not_reproduced")


def _alike(kind: FigureKind, before: float, after: float) -> bool:
    if kind.unit == "decibels":
        return abs(before - after) <= max(1.0, 0.05 * abs(before))
    return 1 - after <= max(2 * (1 - before), NEAR_ONE)


def _with_other_inputs(again: Record, before: float, after: float) -> Equivalence:
    """On inputs of the reviewer's own the figure may differ; whether the outputs are right may not."""
    right = None if again.fidelity is None else again.fidelity.ok
    if right is None:
        return Equivalence(word="cannot_tell", reason=sentence("submission.no_outputs"))
    if right:
        return Equivalence(word="reproduced", reason=sentence("reproduce.right_on_other_inputs"))
    return Equivalence(word="not_reproduced", reason=sentence("reproduce.wrong_on_other_inputs"))


def _quality(claimed: Record, again: Record, seen: Seen, anew: Seen) -> Equivalence:
    """By the interval of the difference as far as two runs of the same samples may differ."""
    x, y = claimed.quality, again.quality
    if x is None or y is None or x.dataset.sha256 != y.dataset.sha256:
        return Equivalence(word="cannot_tell", reason=sentence("reproduce.another_dataset"))
    before, after = seen.value or 0.0, anew.value or 0.0
    if abs(after - before) <= QUALITY_MARGIN * max(1.0, abs(before)):
        return Equivalence(word="reproduced")
    if None in (seen.low, seen.high, anew.low, anew.high):
        return Equivalence(word="cannot_tell", reason=sentence("reproduce.too_uncertain"))
    apart = (seen.low or 0.0) > (anew.high or 0.0) or (seen.high or 0.0) < (anew.low or 0.0)
    if apart:
        return Equivalence(word="not_reproduced")
    return Equivalence(word="cannot_tell", reason=sentence("reproduce.too_uncertain"))


def answers(
    rows: Sequence[Row], sides: Mapping[str, tuple[Side, Side | None]], margin: float, other_inputs: bool = False
) -> tuple[Answer, ...]:
    """``sides``: id of a claimed record -> it, and the run that measured it again. The order is that of ``rows``."""
    found = []
    for row in rows:
        claimed, again = sides.get(row.record_id, (None, None))
        try:
            answered = answer(row, claimed, again, margin, other_inputs)
            found.append(replace(answered, claimed_sha256=row.record_sha256 if answered.claimed_record else ""))
        except OdbError as error:
            found.append(Answer(criterion=row.criterion.id, word="cannot_tell", reason=error.sentence))
    return tuple(found)
