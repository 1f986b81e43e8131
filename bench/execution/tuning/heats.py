"""A heat: a few settings, the default among them, each measured once in a fresh process, in turns.

Energy is read from counters of the whole machine, so for it the processes run one after another.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic_ns

import numpy as np
from msgspec import Struct

from bench.analysis.metrics import METRICS, Metric
from bench.analysis.run_processes import Processes, processes_of
from bench.comparison.interleaved import neighbours
from bench.comparison.observe import block_medians
from bench.contracts import Scenario, Task, Tensors
from bench.jobs import Failed, Result
from bench.measure.repeat import Measured, MeasureJob
from bench.process.supervisor import run_job
from bench.process.turns import run_in_turns
from bench.process.turnstile import Turnstile
from bench.record.record import Failure

BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}


class Process(Struct, frozen=True):
    """What one process measured. ``figures``: metric -> its figure. ``blocks``: metric that is a median -> that of
    every turn."""

    figures: dict[str, float]
    blocks: dict[str, tuple[float, ...]]


class Heat(Struct, frozen=True):
    """``processes``: what each job measured, or how it failed, in order. ``wall_ns``: of the whole heat."""

    processes: tuple[Process | Failure, ...]
    wall_ns: int


def measure(
    jobs: Sequence[tuple[MeasureJob, Path]], task: Task, deadline_s: float, *, first: int, in_turns: bool
) -> Heat:
    """Carry out one heat. ``first``: which job begins."""
    began_ns = monotonic_ns()
    if in_turns:
        results = run_in_turns(jobs, deadline_s, Turnstile(first % len(jobs), len(jobs)))
    else:
        results = _one_by_one(jobs, deadline_s, first % len(jobs))
    processes = tuple(_process(job, result, task) for (job, _), result in zip(jobs, results, strict=True))
    return Heat(processes, monotonic_ns() - began_ns)


def _one_by_one(jobs: Sequence[tuple[MeasureJob, Path]], deadline_s: float, first: int) -> list[Result[Measured]]:
    order = [(first + index) % len(jobs) for index in range(len(jobs))]
    found = {index: run_job(*jobs[index], deadline_s) for index in order}
    return [found[index] for index in range(len(jobs))]


def _process(job: MeasureJob, result: Result[Measured], task: Task) -> Process | Failure:
    answer = result.answer
    if isinstance(answer, Failed):
        return answer.failure
    with np.load(answer.samples, allow_pickle=False) as archive:
        samples = {role: archive[role] for role in archive.files}
    answer.samples.unlink(missing_ok=True)
    return _figures(answer, samples, job.scenario, task)


def _figures(measured: Measured, samples: Tensors, scenario: Scenario, task: Task) -> Process:
    processes: Processes = processes_of([measured.repeat], samples, scenario).with_latencies()
    found: dict[str, float] = {}
    for metric in METRICS:
        if metric.applies in (None, task):
            (value,) = metric.rule.of(processes) or (None,)
            if value is not None and value > 0:
                found[metric.name] = float(value)
    blocks = {name: parts[0] for name, parts in block_medians(processes.each).items()}
    return Process(found, blocks)


def log_of(metric: str, new: Process, base: Process) -> float | None:
    """The logarithm of the figure over the base's, turned so that smaller is better; from neighbouring turns, where
    both have them. ``None`` where one of them lacks the figure."""
    sign = 1 if BY_NAME[metric].lower_is_better else -1
    if metric in new.blocks and metric in base.blocks:
        return sign * neighbours(base.blocks[metric], new.blocks[metric])[0]
    if metric not in new.figures or metric not in base.figures:
        return None
    return sign * math.log(new.figures[metric] / base.figures[metric])
