"""Tokens and distributions of two runs of one language model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import entropy

from bench.analysis.outputs.agreement import Said, agreement, compare_tokens, judged, kl_divergence, log_softmax


def softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max())
    return shifted / shifted.sum()


@given(arrays(np.float64, (2, 7), elements=st.floats(-20, 20)))
def test_divergence_is_scipys_entropy(pair: np.ndarray) -> None:
    """Kullback–Leibler from float32 logits equals scipy's relative entropy of their softmax, and is never negative."""
    a, b = pair.astype(np.float32)
    found = kl_divergence(a[None], b[None])[0]
    assert found == pytest.approx(entropy(softmax(a.astype(np.float64)), softmax(b.astype(np.float64))), abs=1e-9)
    assert found >= 0


def test_log_softmax_of_huge_logits() -> None:
    """No overflow: the largest wins."""
    assert [0.0, -1000.0] == pytest.approx(log_softmax(np.array([9_000.0, 8_000.0])).tolist())


# A vocabulary of three, two generated tokens after the prompt [1]: the run said 2, 0; logits after each of 1, 2, 0.
FORCED = (1, 2, 0)
RUN = np.array([[0, 0, 5], [4.0, 3.9, 0], [1, 0, 0]], np.float32)


def test_equal_runs_agree() -> None:
    """The same tokens and logits: nothing differs, nothing diverges."""
    said = Said((2, 0), FORCED, RUN)
    found = agreement("engine", "ref", said, said)
    assert (2, 1.0, 3, 0.0, 1.0) == (
        found.token_prefix,
        found.tokens_equal_share,
        found.positions,
        found.kl_divergence_nats,
        found.top1_agreement,
    )
    assert (True, "") == (judged(found, said, said, "float32").ok, str(judged(found, said, said, "float32").reason))


def test_a_swap_is_explained_by_the_logits() -> None:
    """The reference prefers token 1 to 0 by 0.1, and the run's preference is off by 0.2: an honest swap."""
    reference = RUN.copy()
    reference[1] = [3.9, 4.0, 0]
    theirs, ours = Said((2, 1), FORCED, reference), Said((2, 0), FORCED, RUN)
    found = agreement("engine", "ref", theirs, ours)
    swap = found.first_divergence
    assert swap is not None
    assert (1, 0, 1) == (swap.index, swap.token, swap.reference_token)
    assert (0.1, 0.2) == pytest.approx((swap.logit_gap, swap.logit_error), abs=1e-6)
    verdict = judged(found, theirs, ours, "bfloat16")
    assert (True, 1, 2) == (verdict.ok, verdict.token_prefix, verdict.tokens_compared)
    assert "explains it" in str(verdict.reason)


@pytest.mark.parametrize(("precision", "ok"), [("float32", False), ("bfloat16", None)])
def test_a_swap_that_logits_do_not_explain(precision: str, ok: bool | None) -> None:
    """The same logits, which prefer token 1, and token 0 nevertheless: wrong in float32, undecided below."""
    logits = RUN.copy()
    logits[1] = [3.5, 4.0, 0]
    theirs, ours = Said((2, 1), FORCED, logits), Said((2, 0), FORCED, logits)
    verdict = judged(agreement("engine", "ref", theirs, ours), theirs, ours, precision)
    assert (ok, True) == (verdict.ok, "does not explain" in str(verdict.reason))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_swap_behind_logits_that_are_not_all_is_undecided(precision: str) -> None:
    """At a depth, or past the ids that are kept, the logits fed anew are not those behind the tokens."""
    logits = RUN.copy()
    logits[1] = [3.5, 4.0, 0]
    theirs, ours = Said((2, 1), FORCED, logits), Said((2, 0), FORCED, logits, whole=False)
    found = agreement("engine", "ref", theirs, ours)
    assert found.first_divergence is not None
    assert (None, None) == (found.first_divergence.logit_gap, judged(found, theirs, ours, precision).ok)


def test_wrong_logits_are_a_mismatch() -> None:
    """Tokens equal by luck do not hide a distribution that is another."""
    wrong = Said((2, 0), FORCED, RUN[:, ::-1].copy())
    ours = Said((2, 0), FORCED, RUN)
    assert False is judged(agreement("engine", "ref", ours, wrong), ours, wrong, "bfloat16").ok


def test_hidden_logits_leave_the_tokens() -> None:
    """An engine that shows none is judged by its tokens, and the record says so."""
    theirs, ours = Said((2, 0), FORCED, RUN), Said((2, 0), FORCED)
    found = agreement("engine", "ref", theirs, ours)
    assert ("the engine does not expose its logits", None) == (str(found.reason), found.kl_divergence_nats)
    assert True is judged(found, theirs, ours, "float32").ok


def test_distributions_of_different_ids_are_not_compared() -> None:
    """Only along one sequence fed to both."""
    found = agreement("model", "ref", Said((2, 0), (1, 2, 1), RUN), Said((2, 0), FORCED, RUN))
    assert ("the two were not fed the same ids", 0) == (str(found.reason), found.positions)


def test_nan_in_the_run_is_a_mismatch() -> None:
    """Not a number is no distribution."""
    broken = RUN.copy()
    broken[2, 1] = np.nan
    theirs, ours = Said((2, 0), FORCED, RUN), Said((2, 0), FORCED, broken)
    found = agreement("engine", "ref", theirs, ours)
    verdict = judged(found, theirs, ours, "float32")
    assert (False, True) == (verdict.ok, "NaN" in str(verdict.reason))
    assert (None, "NaN or infinity in the logits") == (found.kl_divergence_nats, str(found.reason))


class TestTokens:
    def test_equal_in_float32(self) -> None:
        """The same tokens in float32 are right."""
        found = compare_tokens([1, 2, 3], [1, 2, 3], "float32")
        assert (found.ok, found.token_prefix, found.tokens_compared) == (True, 3, 3)

    def test_differ_in_float32(self) -> None:
        """The first token that differs is named, and fails float32."""
        found = compare_tokens([1, 2, 3, 4], [1, 2, 9, 4], "float32")
        assert (found.ok, found.token_prefix) == (False, 2)
        assert str(found.reason) == "token 3 is 9, but 3 in the reference"

    @pytest.mark.parametrize("precision", ["bfloat16", "float16", "int8", "", None])
    @pytest.mark.parametrize(("ids", "ok", "prefix"), [([1, 2, 3], True, 3), ([1, 9, 9], None, 1)])
    def test_a_difference_in_lower_precision_is_reported_only(
        self, precision: str | None, ids: list[int], ok: bool | None, prefix: int
    ) -> None:
        """Below float32 equal tokens are right, and those that differ decide nothing."""
        found = compare_tokens([1, 2, 3], ids, precision)
        assert (found.ok, found.token_prefix) == (ok, prefix)
        assert "else reported only" in str(found.rule)

    def test_shorter(self) -> None:
        """An equal beginning that ends early is not right."""
        found = compare_tokens([1, 2, 3], [1, 2], "float32")
        assert (found.ok, found.token_prefix, found.tokens_compared) == (False, 2, 2)
        assert str(found.reason) == "2 tokens, but 3 in the reference"

    def test_nothing_to_compare(self) -> None:
        """No tokens decide nothing."""
        found = compare_tokens([], [1], "float32")
        assert (found.ok, found.token_prefix, str(found.reason)) == (None, None, "no tokens to compare")
