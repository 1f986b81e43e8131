"""The verdict's checks on inputs and outputs: made up or given; right, the same again, compared with anything."""

from collections.abc import Mapping
from types import MappingProxyType

from bench.analysis.verdict.codes import reason
from bench.analysis.verdict.times import Check
from bench.printable import counted
from bench.record.evidence import Determinism
from bench.record.record import Fidelity, Reason, RecordedRun

MADE_UP = ("seeded", "partly seeded")
"""Sources of inputs of which some, or all, are made up."""
TOKENS_DIFFER = (
    "After the first different token, two generations are different texts. To decide, run in float32, or evaluate "
    "quality on your own texts with --dataset."
)
NOISE_AS_INPUT = "To have the outputs compared, export the model with its noise as an input."


def _output_mismatch(run: RecordedRun) -> Reason | None:
    fidelity = run.record.fidelity
    if fidelity is None or fidelity.ok is not False or _explained_by_inputs(fidelity):
        return None
    return reason("output_mismatch", f"{_compared(fidelity)}.", _fidelity_figures(run))


def _seeded_mismatch(run: RecordedRun) -> Reason | None:
    fidelity = run.record.fidelity
    if fidelity is None or fidelity.ok is not False or not _explained_by_inputs(fidelity):
        return None
    said = (
        f"{_compared(fidelity)}; all {fidelity.inputs} inputs were made up"
        if fidelity.inputs > 1
        else (f"{_compared(fidelity)}; the input was made up")
    )
    return reason("seeded_mismatch", f"{said}.", _fidelity_figures(run))


def _seeded_work(run: RecordedRun) -> Reason | None:
    inputs = run.record.plan.inputs
    deciding = [one for one in inputs.fed if one.decides_work and one.source == "seeded"] if inputs is not None else []
    if not deciding:
        return None
    said = ", ".join(f"{one.name} ({one.dtype}: {one.values})" for one in deciding)
    message = f"Made up: {said}. These values decide a length, a number of steps or a branch of the graph."
    emulated = run.record.plan.target.emulated  # its placement and outputs are true of what was fed
    return reason("seeded_work", message, {"inputs": ", ".join(one.name for one in deciding)}, invalidates=not emulated)


def _explained_by_inputs(fidelity: Fidelity) -> bool:
    """A model that was trained on pictures may round far worse on made-up inputs. That explains outputs that are less
    exact; it explains no NaN, no other scale or sign, no other answer, and nothing in float32."""
    return fidelity.inputs_source in MADE_UP and bool(fidelity.by_degree)


def _compared(fidelity: Fidelity) -> str:
    detail = fidelity.reason or f"cosine {fidelity.cosine_min}, SQNR {fidelity.sqnr_db_min} dB"
    return f"Compared with {fidelity.reference} ({fidelity.rule}): {detail}"


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
    message = f"The same input was run {counted(found.runs, 'time')}: {_what_differed(found)}."
    if found.draws:
        message += f" The graph draws random numbers ({', '.join(found.draws)}), which explains that."
    weighs = not (found.within_rounding or found.draws)
    remedy = NOISE_AS_INPUT if found.draws else ""
    return reason("nondeterministic_output", message, figures, invalidates=weighs, remedy=remedy)


def _what_differed(found: Determinism) -> str:
    if found.first_difference is not None:
        return f"token {found.first_difference} differed"
    said = f"{', '.join(found.differing)} differed"
    said += "" if found.max_abs_difference is None else f" by up to {found.max_abs_difference:.3g}"
    said += "" if found.cosine_min is None else f", cosine {found.cosine_min:.6f}"
    return f"{said}, which rounding explains" if found.within_rounding else said


def _output_unchecked(run: RecordedRun) -> Reason | None:
    fidelity = run.record.fidelity
    if fidelity is None:
        return reason("output_unchecked", "The outputs were not compared with a reference.", {"inputs": 0})
    if fidelity.ok is not None:
        return None
    found = remedy = ""
    if fidelity.token_prefix is not None:
        remedy = TOKENS_DIFFER
        tokens = counted(fidelity.tokens_compared or 0, "token")
        found = f" equal before the first difference: {fidelity.token_prefix} of {tokens};"
    drawn = run.record.determinism is not None and run.record.determinism.draws
    if drawn or not (fidelity.rule or found):  # by no rule: nothing was compared
        by = "" if fidelity.reference == "none" else f" with {fidelity.reference}"
        message = f"The outputs were not compared{by}: {fidelity.reason.rstrip('.') or 'no reason was recorded'}."
    else:
        message = f"Compared with {fidelity.reference}:{found} {(fidelity.reason or 'no decision').rstrip('.')}."
    return reason("output_unchecked", message, _fidelity_figures(run), remedy=NOISE_AS_INPUT if drawn else remedy)


OUTPUT_CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "output_mismatch": _output_mismatch,
        "seeded_mismatch": _seeded_mismatch,
        "seeded_work": _seeded_work,
        "nondeterministic_output": _nondeterministic_output,
        "output_unchecked": _output_unchecked,
    }
)
