"""Every figure that records, reports and comparisons share: one row states its name, how it is computed for one process
and for all, and where it is in a record.

Summaries, reports, CSV, rankings and ``odb compare`` walk the table; docs/architecture.md says how to add a row.
"""

from collections.abc import Callable, Mapping, Sequence
from statistics import geometric_mean, median
from typing import Any, Literal

from msgspec import Struct

from bench.analysis.energy import cpu_seconds, energies_of
from bench.analysis.figures.late import LATE
from bench.analysis.figures.percentiles import TPOT, decode_rate, first_tokens, percentile_of
from bench.analysis.figures.rule import GEOMETRIC_MEAN, MEDIAN, Figure, Interval, Rule, Values
from bench.analysis.memory import peak_rss
from bench.analysis.open_loops.rules import JITTER, LARGEST_RATE, dropped, fraction_of, in_time
from bench.analysis.power import figures as power
from bench.analysis.run_processes import Process, Processes
from bench.analysis.staged.figures import NETWORK, median_of_role, overlapped_rate
from bench.analysis.verdict.codes import About
from bench.contracts import STAGES
from bench.record.record import Repeat
from bench.record.summary import Summary
from bench.settings import setting_fields
from bench.stats import processes as processes_
from bench.words import Sentence, sentence

Unit = Literal[
    "ns", "bytes", "joules", "cpu_seconds", "queries_per_s", "tokens_per_s", "fraction", "joule_seconds", "hours"
]


class Metric(Struct, frozen=True, kw_only=True):
    """``path``: where ``Record.summary`` holds the figure of the run; empty: in ``figures``, by ``name``. ``csv``: its
    column, where that is not ``name``. ``settings``: names of those of ``bench.settings`` without which there is no
    figure; two runs that differ in one are not compared by it.
    ``short``: what it is called in narrow columns, where that is not ``title``. ``samples``: the minimum number.
    ``speed``: reported as faster and slower, otherwise as better and worse. ``about``: reasons about this part of a
    run, or a larger one, make it invalid. ``applies``: to tensors or text; ``None``: to both. ``beside``: another
    metric of the same measurement, whose reason for being missing stands for this one's too. ``tail``: a percentile
    beyond the median, which depends on preemption. ``scenarios``: names of those that alone have it; none: all.
    ``compared``: more or less of it is better; else it only says how a run is made up. ``listed``: of those of a
    scenario, whether lists of runs have it as a column; else it stands in a table of its own."""

    name: str
    unit: Unit
    rule: Rule
    path: tuple[str, ...] = ()
    short: Sentence | str = ""
    samples: int = 0
    speed: bool = True
    lower_is_better: bool = True
    about: About = "steady_state"
    applies: Literal["tensor", "text_generation"] | None = None
    beside: str = ""
    tail: bool = False
    csv: str = ""
    settings: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    compared: bool = True
    listed: bool = True

    @property
    def title(self) -> Sentence:
        """What it is called."""
        return sentence(f"metric.{self.name}.title")

    @property
    def needs(self) -> Sentence:
        """Why it may be missing."""
        return sentence(f"metric.{self.name}.needs", least=self.samples)

    @property
    def column(self) -> str:
        return self.csv or self.name

    @property
    def bounds(self) -> tuple[str, str]:
        """The columns of the interval: the unit stays last in their names."""
        end = f"_{self.unit}" if self.column.endswith(f"_{self.unit}") else ""
        stem = f"{self.column.removesuffix(end)}_ci95"
        return f"{stem}_low{end}", f"{stem}_high{end}"

    @property
    def interval_path(self) -> tuple[str, ...]:
        """Where ``Record.summary`` holds the interval, if the rule has one."""
        return (*self.path[:-1], f"{self.path[-1]}_ci95")

    @property
    def place(self) -> str:
        """Where the record has the figure, in words: ``summary.latency_ns.p50``."""
        return ".".join(("summary", *(self.path or ("figures", self.name, "value"))))

    @property
    def fraction(self) -> bool:
        """Whether it may be 0, so that two are compared by their difference."""
        return self.unit == "fraction"

    def asked_for(self, settings: Mapping[str, Any]) -> bool:
        """Whether ``settings`` of a run, by their fields, hold all that it needs."""
        return all(field in settings for field in setting_fields(self.settings))

    def of_scenario(self, name: str) -> bool:
        """Whether runs of that scenario have it."""
        return not self.scenarios or name in self.scenarios

    def figure(self, found: Summary) -> Figure:
        """The figure of the run, as the record has it; ``None`` where it was not measured."""
        if not self.path:
            return found.figures[self.name].value if self.name in found.figures else None
        value: Figure = _at(found, self.path)
        return value

    def interval(self, found: Summary) -> Interval:
        """The interval of ``figure``, as the record has it; ``None`` where it is not known."""
        if not self.path:
            return found.figures[self.name].interval95 if self.name in found.figures else None
        between: Interval = None if self.rule.interval is None else _at(found, self.interval_path)
        return between

    @property
    def bounded(self) -> bool:
        """Whether a machine's own changes of speed move it by ``bench.comparison.rules.SPEEDS`` at the most."""
        return self.speed and self.about == "steady_state" and not self.tail


def _at(found: Any, path: Sequence[str]) -> Any:
    for field in path:
        found = None if found is None else getattr(found, field)
    return found


def figures_of(found: Summary) -> dict[str, float]:
    """Metric -> figure of the summary, for each metric that it has; comparisons and reports show the same."""
    figures = {metric.name: metric.figure(found) for metric in METRICS}
    return {name: float(value) for name, value in figures.items() if value is not None}


# ---------------------------------------------------------------------------------------- one figure of each process


def _known(values: Values) -> list[float]:
    return [value for value in values if value is not None]


def _typical(run: Processes, values: Values) -> float | None:
    known = _known(values)
    return geometric_mean(known) if known else None


def _typical_time(run: Processes, values: Values) -> int | None:
    known = _known(values)
    return round(geometric_mean([max(1, value) for value in known])) if known else None


def _middle_size(run: Processes, values: Values) -> int | None:
    known = _known(values)
    return round(median(known)) if known else None


OPEN_LOOPS, FRAMES = ("server", "fixed-rate"), ("fixed-rate",)


def _cold_start(repeat: Repeat) -> int | None:
    """Fresh process to first output: import, read, compile and first inference together. A phase that the runtime does
    not separate counts as zero; without a first inference the cold start is unknown."""
    p = repeat.phases_ns
    if p.first_inference is None:
        return None
    return (p.runtime_import or 0) + (p.read or 0) + (p.compile or 0) + p.first_inference


def _each(of: Callable[[Process], Figure]) -> Callable[[Processes], Values]:
    return lambda run: [of(process) for process in run.each]


def _tail_metric(p: float) -> Metric:
    name = f"p{p:g}".replace(".", "")
    return Metric(
        name=f"latency_{name}_ns",
        unit="ns",
        path=("latency_ns", name),
        rule=percentile_of(Processes.latencies, p),
        short=f"p{p:g}",
        samples=processes_.MIN_SAMPLES[p],
        applies="tensor",
        tail=True,
    )


END_TO_END = ("end-to-end",)


def _staged_metric(role: str) -> Metric:
    """The median of the times of that role."""
    return Metric(
        name=role,
        unit="ns",
        rule=median_of_role(role),
        samples=processes_.MIN_SAMPLES[50],
        applies="tensor",
        scenarios=END_TO_END,
        listed=False,
    )


def _of_energy(name: str, of: Callable[[Processes], Values], *, unit: Unit = "joules", **more: Any) -> Metric:
    """``more``: further fields of ``Metric``."""
    rule = Rule(of=of, pooled=power.middle, how=MEDIAN, interval=power.between(of))
    return Metric(name=name, unit=unit, rule=rule, speed=False, about="energy", **more)


def _token_joules(part: str) -> Metric:
    """``prompt`` or ``generated``; ``total_…`` with idle inside."""
    total, kind = "total_" if part.startswith("total_") else "", part.removeprefix("total_")
    return _of_energy(
        f"{total}joules_per_{kind}_token",
        power.of_tokens(part),
        applies="text_generation",
        beside="joules_per_inference",
    )


METRICS: tuple[Metric, ...] = (
    Metric(
        name="latency_p50_ns",
        unit="ns",
        path=("latency_ns", "p50"),
        rule=percentile_of(Processes.latencies, 50),
        short="p50",
        samples=processes_.MIN_SAMPLES[50],
    ),
    *(_tail_metric(p) for p in processes_.MIN_SAMPLES if p > 50),
    Metric(
        name="ttft_ns",
        unit="ns",
        path=("text_generation", "ttft_ns"),
        rule=percentile_of(first_tokens, 50),
        short="TTFT",
        samples=processes_.MIN_SAMPLES[50],
        applies="text_generation",
    ),
    Metric(
        name="tpot_ns",
        unit="ns",
        path=("text_generation", "tpot_ns"),
        rule=TPOT,
        short="TPOT",
        samples=processes_.MIN_SAMPLES[50],
        applies="text_generation",
    ),
    Metric(
        name="decode_tokens_per_s",
        unit="tokens_per_s",
        path=("text_generation", "decode_tokens_per_s"),
        rule=decode_rate(),
        short=sentence("metric.decode_tokens_per_s.short"),
        lower_is_better=False,
        applies="text_generation",
    ),
    Metric(
        name="throughput_per_s",
        unit="queries_per_s",
        path=("throughput_per_s",),
        rule=Rule(of=_each(lambda p: p.throughput_per_s), pooled=_typical, how=GEOMETRIC_MEAN),
        lower_is_better=False,
    ),
    Metric(
        name="cold_start_ns",
        unit="ns",
        path=("cold_start_ns",),
        rule=Rule(of=_each(lambda p: _cold_start(p.repeat)), pooled=_typical_time, how=GEOMETRIC_MEAN),
        about="times",
    ),
    Metric(
        name="peak_rss_bytes",
        unit="bytes",
        path=("memory_bytes", "peak_rss"),
        rule=Rule(of=_each(lambda p: peak_rss(p.repeat)), pooled=_middle_size, how=MEDIAN),
        speed=False,
        about="run",
        csv="memory_peak_rss_bytes",
    ),
    _of_energy(
        "joules_per_inference",
        power.joules,
        path=("energy", "joules_per_inference"),
        csv="energy_joules_per_inference",
    ),
    _of_energy(
        "total_joules_per_inference",
        power.total_joules,
        path=("energy", "total_joules_per_inference"),
        csv="energy_total_joules_per_inference",
        beside="joules_per_inference",
    ),
    _of_energy("energy_delay_joule_seconds", power.energy_delay, unit="joule_seconds", beside="joules_per_inference"),
    *(_token_joules(part) for part in ("prompt", "generated", "total_prompt", "total_generated")),
    _of_energy("battery_hours", power.battery_hours, unit="hours", lower_is_better=False, settings=("battery-wh",)),
    Metric(
        name="cpu_seconds_per_inference",
        unit="cpu_seconds",
        path=("energy", "cpu_seconds_per_inference"),
        rule=Rule(
            of=lambda run: [cpu_seconds(windows) for windows in energies_of(run.repeats)],
            pooled=power.middle,
            how=MEDIAN,
        ),
        speed=False,
    ),
    Metric(
        name="late_fraction",
        unit="fraction",
        rule=LATE,
        short=sentence("metric.late_fraction.short"),
        speed=False,
        tail=True,
        settings=("deadline",),
    ),
    Metric(
        name="network_fraction",
        unit="fraction",
        rule=NETWORK,
        short=sentence("metric.network_fraction.short"),
        speed=False,
        applies="tensor",
        scenarios=END_TO_END,
        compared=False,
    ),
    *(_staged_metric(f"stage_{name}_ns") for name in STAGES),
    _staged_metric("network_alone_ns"),
    _staged_metric("overlapped_latency_ns"),
    Metric(
        name="overlapped_per_s",
        unit="queries_per_s",
        rule=Rule(of=_each(overlapped_rate), pooled=_typical, how=GEOMETRIC_MEAN),
        short=sentence("metric.overlapped_per_s.short"),
        lower_is_better=False,
        applies="tensor",
        scenarios=END_TO_END,
    ),
    Metric(
        name="in_time_fraction",
        unit="fraction",
        rule=fraction_of(in_time),
        short=sentence("metric.in_time_fraction.short"),
        speed=False,
        lower_is_better=False,
        tail=True,
        scenarios=OPEN_LOOPS,
    ),
    Metric(
        name="dropped_fraction",
        unit="fraction",
        rule=fraction_of(dropped),
        short=sentence("metric.dropped_fraction.short"),
        speed=False,
        tail=True,
        scenarios=FRAMES,
    ),
    Metric(
        name="jitter_ns",
        unit="ns",
        rule=JITTER,
        speed=False,
        scenarios=FRAMES,
    ),
    Metric(
        name="largest_rate_per_s",
        unit="queries_per_s",
        rule=LARGEST_RATE,
        lower_is_better=False,
        tail=True,
        scenarios=("server",),
    ),
)
"""Every metric, in the order of reports."""
