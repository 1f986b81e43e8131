"""TTFT, TPOT, ITL and rates from the time of every token: pure, as ``bench.analysis.summary``."""

from collections.abc import Sequence
from statistics import geometric_mean
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bench.analysis.run_processes import Processes
from bench.contracts import Scenario
from bench.record.text import TextGeneration, TokenizedTimes
from bench.stats import processes

Samples = NDArray[Any]
SECOND = 1_000_000_000


class PromptTimes(Struct, frozen=True):
    """Arrays of each repeat in addition to its token times: ``tokenized_ns`` [n, tokens], with the tokenizer inside;
    ``prompt_tokens`` [n]."""

    tokenized_ns: Sequence[Samples] = ()
    prompt_tokens: Sequence[Samples] = ()


def text_generation(
    run: Processes, beside: PromptTimes, scenario: Scenario, token_ids: Sequence[int] = ()
) -> TextGeneration | None:
    """Medians and percentiles are a typical process' (``statistics.process_percentile``); what is a metric is left out.
    Prefill is prompt tokens over the median TTFT; for prompts of different lengths, the median of their rates.
    Percentiles and medians are ``None`` below LoadGen's minimum count of queries or gaps (ITL).
    """
    arrays = [p.token_ns for p in run.each if p.token_ns.ndim == 2 and p.token_ns.size]
    if not arrays:
        return None
    lengths = beside.prompt_tokens
    prompt = int(np.median(np.concatenate(lengths) if lengths else np.array([scenario.prompt_tokens or 0])))
    ttft = processes.ordered_percentile(run.tokens(first).ordered, 50)
    gaps = processes.ordered([gaps_of(array) for array in arrays])
    return TextGeneration(
        prompt_tokens=prompt,
        generated_tokens=min(int(counts(array).min()) for array in arrays),
        token_ids=tuple(int(token) for token in token_ids),
        itl_ns={
            "p50": processes.ordered_percentile(gaps, 50),
            "p90": processes.ordered_percentile(gaps, 90),
            "p99": processes.ordered_percentile(gaps, 99),
            "mean": round(float(np.concatenate(gaps.parts).mean())) if gaps.parts else None,
        },
        prefill_tokens_per_s=_prefill_rate(arrays, lengths, prompt, ttft),
        depth_tokens=scenario.depth_tokens or 0,
        e2e_ns=processes.process_percentile([last(array) for array in arrays], 50),
        tokenized=_tokenized(beside.tokenized_ns),
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
