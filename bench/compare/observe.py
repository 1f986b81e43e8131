"""One figure a process for every metric that two records may be compared by, from the raw samples.

A figure that was not measured in a process is ``None``. A metric is compared only where every process has it: taking
the repeats that happen to have one would favour them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bench.analysis import summary
from bench.analysis.energy import sensor_tier
from bench.analysis.metrics import METRICS, Process, figures_of
from bench.analysis.quality_results import quality_results
from bench.analysis.text import gaps_of, tpots
from bench.analysis.timed_run import timed
from bench.errors import InputError
from bench.record.record import Record, RecordedRun, Repeat
from bench.record.samples import samples_of
from bench.stats.drawing import ecdf

Samples = NDArray[Any]
CURVE_POINTS = 64
OWN_ROLES = ("latency_ns", "token_ns", "block_queries")
WINDOW_ROLES = ("start_ns", "in_flight_start_ns", "in_flight_latency_ns")
"""With the latencies, those that offline throughput is computed from."""
ROLES = (*OWN_ROLES, *WINDOW_ROLES)
"""The arrays of samples that a comparison looks at."""


class Curve(Struct, frozen=True):
    """Empirical distribution of one process' samples: times ``ns``, and the ``share`` of samples up to each."""

    ns: tuple[int, ...]
    share: tuple[float, ...]


class Observation(Struct, frozen=True):
    """What a comparison needs of a run, without its samples. ``values``: metric -> one a process.
    ``curves``: of query latencies, or of the gaps between tokens; one a process. ``blocks``: metric that is a median ->
    that of every turn of every process, where the run was measured in alternation. ``quality_results``: metric ->
    results of the dataset's samples. ``figures``: metric -> the record's own figure, which reports show."""

    record: Record
    values: dict[str, tuple[float | None, ...]]
    energy_channel: str | None
    curves: tuple[Curve, ...]
    blocks: dict[str, tuple[tuple[float, ...], ...]] = {}
    quality_results: Mapping[str, Samples] = {}
    figures: Mapping[str, float] = {}


def observe(run: RecordedRun, source: str = "") -> Observation:
    """Reduce a run to its processes' figures. Raises ``InputError`` naming ``source`` and the array that is missing
    from the samples or cannot be times."""
    record = run.record
    if record.status != "ok":
        return Observation(record, {}, None, ())
    name = source or record.record_id
    processes = _processes(run, name)
    try:
        values = {m.name: tuple(m.of(processes)) for m in METRICS if m.applies in (None, record.plan.model.task)}
    except (ValueError, ArithmeticError) as error:  # a time or size below 0, or beyond all measure, in record.json
        raise InputError(f"{name}: repeats hold figures that cannot be: {error}", "The file was edited.") from None
    judged, blocks = quality_results(run, source), _block_medians(processes)
    return Observation(
        record, values, _energy_channel(processes), _curves(processes), blocks, judged, figures_of(record.summary)
    )


# ------------------------------------------------------------------------------------------------------ samples


def _processes(run: RecordedRun, source: str) -> list[Process]:
    found, in_order = [], iter(timed(run).latency.sorted)
    for repeat in run.record.repeats:
        if repeat.samples is None:
            continue
        latency, tokens, blocks = (_times(run, repeat, role, source) for role in OWN_ROLES)
        if len(blocks) and int(blocks.sum()) != len(latency):
            raise InputError(
                f"{source}: block_queries in samples.npz add up to {int(blocks.sum())} queries, and there are "
                f"{len(latency)}",
                "The file was written or edited wrong.",
            )
        if len(latency):
            rate = _rate(run, repeat, source)
            found.append(
                Process(repeat, latency, tokens, next(in_order), tuple(blocks.tolist()), throughput_per_s=rate)
            )
    return found


def _times(run: RecordedRun, repeat: Repeat, role: str, source: str) -> Samples:
    """The array of that role; empty where the record names none."""
    found = samples_of(repeat, run.samples, role, source)
    return np.empty(0, np.int64) if found is None else found


def _rate(run: RecordedRun, repeat: Repeat, source: str) -> float | None:
    for role in WINDOW_ROLES:
        samples_of(repeat, run.samples, role, source)
    return summary.throughput([repeat], run.samples, run.record.plan.scenario)


def _curves(processes: Sequence[Process]) -> tuple[Curve, ...]:
    parts = [np.sort(gaps_of(p.token_ns)) if p.token_ns.size else p.sorted_ns for p in processes]
    drawn = [ecdf(part, CURVE_POINTS, in_order=True) for part in parts if part.size]
    return tuple(Curve(tuple(x.tolist()), tuple(y.tolist())) for x, y in drawn)


def _block_medians(processes: Sequence[Process]) -> dict[str, tuple[tuple[float, ...], ...]]:
    if not processes or not all(process.blocks for process in processes):
        return {}
    found = {"latency_p50_ns": tuple(_medians(p.latency_ns, p.blocks) for p in processes)}
    if all(p.token_ns.ndim == 2 and p.token_ns.shape[1] > 1 for p in processes):
        found["ttft_ns"] = tuple(_medians(p.token_ns[:, 0], p.blocks) for p in processes)
        found["tpot_ns"] = tuple(_medians(tpots(p.token_ns), p.blocks) for p in processes)
    return found


def _medians(samples: Samples, blocks: Sequence[int]) -> tuple[float, ...]:
    parts = np.split(samples, np.cumsum(blocks)[:-1])
    return tuple(max(1.0, float(np.median(part))) for part in parts if part.size)


def _energy_channel(processes: Sequence[Process]) -> str | None:
    parts = [e for p in processes for e in (p.repeat.energy, p.repeat.power_pass) if e is not None]
    return sensor_tier(parts)[1]
