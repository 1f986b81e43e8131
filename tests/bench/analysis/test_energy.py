"""The energy of one inference, from what each repeat's channels read: exact figures of made-up readings."""

import pytest
from energies import energy_summary

from bench.analysis.energy import NO_SENSOR
from bench.contracts import Channel
from bench.record.energy import ChannelReading, RepeatEnergy

PACKAGE = Channel("fake", "package-0", "energy", "package", "p", wraps_at=262143.0)
NPU = Channel("fake", "accel0", "busy", "npu", "n")


def read(domain: str, name: str, total: float | None, above: float | None, sensor: str = "rapl") -> ChannelReading:
    return ChannelReading(sensor, name, domain, total, None, above, lost=total is None)


def repeat(*readings: ChannelReading, queries: int = 10, cpu_seconds: float | None = 4.0) -> RepeatEnergy:
    """A window of 2 s."""
    return RepeatEnergy(queries, 2_000_000_000, cpu_seconds, readings)


def test_summary_takes_the_median_of_the_package_above_idle() -> None:
    """Joules an inference from the sensor, with the other tiers' figures beside it."""
    energies = [
        repeat(read("package", "package-0", 40.0, above), read("core", "core", 30.0, 9.0)) for above in (10, 20, 60)
    ]
    summary = energy_summary(energies, 300, None, [])
    assert ("sensor", 2.0, "rapl/package-0") == (summary.tier, summary.joules_per_inference, summary.sensor_channel)
    assert (0.4, 2.0, 300, None, "") == (
        summary.cpu_seconds_per_inference,
        summary.cores_busy,
        summary.macs,
        summary.bytes_moved,
        str(summary.reason),
    )


def test_summary_adds_sockets_but_never_their_parts() -> None:
    """Two packages are apart; a core domain lies within one."""
    energy = repeat(
        read("package", "package-0", 40.0, 20.0), read("package", "package-1", 40.0, 10.0), read("core", "c", 9.0, 9.0)
    )
    summary = energy_summary([energy], None, None, [])
    assert (3.0, "rapl/package-0 + rapl/package-1") == (summary.joules_per_inference, summary.sensor_channel)


def test_summary_prefers_the_board_then_the_package_then_the_battery() -> None:
    """What holds more of the machine's energy is the better answer; they are not added."""
    board = read("board", "psys", 50.0, 40.0)
    package = read("package", "package-0", 40.0, 20.0)
    battery = read("battery", "BAT0", 90.0, 60.0, "battery")
    order = [[board, package, battery], [package, battery], [battery]]
    assert ["rapl/psys", "rapl/package-0", "battery/BAT0"] == [
        energy_summary([repeat(*readings)], None, None, []).sensor_channel for readings in order
    ]


def test_summary_takes_the_largest_of_several_board_rails() -> None:
    """A board's supply feeds its rails, so they are not added either."""
    energy = repeat(read("board", "VDD_IN", 50.0, 40.0, "hwmon"), read("board", "VDD_SYSTEM", 30.0, 25.0, "hwmon"))
    summary = energy_summary([energy], None, None, [])
    assert ("hwmon/VDD_IN", 4.0) == (summary.sensor_channel, summary.joules_per_inference)


def test_summary_does_not_believe_a_board_below_its_package() -> None:
    """Some firmware leaves the platform counter dead; the package is taken, and it is said."""
    energy = repeat(read("board", "psys", 2.0, 1.0), read("package", "package-0", 40.0, 20.0))
    summary = energy_summary([energy], None, None, [])
    assert "rapl/package-0" == summary.sensor_channel
    assert "rapl/psys reads 1 W, less than the package's 20 W: the reading is not plausible." == str(summary.reason)


def test_summary_joins_counters_and_sampled_power() -> None:
    """The power pass has its own queries, and no CPU-seconds."""
    sampled = repeat(read("board", "VDD_IN", 50.0, 40.0, "hwmon"), queries=5, cpu_seconds=None)
    summary = energy_summary([repeat(read("package", "package-0", 20.0, 10.0)), sampled], None, None, [])
    assert (8.0, "hwmon/VDD_IN", 0.4) == (
        summary.joules_per_inference,
        summary.sensor_channel,
        summary.cpu_seconds_per_inference,
    )


def test_summary_without_idle_falls_to_activity_and_says_so() -> None:
    """Energy that includes the machine's idling is not the inference's."""
    summary = energy_summary([repeat(read("package", "package-0", 40.0, None))], None, None, [PACKAGE])
    assert ("activity", None, None) == (summary.tier, summary.joules_per_inference, summary.sensor_channel)
    assert (
        "rapl/package-0 was read, but not its idle power, so energy above idle is unknown; measure idle first."
        == str(summary.reason)
    )


def test_summary_below_idle_is_no_figure() -> None:
    """A negative energy means the idle was none."""
    summary = energy_summary([repeat(read("package", "package-0", 4.0, -1.0))], None, None, [PACKAGE])
    assert ("activity", None) == (summary.tier, summary.joules_per_inference)
    assert "rapl/package-0 read no more than at idle; close other programs and measure longer." == str(summary.reason)


@pytest.mark.parametrize(("above", "expected"), [(0.3, None), (0.5, 0.05)])
def test_summary_takes_no_noise_of_the_idle_for_energy(above: float, expected: float | None) -> None:
    """An idle of two seconds is not known to better than a hundredth."""
    summary = energy_summary([repeat(read("package", "package-0", 40.0, above))], None, None, [])
    assert expected == summary.joules_per_inference


def test_summary_counts_a_socket_once_that_two_drivers_watch() -> None:
    """Channels of one driver are sockets and are added; those of another may be the same sockets."""
    two = [read("package", f"amd_energy Esocket{i}", 40.0, 20.0, "hwmon") for i in range(2)]
    other = read("package", "amd_smi package", 39.0, 19.0, "hwmon")
    summary = energy_summary([repeat(*two, other)], None, None, [])
    expected = (4.0, "hwmon/amd_energy Esocket0 + hwmon/amd_energy Esocket1")
    assert expected == (summary.joules_per_inference, summary.sensor_channel)


def test_summary_gives_the_reason_and_remedy_of_unusable_channels_once() -> None:
    """Four counters with one cause are one sentence."""
    closed = [
        Channel("rapl", name, "energy", "package", name, usable=False, reason="only root", remedy="Use chmod.")
        for name in ("package-0", "package-1")
    ]
    assert "rapl/package-0: only root. Use chmod." == str(energy_summary([repeat()], None, None, closed).reason)


def test_summary_says_when_no_sensor_was_found() -> None:
    """A virtual machine's record explains itself, and an unusable NPU counter does not hide it."""
    old = Channel("intel_npu", "accel0", "busy", "npu", "n", usable=False, reason="too old", remedy="Upgrade.")
    assert energy_summary([repeat()], None, None, [NPU]).reason == NO_SENSOR
    assert f"{NO_SENSOR} intel_npu/accel0: too old. Upgrade." == str(
        energy_summary([repeat()], None, None, [old]).reason
    )


def test_summary_says_when_a_reading_was_lost() -> None:
    """A lost channel is named, and repeats that have it are still used."""
    lost, good = repeat(read("package", "package-0", None, None)), repeat(read("package", "package-0", 40.0, 20.0))
    assert 2.0 == energy_summary([lost, good], None, None, [PACKAGE]).joules_per_inference
    assert "rapl/package-0 lost its reading: it vanished, restarted or may have wrapped." == str(
        energy_summary([lost], None, None, [PACKAGE]).reason
    )


def test_summary_of_the_npu_is_its_busy_time() -> None:
    """Busy seconds an inference, the median over repeats; zero busy time is a figure."""
    busy = [repeat(ChannelReading("intel_npu", "accel0", "npu", busy_seconds=s)) for s in (0.0, 0.5, 1.0)]
    assert 0.05 == energy_summary(busy, None, None, []).npu_busy_seconds_per_inference
    assert 0.0 == energy_summary(busy[:1], None, None, []).npu_busy_seconds_per_inference
    assert None is energy_summary([repeat()], None, None, []).npu_busy_seconds_per_inference


def test_summary_without_repeats_is_the_model_tier_or_none() -> None:
    """Nothing measured: what is known of the graph, or nothing."""
    assert "model" == energy_summary([], 300, 100, []).tier
    nothing = energy_summary([repeat(queries=0)], None, None, [])
    assert (None, None, None) == (nothing.tier, nothing.cpu_seconds_per_inference, nothing.joules_per_inference)
    assert str(nothing.reason).endswith("No repeat measured CPU or accelerator time.")
