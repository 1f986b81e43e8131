"""TTFT, TPOT, ITL and rates from the time of every token: pure, as ``bench.analysis.summary``."""

from collections.abc import Sequence
from statistics import geometric_mean
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bench.analysis.run_processes import NOTHING, Process, Processes, Series
from bench.contracts import Scenario
from bench.record.text import CachedPrefix, TextGeneration, TokenizedTimes
from bench.scenarios.text import turns_of
from bench.stats import processes

Samples = NDArray[Any]
SECOND = 1_000_000_000
BEGINNING = 1
"""Tokens that any two prompts may share: the beginning of a sequence. A cached prefix of one saves nothing."""


class PromptTimes(Struct, frozen=True):
    """Arrays of each repeat in addition to its token times: ``tokenized_ns`` [n, tokens], with the tokenizer inside;
    ``prompt_tokens`` [n]; ``prefilled_tokens`` [n] instead, of conversations whose engine tells what it computed."""

    tokenized_ns: Sequence[Samples] = ()
    prompt_tokens: Sequence[Samples] = ()
    prefilled_tokens: Sequence[Samples] = ()


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
    lengths = beside.prompt_tokens or beside.prefilled_tokens
    computed = turns_of(scenario) is None or bool(beside.prefilled_tokens)
    prompt = int(np.median(np.concatenate(lengths) if lengths else np.array([scenario.prompt_tokens or 0])))
    new = [_of_new(p) for p in run.each if p.token_ns.ndim == 2 and p.token_ns.size]
    ttft = processes.ordered_percentile(run.once(first_of_new).ordered, 50)
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
        prefill_tokens_per_s=_prefill_rate(arrays, lengths, new, prompt, ttft) if computed else None,
        depth_tokens=scenario.depth_tokens or 0,
        e2e_ns=processes.process_percentile([last(array[kept]) for array, kept in zip(arrays, new, strict=True)], 50),
        tokenized=_tokenized(beside.tokenized_ns, all(kept.all() for kept in new)),
        cached=_cached(arrays, new),
        prefilled_tokens=_by_turn([p.point for p in run.each if len(p.point)], beside.prefilled_tokens),
    )


def _by_turn(turns: Sequence[Samples], prefilled_tokens: Sequence[Samples]) -> tuple[int, ...]:
    """The median of each turn; none where it is not known which turn each query was."""
    if not prefilled_tokens or [len(part) for part in turns] != [len(part) for part in prefilled_tokens]:
        return ()
    turn, tokens = np.concatenate(turns), np.concatenate(prefilled_tokens)
    return tuple(round(float(np.median(tokens[turn == one]))) for one in np.unique(turn))


def first_of_new(run: Processes) -> Series:
    """When the first token came, of each query whose prompt the engine had to take in whole."""
    parts = tuple(
        first(p.token_ns[_of_new(p)]) if p.token_ns.ndim == 2 and p.token_ns.size else NOTHING for p in run.each
    )
    return Series(parts, processes.ordered(parts, run.latency.few))


def first_of_last_turn(run: Processes) -> Series:
    """When the first token came, of each query in the last turn of its conversation."""
    last_turn = max((int(p.point.max()) for p in run.each if len(p.point)), default=0)
    parts = tuple(
        first(p.token_ns[p.point == last_turn]) if last_turn and len(p.token_ns) == len(p.point) else NOTHING
        for p in run.each
    )
    return Series(parts, processes.ordered(parts, few=True))


def _of_new(process: Process) -> Samples:
    """Which queries had a prompt that no earlier one shares more than its beginning with: bool [n]."""
    if len(process.shared_tokens) != len(process.token_ns):
        return np.ones(len(process.token_ns), bool)
    return np.asarray(process.shared_tokens <= BEGINNING)


def _cached(arrays: Sequence[Samples], new: Sequence[Samples]) -> CachedPrefix | None:
    """The other queries, where there are any."""
    seen = [array[~kept] for array, kept in zip(arrays, new, strict=True)]
    queries = sum(len(array) for array in seen)
    if not queries:
        return None
    times = [array for array in seen if len(array)]
    return CachedPrefix(
        queries,
        processes.process_percentile([first(array) for array in times], 50),
        processes.process_percentile([last(array) for array in times], 50),
    )


def _prefill_rate(
    arrays: Sequence[Samples], prompt_tokens: Sequence[Samples], new: Sequence[Samples], prompt: int, ttft: int | None
) -> float | None:
    """Prompt tokens over the median TTFT; of prompts that differ in length, the median of each one's own rate, the
    geometric mean over repeats. Of ``new`` prompts alone."""
    if not ttft or not prompt:
        return None
    firsts = [array[:, 0] for array in arrays]
    alike = not prompt_tokens or len(np.unique(np.concatenate(prompt_tokens))) == 1
    if alike or [len(part) for part in prompt_tokens] != [len(part) for part in firsts]:
        return SECOND * prompt / ttft
    return geometric_mean(
        float(np.median(SECOND * lengths[kept] / first[kept]))
        for lengths, first, kept in zip(prompt_tokens, firsts, new, strict=True)
        if kept.any()
    )


def _tokenized(tokenized_ns: Sequence[Samples], all_new: bool) -> TokenizedTimes | None:
    """Measured last of all: unless prompts are ``all_new``, TTFT would be that of prompts seen before."""
    arrays = [array for array in tokenized_ns if array.ndim == 2 and array.size]
    if not arrays:
        return None
    return TokenizedTimes(
        sum(len(array) for array in arrays),
        processes.process_percentile([array[:, 0] for array in arrays], 50) if all_new else None,
        processes.process_percentile([tpots(array) for array in arrays], 50),
        processes.process_percentile([last(array) for array in arrays], 50) if all_new else None,
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
