"""Windows' energy meters and battery, on answers with the bytes that Windows lays out. Figures are those of public
reports, named where they are used; Windows itself was never asked."""

import itertools
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_windows import FakeWindows, battery_state, measurements, metadata_v1, metadata_v2, pwh

from bench.contracts import Sensor
from bench.machine.channels import discover, idle_baseline
from bench.machine.sensors.windows_battery import WindowsBattery
from bench.machine.sensors.windows_energy import COUNTER, WindowsEnergy
from bench.machine.windows import emi
from bench.measure.energy import EnergyMeter
from bench.record.energy import RepeatEnergy

HERE = Path("/")


def energy_channels(fake: FakeWindows) -> list[tuple[str, str, bool]]:
    return [(c.name, c.domain, c.usable) for c in WindowsEnergy(fake).channels(HERE)]


def metered(sensor: Sensor, name: str, change: Callable[[], None], seconds: float = 1.0) -> RepeatEnergy:
    """One window of ``seconds`` in which ``change`` happens."""
    sensors = {name: sensor}
    clock_ns = itertools.count(0, round(seconds * 1e9)).__next__
    meter = EnergyMeter(sensors, discover(sensors, HERE), HERE, {}, clock_ns=clock_ns)
    meter.start()
    change()
    return meter.stop(10)


class TestEnergy:
    def test_rapl_of_an_intel_laptop(self) -> None:
        """Package, cores, GPU; a memory rail that never counted is not usable."""
        fake = FakeWindows()
        names = ["RAPL_Package0_PKG", "RAPL_Package0_PP0", "RAPL_Package0_PP1", "RAPL_Package0_DRAM"]
        fake.add_meter("meter", names, [2_200_000_000_000_000, 2_000_000_000_000_000, 17_000_000_000, 0])
        assert energy_channels(fake) == [
            ("RAPL_Package0_PKG", "package", True),
            ("RAPL_Package0_PP0", "core", True),
            ("RAPL_Package0_PP1", "gpu", True),
            ("RAPL_Package0_DRAM", "dram", False),
        ]
        channels = WindowsEnergy(fake).channels(HERE)
        assert 7_920_000.0 == pytest.approx(WindowsEnergy(fake).read(HERE, channels[0]))
        assert "the counter reads 0" == str(channels[3].reason)

    def test_cores_beside_the_package_are_not_added_to_it(self) -> None:
        """Windows has a meter for each core: 154 W, which another tool read as 265 W (codecarbon#1263)."""
        fake = FakeWindows()
        fake.add_meter("core0", ["RAPL_Package0_PKG", "RAPL_Package0_Core0_CORE"], [pwh(1000), pwh(70)])
        for core in range(1, 16):
            fake.add_meter(f"core{core}", [f"RAPL_Package0_Core{core}_CORE"], [pwh(60 + core)])

        def a_second() -> None:
            fake.add_meter("core0", ["RAPL_Package0_PKG", "RAPL_Package0_Core0_CORE"], [pwh(1154), pwh(77.4)])
            for core in range(1, 16):
                fake.add_meter(f"core{core}", [f"RAPL_Package0_Core{core}_CORE"], [pwh(67.4 + core)])

        window = metered(WindowsEnergy(fake), "windows_energy", a_second)
        package = [c for c in window.channels if c.domain == "package"]
        assert [("RAPL_Package0_PKG", pytest.approx(154.0))] == [(c.name, c.joules_total) for c in package]
        assert 265.0 == pytest.approx(sum(c.joules_total or 0 for c in window.channels[2:]) + 154.0)
        assert 17 == len(window.channels)

    def test_dies_that_show_one_counter_are_one_package(self) -> None:
        """Threadripper: every die shows the socket's. Two sockets, which differ, are added."""
        fake = FakeWindows()
        fake.add_meter("die0", ["RAPL_Package0_PKG"], [pwh(100_000.00)])
        fake.add_meter("die1", ["RAPL_Package0_PKG"], [pwh(100_000.05)])
        fake.add_meter("socket1", ["RAPL_Package1_PKG"], [pwh(93_000)])
        channels = WindowsEnergy(fake).channels(HERE)
        assert [True, False, True] == [c.usable for c in channels]
        assert "it repeats the counter of RAPL_Package0_PKG" == str(channels[1].reason)
        assert "RAPL_Package0_PKG (2)" == channels[1].name

    def test_amd_laptop(self) -> None:
        """The socket has the rails in it, and the names are whole words (ROG Zephyrus G14)."""
        fake = FakeWindows()
        names = ["VDDCR_VDD Power", "VDDCR_SOC Power", "Current Socket Power", "Apu Power"]
        fake.add_meter("smu", names, [pwh(10), pwh(20), pwh(30), pwh(40)])
        assert ["core", "other", "package", "other"] == [domain for _, domain, _ in energy_channels(fake)]

    def test_apu_is_the_package_where_nothing_else_is(self) -> None:
        fake = FakeWindows()
        fake.add_meter("smu", ["VDDCR_VDD Power", "Apu Power"], [pwh(10), pwh(40)])
        assert ["core", "package"] == [domain for _, domain, _ in energy_channels(fake)]

    def test_snapdragon_laptop_by_the_performance_counter(self) -> None:
        """Rails in picowatt-hours, of which SYS is the device; ``_Total`` reads 0; the charger carries 59.4 W into it
        and its battery (Yoga Slim 7 14Q8X9)."""
        rails = {"PSU_USB": 59.4, "SYS": 16.6, "USBC_TOTAL": 9.3, "CPU_CLUSTER_0": 1.35, "GPU": 0.07}
        fake = FakeWindows()
        fake.counters[COUNTER] = {"_Total": 0, **{name: pwh(1000 + index) for index, name in enumerate(rails)}}

        def a_second() -> None:
            now = {name: pwh(1000 + index + watts) for index, (name, watts) in enumerate(rails.items())}
            fake.counters[COUNTER] = {"_Total": 0, **now}

        window = metered(WindowsEnergy(fake), "windows_energy", a_second)
        found = {c.name: (c.domain, round(c.joules_total or 0, 6)) for c in window.channels}
        assert found == {
            "CPU_CLUSTER_0": ("core", 1.35),
            "GPU": ("gpu", 0.07),
            "PSU_USB": ("other", 59.4),
            "SYS": ("board", 16.6),
            "USBC_TOTAL": ("other", 9.3),
        }

    def test_the_counter_agrees_with_the_power_that_windows_shows_in_milliwatts(self) -> None:
        r"""``\Energy Meter(RAPL_Package0_PKG)\Power`` 19,835.8: the energy of a second is 19.8358 J."""
        fake = FakeWindows()
        fake.counters[COUNTER] = {"RAPL_Package0_PKG": 2_200_000_000_000_000}
        sensors = {"windows_energy": WindowsEnergy(fake)}
        channels = discover(sensors, HERE)

        def wait(seconds: float) -> None:
            fake.counters[COUNTER]["RAPL_Package0_PKG"] += 5_509_944_444

        clock = itertools.count(0.0, 1.0).__next__
        idle = idle_baseline(sensors, channels, HERE, 1.5, wait, lambda: clock() / 3)
        assert {"windows_energy/RAPL_Package0_PKG"} == idle.keys()
        meter = metered(sensors["windows_energy"], "windows_energy", lambda: wait(1))
        assert 19_835.8 / 1000 == pytest.approx(meter.channels[0].joules_total)

    def test_without_permission_the_counter_is_read_instead(self) -> None:
        """Opening a meter may need an administrator before Windows 11; the counter does not."""
        fake = FakeWindows()
        fake.meters["meter"] = PermissionError(13, "access denied")
        fake.counters[COUNTER] = {"RAPL_Package0_PKG": pwh(5)}
        assert [("RAPL_Package0_PKG", "package", True)] == energy_channels(fake)

    @pytest.mark.parametrize(
        ("refused", "reason", "remedy"),
        [
            (None, "Windows shows no energy meter", "Windows 11 on real hardware"),
            (PermissionError(13, "access denied"), "does not let this user open", "or run as administrator"),
            (OSError(50, "Windows error 50"), "does not answer ([Errno 50] Windows error 50)", "external meter"),
        ],
    )
    def test_nothing_to_read_says_why_and_what_to_do(self, refused: OSError | None, reason: str, remedy: str) -> None:
        """An i7-13700KF has a meter that answers with error 50."""
        fake = FakeWindows()
        if refused is not None:
            fake.meters["meter"] = refused
        (channel,) = WindowsEnergy(fake).channels(HERE)
        assert (False, "package") == (channel.usable, channel.domain)
        assert reason in str(channel.reason)
        assert remedy in str(channel.remedy)

    def test_a_meter_that_goes_away_is_a_lost_reading(self) -> None:
        fake = FakeWindows()
        fake.add_meter("meter", ["RAPL_Package0_PKG"], [pwh(5)])
        window = metered(WindowsEnergy(fake), "windows_energy", lambda: fake.meters.update(meter=OSError(1167)))
        assert [(None, True)] == [(c.joules_total, c.lost) for c in window.channels]

    def test_a_counter_that_goes_away_is_an_oserror(self) -> None:
        fake = FakeWindows()
        fake.counters[COUNTER] = {"SYS": pwh(5)}
        (channel,) = WindowsEnergy(fake).channels(HERE)
        fake.counters[COUNTER] = {"_Total": 0}
        with pytest.raises(OSError, match="SYS is no longer among the counters"):
            WindowsEnergy(fake).read(HERE, channel)


class TestMetadata:
    def answering(self, version: int, described: bytes) -> FakeWindows:
        fake = FakeWindows()
        size = struct.pack("<I", len(described))
        answers = {0x224000: struct.pack("<H", version), 0x224004: size, 0x224008: described}
        fake.meters["meter"] = {**answers, 0x22400C: measurements([7])}
        return fake

    def test_version_1_has_one_channel(self) -> None:
        """A Surface Book's meter."""
        assert emi.Meter("meter", "Surface", ("CPU",)) == emi.describe(self.answering(1, metadata_v1("CPU")), "meter")

    def test_version_1_without_a_name_is_named_by_its_model(self) -> None:
        assert [("Surface", "other", True)] == energy_channels(self.answering(1, metadata_v1("")))

    def test_channels_follow_one_another_without_padding(self) -> None:
        """Names of odd lengths, and the fixed 100 bytes that Windows 11 keeps for each."""
        names = ["RAPL_Package0_PKG", "A", "RAPL_Package0_DRAM"]
        for kept in (None, 100):
            found = emi.describe(self.answering(2, metadata_v2(names, name_bytes=kept)), "meter")
            assert tuple(names) == found.channels

    def test_names_that_are_filled_with_spaces(self) -> None:
        assert ("SYS",) == emi.describe(self.answering(2, metadata_v2(["SYS      "])), "meter").channels

    @pytest.mark.parametrize(
        ("version", "described"),
        [
            (3, metadata_v2(["SYS"])),
            (2, metadata_v2(["SYS"])[:-4]),
            (2, metadata_v2(["SYS"])[:67]),
            (2, metadata_v2(["SYS"], unit=1)),
            (1, metadata_v1("CPU", unit=1)),
            (2, metadata_v2(["SYS"])[:66] + b"\xff\xff"),
            (2, b""),
        ],
    )
    def test_what_is_damaged_or_counts_otherwise_is_not_read(self, version: int, described: bytes) -> None:
        """Another version, a description cut short, another unit, 65,535 channels, nothing."""
        fake = self.answering(version, described)
        with pytest.raises(ValueError, match=r"bytes|unit|version|channels|name"):
            emi.describe(fake, "meter")
        (channel,) = WindowsEnergy(fake).channels(HERE)
        assert not channel.usable

    def test_an_answer_for_some_of_the_channels_is_no_answer(self) -> None:
        fake = FakeWindows()
        fake.add_meter("meter", ["A", "B"], [1])
        with pytest.raises(OSError, match="16 bytes for 2 channels"):
            emi.joules(fake, "meter", 2)


class TestBattery:
    def test_watts_while_it_discharges(self) -> None:
        fake = FakeWindows()
        fake.state = battery_state(present=True, discharging=True, milliwatts=-7420)
        sensor = WindowsBattery(fake)
        (channel,) = sensor.channels(HERE)
        assert ("battery", True, 7.42) == (channel.domain, channel.usable, sensor.read(HERE, channel))

    @pytest.mark.parametrize(
        ("state", "reason"),
        [
            (battery_state(present=True, milliwatts=12_000), "on AC: discharge cannot be measured"),
            (battery_state(present=True, discharging=True), "reports neither power nor"),
            (battery_state(present=True, discharging=True, milliwatts=-0x80000000), "reports neither power nor"),
        ],
    )
    def test_why_it_cannot_be_read(self, state: bytes, reason: str) -> None:
        fake = FakeWindows()
        fake.state = state
        (channel,) = WindowsBattery(fake).channels(HERE)
        assert not channel.usable
        assert reason in str(channel.reason)

    def test_plugged_in_midway_is_an_oserror(self) -> None:
        fake = FakeWindows()
        fake.state = battery_state(present=True, discharging=True, milliwatts=-7420)
        (channel,) = WindowsBattery(fake).channels(HERE)
        fake.state = battery_state(present=True, milliwatts=20_000)
        with pytest.raises(OSError, match="battery no longer discharges"):
            WindowsBattery(fake).read(HERE, channel)

    def test_a_desktop_has_none(self) -> None:
        assert () == WindowsBattery(FakeWindows()).channels(HERE)
