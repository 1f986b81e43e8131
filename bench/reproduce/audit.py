"""The audit with an altered model: a copy whose weights are permuted must answer otherwise, and take as long.

    answers_prepared   the copy gives the same answers as the model: they do not come from the weights
    speed_of_another   the copy is faster or slower by more than the margin: the model is not what was timed, or the
                       target treats this one file differently

MLPerf's audit has tests of the same intent (TEST01, TEST04); they look at caching and at accuracy in the timed run.
"""

from msgspec.structs import replace

from bench.comparison.interleaved import pair_logs
from bench.comparison.observe import Observation, observe
from bench.comparison.rules import FEW
from bench.record.record import Record, RecordedRun
from bench.reproduce.answers import STEADY
from bench.reproduce.equivalence import OWN_CHANGES, SAME_ALPHA, WORSE_ALPHA
from bench.scenarios.kinds import kind_of
from bench.stats.ratio import paired_log_ratio
from bench.submission.dossier.reproduction import Audit
from bench.words import Sentence, sentence

WORK_BY_DATA = "seeded_work"


def audited(claimed: Record, original: RecordedRun | None, altered: RecordedRun, margin: float) -> Audit:
    """``altered``: the run of the copy, its outputs compared with those of the model on the reference. ``original``:
    the model's own run in alternation with it; ``None`` on an emulator, whose times are not used."""
    same = None if altered.record.status != "ok" else _same_answers(altered.record)
    found = _audited(claimed, original, altered, margin, same)
    return replace(found, answers_differ=None if same is None else not same)


def _audited(
    claimed: Record, original: RecordedRun | None, altered: RecordedRun, margin: float, same: bool | None
) -> Audit:
    of, name = claimed.record_id, altered.record.record_id
    if altered.record.status != "ok":
        failure = altered.record.failure
        why = sentence("reproduce.not_measured") if failure is None else failure.sentence
        return Audit(record=of, word="cannot_tell", reason=why, altered_record=name)
    if same:
        return Audit(record=of, word="failed", code="answers_prepared", reason=_told("prepared"), altered_record=name)
    open_ = Audit(record=of, word="cannot_tell", reason=_told("answers_unknown"), altered_record=name)
    if original is None:
        return open_ if same is None else Audit(record=of, word="passed", altered_record=name)
    return _timed(open_, original, altered, margin, same is not None)


def _timed(open_: Audit, original: RecordedRun, altered: RecordedRun, margin: float, answers_known: bool) -> Audit:
    base, new = observe(original), observe(altered)
    metric = _leading_time(base, new)
    logs = None if original.record.status != "ok" else pair_logs(metric, base, new)
    if logs is None or len(logs.logs) < 2:
        return replace(open_, reason=_told("times_unknown"))
    found = paired_log_ratio(logs.logs, logs.errors)
    open_ = replace(open_, ratio=found.ratio, interval=found.interval())
    if found.p_beyond(found.margin(margin)) <= 2 * WORSE_ALPHA:
        codes = () if altered.record.verdict is None else [one.code for one in altered.record.verdict.reasons]
        if WORK_BY_DATA in codes:
            return replace(open_, reason=_told("work_by_data"))
        doubt = _doubt(original.record, altered.record, len(logs.logs))
        if doubt is not None and found.p_beyond(found.margin((1 + margin) * OWN_CHANGES - 1)) > 2 * WORSE_ALPHA:
            return replace(open_, reason=doubt)
        return replace(open_, word="failed", code="speed_of_another", reason=_told("another_speed"))
    if found.p_equivalent(margin) > SAME_ALPHA:
        return replace(open_, reason=sentence("reproduce.too_uncertain"))
    return replace(open_, word="passed", reason="") if answers_known else open_


def _leading_time(base: Observation, new: Observation) -> str:
    """The first time among the scenario's leading figures that every process of both has; else that of the task."""
    for name in kind_of(base.record.plan.scenario).leading:
        if name.endswith("_ns") and all(None not in one.values.get(name, (None,)) for one in (base, new)):
            return name
    return "tpot_ns" if base.record.plan.model.task == "text_generation" else "latency_p50_ns"


def _doubt(original: Record, altered: Record, pairs: int) -> Sentence | None:
    """Why another time of less than ``OWN_CHANGES`` accuses no model: the machine was busy or unsteady while the two
    were measured, or the pairs are few."""
    verdicts = [record.verdict for record in (original, altered) if record.verdict is not None]
    unsteady = sorted({code for verdict in verdicts for code in verdict.invalidating} & {*STEADY})
    if unsteady:
        return sentence("reproduce.not_valid.again", codes=unsteady)
    return sentence("reproduce.few_processes", least=FEW) if pairs < FEW else None


def _same_answers(altered: Record) -> bool | None:
    """Whether the altered model answers as the model does; ``None`` where it was not compared."""
    text = altered.summary.text_generation
    if text is not None:
        found = [one for one in text.agreement if one.of == "model" and one.tokens_equal_share is not None]
        return found[0].tokens_equal_share == 1.0 if found else None
    fidelity = altered.fidelity
    if fidelity is None or not fidelity.float_reference:
        return None
    return fidelity.ok


def _told(code: str) -> Sentence:
    return sentence(f"reproduce.audit.{code}")
