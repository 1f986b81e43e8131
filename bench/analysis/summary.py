"""From raw samples to the figures of a record: pure, so that anyone can compute them again from ``samples.npz``."""

from collections.abc import Mapping, Sequence
from statistics import geometric_mean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.analysis.text import TokenTimes, text_generation
from bench.contracts import Scenario
from bench.record.energy import EnergySummary
from bench.record.memory import MemorySummary
from bench.record.record import LatencyNs, Repeat, Summary
from bench.scenarios import kind_of
from bench.stats import percentiles, processes

Samples = NDArray[Any]
SECOND = 1_000_000_000


def summarise(
    repeats: Sequence[Repeat],
    samples: Mapping[str, Samples],
    scenario: Scenario,
    *,
    latencies: processes.Ordered | None = None,
    token_ids: Sequence[int] = (),
    memory: MemorySummary | None = None,
    energy: EnergySummary | None = None,
) -> Summary:
    """All figures over the steady state of all repeats; ``None`` where nothing was measured.

    ``samples`` holds the arrays that ``repeats`` name. ``latencies``: theirs, where the caller has them in order.
    ``token_ids`` are what the first query generated. Memory and
    energy are summarised by ``bench.analysis.memory`` and ``bench.analysis.energy``, and only carried here.
    """
    known = latencies or processes.ordered(arrays_of(repeats, samples, "latency_ns"))
    return Summary(
        latency_ns=latency(known),
        throughput_per_s=throughput(repeats, samples, scenario),
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


def latency(samples: processes.Ordered) -> LatencyNs | None:
    """Latency of the samples of each process; ``None`` without any. Count, mean, extremes and LoadGen's estimates
    are over all of them, percentiles those of a typical process (``statistics.process_percentile``): a fast one runs
    more queries in its time, and weighs no more for it.

    ``repeat_p50`` are the processes' own medians, however few queries stand behind each: it shows their spread, and
    is not a percentile to quote.
    """
    if not samples.parts:
        return None
    pooled = samples.pooled
    return LatencyNs(
        n=len(pooled),
        mean=round(float(pooled.mean())),
        min=int(pooled[0]),
        max=int(pooled[-1]),
        p50=processes.ordered_percentile(samples, 50),
        p90=processes.ordered_percentile(samples, 90),
        p95=processes.ordered_percentile(samples, 95),
        p99=processes.ordered_percentile(samples, 99),
        p999=processes.ordered_percentile(samples, 99.9),
        p50_ci95=processes.ordered_interval(samples, 50),
        p90_ci95=processes.ordered_interval(samples, 90),
        p95_ci95=processes.ordered_interval(samples, 95),
        p99_ci95=processes.ordered_interval(samples, 99),
        p999_ci95=processes.ordered_interval(samples, 99.9),
        early_stopping={
            f"p{p:g}": estimate
            for p in processes.MIN_SAMPLES
            if (estimate := percentiles.early_stopping_estimate(pooled, p, in_order=True)) is not None
        },
        repeat_p50=samples.percentiles(50),
    )


def throughput(repeats: Sequence[Repeat], samples: Mapping[str, Samples], scenario: Scenario) -> float | None:
    """Queries per second, the geometric mean over repeats. One query at a time: the inverse of the mean latency. Where
    queries overlap, as offline: those of the window over its duration."""
    if not kind_of(scenario).overlapping:
        latencies = arrays_of(repeats, samples, "latency_ns")
        rates = [SECOND * len(part) / busy for part in latencies if (busy := int(part.sum()))]
    else:
        rates = [
            SECOND * queries / repeat.duration_ns
            for repeat in repeats
            if repeat.duration_ns and (queries := offline_queries(repeat, samples))
        ]
    return geometric_mean(rates) if rates else None


def offline_queries(repeat: Repeat, samples: Mapping[str, Samples]) -> float:
    """Queries of a repeat's offline window. Records made before queries in flight at its end were kept count those that
    completed inside."""
    if repeat.samples is None or repeat.duration_ns is None:
        return 0.0
    roles = ("start_ns", "in_flight_start_ns"), ("latency_ns", "in_flight_latency_ns")
    keys = [[repeat.samples.arrays.get(role, "") for role in pair] for pair in roles]
    if not all(key in samples for pair in keys for key in pair):
        return float(repeat.samples.queries)
    start, latency = (np.concatenate([samples[key] for key in pair]) for pair in keys)
    return queries_in_window(start, latency, repeat.duration_ns)


def queries_in_window(start_ns: Samples, latency_ns: Samples, window_ns: int) -> float:
    """Queries in the window [0, ``window_ns``), each counted by the fraction of its time that lies inside.

    Lanes that are busy throughout at a constant latency give exactly their rate, wherever the window begins and ends.
    Where latencies vary, the expectation is the rate of a stationary lane: at any moment it does 1 / (latency of the
    query in flight) queries a unit of time, whose mean over time is 1 / (mean latency).
    """
    overlap = np.minimum(start_ns + latency_ns, window_ns) - np.maximum(start_ns, 0)
    fractions = np.clip(overlap, 0, None) / np.maximum(latency_ns, 1)
    instant = (latency_ns == 0) & (start_ns >= 0) & (start_ns < window_ns)  # shorter than a tick: wholly inside
    return float(fractions.sum() + np.count_nonzero(instant))


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
