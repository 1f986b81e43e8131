"""The energy meter: scripted sensors and clocks, so every figure is exact."""

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from bench.contracts import Channel, channel_key
from bench.machine.channels import MAX_PLAUSIBLE_WATTS, counted, discover, idle_baseline
from bench.measure.energy import EnergyMeter, sample_power, trapezoid
from bench.record.energy import ChannelReading, RepeatEnergy

ROOT = Path("unused")
RANGE = 262143.0

PACKAGE = Channel("fake", "package-0", "energy", "package", "p", wraps_at=RANGE)
CORE = Channel("fake", "package-0/core", "energy", "core", "c", wraps_at=RANGE)
BOARD = Channel("fake", "VDD_IN", "power", "board", "b")
NPU = Channel("fake", "accel0", "busy", "npu", "n")
NO_IDLE: Mapping[str, float] = {}
GONE = OSError(19, "No such device")


class Scripted:
    """A sensor that answers from a list a channel, in order; an exception in the list is raised."""

    summary = "scripted"

    def __init__(self, **answers: Iterable[float | Exception]) -> None:
        self._answers = {path: iter(values) for path, values in answers.items()}

    def channels(self, root: Path) -> Sequence[Channel]:
        return [c for c in (PACKAGE, CORE, BOARD, NPU) if c.path in self._answers]

    def read(self, root: Path, channel: Channel) -> float:
        answer = next(self._answers[channel.path])
        if isinstance(answer, Exception):
            raise answer
        return answer


class Broken:
    """A sensor whose tree cannot even be listed."""

    summary = "broken"

    def channels(self, root: Path) -> Sequence[Channel]:
        raise OSError(5, "Input/output error")

    def read(self, root: Path, channel: Channel) -> float:
        raise AssertionError("never found, never read")


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


BEGAN_NS = 1_700_000_000_000_000_000


def metered(
    sensor: Scripted, channels: Sequence[Channel], seconds: int = 2, idle: Mapping[str, float] = NO_IDLE
) -> RepeatEnergy:
    """One window of ``seconds`` and 10 queries, in which the process took 3 CPU-seconds."""
    clock_ns: Callable[[], int] = iter([1_000_000_000, 1_000_000_000 + seconds * 10**9]).__next__
    cpu_clock: Callable[[], float] = iter([1.0, 4.0]).__next__
    clocks = {"clock_ns": clock_ns, "cpu_clock": cpu_clock, "unix_clock_ns": lambda: BEGAN_NS}
    meter = EnergyMeter({"fake": sensor}, channels, ROOT, idle, **clocks)  # type: ignore[arg-type]
    meter.start()
    return meter.stop(10)


# ------------------------------------------------------------------------------------------------ discover


def test_discover_reads_each_channel_once_to_prove_it() -> None:
    """A channel that is listed but cannot be read is unusable, with the reason."""
    found = discover({"fake": Scripted(p=[1.0], b=[GONE], n=[ValueError("x")])}, ROOT)
    assert [
        (True, ""),
        (False, "it cannot be read: No such device"),
        (False, "it cannot be read: the file holds no number"),
    ] == [(c.usable, str(c.reason)) for c in found]


def test_a_sensor_of_anybody_s_may_raise_anything() -> None:
    """What is neither of a file nor of a number costs the channel, and the run nothing."""
    found = discover({"fake": Scripted(p=[1.0], n=[KeyError("watts")])}, ROOT)
    assert [(True, ""), (False, "it cannot be read: KeyError")] == [(c.usable, str(c.reason)) for c in found]


def test_discover_survives_a_sensor_that_cannot_list() -> None:
    """One broken sensor is said, and the others are still found."""
    found = discover({"broken": Broken(), "fake": Scripted(p=[1.0])}, ROOT)
    assert [("broken/all", False, "Input/output error"), ("fake/package-0", True, "")] == [
        (channel_key(c), c.usable, str(c.reason)) for c in found
    ]


# ------------------------------------------------------------------------------------------------- counters


def test_counter_difference() -> None:
    """Without a wrap the joules are the difference."""
    assert 20.0 == counted(100.0, 120.0, 2.0, RANGE)


def test_counter_wrap_is_corrected_once() -> None:
    """A counter that starts over at its range has counted across it."""
    assert 30.0 == counted(RANGE - 10.0, 20.0, 2.0, RANGE)


def test_counter_that_may_have_wrapped_twice_is_unknown() -> None:
    """Once the plausible power allows another turn of the counter, the figure is one of several."""
    seconds = (RANGE + 20.0) / MAX_PLAUSIBLE_WATTS
    assert None is counted(0.0, 20.0, seconds, RANGE)
    assert 20.0 == counted(0.0, 20.0, seconds - 0.001, RANGE)


@pytest.mark.parametrize(
    ("first", "last", "wraps_at"),
    [
        (None, 1.0, RANGE),
        (1.0, None, RANGE),
        (5.0, 1.0, None),  # went back, and its range is unknown
        (5.0, 4.0, RANGE),  # 262 kJ in 2 s: it restarted
        (0.0, 2001.0, None),  # more than 1 kW
    ],
)
def test_counter_that_cannot_be_trusted_is_unknown(
    first: float | None, last: float | None, wraps_at: float | None
) -> None:
    """A missing, restarted or impossible reading is no figure at all."""
    assert None is counted(first, last, 2.0, wraps_at)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([(0.0, 10.0), (1.0, 10.0), (3.0, 10.0)], 30.0),
        ([(0.0, 0.0), (2.0, 8.0)], 8.0),
        ([(0.0, 10.0), (1.0, None), (2.0, 10.0)], None),
        ([(0.0, 10.0)], None),
        ([], None),
    ],
)
def test_trapezoid(samples: list[tuple[float, float | None]], expected: float | None) -> None:
    """Joules under the samples; none where one is missing or there is no width."""
    assert expected == trapezoid(samples)


# ----------------------------------------------------------------------------------------------------- idle


def test_idle_of_a_counter_is_its_difference_over_the_time() -> None:
    """Ten joules in five seconds are two watts; one sleep, no samples."""
    clock = Clock()
    idle = idle_baseline({"fake": Scripted(p=[100.0, 110.0])}, [PACKAGE], ROOT, 5.0, clock.sleep, clock)
    assert {"fake/package-0": 2.0} == idle
    assert 5.0 == clock.now


def test_idle_of_a_power_channel_is_the_mean_of_its_samples() -> None:
    """Ten samples a second, averaged."""
    clock = Clock()
    sensor = Scripted(b=[4.0, 5.0, 6.0])
    assert {"fake/VDD_IN": 5.0} == idle_baseline({"fake": sensor}, [BOARD], ROOT, 0.3, clock.sleep, clock)


def test_idle_leaves_out_what_could_not_be_read() -> None:
    """A channel that vanished while idling has no baseline; the other has."""
    clock = Clock()
    sensor = Scripted(p=[1.0, GONE], c=[1.0, 2.0], b=[5.0, GONE])
    idle = idle_baseline({"fake": sensor}, [PACKAGE, CORE, BOARD], ROOT, 0.2, clock.sleep, clock)
    assert ["fake/package-0/core"] == list(idle)


def test_idle_without_channels_does_not_wait() -> None:
    """A machine without sensors loses no time."""
    clock = Clock()
    assert {} == idle_baseline({}, [NPU], ROOT, 5.0, clock.sleep, clock)
    assert 0.0 == clock.now


# ---------------------------------------------------------------------------------------------------- meter


def test_meter_gives_joules_above_idle_and_busy_time() -> None:
    """Total energy, energy above idle, the NPU's busy time and CPU-seconds of one window."""
    energy = metered(Scripted(p=[100.0, 140.0], n=[1.0, 2.5]), [PACKAGE, NPU], idle={"fake/package-0": 5.0})
    expected = RepeatEnergy(
        queries=10,
        duration_ns=2_000_000_000,
        cpu_seconds=3.0,
        channels=(
            ChannelReading("fake", "package-0", "package", joules_total=40.0, idle_watts=5.0, joules=30.0),
            ChannelReading("fake", "accel0", "npu", busy_seconds=1.5),
        ),
        began_unix_ns=BEGAN_NS,
    )
    assert expected == energy


def test_meter_corrects_a_wrap() -> None:
    """A counter that starts over during the loop still gives its joules."""
    energy = metered(Scripted(p=[RANGE - 10.0, 20.0]), [PACKAGE])
    assert [30.0] == [c.joules_total for c in energy.channels]


def test_meter_without_idle_gives_no_joules_above_it() -> None:
    """An unknown idle is not zero watts."""
    energy = metered(Scripted(p=[100.0, 140.0]), [PACKAGE])
    assert [(40.0, None, None)] == [(c.joules_total, c.idle_watts, c.joules) for c in energy.channels]


def test_meter_marks_a_sensor_that_vanished_as_lost() -> None:
    """The others are kept, and nothing is raised."""
    energy = metered(Scripted(p=[100.0, GONE], c=[ValueError("x"), 1.0], n=[3.0, 1.0]), [PACKAGE, CORE, NPU])
    assert [(True, None, None)] * 3 == [(c.lost, c.joules_total, c.busy_seconds) for c in energy.channels]


def test_meter_loses_a_counter_that_may_have_wrapped_more_than_once() -> None:
    """Ten minutes are too long for this counter's range."""
    energy = metered(Scripted(p=[0.0, 100.0]), [PACKAGE], seconds=600)
    assert [(True, None)] == [(c.lost, c.joules_total) for c in energy.channels]


def test_meter_reads_only_usable_counters() -> None:
    """Power is left to its own pass, and an unusable channel is not touched."""
    unusable = Channel("fake", "psys", "energy", "board", "missing", usable=False)
    assert () == metered(Scripted(), [BOARD, unusable]).channels


def test_meter_can_be_used_again_but_not_stopped_twice() -> None:
    """Every stop belongs to one start."""
    meter = EnergyMeter({}, [], ROOT, {})
    meter.start()
    meter.stop(1)
    with pytest.raises(RuntimeError, match="stop without start"):
        meter.stop(1)


@pytest.mark.real
def test_meter_sees_this_process_work() -> None:
    """CPU-seconds come from the process itself, wherever it runs."""
    meter = EnergyMeter({}, [], ROOT, {})
    meter.start()
    begin = time.process_time()
    while time.process_time() - begin < 0.05:
        pass
    energy = meter.stop(1)
    assert energy.cpu_seconds is not None
    assert energy.cpu_seconds >= 0.05
    assert energy.duration_ns > 0


# ------------------------------------------------------------------------------------------------ power pass


def test_power_pass_integrates_over_the_whole_loop() -> None:
    """Constant power gives power × time above idle, whatever the thread sampled in between."""
    clock = Clock()
    sensor = Scripted(b=itertools.repeat(7.0))
    energy = sample_power(
        lambda: clock.sleep(0.5), {"fake": sensor}, [PACKAGE, BOARD], ROOT, 3.0, {"fake/VDD_IN": 2.0}, clock
    )
    expected = RepeatEnergy(
        queries=6,
        duration_ns=3_000_000_000,
        cpu_seconds=None,
        channels=(ChannelReading("fake", "VDD_IN", "board", joules_total=21.0, idle_watts=2.0, joules=15.0),),
    )
    assert expected == energy


def test_power_pass_is_lost_when_one_sample_fails() -> None:
    """A gap in the samples cannot be integrated."""
    clock = Clock()
    sensor = Scripted(b=itertools.chain([7.0], itertools.repeat(GONE)))
    energy = sample_power(lambda: clock.sleep(1.0), {"fake": sensor}, [BOARD], ROOT, 1.0, {}, clock)
    assert energy is not None
    assert [(True, None, None)] == [(c.lost, c.joules_total, c.joules) for c in energy.channels]


def test_power_pass_without_a_power_channel_runs_nothing() -> None:
    """Nothing to sample, nothing to do."""

    def call() -> None:
        raise AssertionError("not to be called")

    assert None is sample_power(call, {}, [PACKAGE], ROOT, 3.0, {})


def test_power_pass_ends_its_thread_when_the_call_fails() -> None:
    """The failure is the caller's, and no sampler stays behind."""

    def call() -> None:
        raise RuntimeError("device lost")

    sensor = Scripted(b=itertools.repeat(7.0))
    with pytest.raises(RuntimeError, match="device lost"):
        sample_power(call, {"fake": sensor}, [BOARD], ROOT, 3.0, {})
    assert [] == [t.name for t in threading.enumerate() if t.name == "power-samples"]
