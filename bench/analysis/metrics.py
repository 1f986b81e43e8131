"""Every figure that records, reports and comparisons share: one row states its name, how it is computed for one process
and for all, and where it is in a record.

Summaries, reports, CSV, rankings and ``odb compare`` walk the table; docs/architecture.md says how to add a row.
"""

from collections.abc import Callable
from typing import Any

from bench.analysis.energy import cpu_seconds, energies_of
from bench.analysis.figures.late import LATE
from bench.analysis.figures.metric import Metric as Metric
from bench.analysis.figures.percentiles import TPOT, decode_rate, first_tokens, gaps, last_turns, percentile_of
from bench.analysis.figures.pooled import middle_size, typical, typical_time
from bench.analysis.figures.rule import GEOMETRIC_MEAN, MEDIAN, Figure, Rule, Values
from bench.analysis.figures.rule import Unit as Unit
from bench.analysis.figures.sustained import RETAINED, STEADY_RATE, STEADY_TOKEN_RATE, TIME_TO_THROTTLE
from bench.analysis.figures.wake import FIRST_ANSWER, KEEP_AWAKE_CPU, KEEP_AWAKE_WATTS, WAKE_RATIO
from bench.analysis.memory import peak_rss
from bench.analysis.open_loops.rules import JITTER, LARGEST_RATE, dropped, fraction_of, in_time
from bench.analysis.power import figures as power
from bench.analysis.run_processes import Process, Processes
from bench.analysis.staged.figures import (
    NETWORK,
    NETWORK_ALONE,
    TIME_PER_INPUT,
    overlapped_passes,
    overlapped_rate,
    per_input,
    stage_time,
)
from bench.contracts import STAGES
from bench.record.record import Repeat
from bench.record.summary import Summary
from bench.scenarios.text import CHAT, CONCURRENT
from bench.stats import processes as processes_
from bench.words import sentence


def figures_of(found: Summary) -> dict[str, float]:
    """Metric -> figure of the summary, for each metric that it has; comparisons and reports show the same."""
    figures = {metric.name: metric.figure(found) for metric in METRICS}
    return {name: float(value) for name, value in figures.items() if value is not None}


# ---------------------------------------------------------------------------------------- one figure of each process


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
        over_points=True,
    )


END_TO_END = ("end-to-end",)


def _staged_metric(role: str, rule: Rule) -> Metric:
    return Metric(
        name=role,
        unit="ns",
        rule=rule,
        samples=processes_.MIN_SAMPLES[50],
        scenarios=END_TO_END,
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
        over_points=True,
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
        name="ttft_last_turn_ns",
        unit="ns",
        rule=percentile_of(last_turns, 50),
        short=sentence("metric.ttft_last_turn_ns.short"),
        samples=processes_.MIN_SAMPLES[50],
        applies="text_generation",
        scenarios=(CHAT,),
    ),
    Metric(
        name="ttft_p95_ns",
        unit="ns",
        rule=percentile_of(first_tokens, 95),
        short="TTFT p95",
        samples=processes_.MIN_SAMPLES[95],
        applies="text_generation",
        tail=True,
        scenarios=(CONCURRENT,),
    ),
    Metric(
        name="itl_p95_ns",
        unit="ns",
        rule=percentile_of(gaps, 95),
        short="ITL p95",
        samples=processes_.MIN_SAMPLES[95],
        applies="text_generation",
        tail=True,
        scenarios=(CONCURRENT,),
    ),
    Metric(
        name="tokens_per_s",
        unit="tokens_per_s",
        rule=Rule(of=_each(lambda p: p.tokens_per_s), pooled=typical, how=GEOMETRIC_MEAN),
        short=sentence("metric.tokens_per_s.short"),
        lower_is_better=False,
        applies="text_generation",
        scenarios=(CONCURRENT,),
    ),
    Metric(
        name="throughput_per_s",
        unit="queries_per_s",
        path=("throughput_per_s",),
        rule=Rule(of=_each(lambda p: p.throughput_per_s), pooled=typical, how=GEOMETRIC_MEAN),
        over_points=True,
        lower_is_better=False,
    ),
    Metric(
        name="cold_start_ns",
        unit="ns",
        path=("cold_start_ns",),
        rule=Rule(of=_each(lambda p: _cold_start(p.repeat)), pooled=typical_time, how=GEOMETRIC_MEAN),
        about="times",
    ),
    Metric(
        name="peak_rss_bytes",
        unit="bytes",
        path=("memory_bytes", "peak_rss"),
        rule=Rule(of=_each(lambda p: peak_rss(p.repeat)), pooled=middle_size, how=MEDIAN),
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
        name="samples_per_s",
        unit="samples_per_s",
        rule=Rule(
            of=_each(lambda p: None if p.throughput_per_s is None else p.samples * p.throughput_per_s),
            pooled=typical,
            how=GEOMETRIC_MEAN,
            interval=lambda run: processes_.between_values([p.samples * (p.throughput_per_s or 0) for p in run.each]),
        ),
        lower_is_better=False,
        applies="tensor",
        scenarios=("batch",),
    ),
    Metric(
        name="wake_p50_ns",
        unit="ns",
        rule=FIRST_ANSWER,
        short=sentence("metric.wake_p50_ns.short"),
        samples=processes_.MIN_SAMPLES[50],
        applies="tensor",
        scenarios=("wake",),
    ),
    Metric(
        name="wake_ratio",
        unit="ratio",
        rule=WAKE_RATIO,
        short=sentence("metric.wake_ratio.short"),
        samples=processes_.MIN_SAMPLES[50],
        applies="tensor",
        scenarios=("wake",),
    ),
    Metric(
        name="keep_awake_cpu_seconds",
        unit="cpu_seconds",
        rule=KEEP_AWAKE_CPU,
        short=sentence("metric.keep_awake_cpu_seconds.short"),
        speed=False,
        applies="tensor",
        scenarios=("wake",),
    ),
    Metric(
        name="keep_awake_watts",
        unit="watts",
        rule=KEEP_AWAKE_WATTS,
        short=sentence("metric.keep_awake_watts.short"),
        speed=False,
        applies="tensor",
        scenarios=("wake",),
    ),
    Metric(
        name="late_fraction",
        unit="fraction",
        rule=LATE,
        short=sentence("metric.late_fraction.short"),
        over_points=True,
        speed=False,
        tail=True,
        settings=("deadline",),
    ),
    Metric(
        name="time_per_input_ns",
        unit="ns",
        rule=TIME_PER_INPUT,
        short=sentence("metric.time_per_input_ns.short"),
        scenarios=END_TO_END,
    ),
    Metric(
        name="network_fraction",
        unit="fraction",
        rule=NETWORK,
        short=sentence("metric.network_fraction.short"),
        speed=False,
        scenarios=END_TO_END,
        compared=False,
    ),
    *(_staged_metric(f"stage_{name}_ns", stage_time(f"stage_{name}_ns")) for name in STAGES),
    _staged_metric("network_alone_ns", NETWORK_ALONE),
    _staged_metric("overlapped_latency_ns", per_input(overlapped_passes)),
    Metric(
        name="overlapped_per_s",
        unit="queries_per_s",
        rule=Rule(of=_each(overlapped_rate), pooled=typical, how=GEOMETRIC_MEAN),
        short=sentence("metric.overlapped_per_s.short"),
        lower_is_better=False,
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
        short=sentence("metric.largest_rate_per_s.short"),
        lower_is_better=False,
        tail=True,
        scenarios=("server",),
    ),
    Metric(
        name="steady_rate_per_s",
        unit="queries_per_s",
        rule=STEADY_RATE,
        short=sentence("metric.steady_rate_per_s.short"),
        lower_is_better=False,
        applies="tensor",
        scenarios=("sustained",),
    ),
    Metric(
        name="steady_tokens_per_s",
        unit="tokens_per_s",
        rule=STEADY_TOKEN_RATE,
        short=sentence("metric.steady_tokens_per_s.short"),
        lower_is_better=False,
        applies="text_generation",
        scenarios=("sustained",),
    ),
    Metric(
        name="retained_fraction",
        unit="fraction",
        rule=RETAINED,
        short=sentence("metric.retained_fraction.short"),
        speed=False,
        lower_is_better=False,
        scenarios=("sustained",),
    ),
    Metric(
        name="time_to_throttle_ns",
        unit="ns",
        rule=TIME_TO_THROTTLE,
        short=sentence("metric.time_to_throttle_ns.short"),
        speed=False,
        lower_is_better=False,
        scenarios=("sustained",),
    ),
)
"""Every metric, in the order of reports."""
