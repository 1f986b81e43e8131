"""The QNN device list, on machines that are not at hand."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.targets.qnn import devices as qnn_devices
from bench.targets.qnn.target import OnnxRuntimeQnn


def provider_device(kind: str, description: str) -> Any:
    """As ONNX Runtime's OrtEpDevice."""
    hardware = SimpleNamespace(
        type=SimpleNamespace(name=kind), vendor="Qualcomm", metadata={"Description": description}
    )
    return SimpleNamespace(ep_name="QNNExecutionProvider", device=hardware)


@pytest.fixture
def emulator_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "libQnnHtp.so"
    path.touch()
    monkeypatch.setattr(qnn_devices, "backend", lambda device: path)
    return path


def machine(monkeypatch: pytest.MonkeyPatch, architecture: str, *devices: Any) -> None:
    monkeypatch.setattr(qnn_devices, "provider_devices", lambda: list(devices))
    monkeypatch.setattr("platform.machine", lambda: architecture)


@pytest.mark.usefixtures("emulator_file")
def test_a_snapdragon_laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTP and GPU under their own names; the emulator is for x86-64."""
    machine(monkeypatch, "ARM64", provider_device("NPU", "Hexagon"), provider_device("GPU", "Adreno X1-85"))
    found = [(device.name, device.usable, device.description) for device in qnn_devices.listed()]
    assert [("htp", True, "Hexagon"), ("gpu", True, "Adreno X1-85"), ("htp-emu", False, qnn_devices.PURPOSE)] == found


@pytest.mark.usefixtures("emulator_file")
def test_an_x86_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the emulator, said to be one, and measured unless others are asked for: it is the third runtime here."""
    machine(monkeypatch, "x86_64", provider_device("CPU", "EPYC"))
    htp, gpu, emulator = qnn_devices.listed()
    assert (False, False, True, True, True) == (
        htp.usable,
        gpu.usable,
        emulator.usable,
        emulator.emulated,
        emulator.default,
    )


def test_every_unusable_device_has_a_reason_and_a_remedy(emulator_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the package lacks the emulator's library."""
    emulator_file.unlink()
    machine(monkeypatch, "x86_64")
    assert [(False, True, True)] * 3 == [(d.usable, bool(d.reason), bool(d.remedy)) for d in qnn_devices.listed()]


@pytest.mark.parametrize(
    ("system", "architecture", "remedy"),
    [
        ("linux", "x86_64", "pip install 'ondevice-bench[qnn]'"),
        ("win32", "ARM64", "pip install 'ondevice-bench[qnn]'"),
        ("linux", "aarch64", "pip install 'ondevice-bench[qnn]'"),
        ("darwin", "arm64", "There is no onnxruntime-qnn wheel for this platform"),
    ],
)
def test_without_the_package(monkeypatch: pytest.MonkeyPatch, system: str, architecture: str, remedy: str) -> None:
    """What to install, or that there is nothing to install."""
    monkeypatch.setitem(sys.modules, "onnxruntime_qnn", None)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr("platform.machine", lambda: architecture)
    devices = OnnxRuntimeQnn().devices()
    assert ([(False, "onnxruntime-qnn is not installed", True)] * 3, ["htp", "gpu", "htp-emu"]) == (
        [(device.usable, str(device.reason), str(device.remedy).startswith(remedy)) for device in devices],
        [device.name for device in devices],
    )


@pytest.mark.usefixtures("emulator_file")
def test_a_library_that_does_not_load_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing never raises."""
    pytest.importorskip("onnxruntime_qnn")

    def broken() -> list[Any]:
        raise RuntimeError("libonnxruntime_providers_qnn.so: wrong ELF class")

    monkeypatch.setattr(qnn_devices, "provider_devices", broken)
    assert {(False, True)} == {(d.usable, "wrong ELF class" in str(d.reason)) for d in OnnxRuntimeQnn().devices()}
