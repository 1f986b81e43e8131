"""From raw samples to the figures of a record: pure, so that anyone can compute them again from ``samples.npz``."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace
from numpy.typing import NDArray

from bench.analysis.curves.computed import curves_of
from bench.analysis.metrics import METRICS, Metric
from bench.analysis.power.tokens import token_energy
from bench.analysis.run_processes import Processes, arrays_of, processes_of
from bench.analysis.text import PromptTimes, text_generation
from bench.contracts import Scenario
from bench.record.energy import EnergySummary
from bench.record.memory import MemorySummary
from bench.record.part import Part
from bench.record.record import Repeat
from bench.record.summary import LatencyNs, MetricFigure, Summary
from bench.stats import percentiles, processes

Samples = NDArray[Any]


def summarise(
    repeats: Sequence[Repeat],
    samples: Mapping[str, Samples],
    scenario: Scenario,
    *,
    latencies: processes.Ordered | None = None,
    token_ids: Sequence[int] = (),
    memory: MemorySummary | None = None,
    energy: EnergySummary | None = None,
    settings: Mapping[str, int | float | str] = MappingProxyType({}),
) -> Summary:
    """All figures over the steady state of all repeats; ``None`` where nothing was measured. Those that are metrics
    follow from the table of ``bench.analysis.metrics``, each in the part of the summary that its path names.

    ``samples`` holds the arrays that ``repeats`` name. ``latencies``: theirs, where the caller has them in order.
    ``token_ids`` are what the first query generated. ``memory`` and ``energy``: what ``bench.analysis.memory`` and
    ``bench.analysis.energy`` say beside the metrics; without them the record has no such part. ``settings``: those that
    were asked for, by their fields.
    """
    run = processes_of(repeats, samples, scenario, latencies, settings)
    beside = PromptTimes(
        arrays_of(repeats, samples, "tokenized_token_ns"),
        arrays_of(repeats, samples, "prompt_tokens"),
        arrays_of(repeats, samples, "prefilled_tokens"),
    )
    text = text_generation(run, beside, scenario, token_ids)
    parts = {
        "latency_ns": _latency(run.latency),
        "memory_bytes": memory,
        "energy": energy,
        "text_generation": text and replace(text, energy=token_energy(run)),
    }
    figures = _figures(run, {(): Summary(), **{(name,): part for name, part in parts.items()}})
    filled = {name: part and replace(part, **figures.get((name,), {})) for name, part in parts.items()}
    rows = [metric for metric in METRICS if not metric.path and metric.of_scenario(scenario.name)]
    own = {metric.name: MetricFigure(*_computed(metric, run)) for metric in rows}
    return Summary(**{**filled, **figures[()]}, figures=own if repeats else {}, curves=curves_of(run, scenario))


def _figures(run: Processes, parts: Mapping[tuple[str, ...], Part | None]) -> dict[tuple[str, ...], dict[str, Any]]:
    """Part -> field -> figure, of every metric whose part is there, with its interval where there is a rule for one."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for metric in METRICS:
        place = metric.path[:-1]
        if not metric.path or parts.get(place) is None:
            continue
        fields = found.setdefault(place, {})
        fields[metric.path[-1]], between = _computed(metric, run)
        if metric.rule.interval is not None:
            fields[metric.interval_path[-1]] = between
    return found


def _computed(metric: Metric, run: Processes) -> tuple[Any, Any]:
    """The figure of the run, and its interval."""
    between = None if metric.rule.interval is None else metric.rule.interval(run)
    return metric.rule.pooled(run, metric.rule.of(run)), between


def _latency(samples: processes.Ordered) -> LatencyNs | None:
    """Latency of the samples of each process, but for its percentiles; ``None`` without any. Count, mean, extremes and
    LoadGen's estimates are over all of them.

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
        early_stopping={
            f"p{p:g}": estimate
            for p in processes.MIN_SAMPLES
            if (estimate := percentiles.early_stopping_estimate(pooled, p, in_order=True)) is not None
        },
        repeat_p50=samples.percentiles(50),
    )
