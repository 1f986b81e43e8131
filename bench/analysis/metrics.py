"""Every figure that reports and comparisons share: one row says what it is, where a record has it and what it is in one
process.

``odb compare``, rankings and CSV walk the table; a new row reaches all three.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from msgspec import Struct
from numpy.typing import NDArray

from bench.analysis import summary
from bench.analysis.energy import sensor_tier
from bench.analysis.memory import peak_rss
from bench.analysis.text import tpots
from bench.analysis.verdict.codes import About
from bench.record.record import Repeat, Summary
from bench.stats import percentiles
from bench.stats import processes as processes_

Samples = NDArray[Any]
Unit = Literal["ns", "bytes", "joules", "cpu_seconds", "queries_per_s", "tokens_per_s"]


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
    """``path``: where ``Record.summary`` holds the figure of all processes; how they are pooled there is the rule of
    that field (docs/record.md). ``of``: the figure of each process; a comparison takes their geometric mean. ``csv``:
    its column, where that is not ``name``. ``speed``: faster and slower are the words, else better and worse.
    ``needs``: why it may be missing. ``about``: reasons about this, or about more, make it untrue. ``applies``: to
    tensors or text; ``None``: to both. ``tail``: a percentile beyond the median, which what preempts the process
    decides."""

    name: str
    title: str
    unit: Unit
    path: tuple[str, ...]
    of: Callable[[Sequence[Process]], Values]
    needs: str
    speed: bool = True
    lower_is_better: bool = True
    about: About = "steady_state"
    applies: Literal["tensor", "text_generation"] | None = None
    tail: bool = False
    csv: str = ""

    @property
    def column(self) -> str:
        return self.csv or self.name

    def figure(self, found: Summary) -> int | float | None:
        """The figure of all processes, as the record has it; ``None`` where it was not measured."""
        part: Any = found
        for field in self.path:
            part = None if part is None else getattr(part, field)
        value: int | float | None = part
        return value

    @property
    def bounded(self) -> bool:
        """Whether a machine's own changes of speed move it by ``bench.compare.rules.SPEEDS`` at the most."""
        return self.speed and self.about == "steady_state" and not self.tail


def figures_of(found: Summary) -> dict[str, float]:
    """Metric -> figure of the summary, for each metric that it has; comparisons and reports show the same."""
    figures = {metric.name: metric.figure(found) for metric in METRICS}
    return {name: float(value) for name, value in figures.items() if value is not None}


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


def _cpu_seconds(processes: Sequence[Process]) -> Values:
    energies = [process.repeat.energy for process in processes]
    return [e.cpu_seconds / e.queries if e and e.cpu_seconds and e.queries else None for e in energies]


def _tail_metric(p: float) -> Metric:
    needs = f"each process needs {processes_.MIN_SAMPLES[p]:,} queries"
    name = f"latency_p{p:g}_ns".replace(".", "")
    path = ("latency_ns", f"p{p:g}".replace(".", ""))
    return Metric(name, f"latency p{p:g}", "ns", path, _tail(p), needs, applies="tensor", tail=True)


METRICS: tuple[Metric, ...] = (
    Metric("latency_p50_ns", "latency p50", "ns", ("latency_ns", "p50"), _p50, "it takes 11 queries"),
    *(_tail_metric(p) for p in processes_.MIN_SAMPLES if p > 50),
    Metric(
        "ttft_ns",
        "time to first token",
        "ns",
        ("text_generation", "ttft_ns"),
        _ttft,
        "it takes 11 generations",
        applies="text_generation",
    ),
    Metric(
        "tpot_ns",
        "time per output token",
        "ns",
        ("text_generation", "tpot_ns"),
        _tpot,
        "it takes 11 generations of 2 tokens",
        applies="text_generation",
    ),
    Metric(
        "decode_tokens_per_s",
        "decode rate",
        "tokens_per_s",
        ("text_generation", "decode_tokens_per_s"),
        _decode_rate,
        "it takes 11 generations of 2 tokens",
        lower_is_better=False,
        applies="text_generation",
    ),
    Metric(
        "throughput_per_s",
        "throughput",
        "queries_per_s",
        ("throughput_per_s",),
        _throughput,
        "no time was recorded",
        lower_is_better=False,
    ),
    Metric(
        "cold_start_ns",
        "cold start",
        "ns",
        ("cold_start_ns",),
        _cold_start,
        "no first inference was recorded",
        about="times",
    ),
    Metric(
        "peak_rss_bytes",
        "peak RSS",
        "bytes",
        ("memory_bytes", "peak_rss"),
        _peak_rss,
        "memory was not read",
        speed=False,
        about="run",
        csv="memory_peak_rss_bytes",
    ),
    Metric(
        "joules_per_inference",
        "energy per inference",
        "joules",
        ("energy", "joules_per_inference"),
        _energy,
        "no sensor read energy above idle",
        speed=False,
        csv="energy_joules_per_inference",
    ),
    Metric(
        "cpu_seconds_per_inference",
        "CPU time per inference",
        "cpu_seconds",
        ("energy", "cpu_seconds_per_inference"),
        _cpu_seconds,
        "CPU time was not read",
        speed=False,
    ),
)
"""Every metric, in the order of reports."""
