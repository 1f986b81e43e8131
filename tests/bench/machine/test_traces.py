"""The state of the machine while a long run goes on, on trees laid out as the kernel does it."""

import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from fake_windows import FakeWindows
from machine_trees import lay, recorded

from bench.machine.traces import MachineState, Traces
from bench.machine.windows.state import NOMINAL, PERFORMANCE, TEMPERATURES

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sysfs names hold colons, which Windows files cannot")


def test_a_snapdragon_laptop(tmp_path: Path) -> None:
    """Zones by type, a clock for each kind of core, the GPU's; a zone that the kernel does not know is left out."""
    assert Traces(recorded(tmp_path, "snapdragon_laptop")).look() == MachineState(
        celsius={
            "aoss0-thermal": 44.2,
            "cpu0-0-top-thermal": 61.1,
            "gpuss-0-thermal": 47.5,
            "nsp0-thermal": 52.0,
        },
        mhz={"cpu 0-3": 2438.4, "cpu 4-11": 3417.6, "gpu 3d00000.gpu": 390.0},
        power_source="battery",
        battery_percent=71.0,
    )


def test_a_laptop_with_xe_and_an_npu(tmp_path: Path) -> None:
    """The clock that the GPU has, not the one it asked for; its media part sleeps. Cores of one kind have one clock."""
    assert Traces(recorded(tmp_path, "xe_laptop")).look() == MachineState(
        celsius={"x86_pkg_temp": 71.0, "xe pkg": 55.0},
        mhz={"cpu 0-1": 4821.0, "cpu 4": 2900.0, "gpu card1": 1950.0, "npu accel0": 1950.0},
        power_source="ac",
        battery_percent=80.0,
    )


@pytest.mark.parametrize("file", ["gt/gt0/rps_act_freq_mhz", "gt_act_freq_mhz"])
def test_a_gpu_of_i915(tmp_path: Path, file: str) -> None:
    """Old kernels have one clock a card, newer ones one a part."""
    lay(tmp_path, {f"sys/class/drm/card0/{file}": "1300\n", "sys/class/drm/card0/gt_cur_freq_mhz": "1500\n"})
    assert {"gpu card0": 1300.0} == Traces(tmp_path).look().mhz


def test_what_changes_is_read_again_and_what_vanishes_is_absent(tmp_path: Path) -> None:
    """The charger is pulled, the chip gets warmer, the NPU's driver goes."""
    root = recorded(tmp_path, "xe_laptop")
    traces = Traces(root)
    lay(
        root,
        {
            "sys/class/thermal/thermal_zone0/temp": "95000\n",
            "sys/class/power_supply/ADP1/online": "0\n",
            "sys/class/power_supply/BAT0/status": "Discharging\n",
            "sys/class/power_supply/BAT0/capacity": "79\n",
        },
    )
    (root / "sys/class/accel/accel0/device/npu_current_frequency_mhz").unlink()
    seen = traces.look()
    assert (95.0, "battery", 79.0) == (seen.celsius["x86_pkg_temp"], seen.power_source, seen.battery_percent)
    assert ["cpu 0-1", "cpu 4", "gpu card1"] == list(seen.mhz)


@pytest.mark.parametrize("kind", ["Mains", "USB", "Wireless", "USB_PD"])
def test_a_charger_of_any_kind_is_mains(tmp_path: Path, kind: str) -> None:
    """Qualcomm's driver shows three of them."""
    charger = "sys/class/power_supply/charger"
    root = lay(tmp_path, {f"{charger}/type": f"{kind}\n", f"{charger}/online": "1\n"})
    assert "ac" == Traces(root).look().power_source


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    """Everything is absent, and nothing raises."""
    assert MachineState() == Traces(tmp_path).look()


def test_elsewhere_the_system_is_asked_for_its_power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows and macOS have no such files."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(psutil, "sensors_battery", lambda: SimpleNamespace(power_plugged=False, percent=64))
    assert MachineState(power_source="battery", battery_percent=64.0) == Traces(tmp_path).look()


def on_battery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(psutil, "sensors_battery", lambda: SimpleNamespace(power_plugged=False, percent=64))


def test_windows_by_its_counters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tenths of a kelvin, where 273.2 K is a zone without a sensor; cycles for ticks between two readings are the
    clock, here 124 % of 4,400 MHz."""
    on_battery(monkeypatch)
    fake = FakeWindows()
    zones = {r"\_TZ.TZ31": 3242, r"\_TZ.TZ32": 2732, r"\_TZ.TZ99": 9000, "_Total": 3242}
    fake.counters = {TEMPERATURES: zones, PERFORMANCE: {"0,0": 1, "_Total": 1_000_000}, NOMINAL: {"_Total": 4400}}
    fake.second = 10_000
    traces = Traces(tmp_path, fake)
    fake.counters[PERFORMANCE] = {"0,0": 2, "_Total": 1_000_000 + 124 * 500}
    fake.second = 10_500
    assert traces.look() == MachineState({r"\_TZ.TZ31": 51.0}, {"cpu": 5456.0}, "battery", 64.0)
    assert {} == traces.look().mhz  # no time has passed


def test_windows_without_counters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not answer is absent."""
    on_battery(monkeypatch)
    assert MachineState(power_source="battery", battery_percent=64.0) == Traces(tmp_path, FakeWindows()).look()
