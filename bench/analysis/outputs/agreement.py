"""Did two runs of one language model say the same: greedy tokens, and the distributions behind them.

Greedy tokens alone are a harsh judge: two logits nearly equal may honestly change places under rounding, and every
later token follows the first swap. So the first difference is explained where logits can be seen, and distributions
are compared along one sequence fed to both (Kullback–Leibler divergence, in nats).
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from bench.analysis.outputs.agreement_again import agreement_again
from bench.analysis.outputs.fidelity import compare_outputs, nothing_compared
from bench.analysis.outputs.tolerance import EXACT
from bench.record.record import Fidelity
from bench.record.text import Agreement, Divergence
from bench.words import Sentence, sentence

Logits = NDArray[Any]


class Said(Struct, frozen=True):
    """What one run generated, and its ``logits`` [n, vocab_size] after each of the ``forced`` ids (None: hidden).
    ``whole``: nothing was before those ids when the tokens were generated."""

    token_ids: tuple[int, ...]
    forced: tuple[int, ...] = ()
    logits: Logits | None = None
    whole: bool = True


def agreement(of: Literal["engine", "model"], reference_name: str, reference: Said, run: Said) -> Agreement:
    """``run`` against ``reference``. Distributions are compared only along the same ids."""
    seen = Agreement(of, reference_name, token_ids=run.token_ids, reference_token_ids=reference.token_ids)
    found = agreement_again(seen)
    if found.first_divergence is not None:
        found = replace(found, first_divergence=_divergence(found.first_divergence.index, reference, run))
    why = _incomparable(reference, run)
    if why:
        return replace(found, reason=why)
    assert reference.logits is not None
    assert run.logits is not None
    if not np.isfinite(run.logits).all():
        return replace(found, reason=sentence("outputs.logits_not_finite"))
    divergences = kl_divergence(reference.logits, run.logits)
    differs = np.flatnonzero(reference.logits.argmax(axis=1) != run.logits.argmax(axis=1))
    return agreement_again(
        replace(found, divergences_nats=tuple(divergences.tolist()), top1_differs_at=tuple(differs.tolist()))
    )


def judged(found: Agreement, reference: Said, run: Said, precision: str | None) -> Fidelity:
    """Whether the outputs are right, by tokens and logits both.

    All tokens equal and logits within the precision's thresholds: right. Tokens that differ are forgiven where the
    first swap is explained by an error of the logits that the thresholds allow; where logits are hidden, tokens decide
    alone (see ``compare_tokens``).
    """
    by_tokens = compare_tokens(reference.token_ids, run.token_ids, precision, found.reference)
    if _incomparable(reference, run):
        return by_tokens
    by_logits = compare_outputs([{"logits": reference.logits}], [{"logits": run.logits}], precision, found.reference)  # type: ignore[dict-item]
    reason, ok = by_logits.reason, by_logits.ok
    swap = found.first_divergence
    if ok and swap is not None:
        explained = swap.logit_gap is not None and (swap.logit_error or 0.0) >= swap.logit_gap
        reason = _swap_told(swap, explained)
        hidden = swap.logit_gap is None
        ok = True if explained else False if precision in EXACT and not hidden else None
    elif ok and by_tokens.ok is False:
        ok, reason = False, by_tokens.reason
    return replace(
        by_logits,
        token_prefix=by_tokens.token_prefix,
        tokens_compared=by_tokens.tokens_compared,
        ok=ok,
        rule=sentence("outputs.rule.tokens_or_swap", rule=by_logits.rule),
        reason=reason,
    )


def compare_tokens(
    reference_ids: Sequence[int],
    ids: Sequence[int],
    executed_precision: str | None,
    reference_name: str = "reference",
) -> Fidelity:
    """Compare greedily generated tokens. All equal is ok; a difference is not in float32, and undecided in a lower
    precision: two logits nearly equal may then honestly change places, and every later token follows the first."""
    compared = min(len(reference_ids), len(ids))
    same = [int(a) == int(b) for a, b in zip(reference_ids, ids, strict=False)]
    prefix = same.index(False) if False in same else compared
    exact = executed_precision in EXACT
    rule = _rule_of_tokens(executed_precision)
    if compared == 0:
        return nothing_compared(reference_name, rule, sentence("outputs.no_tokens"))
    ok: bool | None = prefix == len(reference_ids) == len(ids)
    reason: Sentence | str = ""
    if prefix < compared and not exact:
        ok = None
        reason = sentence("outputs.rounding_may_swap")
    elif prefix < compared:
        reason = sentence(
            "outputs.token_differs", number=prefix + 1, token=int(ids[prefix]), expected=int(reference_ids[prefix])
        )
    elif not ok:
        reason = sentence("outputs.fewer_tokens", tokens=len(ids), expected=len(reference_ids))
    return Fidelity(
        reference=reference_name,
        inputs=1,
        token_prefix=prefix,
        tokens_compared=compared,
        ok=ok,
        rule=rule,
        reason=reason,
    )


def _rule_of_tokens(executed_precision: str | None) -> Sentence:
    if not executed_precision:
        return sentence("outputs.rule.tokens_reported.unknown_precision")
    code = "outputs.rule.tokens" if executed_precision in EXACT else "outputs.rule.tokens_reported"
    return sentence(code, precision=executed_precision)


def kl_divergence(reference: Logits, run: Logits) -> NDArray[np.float64]:
    """Divergence of ``run`` from ``reference`` in nats at each position: sum over tokens of p·(log p − log q), p and q
    their softmax."""
    divergences = np.empty(len(reference))
    for i, (a, b) in enumerate(zip(reference, run, strict=True)):  # row by row: vocabularies are large
        log_p, log_q = log_softmax(a), log_softmax(b)
        divergences[i] = max(0.0, float(np.exp(log_p) @ (log_p - log_q)))
    return divergences


def log_softmax(logits: Logits) -> NDArray[np.float64]:
    """Natural logarithms of the probabilities that ``logits`` [vocab_size] stand for."""
    shifted = logits.astype(np.float64) - float(logits.max())
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))


def _divergence(index: int, reference: Said, run: Said) -> Divergence:
    """The logits after the forced ids show the swap where both were forced along the run's own tokens."""
    mine, other = run.token_ids[index], reference.token_ids[index]
    row = len(run.forced) - len(run.token_ids) + index - 1
    along = run.forced[-len(run.token_ids) :] == run.token_ids and row >= 0
    if _incomparable(reference, run) or not along or not run.whole:
        return Divergence(index, mine, other)
    assert reference.logits is not None
    assert run.logits is not None
    gap = float(reference.logits[row, other]) - float(reference.logits[row, mine])
    seen = float(run.logits[row, other]) - float(run.logits[row, mine])
    return Divergence(index, mine, other, gap, abs(gap - seen))


def _swap_told(swap: Divergence, explained: bool) -> Sentence:
    tokens = {"number": swap.index + 1, "token": swap.token, "expected": swap.reference_token}
    if swap.logit_gap is None:
        return sentence("outputs.swap.hidden", **tokens)
    code = "outputs.swap.explained" if explained else "outputs.swap.unexplained"
    return sentence(code, gap=swap.logit_gap, error=swap.logit_error or 0.0, **tokens)


def _incomparable(reference: Said, run: Said) -> Sentence | str:
    """Why the distributions cannot be compared; empty where they can."""
    if run.logits is None:
        return sentence("outputs.logits_hidden")
    if reference.logits is None:
        return sentence("outputs.reference_logits_hidden")
    if reference.forced != run.forced or reference.logits.shape != run.logits.shape:
        return sentence("outputs.other_ids")
    if not np.isfinite(reference.logits).all():
        return sentence("outputs.reference_logits_not_finite")
    return ""


def tokens_of(ids: Sequence[int]) -> tuple[int, ...]:
    """Plain ints."""
    return tuple(int(i) for i in ids)
