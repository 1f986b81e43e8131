"""The queries of a run by the points of the scenario's axis."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from bench.analysis.run_processes import Process, Processes
from bench.contracts import Scenario
from bench.scenarios.axes import MOST_POINTS, axis_of, points_of
from bench.stats.processes import ordered

THOUSANDTHS = 1_000


class Points(Struct, frozen=True):
    """The values of the axis, and of each the processes with its queries alone."""

    at: tuple[float, ...]
    runs: tuple[Processes, ...]


def points_by(run: Processes, scenario: Scenario) -> Points | None:
    """The queries of ``run`` by the points that they belong to; ``None`` of a scenario without an axis, and where no
    process says which."""
    axis, processes = axis_of(scenario), [process.at_points() for process in run.each]
    if axis is None or not any(len(process.point) for process in processes):
        return None
    at = _found(processes) if axis.of == "found" else points_of(scenario)
    split = [_split(process, at) for process in processes]
    each = zip(*split, strict=True) if split else ()
    return Points(at, tuple(_run_of(tuple(processes), run) for processes in each))


def _found(processes: Sequence[Process]) -> tuple[float, ...]:
    """The values that any process found, in order."""
    values = {int(value) for process in processes for value in process.axis_thousandths.tolist()}
    return tuple(value / THOUSANDTHS for value in sorted(values)[:MOST_POINTS])


def _split(process: Process, at: Sequence[float]) -> list[Process]:
    """The process at each point, with the queries that belong there."""
    point, axis = process.point, process.axis_thousandths
    if len(axis):  # each process has its own order of values
        place = {value: index for index, value in enumerate(at)}
        point = np.array([place.get(int(value) / THOUSANDTHS, len(at)) for value in axis], np.int64)[point]
    by_point = np.argsort(point, kind="stable")
    ends = np.searchsorted(point[by_point], np.arange(len(at) + 1))
    process = replace(process, point=point)
    return [process.only(by_point[low:high]) for low, high in pairwise(ends)]


def _run_of(processes: tuple[Process, ...], run: Processes) -> Processes:
    latency = ordered([process.latency_ns for process in processes], few=True)
    return Processes(processes, latency, run.settings, run.scenario)
