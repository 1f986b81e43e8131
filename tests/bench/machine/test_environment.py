"""The environment: trees laid out as the kernel does it, other systems by stand-ins, and this machine for real."""

import getpass
import json
import os
import platform
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import psutil
import pytest
from machine_trees import recorded

from bench.machine.environment import capture
from bench.machine.findings import Finding, remedies
from bench.record.record import Environment

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads files as Linux lays them out")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The load is a quarter at once, except for real."""
    if "real" not in request.keywords:
        monkeypatch.setattr(psutil, "cpu_percent", lambda interval: 25.0)
        monkeypatch.setattr(psutil, "getloadavg", lambda: (1.5, 1.0, 0.5))


def state(findings: list[Finding], topic: str) -> tuple[str, str]:
    return next((f.state, str(f.message)) for f in findings if f.topic == topic)


@linux_only
def test_laptop_on_battery(tmp_path: Path) -> None:
    """Every state of a recorded laptop, by its own files."""
    found = capture(recorded(tmp_path, "intel_laptop"))
    assert ("battery", 83.0, "powersave") == (found.power_source, found.battery_percent, found.governor)
    assert {"min": 400.0, "max": 4800.0, "current": 1000.0} == found.frequency_mhz
    assert {"cpu_busy_share": 0.25, "load_1min": 1.5} == found.load
    assert {
        "acpitz": 41.0,
        "x86_pkg_temp": 52.5,
        "acpitz (thermal_zone2)": 38.0,
        "coretemp Package id 0": 53.0,
    } == found.temperature_celsius
    assert {} == found.unavailable


@linux_only
def test_laptop_host_and_drivers(tmp_path: Path) -> None:
    """The host is named by its hardware and system, the drivers by their version or the kernel's."""
    found = capture(recorded(tmp_path, "intel_laptop"))
    expected = {
        "cpu": "Intel(R) Core(TM) Ultra 7 155H",
        "board": "LENOVO 21KC",
        "os": "Ubuntu",
        "os_version": "24.04",
        "kernel": "6.11.0-21-generic",
        "virtualised": False,
    }
    assert expected == {key: found.host[key] for key in expected}
    assert {
        "intel_vpu": "kernel 6.11.0-21-generic",
        "i915": "kernel 6.11.0-21-generic",
        "xe": "1.1.0",
        "npu_firmware": "20250115*MTL_CLIENT_SILICON-release",
    } == found.driver


@linux_only
def test_desktop_on_mains(tmp_path: Path) -> None:
    """A charger that is online is mains; a hypervisor's flag is seen."""
    found = capture(recorded(tmp_path, "amd_desktop"))
    assert ("ac", None, "performance", True) == (
        found.power_source,
        found.battery_percent,
        found.governor,
        found.host["virtualised"],
    )


@linux_only
def test_arm_board_is_named_by_its_device_tree(tmp_path: Path) -> None:
    """Arm's cpuinfo has no model name and no flags: null, with the board's name beside it."""
    found = capture(recorded(tmp_path, "ina_board"))
    assert (None, "Qualcomm Technologies, Inc. Robotics RB5", None) == (
        found.host["cpu"],
        found.host["board"],
        found.host["virtualised"],
    )
    assert {"host.cpu", "host.virtualised"} <= found.unavailable.keys()


@linux_only
@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"BAT0": "Battery/Charging"}, "ac"),
        ({"BAT0": "Battery/Full"}, "ac"),
        ({"BAT0": "Battery/Unknown"}, None),
        ({"BAT0": "Battery/Full", "BAT1": "Battery/Discharging"}, "battery"),
        ({}, None),
    ],
)
def test_power_source_of_batteries(tmp_path: Path, files: dict[str, str], expected: str | None) -> None:
    """One battery that discharges means battery; all charged means mains; unknown stays unknown."""
    for name, text in files.items():
        supply = tmp_path / "sys/class/power_supply" / name
        supply.mkdir(parents=True)
        for file, value in zip(("type", "status"), text.split("/"), strict=True):
            (supply / file).write_text(value)
    assert expected == capture(tmp_path).power_source


@linux_only
def test_mixed_governors_are_all_named(tmp_path: Path) -> None:
    """Cores that differ are not reported as one."""
    root = recorded(tmp_path, "intel_laptop")
    (root / "sys/devices/system/cpu/cpufreq/policy8/scaling_governor").write_text("performance\n")
    assert "performance, powersave" == capture(root).governor


@linux_only
def test_bare_machine_gives_a_reason_for_every_field(tmp_path: Path) -> None:
    """Nothing readable: no field is filled, each says why."""
    found = capture(tmp_path)
    empty = {"driver", "power_source", "battery_percent", "governor", "frequency_mhz", "temperature_celsius"}
    assert empty == {name for name in found.unavailable if not name.startswith("host.")}
    assert all(found.unavailable.values())


def other_system(monkeypatch: pytest.MonkeyPatch, name: str, release: str) -> None:
    battery = SimpleNamespace(percent=40, power_plugged=False)
    monkeypatch.setattr(sys, "platform", name)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: battery)
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "mac_ver", lambda: (release, ("", "", ""), "arm64"))
    monkeypatch.setattr(platform, "processor", lambda: "arm")


def test_macos_is_asked_through_the_systems_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Battery and version come from the system; what it does not tell has a reason."""
    other_system(monkeypatch, "darwin", "15.1")
    monkeypatch.setattr(psutil, "cpu_freq", lambda: SimpleNamespace(min=600, max=3200, current=3200))
    found = capture(tmp_path)
    assert ("battery", 40.0, "Darwin", "15.1", "arm") == (
        found.power_source,
        found.battery_percent,
        found.host["os"],
        found.host["os_version"],
        found.host["cpu"],
    )
    assert {"min": 600.0, "max": 3200.0, "current": 3200.0} == found.frequency_mhz
    assert ("not read on Darwin", None) == (str(found.unavailable["governor"]), found.governor)


def test_frequency_that_cannot_be_asked_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system's own call fails, there is no frequency and no error."""

    def fails() -> None:
        raise RuntimeError("cannot find the clock")

    other_system(monkeypatch, "darwin", "15.1")
    monkeypatch.setattr(psutil, "cpu_freq", fails)
    found = capture(tmp_path)
    assert {} == found.frequency_mhz
    assert "frequency_mhz" in found.unavailable


@linux_only
def test_findings_of_a_laptop_on_battery(tmp_path: Path) -> None:
    """What a person should change before measuring, in order."""
    root = recorded(tmp_path, "intel_laptop")
    findings = remedies(capture(root), root)
    assert [
        ("power", "warning"),
        ("governor", "warning"),
        ("load", "warning"),
        ("temperature", "ok"),
        ("virtualisation", "ok"),
        ("emulation", "ok"),
        ("npu", "ok"),
        ("gpu", "ok"),
    ] == [(f.topic, f.state) for f in findings]
    assert all((f.remedy != "") == (f.state == "warning") for f in findings)
    assert ("warning", "running on battery (83 % left): most machines lower their clocks") == state(findings, "power")
    assert ("ok", "hottest sensor coretemp Package id 0 at 53 °C") == state(findings, "temperature")


def test_findings_of_a_good_machine() -> None:
    """Mains, performance, idle and cool: nothing to do."""
    good = Environment(
        host={"virtualised": False, "emulated": False},
        power_source="ac",
        governor="performance",
        temperature_celsius={"x86_pkg_temp": 79.9},
        load={"cpu_busy_share": 0.1},
    )
    assert [("ok", "")] * 6 == [(f.state, f.remedy) for f in remedies(good, Path("nowhere"))]


def test_findings_of_a_hot_machine() -> None:
    """At 80 °C it may throttle."""
    hot = Environment(temperature_celsius={"x86_pkg_temp": 80.0}, load={"cpu_busy_share": 0.0})
    hot = msgspec.structs.replace(hot, unavailable={"power_source": "a", "governor": "b"})
    assert ("warning", "hottest sensor x86_pkg_temp at 80 °C") == state(remedies(hot, Path("nowhere")), "temperature")


@linux_only
def test_findings_of_a_bare_machine_carry_the_reasons(tmp_path: Path) -> None:
    """What cannot be read is said to be unavailable, never fine."""
    found = capture(tmp_path)
    findings = remedies(found, tmp_path)
    assert ("unavailable", str(found.unavailable["governor"])) == state(findings, "governor")
    assert ["power", "governor", "temperature", "virtualisation", "emulation"] == [
        f.topic for f in findings if f.state == "unavailable"
    ]


@linux_only
def test_device_that_may_not_be_opened_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing group membership looks like a missing NPU to the runtimes."""
    root = recorded(tmp_path, "intel_laptop")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    findings = remedies(capture(root), root)
    assert ("warning", "accel0 may not be opened by this user") == state(findings, "npu")
    assert {"sudo usermod -aG render $USER, then log in again"} == {
        str(f.remedy) for f in findings if f.topic in ("npu", "gpu")
    }


@pytest.mark.real
def test_this_machine_is_read_without_naming_anyone() -> None:
    """Real figures, no names or paths, and a reason for every field without a value."""
    found = capture()
    text = json.dumps(msgspec.to_builtins(found))
    assert psutil.cpu_count() == found.host["cores_logical"]
    assert psutil.virtual_memory().total == found.host["memory_bytes"]
    assert 0 <= found.load["cpu_busy_share"] <= 1
    assert str(Path.home()) not in text
    assert f'"{platform.node()}"' not in text
    assert f'"{getpass.getuser()}"' not in text
    for name in ("driver", "power_source", "battery_percent", "governor", "frequency_mhz", "temperature_celsius"):
        assert (getattr(found, name) in (None, {})) == (name in found.unavailable)
