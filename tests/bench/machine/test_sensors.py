"""The sensors, on trees laid out as the kernel does it."""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from energies import energy_summary
from machine_trees import lay, recorded

from bench.contracts import Channel, Sensor
from bench.machine.channels import discover, read_or_lost
from bench.machine.sensors.battery import Battery
from bench.machine.sensors.hwmon import Hwmon
from bench.machine.sensors.intel_npu import IntelNpu
from bench.machine.sensors.rapl import REASON, REMEDY, Rapl
from bench.measure.energy import EnergyMeter

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sysfs names hold colons, which Windows files cannot")

BAT0 = "sys/class/power_supply/BAT0"


def battery(root: Path) -> Channel:
    (channel,) = Battery().channels(root)
    return channel


def test_rapl_lists_each_domain_of_an_intel_laptop_once(tmp_path: Path) -> None:
    """Packages, their parts and the platform are told apart, and the second view of the package is left out."""
    channels = Rapl().channels(recorded(tmp_path, "intel_laptop"))
    assert [
        ("package-0", "package"),
        ("package-0/core", "core"),
        ("package-0/uncore", "gpu"),
        ("psys", "board"),
    ] == [(c.name, c.domain) for c in channels]
    assert [True] * 4 == [c.usable for c in channels]


def test_rapl_channel_carries_its_path_and_range(tmp_path: Path) -> None:
    """The path is relative to the root, and the range is in joules."""
    package = Rapl().channels(recorded(tmp_path, "intel_laptop"))[0]
    expected = Channel(
        sensor="rapl",
        name="package-0",
        kind="energy",
        domain="package",
        path="sys/class/powercap/intel-rapl:0/energy_uj",
        wraps_at=262143328850 * 1e-6,
    )
    assert expected == package


def test_rapl_reads_joules(tmp_path: Path) -> None:
    """Microjoules in the file are joules to the reader."""
    root = recorded(tmp_path, "intel_laptop")
    assert [5.0, 3.0, 0.1, 12.0] == [round(Rapl().read(root, c), 9) for c in Rapl().channels(root)]


def test_rapl_finds_amd_zones_nested_in_their_package(tmp_path: Path) -> None:
    """AMD processors are found through the same tree, also where it is nested."""
    root = recorded(tmp_path, "amd_desktop")
    assert ["package-0", "package-0/core"] == [c.name for c in Rapl().channels(root)]
    assert [65.0, 20.0] == [Rapl().read(root, c) for c in Rapl().channels(root)]


def test_rapl_uses_the_mmio_tree_where_it_is_the_only_one(tmp_path: Path) -> None:
    """A package that only the second tree shows is taken from there."""
    zone = "sys/class/powercap/intel-rapl-mmio:0"
    root = lay(tmp_path, {f"{zone}/name": "package-0\n", f"{zone}/energy_uj": "1\n"})
    (channel,) = Rapl().channels(root)
    assert (f"{zone}/energy_uj", None) == (channel.path, channel.wraps_at)


@pytest.mark.parametrize(("second", "usable"), [("100000050000", False), ("93000000000", True)])
def test_rapl_of_dies_that_show_one_counter_is_one_package(tmp_path: Path, second: str, usable: bool) -> None:
    """Threadripper: each die shows the socket's counter; those of a Xeon differ and are added."""
    zones = {"intel-rapl:0": ("package-0-die-0", "100000000000"), "intel-rapl:1": ("package-0-die-1", second)}
    files = {f"sys/class/powercap/{z}/name": f"{name}\n" for z, (name, _) in zones.items()}
    files |= {f"sys/class/powercap/{z}/energy_uj": f"{joules}\n" for z, (_, joules) in zones.items()}
    first, other = Rapl().channels(lay(tmp_path, files))
    assert (True, usable) == (first.usable, other.usable)
    assert usable or str(other.reason) == "it repeats the counter of package-0-die-0"


def test_rapl_without_permission_says_why_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter only root may read is listed as unusable, with the kernel's reason and the command."""
    root = recorded(tmp_path, "intel_laptop")
    read_bytes = Path.read_bytes

    def forbidden(self: Path) -> bytes:
        if self.name == "energy_uj":
            raise PermissionError(13, "Permission denied")
        return read_bytes(self)

    monkeypatch.setattr(Path, "read_bytes", forbidden)
    channels = Rapl().channels(root)
    assert {(False, REASON, REMEDY)} == {(c.usable, c.reason, c.remedy) for c in channels}
    assert "CVE-2020-8694" in str(REASON)
    assert "chmod a+r" in str(REMEDY)


def test_rapl_counter_that_fails_otherwise_is_unusable(tmp_path: Path) -> None:
    """A directory where the counter should be is reported, not raised."""
    zone = "sys/class/powercap/intel-rapl:0"
    (lay(tmp_path, {f"{zone}/name": "package-0\n"}) / zone / "energy_uj").mkdir()
    (channel,) = Rapl().channels(tmp_path)
    assert (False, "the counter cannot be read: Is a directory") == (channel.usable, str(channel.reason))


def test_battery_reads_watts_while_discharging(tmp_path: Path) -> None:
    """The laptop's battery is found, the mouse's is not."""
    root = recorded(tmp_path, "intel_laptop")
    channel = battery(root)
    assert ("BAT0", "power", "battery", True) == (channel.name, channel.kind, channel.domain, channel.usable)
    assert 9.5 == Battery().read(root, channel)


@pytest.mark.parametrize("current", ["2000000", "-2000000"])
def test_battery_without_power_multiplies_current_and_voltage(tmp_path: Path, current: str) -> None:
    """Microamperes times microvolts are watts, whichever sign the driver gives a discharge."""
    files = {"type": "Battery", "status": "Discharging", "current_now": current, "voltage_now": "11500000"}
    root = lay(tmp_path, {f"{BAT0}/{name}": f"{text}\n" for name, text in files.items()})
    assert 23.0 == Battery().read(root, battery(root))


def test_battery_of_a_snapdragon_laptop(tmp_path: Path) -> None:
    """Its driver gives the power with a sign, negative while it discharges, and no current."""
    root = recorded(tmp_path, "snapdragon_laptop")
    channel = battery(root)
    assert ("qcom-battmgr-bat", True, 7.42) == (channel.name, channel.usable, Battery().read(root, channel))


@pytest.mark.parametrize("status", ["Charging", "Full", "Not charging", "Unknown"])
def test_battery_on_mains_is_unusable(tmp_path: Path, status: str) -> None:
    """Only a discharging battery tells what the device draws."""
    root = lay(recorded(tmp_path, "intel_laptop"), {f"{BAT0}/status": status})
    channel = battery(root)
    assert (False, "on AC: discharge cannot be measured") == (channel.usable, str(channel.reason))
    assert "Unplug" in str(channel.remedy)


def test_battery_without_a_gauge_is_unusable(tmp_path: Path) -> None:
    """A driver that reports current but no voltage cannot give watts."""
    files = {"type": "Battery", "status": "Discharging", "current_now": "1"}
    root = lay(tmp_path, {f"{BAT0}/{name}": text for name, text in files.items()})
    assert (False, "the battery's driver reports neither power nor current with voltage") == (
        battery(root).usable,
        str(battery(root).reason),
    )


def test_battery_plugged_in_midway_is_a_lost_reading(tmp_path: Path) -> None:
    """When the charger comes, the reading ends with an ``OSError``."""
    root = recorded(tmp_path, "intel_laptop")
    channel = battery(root)
    lay(root, {f"{BAT0}/status": "Charging"})
    with pytest.raises(OSError, match="BAT0 no longer discharges"):
        Battery().read(root, channel)


def test_hwmon_takes_the_domain_from_what_the_label_says(tmp_path: Path) -> None:
    """A rail is called board only when its label or its chip says so; the rest is other."""
    channels = Hwmon().channels(recorded(tmp_path, "ina_board"))
    assert [
        ("ina226 VDD_IN", "power", "board"),
        ("ina226 VDD_CPU_GPU", "power", "other"),
        ("ina219 power1 (hwmon2)", "power", "other"),
        ("ina219 power1 (hwmon3)", "power", "other"),
        ("amd_energy Ecore000", "energy", "core"),
        ("amd_energy Esocket0", "energy", "package"),
        ("power_meter power1", "power", "board"),
    ] == [(c.name, c.kind, c.domain) for c in channels]


def test_hwmon_reads_watts_and_joules_and_prefers_the_momentary_power(tmp_path: Path) -> None:
    """Micro-units become units, and ``power1_input`` wins over ``power1_average``."""
    root = recorded(tmp_path, "ina_board")
    assert [7.25, 3.0, 1.0, 2.0, 4.0, 9.0, 61.0] == [Hwmon().read(root, c) for c in Hwmon().channels(root)]


def test_energy_of_intel_gpus_is_the_gpus(tmp_path: Path) -> None:
    """xe calls the chip "pkg", which is no processor's package; i915 has a chip for each part of a card."""
    root = recorded(tmp_path, "xe_laptop")
    lay(root, {"sys/class/hwmon/hwmon1/name": "i915_gt0\n", "sys/class/hwmon/hwmon1/energy1_input": "5000000\n"})
    found = [(c.name, c.kind, c.domain, Hwmon().read(root, c)) for c in Hwmon().channels(root)]
    assert found == [("xe pkg", "energy", "gpu", 7654.321), ("i915_gt0 energy1", "energy", "gpu", 5.0)]


def test_rails_of_a_snapdragon_laptop(tmp_path: Path) -> None:
    """SYS feeds the device; what the charger delivers goes into the battery as well."""
    watts = {"CPU_CLUSTER_0": 1.35, "GPU": 0.07, "PSU_USB": 59.4, "USBC_TOTAL": 9.3, "SYS": 16.6, "VDD_SYS_SOC": 2.0}
    files = {"name": "qcom_pld"}
    for index, (label, value) in enumerate(watts.items(), 1):
        files |= {f"power{index}_label": label, f"power{index}_average": str(round(value * 1e6))}
    root = lay(tmp_path, {f"sys/class/hwmon/hwmon0/{name}": f"{text}\n" for name, text in files.items()})
    domains = {c.name.partition(" ")[2]: c.domain for c in Hwmon().channels(root)}
    assert domains == {
        "CPU_CLUSTER_0": "core",
        "GPU": "gpu",
        "PSU_USB": "other",
        "USBC_TOTAL": "other",
        "SYS": "board",
        "VDD_SYS_SOC": "other",
    }


def test_hwmon_reads_an_average_where_it_is_all_there_is(tmp_path: Path) -> None:
    """A GPU that only gives an average is read by it."""
    root = recorded(tmp_path, "amd_desktop")
    (channel,) = Hwmon().channels(root)
    assert ("amdgpu PPT", "gpu", 23.0) == (channel.name, channel.domain, Hwmon().read(root, channel))


JETSON = {
    "name": "ina3221",
    "in1_label": "VDD_IN",
    "in1_input": "5072",
    "curr1_input": "1400",
    "shunt1_resistor": "5000",
    "in2_label": "VDD_CPU_GPU_CV",
    "in2_input": "5064",
    "curr2_input": "264",
    "in2_enable": "1",
    "in3_label": "VDD_SOC",
    "in3_input": "5064",
    "curr3_input": "352",
    "in4_input": "7",
    "in5_input": "2",
    "in6_input": "2",
    "in7_label": "sum of shunt voltages",
    "in7_input": "0",
    "curr4_input": "2016",
}


def jetson(root: Path, **changed: str | None) -> Path:
    """The INA3221 of a Jetson Orin Nano, as Linux 5.15 and later shows it."""
    files = {name: text for name, text in {**JETSON, **changed}.items() if text is not None}
    return lay(root, {f"sys/class/hwmon/hwmon1/{name}": f"{text}\n" for name, text in files.items()})


def test_ina3221_gives_power_as_voltage_times_current(tmp_path: Path) -> None:
    """It has no power file. Shunt voltages and sums over channels are no channels."""
    root = jetson(tmp_path)
    found = [(c.name, c.kind, c.domain, round(Hwmon().read(root, c), 6)) for c in Hwmon().channels(root)]
    assert found == [
        ("ina3221 VDD_IN", "power", "board", 7.1008),
        ("ina3221 VDD_CPU_GPU_CV", "power", "other", 1.336896),
        ("ina3221 VDD_SOC", "power", "other", 1.782528),
    ]


def test_ina3221_channels_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    """One that the board does not connect, one without a current, one without a label, one that is switched off."""
    root = jetson(tmp_path, in1_label="NC", curr2_input=None, in3_label=None, in3_enable="0")
    (channel,) = Hwmon().channels(root)
    assert ("ina3221 channel 3", "other", False) == (channel.name, channel.domain, channel.usable)
    assert ("the channel is switched off", "As root: echo 1 > /sys/class/hwmon/hwmon1/in3_enable") == (
        str(channel.reason),
        str(channel.remedy),
    )


def test_one_supply_of_several_is_not_the_board(tmp_path: Path) -> None:
    """A Jetson AGX is fed through four rails; none of them holds the others."""
    root = jetson(tmp_path, in1_label="VDD_GPU_SOC", in2_label="VDD_CPU_CV", in3_label="VIN_SYS_5V0")
    assert "board" not in {c.domain for c in Hwmon().channels(root)}


def test_a_chip_that_has_power_is_not_read_twice(tmp_path: Path) -> None:
    """An INA226 shows power, voltage and current of its one rail."""
    files = {"name": "ina226", "label": "VIN", "power1_input": "4000000", "in1_input": "5000", "curr1_input": "800"}
    root = lay(tmp_path, {f"sys/class/hwmon/hwmon0/{name}": f"{text}\n" for name, text in files.items()})
    assert [4.0] == [Hwmon().read(root, c) for c in Hwmon().channels(root)]


def test_battery_without_a_filled_power_gauge_reads_current(tmp_path: Path) -> None:
    """Some drivers list power_now and leave it at 0."""
    files = {"type": "Battery", "status": "Discharging", "power_now": "0", "current_now": "-500000"}
    files["voltage_now"] = "8000000"
    root = lay(tmp_path, {f"{BAT0}/{name}": f"{text}\n" for name, text in files.items()})
    assert 4.0 == Battery().read(root, battery(root))


def test_hwmon_leaves_the_battery_to_the_battery_sensor(tmp_path: Path) -> None:
    """A power supply shown again as a hwmon chip would be counted twice."""
    assert () == Hwmon().channels(recorded(tmp_path, "intel_laptop"))


def test_npu_counts_busy_seconds(tmp_path: Path) -> None:
    """The driver's microseconds are seconds to the reader."""
    root = recorded(tmp_path, "intel_laptop")
    (channel,) = IntelNpu().channels(root)
    assert ("accel0", "busy", "npu", True) == (channel.name, channel.kind, channel.domain, channel.usable)
    assert 2.5 == IntelNpu().read(root, channel)


def test_npu_shows_the_memory_that_it_holds(tmp_path: Path) -> None:
    """Since Linux 6.15; all programs' buffers together, in bytes."""
    root = recorded(tmp_path, "xe_laptop")
    found = [(c.name, c.kind, c.usable, IntelNpu().read(root, c)) for c in IntelNpu().channels(root)]
    assert found == [("accel0", "busy", True, 8.2), ("accel0 memory", "memory", True, 402_653_184.0)]


def test_npu_of_an_old_kernel_is_unusable_with_a_remedy(tmp_path: Path) -> None:
    """The device is listed even where its driver does not count."""
    root = lay(tmp_path, {"sys/class/accel/accel0/device/uevent": "DRIVER=intel_vpu\n"})
    (channel,) = IntelNpu().channels(root)
    assert (False, "Upgrade to Linux 6.11 or newer.") == (channel.usable, str(channel.remedy))


def test_npu_of_another_maker_is_not_claimed(tmp_path: Path) -> None:
    """Accelerators share one class; only Intel's driver has this counter."""
    assert () == IntelNpu().channels(recorded(tmp_path, "amd_desktop"))


@pytest.mark.parametrize("sensor", [Rapl(), Battery(), Hwmon(), IntelNpu()])
def test_empty_machine_has_no_channels(tmp_path: Path, sensor: Rapl | Battery | Hwmon | IntelNpu) -> None:
    """Nothing found is an empty answer, not an error."""
    assert () == sensor.channels(tmp_path)


def test_reading_a_vanished_channel_raises_oserror(tmp_path: Path) -> None:
    """A module unloaded midway is an ``OSError``, as the contract says."""
    root = recorded(tmp_path, "intel_laptop")
    channel = Rapl().channels(root)[0]
    (root / channel.path).unlink()
    with pytest.raises(FileNotFoundError):
        Rapl().read(root, channel)


def test_laptop_measured_from_its_files_to_the_summary(tmp_path: Path) -> None:
    """RAPL moves, the NPU works, the second repeat loses the module: the summary holds what was read."""
    root = recorded(tmp_path, "intel_laptop")
    sensors: dict[str, Sensor] = {"rapl": Rapl(), "battery": Battery(), "intel_npu": IntelNpu()}
    channels = discover(sensors, root)
    clock_ns: Callable[[], int] = itertools.count(0, 2_000_000_000).__next__
    meter = EnergyMeter(sensors, channels, root, {"rapl/package-0": 1.0}, clock_ns=clock_ns)
    meter.start()
    lay(root, {"sys/class/powercap/intel-rapl:0/energy_uj": "17000000\n"})
    lay(root, {"sys/class/accel/accel0/device/npu_busy_time_us": "3500000\n"})
    first = meter.stop(5)
    meter.start()
    (root / "sys/class/powercap/intel-rapl:0/energy_uj").unlink()
    second = meter.stop(5)
    assert [False, True] == [r.lost for e in (first, second) for r in e.channels if r.name == "package-0"]
    summary = energy_summary([first, second], None, None, channels)
    assert ("sensor", "rapl/package-0") == (summary.tier, summary.sensor_channel)
    assert 2.0 == pytest.approx(summary.joules_per_inference)  # 12 J in 2 s at 1 W idle, 5 queries
    assert 0.1 == pytest.approx(summary.npu_busy_seconds_per_inference)  # 1 s and 0 s over 5 queries: the median
    assert str(summary.reason).startswith("rapl/psys reads 0 W, less than the package's 6 W")


@pytest.mark.real
@pytest.mark.skipif(sys.platform != "linux", reason="the built-in sensors read Linux' files")
def test_sensors_of_this_machine_are_read_or_say_why_not() -> None:
    """Whatever is here is either readable now or has its reason."""
    sensors: dict[str, Sensor] = {"rapl": Rapl(), "battery": Battery(), "hwmon": Hwmon(), "intel_npu": IntelNpu()}
    root = Path("/")
    channels = discover(sensors, root)
    if not channels:
        pytest.skip("this machine shows no powercap, battery, hwmon or Intel NPU")
    for channel in channels:
        assert channel.usable == (str(channel.reason) == "")
        assert not channel.usable or sensors[channel.sensor].read(root, channel) >= 0


def test_a_channel_is_found_again_by_the_name_of_its_plugin(tmp_path: Path) -> None:
    """Whatever its ``sensor`` says: it is read through the sensor that listed it."""

    class Gauge:
        summary = "a gauge"

        def channels(self, root: Path) -> tuple[Channel, ...]:
            return (Channel("another", "all", "power", "board", "gauge"),)

        def read(self, root: Path, channel: Channel) -> float:
            return 2.5

    sensors = {"mine": Gauge()}
    (channel,) = discover(sensors, tmp_path)
    assert ("mine", True, 2.5) == (channel.sensor, channel.usable, read_or_lost(sensors, tmp_path, channel))
