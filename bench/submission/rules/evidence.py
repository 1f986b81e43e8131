"""Rules about what decides a criterion: its record, and what that record has to show."""

from collections.abc import Iterator

from bench.analysis.metrics import METRICS
from bench.analysis.verdict.codes import CODES
from bench.analysis.verdict.emulated import is_emulated
from bench.record.record import Record, RecordedRun
from bench.scenarios.lasting import lasting_of
from bench.submission.assessment import Assessment, Row
from bench.submission.criterion import Criterion, Evidence
from bench.submission.decision import NOISE, by_external_meter, decide, invalid_codes
from bench.submission.figures import FigureKind, Seen
from bench.submission.measuring.yardstick import yardstick_of
from bench.submission.rules.context import Context
from bench.submission.rules.rule import Hit, decided, in_record, of_criterion, without_record
from bench.words import Sentence

MEASURING_TIERS = ("sensor", "meter")
OWN_RULE = ("record_edited", "quality_of_another")
"""Codes of a verdict that have a rule of their own."""
HELD_TO_YARDSTICK = frozenset(metric.place for metric in METRICS if metric.bounded)
"""Figures that ``odb reproduce`` compares by their ratio to a yardstick."""
JOULES = "summary.energy.joules_per_inference"


def not_measured(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Nothing was measured for a criterion."""
    for one, tried in without_record(assessment):
        if not tried:
            yield Hit(of_criterion(one), {"criterion": one.id, "weight": one.weight})


def not_successful(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """What was to decide a criterion failed or was skipped."""
    for one, tried in without_record(assessment):
        if tried:
            figures = {"criterion": one.id, "weight": one.weight, "records": [record.record_id for record in tried]}
            yield Hit(of_criterion(one), figures)


def no_figure(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """The record that decides has no such figure. An emulator's times and a missing meter have rules of their own."""
    for criterion, kind, row, run in decided(assessment):
        of_emulator = kind.of_device and is_emulated(run.record)
        if row.seen.value is None and not of_emulator and not _unmetered(kind, run.record):
            where = in_record(run.record.record_id, criterion.metric)
            yield Hit(where, {"criterion": criterion.id, "reason": row.seen.reason})


def invalid(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """The record that decides is invalid, and not only by noise of the machine."""
    yield from _invalid(assessment, noise=False)


def noisy(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """The record that decides is invalid by noise of the machine alone."""
    yield from _invalid(assessment, noise=True)


def _invalid(assessment: Assessment, noise: bool) -> Iterator[Hit]:
    found: dict[str, tuple[list[str], list[str]]] = {}
    for criterion, kind, _, run in decided(assessment):
        codes = [code for code in invalid_codes(kind, run.record) if code not in OWN_RULE]
        only_noise = all(code in CODES and CODES[code].group == NOISE for code in codes)
        if codes and only_noise == noise:
            told, criteria = found.setdefault(run.record.record_id, ([], []))
            told += [code for code in codes if code not in told]
            criteria.append(criterion.id)
    for name, (told, criteria) in found.items():
        yield Hit(in_record(name, "verdict"), {"codes": told, "criteria": criteria})


def emulated_speed(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A criterion has its speed, memory or energy decided by an emulator: its target is one."""
    for criterion, kind, _, run in decided(assessment):
        target = run.record.plan.target
        if kind.of_device and is_emulated(run.record) and criterion.device == target.id:
            figures = {"criterion": criterion.id, "target": target.id, "metric": criterion.metric}
            yield Hit(of_criterion(criterion, "device"), figures)


def only_emulated(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """For a speed, memory or energy there is a record of an emulator, and none of a device."""
    for criterion, kind, _, run in decided(assessment):
        target = run.record.plan.target
        if kind.of_device and is_emulated(run.record) and criterion.device != target.id:
            figures = {"criterion": criterion.id, "target": target.id, "weight": criterion.weight}
            yield Hit(in_record(run.record.record_id, "plan.target.emulated"), figures)


def evidence_missing(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """The record that decides lacks a part that the criterion names as evidence."""
    for criterion, kind, row, run in decided(assessment):
        if row.seen.value is None:
            continue  # which has its own rule
        held = held_by(run.record)
        skipped = ("device", "energy_meter") if kind.of_device else ("energy_meter",)
        missing = [one for one in criterion.evidence if one not in held and one not in skipped]
        if missing:
            yield Hit(in_record(run.record.record_id), {"criterion": criterion.id, "missing": missing})


def held_by(record: Record) -> frozenset[Evidence]:
    """The kinds of evidence that a record has."""
    energy, text = record.summary.energy, record.summary.text_generation
    held: dict[Evidence, bool] = {
        "device": not is_emulated(record),
        "placement": record.placement is not None and bool(record.placement.nodes),
        "outputs": (record.fidelity is not None and record.fidelity.ok is not None)
        or (text is not None and bool(text.agreement)),
        "quality": record.quality is not None and bool(record.quality.metrics),
        "energy_meter": energy is not None and energy.tier in MEASURING_TIERS,
        "external_meter": by_external_meter(record),
        "reference": record.quality is not None and bool(record.quality.paired),
    }
    return frozenset(name for name, there in held.items() if there)


def energy_unmeasured(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Energy is claimed, and nothing measured it."""
    for criterion, kind, _, run in decided(assessment):
        asked = "energy_meter" in criterion.evidence or _needs_meter(kind)
        if asked and "energy_meter" not in held_by(run.record):
            energy = run.record.summary.energy
            tier = (energy.tier if energy is not None else None) or "–"
            where = in_record(run.record.record_id, "summary.energy.tier")
            yield Hit(where, {"criterion": criterion.id, "tier": tier, "tiers": list(MEASURING_TIERS)})


def _needs_meter(kind: FigureKind) -> bool:
    return "energy_meter" in kind.needs


def _unmetered(kind: FigureKind, record: Record) -> bool:
    return _needs_meter(kind) and "energy_meter" not in held_by(record)


def repeats_too_few(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """The record has fewer repeats than the criterion demands."""
    for criterion, kind, _, run in decided(assessment):
        done, demanded = len(run.record.repeats), criterion.repeats
        if kind.of_device and demanded is not None and done < demanded and not is_emulated(run.record):
            figures = {"criterion": criterion.id, "done": done, "demanded": demanded}
            yield Hit(in_record(run.record.record_id, "repeats"), figures)


def interval_unknown(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """The uncertainty of the figure is not known."""
    yield from _undecided(assessment, "submission.interval_unknown", quality=None)


def interval_holds_target(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """The target lies within the interval of a figure that more repeats would make precise."""
    yield from _undecided(assessment, "submission.interval_holds_target", quality=False)


def dataset_small(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """The target lies within the interval of a figure that more samples would make precise."""
    yield from _undecided(assessment, "submission.interval_holds_target", quality=True)


def _undecided(assessment: Assessment, code: str, quality: bool | None) -> Iterator[Hit]:
    for criterion, kind, row, run in decided(assessment):
        reason = row.decision.reason
        of_quality = kind.about == "quality"
        if isinstance(reason, Sentence) and reason.code == code and quality in (None, of_quality):
            figures = {"criterion": criterion.id, "n": row.seen.n, "weight": criterion.weight}
            yield Hit(in_record(run.record.record_id, criterion.metric), figures)


def not_met(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """The record shows that the target is not reached."""
    for criterion, _, row, run in decided(assessment):
        if row.decision.word == "not_met":
            figures = {"criterion": criterion.id, "weight": criterion.weight}
            yield Hit(in_record(run.record.record_id, criterion.metric), figures)


def records_disagree(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Another record of the same model and target decides otherwise, or gives a figure further away than the margin."""
    runs = {run.record.record_id: run for run in assessment.runs}
    margin = assessment.submission.measuring.margin_percent / 100
    for criterion, kind, row, run in decided(assessment):
        alike = [runs[name] for name in row.others if name in runs and _alike(runs[name].record, run.record)]
        wrong = [other.record.record_id for other in alike if _disagrees(criterion, kind, row, other, margin)]
        if wrong:
            figures = {"criterion": criterion.id, "record": run.record.record_id, "others": wrong}
            yield Hit(of_criterion(criterion), figures)


def _alike(one: Record, other: Record) -> bool:
    same_model = one.plan.model.sha256 == other.plan.model.sha256
    return same_model and one.plan.target.id == other.plan.target.id


def _disagrees(criterion: Criterion, kind: FigureKind, row: Row, other: RecordedRun, margin: float) -> bool:
    seen = kind.see(other)
    words = {row.decision.word, decide(criterion, kind, seen, other.record).word}
    return words == {"met", "not_met"} or ("cannot_tell" not in words and _apart(row.seen, seen, margin))


def _apart(one: Seen, other: Seen, margin: float) -> bool:
    """Whether two intervals leave a gap wider than ``margin`` of the figures."""
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    gap = max(one.low - other.high, other.low - one.high)
    return gap > margin * max(abs(one.value or 0), abs(other.value or 0))


def _noted(assessment: Assessment, code: str, about: tuple[str, ...] | None) -> Iterator[Hit]:
    """Records that decide a criterion ``about`` that, with a reason of that code that does not make them invalid."""
    found: dict[str, list[str]] = {}
    for criterion, kind, _, run in decided(assessment):
        verdict = run.record.verdict
        noted = verdict is not None and any(r.code == code and not r.invalidates for r in verdict.reasons)
        if noted and (about is None or kind.about in about):
            found.setdefault(run.record.record_id, []).append(criterion.id)
    for name, criteria in found.items():
        yield Hit(in_record(name, "verdict"), {"criteria": criteria})


def outputs_unchecked(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """The outputs of a record that decides were compared with nothing."""
    yield from _noted(assessment, "output_unchecked", None)


def fallback(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """In a record that decides a speed, memory or energy, a part of the model ran elsewhere than on the target."""
    yield from _noted(assessment, "fallback", ("speed", "memory", "energy"))


def dataset_incomplete(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """In a record that decides a quality, samples were left out."""
    yield from _noted(assessment, "dataset_incomplete", ("quality",))


def quality_of_another(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Quality and speed of a record are not those of one file on one target."""
    for run in assessment.runs:
        verdict = run.record.verdict
        if verdict is not None and any(reason.code == "quality_of_another" for reason in verdict.reasons):
            yield Hit(in_record(run.record.record_id, "quality"), {"record": run.record.record_id})


def no_yardstick(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A time decides a criterion, and nothing of a fixed speed was measured beside it. A run of minutes has none."""
    found: dict[str, list[str]] = {}
    for criterion, kind, row, run in decided(assessment):
        held = kind.path in HELD_TO_YARDSTICK and not is_emulated(run.record) and row.seen.value is not None
        alone = lasting_of(run.record.plan.scenario) is not None
        if held and not alone and yardstick_of(run, assessment.runs) is None:
            found.setdefault(run.record.record_id, []).append(criterion.id)
    for name, criteria in found.items():
        yield Hit(in_record(name, "plan.alternation"), {"criteria": criteria})
