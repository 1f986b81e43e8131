"""One figure a process for every metric that two records may be compared by, from the raw samples.

A figure that was not measured in a process is ``None``. A metric is compared only where every process has it: taking
the repeats that happen to have one would favour them.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bench.analysis.energy import sensed_of
from bench.analysis.metrics import METRICS, Metric, figures_of
from bench.analysis.power.uncertainty import Uncertainty, uncertainties
from bench.analysis.quality_results import quality_results
from bench.analysis.run_processes import Process, Processes, processes_of, timed
from bench.analysis.text import first, gaps_of, tpots
from bench.comparison.along import figures_along, values_along
from bench.errors import InputError
from bench.record.record import Record, RecordedRun
from bench.record.samples import samples_of
from bench.stats.drawing import ecdf
from bench.words import sentence

Samples = NDArray[Any]
CURVE_POINTS = 64
OWN_ROLES = ("latency_ns", "token_ns", "block_queries", "point", "axis_thousandths", "shared_tokens", "pass_ns")
WINDOW_ROLES = ("start_ns", "in_flight_start_ns", "in_flight_latency_ns")
"""With the latencies, those that offline throughput is computed from."""
ROLES = (*OWN_ROLES, *WINDOW_ROLES)
"""The arrays of samples that a comparison looks at."""


class Curve(Struct, frozen=True):
    """Empirical distribution of one process' samples: times ``ns``, and the fraction (``share``) of samples up to
    each."""

    ns: tuple[int, ...]
    share: tuple[float, ...]


class Observation(Struct, frozen=True):
    """What a comparison needs of a run, without its samples. ``values``: metric, or point of a curve -> one a process.
    ``curves``: of query latencies, or of the gaps between tokens; one a process. ``blocks``: metric that is a median ->
    that of every turn of every process, where the run was measured in alternation. ``quality_results``: metric ->
    results of the dataset's samples. ``figures``: metric -> the record's own figure, which reports show. ``metered``:
    metric -> how uncertain it is by a joined meter's log."""

    record: Record
    values: dict[str, tuple[float | None, ...]]
    energy_channel: str | None
    curves: tuple[Curve, ...]
    blocks: dict[str, tuple[tuple[float, ...], ...]] = {}
    quality_results: Mapping[str, Samples] = {}
    figures: Mapping[str, float] = {}
    metered: Mapping[str, Uncertainty] = {}


def observe(run: RecordedRun, source: str = "") -> Observation:
    """Reduce a run to its processes' figures. Raises ``InputError`` naming ``source`` and the array that is missing
    from the samples or cannot be times."""
    record = run.record
    if record.status != "ok":
        return Observation(record, {}, None, ())
    name = source or record.record_id
    processes = _processes(run, name)
    each = processes.each
    try:
        task, scenario = record.plan.model.task, record.plan.scenario
        defined = [m for m in METRICS if m.applies in (None, task) and m.compared_in(scenario)]
        values = {m.name: tuple(m.rule.of(processes)) for m in defined}
        values |= values_along(processes, scenario)
    except (ValueError, ArithmeticError) as error:  # a time or size below 0, or beyond all measure, in record.json
        told = sentence("compare.impossible_figures", source=name, error=error)
        raise InputError(told, sentence("compare.impossible_figures.remedy")) from None
    judged, blocks = quality_results(run, source), block_medians(each)
    energy = processes.once(sensed_of)
    channel = energy.channel or energy.total_channel
    figures = {**figures_of(record.summary), **figures_along(record.summary)}
    return Observation(record, values, channel, _curves(each), blocks, judged, figures, uncertainties(record))


def one_meter(base: Observation, new: Observation) -> bool:
    """Whether the same power meter measured both: by one log, or by the model and serial number that are stated."""
    x, y = base.record.meter, new.record.meter
    if x is None or y is None:
        return False
    of_both = [(meter.device.get("model", ""), meter.device.get("serial", "")) for meter in (x, y)]
    return x.sha256 == y.sha256 or (of_both[0] == of_both[1] and bool(of_both[0][1]))


def left_open(metric: Metric, base: Observation, new: Observation) -> float:
    """The fraction that the ratio of a joined meter's figures is uncertain by, beside the spread of the processes: by
    where both runs lie in their logs, and of two meters by these; a meter's own error cancels in its ratios."""
    found = [side.metered[metric.name] for side in (base, new) if metric.name in side.metered]
    if one_meter(base, new):
        return math.hypot(*(math.inf if one.of_window is None else one.of_window for one in found))
    return math.hypot(*(one.known for one in found))


# ------------------------------------------------------------------------------------------------------ samples


def _processes(run: RecordedRun, source: str) -> Processes:
    """Those that measured a query, their samples checked."""
    for repeat in run.record.repeats:
        for role in ROLES:
            samples_of(repeat, run.samples, role, source)
    latency = timed(run).latency
    plan, repeats = run.record.plan, run.record.repeats
    found = processes_of(repeats, run.samples, plan.scenario, latency, plan.settings).with_latencies()
    for process in found.each:
        if process.blocks and sum(process.blocks) != len(process.latency_ns):
            queries, samples = sum(process.blocks), len(process.latency_ns)
            told = sentence("compare.blocks_differ", source=source, queries=queries, samples=samples)
            raise InputError(told, sentence("compare.blocks_differ.remedy"))
    return found


def _curves(processes: Sequence[Process]) -> tuple[Curve, ...]:
    parts = [np.sort(gaps_of(p.token_ns)) if p.token_ns.size else p.sorted_ns for p in processes]
    drawn = [ecdf(part, CURVE_POINTS, in_order=True) for part in parts if part.size]
    return tuple(Curve(tuple(x.tolist()), tuple(y.tolist())) for x, y in drawn)


def block_medians(processes: Sequence[Process]) -> dict[str, tuple[tuple[float, ...], ...]]:
    """Metric that is a median, or a mean over whole passes -> that of every turn of every process; nothing where one
    took no turns."""
    if not processes or not all(process.blocks for process in processes):
        return {}
    found = {"latency_p50_ns": tuple(_medians(p.latency_ns, p.blocks) for p in processes)}
    if all(len(p.pass_ns) for p in processes):
        found["time_per_input_ns"] = tuple(_means(p.latency_ns, p.blocks) for p in processes)
    if all(p.token_ns.ndim == 2 and p.token_ns.shape[1] > 1 for p in processes):
        found["ttft_ns"] = tuple(_medians(first(p.token_ns), p.blocks) for p in processes)
        found["tpot_ns"] = tuple(_medians(tpots(p.token_ns), p.blocks) for p in processes)
    return found


def _medians(samples: Samples, blocks: Sequence[int]) -> tuple[float, ...]:
    parts = np.split(samples, np.cumsum(blocks)[:-1])
    return tuple(max(1.0, float(np.median(part))) for part in parts if part.size)


def _means(samples: Samples, blocks: Sequence[int]) -> tuple[float, ...]:
    parts = np.split(samples, np.cumsum(blocks)[:-1])
    return tuple(max(1.0, float(np.mean(part))) for part in parts if part.size)
