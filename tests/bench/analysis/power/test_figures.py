"""Energy with idle and above it, energy times delay, and battery hours: by hand, with their intervals."""

import numpy as np
import pytest
from msgspec.structs import replace

from bench.analysis.metrics import METRICS
from bench.analysis.run_processes import Processes, processes_of
from bench.record.energy import ChannelReading, RepeatEnergy
from bench.record.record import RecordedRun
from bench.scenarios.kinds import KINDS, parse_scenario
from bench.stats.processes import between_means
from bench.store.derived import judged
from bench.testing.records import fake_run

S = 1_000_000_000
SECONDS, QUERIES = 10.0, 100


def run_of(*watts: float, domain: str = "meter", idle: float | None = 2.0) -> RecordedRun:
    """Each repeat: 100 queries of 50 ms in ten seconds, as a camera would give them."""
    run = fake_run("r", [np.full(QUERIES, S // 20, np.int64)] * len(watts))
    energies = [
        RepeatEnergy(
            QUERIES,
            round(SECONDS * S),
            1.0,
            (ChannelReading("m", "P", domain, w * SECONDS, idle, None if idle is None else (w - idle) * SECONDS),),
        )
        for w in watts
    ]
    repeats = tuple(replace(r, energy=e) for r, e in zip(run.record.repeats, energies, strict=True))
    return RecordedRun(replace(run.record, repeats=repeats), run.samples)


def processes(run: RecordedRun, scenario: str = "", **settings: float) -> Processes:
    asked = parse_scenario(scenario, KINDS["multi-stream"]) if scenario else run.record.plan.scenario
    return processes_of(run.record.repeats, run.samples, asked, None, settings)


def figure(name: str, found: Processes) -> tuple[float | None, tuple[float, float] | None]:
    rule = next(metric.rule for metric in METRICS if metric.name == name)
    assert rule.interval is not None
    return rule.pooled(found, rule.of(found)), rule.interval(found)


def by_logarithms(*joules: float) -> tuple[float, float]:
    """Student's t over the logarithms of three figures."""
    logs = np.log(joules)
    reach = 4.302653 * logs.std(ddof=1) / 3**0.5
    return float(np.exp(logs.mean() - reach)), float(np.exp(logs.mean() + reach))


def test_energy_of_an_inference() -> None:
    """9, 10 and 11 W of which 2 are idle: 0.8 J above idle and 1 J with it. Student's t over the logarithms of three
    repeats."""
    found = processes(run_of(9.0, 10.0, 11.0))
    assert figure("joules_per_inference", found) == (
        pytest.approx(0.8),
        pytest.approx(by_logarithms(0.7, 0.8, 0.9)),
    )
    assert figure("total_joules_per_inference", found) == (
        pytest.approx(1.0),
        pytest.approx(by_logarithms(0.9, 1.0, 1.1)),
    )


def test_energy_times_delay() -> None:
    """1 J in 50 ms; a query of eight samples costs eight inferences."""
    run = run_of(10.0, 10.0)
    assert figure("energy_delay_joule_seconds", processes(run))[0] == pytest.approx(0.05)
    streams = processes(run, "multi-stream:streams=8")
    assert figure("energy_delay_joule_seconds", streams)[0] == pytest.approx(8 * 0.05)


def test_battery_hours() -> None:
    """50 Wh at 10 W are 5 h, at the rate of the scenario: the time between its queries is in the power."""
    value, between = figure("battery_hours", processes(run_of(10.0, 10.0), battery_wh=50.0))
    assert (value, between) == (pytest.approx(5.0), pytest.approx((5.0, 5.0)))
    assert figure("battery_hours", processes(run_of(10.0)))[0] is None


def test_a_package_is_no_device() -> None:
    """A processor's own sensor says nothing of the hours that the whole device has."""
    assert figure("battery_hours", processes(run_of(10.0, domain="package"), battery_wh=50.0))[0] is None


def test_without_an_idle_power() -> None:
    """Energy with idle is known all the same, and by a meter it is the tier."""
    energy = judged(run_of(10.0, 10.0, idle=None)).record.summary.energy
    assert energy is not None
    assert (energy.tier, energy.joules_per_inference, energy.sensor_channel) == ("meter", None, None)
    assert energy.total_joules_per_inference == pytest.approx(1.0)
    assert (energy.total_sensor_channel, energy.watts) == ("m/P", pytest.approx(10.0))


def test_an_interval_holds_its_median() -> None:
    """Of twelve figures of which one is far off, the mean's interval is widened to the median."""
    values = [1.0] * 11 + [100.0]
    low, high = between_means(values)
    assert low <= 1.0 <= high
    assert between_means([1.0]) is None
