"""Decides once more, from the figures that a record states, whether outputs may be called right."""

from msgspec.structs import replace

from bench.analysis.outputs.fidelity import of_output
from bench.analysis.outputs.figures import least
from bench.analysis.outputs.tolerance import EXACT, Threshold, threshold_of
from bench.record.record import Fidelity, OutputFidelity
from bench.record.text import Agreement
from bench.words import Sentence, sentence


def decided_again(stated: Fidelity, executed_precision: str | None, quantised: bool) -> Fidelity:
    """``stated`` with the worst figures taken from its outputs, and never called right or undecided where a figure is
    below the threshold of ``executed_precision``. Figures that pass prove nothing: an output may be wrong in a way
    that they do not show, so a mismatch stays one."""
    found = stated
    if stated.outputs:
        found = replace(
            stated,
            cosine_min=least(output.cosine for output in stated.outputs),
            sqnr_db_min=least(output.sqnr_db for output in stated.outputs),
            top1_agreement=least(output.top1_agreement for output in stated.outputs),
            top5_agreement=least(output.top5_agreement for output in stated.outputs),
        )
    if found.ok is False:
        return found
    threshold = threshold_of(executed_precision, quantised)
    outputs = found.outputs or (OutputFidelity("outputs", found.cosine_min, found.sqnr_db_min),)
    found_below = ((one.name, _below(one, threshold, found.ok is True)) for one in outputs)
    below = next((of_output(name, why) for name, why in found_below if why is not None), None)
    if below is not None:
        return replace(found, ok=False, reason=below, by_degree=None)
    differs = not found.outputs and (found.token_prefix or 0) < (found.tokens_compared or 0)
    if differs and found.ok:
        return replace(
            found, ok=False if executed_precision in EXACT else None, reason=sentence("outputs.tokens_differ")
        )
    return found


def decided_by_tokens(found: Fidelity, engine: Agreement, executed_precision: str | None) -> Fidelity:
    """``found``, whose logits agree, not called right where a token differs that the logits do not explain, or where
    one run generated more tokens than the other; see ``bench.analysis.outputs.agreement.judged``."""
    if found.ok is not True:
        return found
    swap = engine.first_divergence
    if swap is None:
        alike = len(engine.token_ids) == len(engine.reference_token_ids)
        return found if alike else replace(found, ok=False, reason=sentence("outputs.numbers_of_tokens_differ"))
    if swap.logit_gap is not None and (swap.logit_error or 0.0) >= swap.logit_gap:
        return found
    wrong = executed_precision in EXACT and swap.logit_gap is not None
    return replace(found, ok=False if wrong else None, reason=sentence("outputs.token_unexplained"))


def _below(output: OutputFidelity, threshold: Threshold, called_right: bool) -> Sentence | None:
    """Which figure is below the threshold; ``None`` where none is."""
    cosine, ratio = output.cosine, output.sqnr_db
    if threshold.quarters and output.cosine_quartile is not None:
        cosine, ratio = output.cosine_quartile, output.sqnr_db_quartile
    if cosine is not None and cosine < threshold.cosine:
        return sentence("outputs.cosine_below.any_input", cosine=cosine, limit=threshold.cosine)
    if ratio is not None and ratio < threshold.sqnr_db:
        return sentence("outputs.sqnr_below.any_input", sqnr_db=ratio, limit_db=threshold.sqnr_db)
    if threshold.top5 is not None and output.top5_agreement is not None and output.top5_agreement < threshold.top5:
        return sentence("outputs.top5_below", share=output.top5_agreement)
    equal = output.equal_fraction
    if called_right and equal is not None and 1 - equal > threshold.flips + 1e-9:
        return sentence("outputs.labels_differ", share=1 - equal)
    return None
