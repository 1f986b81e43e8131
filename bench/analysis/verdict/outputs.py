"""The verdict's checks on inputs and outputs: made up or given; right, the same again, compared with anything."""

from collections.abc import Mapping
from types import MappingProxyType

from bench.analysis.verdict.codes import reason
from bench.analysis.verdict.times import Check
from bench.record.evidence import Determinism
from bench.record.inputs import made_up_work
from bench.record.record import Fidelity, Reason, RecordedRun
from bench.words import Sentence, sentence

MADE_UP = ("seeded", "partly seeded")
"""Sources of inputs that are partly or completely made up."""
TOKENS_DIFFER = sentence("verdict.output_unchecked.tokens_differ")
NOISE_AS_INPUT = sentence("verdict.nondeterministic_output.noise_as_input")


def _output_mismatch(run: RecordedRun) -> Reason | None:
    fidelity = run.record.fidelity
    if fidelity is None or fidelity.ok is not False or _explained_by_inputs(fidelity):
        return None
    return reason("output_mismatch", sentence("verdict.output_mismatch", **_compared(fidelity)), _fidelity_figures(run))


def _seeded_mismatch(run: RecordedRun) -> Reason | None:
    fidelity = run.record.fidelity
    if fidelity is None or fidelity.ok is not False or not _explained_by_inputs(fidelity):
        return None
    code = "verdict.seeded_mismatch.several" if fidelity.inputs > 1 else "verdict.seeded_mismatch.one"
    message = sentence(code, inputs=fidelity.inputs, **_compared(fidelity))
    return reason("seeded_mismatch", message, _fidelity_figures(run))


def _seeded_work(run: RecordedRun) -> Reason | None:
    deciding = made_up_work(run.record.plan.inputs)
    if not deciding:
        return None
    message = sentence("verdict.seeded_work", inputs=[one.told for one in deciding])
    emulated = run.record.plan.target.emulated  # its placement and outputs are true of what was fed
    return reason("seeded_work", message, {"inputs": ", ".join(one.name for one in deciding)}, invalidates=not emulated)


def _explained_by_inputs(fidelity: Fidelity) -> bool:
    """A model that was trained on pictures may round far worse on made-up inputs. That explains outputs that are less
    exact; it explains no NaN, no other scale or sign, no other answer, and nothing in float32."""
    return fidelity.inputs_source in MADE_UP and bool(fidelity.by_degree)


def _compared(fidelity: Fidelity) -> dict[str, Sentence | str]:
    """The figures that sentences on a mismatch share."""
    worst = sentence("outputs.figures", cosine=fidelity.cosine_min, sqnr_db=fidelity.sqnr_db_min)
    return {"reference": fidelity.reference, "rule": fidelity.rule, "detail": fidelity.reason or worst}


def _fidelity_figures(run: RecordedRun) -> dict[str, float | int | str]:
    fidelity = run.record.fidelity
    if fidelity is None:
        return {}
    names = ("reference", "inputs", "cosine_min", "sqnr_db_min", "top1_agreement", "token_prefix", "tokens_compared")
    return {name: value for name in names if (value := getattr(fidelity, name)) is not None}


def _nondeterministic_output(run: RecordedRun) -> Reason | None:
    found = run.record.determinism
    if found is None or found.identical:
        return None
    names = ("runs", "max_abs_difference", "cosine_min", "first_difference")
    figures = {name: value for name in names if (value := getattr(found, name)) is not None}
    message = sentence(
        "verdict.nondeterministic_output.draws" if found.draws else "verdict.nondeterministic_output",
        runs=found.runs,
        found=_what_differed(found),
        operators=found.draws,
    )
    weighs = not (found.within_rounding or found.draws)
    remedy = NOISE_AS_INPUT if found.draws else ""
    return reason("nondeterministic_output", message, figures, invalidates=weighs, remedy=remedy)


def _what_differed(found: Determinism) -> list[Sentence]:
    if found.first_difference is not None:
        return [sentence("verdict.differed.token", token=found.first_difference)]
    if found.max_abs_difference is None:
        told = [sentence("verdict.differed", outputs=found.differing)]
    else:
        told = [sentence("verdict.differed.by", outputs=found.differing, difference=found.max_abs_difference)]
    if found.cosine_min is not None:
        told.append(sentence("verdict.differed.cosine", cosine=found.cosine_min))
    return [*told, sentence("verdict.differed.rounding")] if found.within_rounding else told


def _output_unchecked(run: RecordedRun) -> Reason | None:
    fidelity = run.record.fidelity
    if fidelity is None:
        return reason("output_unchecked", sentence("verdict.output_unchecked"), {"inputs": 0})
    if fidelity.ok is not None:
        return None
    drawn = run.record.determinism is not None and bool(run.record.determinism.draws)
    remedy: Sentence | str = TOKENS_DIFFER if fidelity.token_prefix is not None else ""
    message = _why_unchecked(fidelity, drawn)
    return reason("output_unchecked", message, _fidelity_figures(run), remedy=NOISE_AS_INPUT if drawn else remedy)


def _why_unchecked(fidelity: Fidelity, drawn: bool) -> Sentence:
    why, prefix = fidelity.reason, fidelity.token_prefix
    if drawn or not (fidelity.rule or prefix is not None):  # by no rule: nothing was compared
        code = "no_reference" if fidelity.reference == "none" else "not_compared"
        why = why or sentence("verdict.no_reason")
        return sentence(f"verdict.output_unchecked.{code}", reference=fidelity.reference, why=why)
    why = why or sentence("verdict.no_decision")
    if prefix is None:
        return sentence("verdict.output_unchecked.undecided", reference=fidelity.reference, why=why)
    compared = fidelity.tokens_compared or 0
    return sentence(
        "verdict.output_unchecked.tokens", reference=fidelity.reference, prefix=prefix, compared=compared, why=why
    )


def _cache_unchecked(run: RecordedRun) -> Reason | None:
    tried = run.record.repeated_input
    if tried is None or not tried.reason:
        return None
    return reason("cache_unchecked", sentence("verdict.cache_unchecked", why=tried.reason), {"rounds": 0})


OUTPUT_CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "output_mismatch": _output_mismatch,
        "seeded_mismatch": _seeded_mismatch,
        "seeded_work": _seeded_work,
        "nondeterministic_output": _nondeterministic_output,
        "output_unchecked": _output_unchecked,
        "cache_unchecked": _cache_unchecked,
    }
)
