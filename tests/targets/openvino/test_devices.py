"""The device list, with a Core that reports what this machine has not."""

import sys
from typing import Any

import pytest

from bench.targets.openvino.devices import absence, behind, family, listed, option_names, virtual
from bench.targets.openvino.target import OpenVino


class FakeCore:
    """Answers like ``openvino.Core``; a device whose name is None cannot be opened."""

    def __init__(self, **names: str | None) -> None:
        self._names = {key.replace("_", "."): name for key, name in names.items()}
        self.available_devices = list(self._names)

    def get_property(self, device: str, name: str) -> Any:
        if name == "SUPPORTED_PROPERTIES" and device in ("CPU", "AUTO"):
            return {"FULL_DEVICE_NAME": "RO", "NUM_STREAMS": "RW", f"ONLY_{device}": "RW", "WEIGHTS_PATH": "WO"}
        found = self._names.get(device)
        if found is None:
            raise RuntimeError("Exception from src/core.cpp:1:\nthe driver does not answer\n")
        return found


def test_a_laptop_with_everything() -> None:
    """CPU, two GPUs and the NPU by their own names, then AUTO and HETERO."""
    core = FakeCore(CPU="Core Ultra 7", GPU_0="Arc (iGPU)", GPU_1="Arc B580", NPU="AI Boost")
    found = [(device.name, device.usable, device.description) for device in listed(core)]
    expected = [
        ("CPU", True, "Core Ultra 7"),
        ("GPU.0", True, "Arc (iGPU)"),
        ("GPU.1", True, "Arc B580"),
        ("NPU", True, "AI Boost"),
    ]
    assert (expected, ["AUTO", "HETERO"]) == (found[:4], [name for name, *_ in found[4:]])


def test_absent_devices_say_what_to_install() -> None:
    """GPU and NPU are known, and cannot be used without a driver."""
    absent = [device for device in listed(FakeCore(CPU="x")) if not device.usable]
    assert [("GPU", True), ("NPU", True)] == [(d.name, "install" in str(d.remedy).lower()) for d in absent]


def test_a_device_that_does_not_answer_is_not_usable() -> None:
    """OpenVINO lists it, its driver fails: one row, with the driver's words."""
    rows = [device for device in listed(FakeCore(CPU="x", NPU=None)) if device.name == "NPU"]
    assert [(False, True)] == [(device.usable, "the driver does not answer" in str(device.reason)) for device in rows]


def test_virtual_devices_are_not_measured_by_default() -> None:
    """AUTO and HETERO would only repeat another row."""
    assert {"AUTO": False, "HETERO": False, "CPU": True} == {
        device.name: device.default for device in listed(FakeCore(CPU="x")) if device.usable
    }


def test_without_openvino_every_device_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing never raises; the options are those of the core alone."""
    monkeypatch.setitem(sys.modules, "openvino", None)
    target = OpenVino()
    assert ({(False, "openvino is not installed")}, True) == (
        {(device.usable, str(device.reason)) for device in target.devices()},
        "CACHE_DIR" in target.options("CPU"),
    )


def test_windows_on_arm_has_no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """There, installing would not help, and the remedy says so."""
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr("platform.system", lambda: "Windows")
    monkeypatch.setattr("platform.machine", lambda: "ARM64")
    assert "no OpenVINO wheel for Windows on Arm" in str(OpenVino().devices()[0].remedy)


def test_only_writable_properties_are_options() -> None:
    """Those of the device and those of the core."""
    names = set(option_names(FakeCore(CPU="x"), "CPU"))
    assert (True, False) == (
        {"NUM_STREAMS", "ONLY_CPU", "WEIGHTS_PATH", "CACHE_DIR"} <= names,
        "FULL_DEVICE_NAME" in names,
    )


def test_auto_takes_the_options_of_what_is_behind_it() -> None:
    """AUTO passes a device's options on."""
    assert {"ONLY_AUTO", "ONLY_CPU"} <= set(option_names(FakeCore(CPU="x"), "AUTO"))


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("GPU.1", ("GPU", False, ["GPU.1"])),
        ("HETERO:GPU.1,CPU", ("HETERO", True, ["GPU.1", "CPU"])),
        ("AUTO:-GPU,CPU", ("AUTO", True, ["CPU"])),
        ("AUTO", ("AUTO", True, [])),
    ],
)
def test_device_names_are_taken_apart(device: str, expected: tuple[str, bool, list[str]]) -> None:
    """Family, whether it is composed, and the devices named."""
    assert expected == (family(device), virtual(device), behind(device))


@pytest.mark.parametrize(
    ("device", "part"), [("HETERO:NPU,CPU", "Intel NPU"), ("GPU", "Intel GPU"), ("XPU", "no such")]
)
def test_absence_is_explained_by_the_device_that_is_missing(device: str, part: str) -> None:
    """The CPU is never the suspect where another device is named."""
    assert part in str(absence(device)[0])
