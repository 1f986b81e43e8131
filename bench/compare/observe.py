"""One figure a process for every metric that two records may be compared by, from the raw samples.

A figure that was not measured in a process is ``None``. A metric is compared only where every process has it: taking
the repeats that happen to have one would favour them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bench.analysis import summary
from bench.analysis.energy import sensor_tier
from bench.analysis.memory import peak_rss
from bench.analysis.quality_results import quality_results
from bench.analysis.text import gaps_of, tpots
from bench.analysis.timed_run import timed
from bench.analysis.verdict.codes import About
from bench.errors import InputError
from bench.record.record import Record, RecordedRun, Repeat, Summary
from bench.record.samples import samples_of
from bench.stats import percentiles
from bench.stats import processes as processes_
from bench.stats.drawing import ecdf

Samples = NDArray[Any]
Unit = Literal["ns", "bytes", "joules", "cpu_seconds", "queries_per_s", "tokens_per_s"]
CURVE_POINTS = 64
OWN_ROLES = ("latency_ns", "token_ns", "block_queries")
WINDOW_ROLES = ("start_ns", "in_flight_start_ns", "in_flight_latency_ns")
"""With the latencies, those that offline throughput is computed from."""
ROLES = (*OWN_ROLES, *WINDOW_ROLES)
"""The arrays of samples that a comparison looks at."""


class Process(Struct, frozen=True):
    """One repeat and its samples: ``latency_ns`` [n], ``token_ns`` [n, tokens]; empty where there are none.
    ``sorted_ns``: the latencies sorted. ``blocks``: queries of each turn of an alternation, none without one."""

    repeat: Repeat
    latency_ns: Samples
    token_ns: Samples
    sorted_ns: Samples
    blocks: tuple[int, ...]
    throughput_per_s: float | None


Values = list[float | None]


class Metric(Struct, frozen=True):
    """``speed``: faster and slower are the words, else better and worse. ``needs``: why it may be missing.
    ``about``: reasons about this, or about more, make it untrue. ``applies``: to tensors or text; ``None``: to both.
    ``tail``: a percentile beyond the median, which what preempts the process decides."""

    name: str
    title: str
    unit: Unit
    of: Callable[[Sequence[Process]], Values]
    needs: str
    speed: bool = True
    lower_is_better: bool = True
    about: About = "steady_state"
    applies: Literal["tensor", "text_generation"] | None = None
    tail: bool = False

    @property
    def bounded(self) -> bool:
        """Whether a machine's own changes of speed move it by ``bench.compare.rules.SPEEDS`` at the most."""
        return self.speed and self.about == "steady_state" and not self.tail


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


def figures_of(found: Summary) -> dict[str, float]:
    """Metric -> figure of the summary, for each metric that it has; comparisons and reports show the same."""
    text, memory, energy, latency = found.text_generation, found.memory_bytes, found.energy, found.latency_ns
    tails = {"p50": "p50", "p90": "p90", "p95": "p95", "p99": "p99", "p999": "p999"}
    figures: dict[str, float | None] = {
        **{f"latency_{name}_ns": getattr(latency, field) for name, field in tails.items() if latency is not None},
        "ttft_ns": text.ttft_ns if text is not None else None,
        "tpot_ns": text.tpot_ns if text is not None else None,
        "decode_tokens_per_s": text.decode_tokens_per_s if text is not None else None,
        "throughput_per_s": found.throughput_per_s,
        "cold_start_ns": found.cold_start_ns,
        "peak_rss_bytes": memory.peak_rss if memory is not None else None,
        "joules_per_inference": energy.joules_per_inference if energy is not None else None,
        "cpu_seconds_per_inference": energy.cpu_seconds_per_inference if energy is not None else None,
    }
    return {name: float(value) for name, value in figures.items() if value is not None}


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


# ------------------------------------------------------------------------------------------------------ figures


def _median_of(parts: Sequence[Samples]) -> Values:
    """Each process' median, where all of them together hold as many samples as LoadGen asks of a median."""
    if sum(len(part) for part in parts) < processes_.MIN_SAMPLES[50]:
        return [None] * len(parts)
    return [float(percentiles.percentile(part, 50)) if len(part) else None for part in parts]


def _tail(p: float) -> Callable[[Sequence[Process]], Values]:
    """Each process' percentile, where it alone holds as many samples as LoadGen asks: a tail of few is biased, and
    the more the fewer they are."""

    def values(processes: Sequence[Process]) -> Values:
        parts = [process.sorted_ns for process in processes]
        least = processes_.MIN_SAMPLES[p]
        return [float(percentiles.sorted_percentile(part, p)) if len(part) >= least else None for part in parts]

    return values


def _p50(processes: Sequence[Process]) -> Values:
    parts = [process.sorted_ns for process in processes]
    if sum(len(part) for part in parts) < processes_.MIN_SAMPLES[50]:
        return [None] * len(parts)
    return [float(percentiles.sorted_percentile(part, 50)) for part in parts]


def _throughput(processes: Sequence[Process]) -> Values:
    return [process.throughput_per_s for process in processes]


def _cold_start(processes: Sequence[Process]) -> Values:
    return [summary.cold_start([process.repeat]) for process in processes]


def _ttft(processes: Sequence[Process]) -> Values:
    return _median_of([p.token_ns[:, 0] if p.token_ns.ndim == 2 else p.token_ns for p in processes])


def _tpot(processes: Sequence[Process]) -> Values:
    return _median_of([tpots(process.token_ns) for process in processes])


def _decode_rate(processes: Sequence[Process]) -> Values:
    return [summary.SECOND / tpot if tpot else None for tpot in _tpot(processes)]


def _peak_rss(processes: Sequence[Process]) -> Values:
    return [peak_rss([process.repeat]) for process in processes]


def _energy(processes: Sequence[Process]) -> Values:
    parts = [[e for e in (p.repeat.energy, p.repeat.power_pass) if e is not None] for p in processes]
    found = [sensor_tier(part) for part in parts]
    same = len({channel for _, channel in found}) == 1
    return [joules if same else None for joules, _ in found]


def _energy_channel(processes: Sequence[Process]) -> str | None:
    parts = [e for p in processes for e in (p.repeat.energy, p.repeat.power_pass) if e is not None]
    return sensor_tier(parts)[1]


def _cpu_seconds(processes: Sequence[Process]) -> Values:
    energies = [process.repeat.energy for process in processes]
    return [e.cpu_seconds / e.queries if e and e.cpu_seconds and e.queries else None for e in energies]


def _tail_metric(p: float) -> Metric:
    needs = f"each process needs {processes_.MIN_SAMPLES[p]:,} queries"
    name = f"latency_p{p:g}_ns".replace(".", "")
    return Metric(name, f"latency p{p:g}", "ns", _tail(p), needs, applies="tensor", tail=True)


METRICS: tuple[Metric, ...] = (
    Metric("latency_p50_ns", "latency p50", "ns", _p50, "it takes 11 queries"),
    *(_tail_metric(p) for p in processes_.MIN_SAMPLES if p > 50),
    Metric("ttft_ns", "time to first token", "ns", _ttft, "it takes 11 generations", applies="text_generation"),
    Metric(
        "tpot_ns",
        "time per output token",
        "ns",
        _tpot,
        "it takes 11 generations of 2 tokens",
        applies="text_generation",
    ),
    Metric(
        "decode_tokens_per_s",
        "decode rate",
        "tokens_per_s",
        _decode_rate,
        "it takes 11 generations of 2 tokens",
        lower_is_better=False,
        applies="text_generation",
    ),
    Metric(
        "throughput_per_s", "throughput", "queries_per_s", _throughput, "no time was recorded", lower_is_better=False
    ),
    Metric("cold_start_ns", "cold start", "ns", _cold_start, "no first inference was recorded", about="times"),
    Metric("peak_rss_bytes", "peak RSS", "bytes", _peak_rss, "memory was not read", speed=False, about="run"),
    Metric(
        "joules_per_inference",
        "energy per inference",
        "joules",
        _energy,
        "no sensor read energy above idle",
        speed=False,
    ),
    Metric(
        "cpu_seconds_per_inference",
        "CPU time per inference",
        "cpu_seconds",
        _cpu_seconds,
        "CPU time was not read",
        speed=False,
    ),
)
"""Every metric, in the order of reports."""
