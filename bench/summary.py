"""From raw samples to the figures of a record: pure, so that anyone can compute them again from ``samples.npz``."""

from collections.abc import Mapping, Sequence
from statistics import geometric_mean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import statistics
from bench.energy_record import EnergySummary
from bench.record import LatencyNs, MemorySummary, Repeat, Scenario, Summary
from bench.text_summary import TokenTimes, text_generation

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
    latencies = arrays_of(repeats, samples, "latency_ns")
    return Summary(
        latency_ns=latency(latencies),
        throughput_per_s=throughput(repeats, latencies, scenario),
        cold_start_ns=cold_start(repeats),
        memory_bytes=memory,
        energy=energy,
        text_generation=text_generation(
            TokenTimes(
                arrays_of(repeats, samples, "token_ns"),
                arrays_of(repeats, samples, "tokenized_token_ns"),
                arrays_of(repeats, samples, "prompt_tokens"),
            ),
            scenario,
            token_ids,
        ),
    )


def arrays_of(repeats: Sequence[Repeat], samples: Mapping[str, Samples], role: str) -> list[Samples]:
    """The arrays of ``role`` that are there and not empty, in the order of the repeats."""
    named = [repeat.samples.arrays for repeat in repeats if repeat.samples is not None]
    found = [samples[arrays[role]] for arrays in named if arrays.get(role) in samples]
    return [array for array in found if len(array)]


def latency(repeats: Sequence[Samples]) -> LatencyNs | None:
    """Latency of the samples, one array a process; ``None`` without any. Count, mean, extremes and LoadGen's estimates
    are over all of them, percentiles those of a typical process (``statistics.process_percentile``): a fast one runs
    more queries in its time, and weighs no more for it.

    ``repeat_p50`` are the processes' own medians, however few queries stand behind each: it shows their spread, and
    is not a percentile to quote.
    """
    if not repeats:
        return None
    pooled = np.concatenate(repeats)
    return LatencyNs(
        n=len(pooled),
        mean=round(float(pooled.mean())),
        min=int(pooled.min()),
        max=int(pooled.max()),
        p50=statistics.process_percentile(repeats, 50),
        p90=statistics.process_percentile(repeats, 90),
        p95=statistics.process_percentile(repeats, 95),
        p99=statistics.process_percentile(repeats, 99),
        p999=statistics.process_percentile(repeats, 99.9),
        p50_ci95=statistics.process_interval(repeats, 50),
        p90_ci95=statistics.process_interval(repeats, 90),
        p95_ci95=statistics.process_interval(repeats, 95),
        p99_ci95=statistics.process_interval(repeats, 99),
        p999_ci95=statistics.process_interval(repeats, 99.9),
        early_stopping={
            f"p{p:g}": estimate
            for p in statistics.MIN_SAMPLES
            if (estimate := statistics.early_stopping_estimate(pooled, p)) is not None
        },
        repeat_p50=tuple(statistics.percentile(part, 50) for part in repeats),
    )


def throughput(repeats: Sequence[Repeat], latencies: Sequence[Samples], scenario: Scenario) -> float | None:
    """Queries per second, the geometric mean over repeats. Single-stream: the inverse of the mean latency. Offline,
    where queries overlap: those completed over the time they took."""
    if scenario.name == "single-stream":
        rates = [SECOND * len(part) / busy for part in latencies if (busy := int(part.sum()))]
    else:
        rates = [
            SECOND * repeat.samples.queries / repeat.duration_ns
            for repeat in repeats
            if repeat.samples is not None and repeat.samples.queries and repeat.duration_ns
        ]
    return geometric_mean(rates) if rates else None


def cold_start(repeats: Sequence[Repeat]) -> int | None:
    """Fresh process to first output: import, read, compile and first inference together, the geometric mean over
    repeats.

    A phase that the runtime does not have apart adds nothing; without a first inference there is no cold start.
    """
    totals = [
        (p.runtime_import or 0) + (p.read or 0) + (p.compile or 0) + p.first_inference
        for p in (repeat.phases_ns for repeat in repeats)
        if p.first_inference is not None
    ]
    return round(geometric_mean([max(1, total) for total in totals])) if totals else None
