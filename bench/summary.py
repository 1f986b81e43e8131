"""From raw samples to the figures of a record: pure, so that anyone can compute them again from ``samples.npz``."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import statistics
from bench.record import EnergySummary, LatencyNs, MemorySummary, Repeat, Scenario, Summary, TextGeneration

Samples = NDArray[Any]
SECOND = 1_000_000_000


def summarise(
    repeats: Sequence[Repeat],
    samples: Mapping[str, Samples],
    scenario: Scenario,
    *,
    token_ids: Sequence[int] = (),
    memory: MemorySummary | None = None,
    energy: EnergySummary | None = None,
) -> Summary:
    """All figures over the steady state of all repeats; ``None`` where nothing was measured.

    ``samples`` holds the arrays that ``repeats`` name. ``token_ids`` are what the first query generated. Memory and
    energy are summarised by ``bench.measure.memory`` and ``bench.measure.energy``, and only carried here.
    """
    latencies = _arrays(repeats, samples, "latency_ns")
    return Summary(
        latency_ns=latency(latencies),
        throughput_per_s=throughput(repeats, latencies, scenario),
        cold_start_ns=cold_start(repeats),
        memory_bytes=memory,
        energy=energy,
        text_generation=text_generation(_arrays(repeats, samples, "token_ns"), scenario, token_ids),
    )


def _arrays(repeats: Sequence[Repeat], samples: Mapping[str, Samples], role: str) -> list[Samples]:
    """The arrays of ``role`` that are there and not empty, in the order of the repeats."""
    named = [repeat.samples.arrays for repeat in repeats if repeat.samples is not None]
    found = [samples[arrays[role]] for arrays in named if arrays.get(role) in samples]
    return [array for array in found if len(array)]


def latency(repeats: Sequence[Samples]) -> LatencyNs | None:
    """Latency over the pooled samples, one array a process; ``None`` without any.

    ``repeat_p50`` are the processes' own medians, however few queries stand behind each: it shows their spread, and
    is not a percentile to quote.
    """
    if not repeats:
        return None
    pooled = np.concatenate(repeats)
    p50 = _stated(pooled, 50)
    return LatencyNs(
        n=len(pooled),
        mean=round(float(pooled.mean())),
        min=int(pooled.min()),
        max=int(pooled.max()),
        p50=p50,
        p90=_stated(pooled, 90),
        p95=_stated(pooled, 95),
        p99=_stated(pooled, 99),
        p999=_stated(pooled, 99.9),
        p50_ci95=None if p50 is None else statistics.between_process_interval(repeats, 50, 0.95),
        early_stopping={
            f"p{p:g}": estimate
            for p in statistics.MIN_SAMPLES
            if (estimate := statistics.early_stopping_estimate(pooled, p)) is not None
        },
        repeat_p50=tuple(statistics.percentile(part, 50) for part in repeats),
    )


def _stated(samples: Samples, p: float) -> int | None:
    """The percentile, or ``None`` below LoadGen's least sample count."""
    return statistics.percentile(samples, p) if len(samples) >= statistics.MIN_SAMPLES[p] else None


def throughput(repeats: Sequence[Repeat], latencies: Sequence[Samples], scenario: Scenario) -> float | None:
    """Queries per second. Single-stream: the inverse of the mean latency. Offline, where queries overlap: those
    completed over the time they took, the median over repeats."""
    if scenario.name == "single-stream":
        busy = sum(int(part.sum()) for part in latencies)
        return SECOND * sum(len(part) for part in latencies) / busy if busy else None
    rates = [
        SECOND * repeat.samples.queries / repeat.duration_ns
        for repeat in repeats
        if repeat.samples is not None and repeat.samples.queries and repeat.duration_ns
    ]
    return median(rates) if rates else None


def cold_start(repeats: Sequence[Repeat]) -> int | None:
    """Fresh process to first output: import, read, compile and first inference together, the median over repeats.

    A phase that the runtime does not have apart adds nothing; without a first inference there is no cold start.
    """
    totals = [
        (p.runtime_import or 0) + (p.read or 0) + (p.compile or 0) + p.first_inference
        for p in (repeat.phases_ns for repeat in repeats)
        if p.first_inference is not None
    ]
    return round(median(totals)) if totals else None


def text_generation(
    token_ns: Sequence[Samples], scenario: Scenario, token_ids: Sequence[int] = ()
) -> TextGeneration | None:
    """TTFT, TPOT and ITL from the times [n, tokens] of each token since its query was issued; one array a repeat.

    Rates are the inverses of the medians: prefill is prompt tokens over TTFT, decode one over TPOT. Percentiles and
    medians are ``None`` below LoadGen's least count of queries (TTFT, TPOT) or gaps (ITL). ``generated_tokens`` is the
    fewest of any repeat.
    """
    arrays = [array for array in token_ns if array.ndim == 2 and array.shape[1]]
    if not arrays:
        return None
    prompt = scenario.prompt_tokens or 0
    tokens = min(array.shape[1] for array in arrays)
    ttft = _stated(np.concatenate([array[:, 0] for array in arrays]), 50)
    tpot = None
    gaps = np.concatenate([np.diff(array, axis=1).ravel() for array in arrays])
    if tokens > 1:
        tpot = _stated(np.concatenate([(a[:, -1] - a[:, 0]) / (a.shape[1] - 1) for a in arrays]), 50)
    return TextGeneration(
        prompt_tokens=prompt,
        generated_tokens=tokens,
        token_ids=tuple(int(token) for token in token_ids),
        ttft_ns=ttft,
        tpot_ns=tpot,
        itl_ns={
            "p50": _stated(gaps, 50),
            "p90": _stated(gaps, 90),
            "p99": _stated(gaps, 99),
            "mean": round(float(gaps.mean())) if len(gaps) else None,
        },
        prefill_tokens_per_s=SECOND * prompt / ttft if ttft and prompt else None,
        decode_tokens_per_s=SECOND / tpot if tpot else None,
    )
