"""TTFT, TPOT, ITL and rates from the time of every token: pure, as ``bench.analysis.summary``."""

from collections.abc import Sequence
from statistics import geometric_mean
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bench.contracts import Scenario
from bench.record.text import TextGeneration, TokenizedTimes
from bench.stats import processes

Samples = NDArray[Any]
SECOND = 1_000_000_000


class TokenTimes(Struct, frozen=True):
    """One array a repeat: ``token_ns`` and ``tokenized_ns`` [n, tokens], times since the query was issued, below 0 for
    a token that never came; ``prompt_tokens`` [n]."""

    token_ns: Sequence[Samples]
    tokenized_ns: Sequence[Samples] = ()
    prompt_tokens: Sequence[Samples] = ()


def text_generation(times: TokenTimes, scenario: Scenario, token_ids: Sequence[int] = ()) -> TextGeneration | None:
    """Medians and percentiles are a typical process' (``statistics.process_percentile``). Rates are the inverses of the
    medians: prefill is prompt tokens over TTFT, decode one over TPOT; of prompts that
    differ in length, prefill is the median of each one's own rate. Percentiles and medians are ``None`` below LoadGen's
    least count of queries (TTFT, TPOT) or gaps (ITL).
    """
    arrays = [array for array in times.token_ns if array.ndim == 2 and array.size]
    if not arrays:
        return None
    prompts = np.concatenate(times.prompt_tokens) if times.prompt_tokens else np.array([scenario.prompt_tokens or 0])
    prompt = int(np.median(prompts))
    firsts, each, gaps = (processes.ordered([of(array) for array in arrays]) for of in (first, tpots, gaps_of))
    ttft, tpot = processes.ordered_percentile(firsts, 50), processes.ordered_percentile(each, 50)
    return TextGeneration(
        prompt_tokens=prompt,
        generated_tokens=min(int(counts(array).min()) for array in arrays),
        token_ids=tuple(int(token) for token in token_ids),
        ttft_ns=ttft,
        tpot_ns=tpot,
        ttft_ns_ci95=processes.ordered_interval(firsts, 50),
        tpot_ns_ci95=processes.ordered_interval(each, 50),
        itl_ns={
            "p50": processes.ordered_percentile(gaps, 50),
            "p90": processes.ordered_percentile(gaps, 90),
            "p99": processes.ordered_percentile(gaps, 99),
            "mean": round(float(np.concatenate(gaps.parts).mean())) if gaps.parts else None,
        },
        prefill_tokens_per_s=_prefill_rate(arrays, times.prompt_tokens, prompt, ttft),
        decode_tokens_per_s=SECOND / tpot if tpot else None,
        depth_tokens=scenario.depth_tokens or 0,
        e2e_ns=processes.process_percentile([last(array) for array in arrays], 50),
        tokenized=_tokenized(times.tokenized_ns),
    )


def _prefill_rate(
    arrays: Sequence[Samples], prompt_tokens: Sequence[Samples], prompt: int, ttft: int | None
) -> float | None:
    """Prompt tokens over the median TTFT; of prompts that differ in length, the median of each one's own rate, the
    geometric mean over repeats."""
    if not ttft or not prompt:
        return None
    firsts = [array[:, 0] for array in arrays]
    alike = not prompt_tokens or len(np.unique(np.concatenate(prompt_tokens))) == 1
    if alike or [len(part) for part in prompt_tokens] != [len(part) for part in firsts]:
        return SECOND * prompt / ttft
    return geometric_mean(
        float(np.median(SECOND * lengths / first)) for lengths, first in zip(prompt_tokens, firsts, strict=True)
    )


def _tokenized(tokenized_ns: Sequence[Samples]) -> TokenizedTimes | None:
    arrays = [array for array in tokenized_ns if array.ndim == 2 and array.size]
    if not arrays:
        return None
    return TokenizedTimes(
        sum(len(array) for array in arrays),
        processes.process_percentile([array[:, 0] for array in arrays], 50),
        processes.process_percentile([tpots(array) for array in arrays], 50),
        processes.process_percentile([last(array) for array in arrays], 50),
    )


def counts(token_ns: Samples) -> Samples:
    """How many tokens each query [n, tokens] really gave."""
    return np.asarray((token_ns >= 0).sum(axis=1))


def first(token_ns: Samples) -> Samples:
    """When each query's first token came."""
    return np.asarray(token_ns[:, 0])


def last(token_ns: Samples) -> Samples:
    """When each query's last token came."""
    return np.asarray(token_ns.max(axis=1))


def tpots(token_ns: Samples) -> Samples:
    """(t_last − t_first)/(n − 1) of each query that gave two tokens or more."""
    if token_ns.ndim != 2:
        return np.empty(0, np.int64)
    n = counts(token_ns)
    more = n > 1
    return np.asarray((last(token_ns)[more] - token_ns[more, 0]) / (n[more] - 1))


def gaps_of(token_ns: Samples) -> Samples:
    """Every gap between two tokens of one query."""
    if token_ns.ndim != 2:
        return np.empty(0, np.int64)
    return np.asarray(np.diff(token_ns, axis=1)[token_ns[:, 1:] >= 0])
