"""What a long run shows by the minute beside its rate: temperature, clock, power and how busy a chip was."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from sustained import MINUTE_NS, MS, Device, played, run_of, sustained

from bench.analysis.curves.minutes import chosen_trace
from bench.record.energy import Quantity, Trace
from bench.record.record import RecordedRun
from bench.store.derived import judged

HALF_NS = MINUTE_NS // 2
READINGS = ("temperature_celsius", "clock_mhz", "power_watts", "busy_fraction")
AT = (0, HALF_NS, MINUTE_NS - 1, MINUTE_NS, MINUTE_NS + HALF_NS)


def trace(name: str, quantity: Quantity, *values: float | None) -> Trace:
    return Trace(name, quantity, AT[: len(values)], values)


def run_with(*traces: Sequence[Trace]) -> RecordedRun:
    """Two minutes of queries of 100 ms; a process for each of ``traces``."""
    scenario = sustained(2)
    steady = [played(Device(lambda minute, number: 100 * MS), scenario) for _ in traces]
    run = run_of(steady, scenario)
    repeats = [replace(repeat, traces=tuple(own)) for repeat, own in zip(run.record.repeats, traces, strict=True)]
    return judged(replace(run, record=replace(run.record, repeats=tuple(repeats))))


def values_of(run: RecordedRun, name: str) -> list[float | None]:
    return [point.value for point in run.record.summary.curves[name].points]


def test_a_minute_has_the_mean_of_its_readings() -> None:
    """A reading at the end of a minute is of the next one; what was not read counts for nothing."""
    run = run_with(
        [
            trace("x86_pkg_temp", "celsius", 40.0, 50.0, None, 70.0, 80.0),
            trace("cores", "mhz", 3000.0, 3000.0, 2400.0, 2000.0, 1000.0),
            trace("package-0", "watts", 10.0, 20.0, 30.0, 8.0),
            trace("npu", "busy", 0.5, 0.75, 1.0, 0.25, None),
        ]
    )
    assert [45.0, 75.0] == values_of(run, "temperature_celsius")
    assert [2800.0, 1500.0] == values_of(run, "clock_mhz")
    assert [20.0, 8.0] == values_of(run, "power_watts")
    assert [0.75, 0.25] == values_of(run, "busy_fraction")
    units = [run.record.summary.curves[name].unit for name in READINGS]
    assert ["celsius", "mhz", "watts", "fraction"] == units


def test_processes_are_averaged_and_their_readings_have_no_interval() -> None:
    """30 and 50 °C in the first minute; in the second only one of them was read."""
    run = run_with(
        [trace("soc", "celsius", 30.0, 30.0, 30.0, 60.0)],
        [trace("soc", "celsius", 50.0, 50.0, 50.0)],
    )
    assert [40.0, 60.0] == values_of(run, "temperature_celsius")
    points = run.record.summary.curves["temperature_celsius"].points
    assert [None, None] == [point.interval95 for point in points]


def test_a_minute_without_a_reading_has_no_value() -> None:
    """The rate of that minute is known all the same."""
    run = run_with([trace("soc", "celsius", 30.0, 31.0, 32.0)])
    assert [31.0, None] == values_of(run, "temperature_celsius")
    assert [pytest.approx(10, rel=0.01)] * 2 == values_of(run, "rate_of_minute_per_s")


def test_without_channels_there_are_no_curves_of_readings() -> None:
    assert {*READINGS}.isdisjoint(run_with([]).record.summary.curves)


@pytest.mark.parametrize(
    ("quantity", "channels", "shown"),
    [
        ("celsius", {"ambient": (30.0, 31.0), "cpu": (20.0, 90.0), "board": (50.0, 50.0)}, "cpu"),
        ("mhz", {"little": (1800.0,), "big": (2900.0,)}, "big"),
        ("watts", {"package-0": (40.0,), "board": (12.0,), "core": (50.0,)}, "board"),
        ("watts", {"core": (50.0,), "package-0": (9.0,), "package-1": (11.0,)}, "package-1"),
        ("watts", {"dram": (3.0,), "core": (5.0,)}, "core"),
        ("watts", {"dram": (None,), "core": (0.5,)}, "core"),
    ],
)
def test_of_several_channels_one_is_shown(
    quantity: Quantity, channels: dict[str, tuple[float | None, ...]], shown: str
) -> None:
    """The zone that became hottest, the highest clock; of power the whole device before its parts, then the highest."""
    traces = [trace(name, quantity, *values) for name, values in channels.items()]
    found = chosen_trace([*traces, trace("other", "busy", 1e9)], quantity)
    assert found is not None
    assert shown == found.name


def test_another_quantity_is_never_shown() -> None:
    assert chosen_trace([trace("cores", "mhz", 1.0)], "celsius") is None
