"""Qualcomm devices that ONNX Runtime's QNN provider drives here, and the HTP's emulator."""

import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.contracts import Device, Requirement
from bench.targets.distributions import importable
from bench.targets.processor import processor_name
from bench.targets.qnn.onboard.requirements import requirements
from bench.targets.qnn.onboard.soc import board_of, is_board
from bench.targets.qnn.socs import Soc
from bench.words import Sentence, sentence

PROVIDER = "QNNExecutionProvider"
EMULATED = "htp-emu"
HARDWARE = {"htp": "NPU", "gpu": "GPU"}  # device -> ONNX Runtime's OrtHardwareDeviceType
PURPOSE = sentence("qnn.emulator")


def listed() -> Sequence[Device]:
    """The HTP and the GPU, usable where ONNX Runtime finds them, and the emulator.

    On a board with Linux ONNX Runtime finds no HTP: FastRPC is no class of devices that it looks at. There the HTP is
    usable if nothing that it needs is missing.
    """
    found = {str(device.device.type.name): device for device in provider_devices()}
    htp = _htp_of_board(needed()) if is_board() else _hardware("htp", found)
    return (htp, _hardware("gpu", found), _emulator())


def needed() -> Sequence[Requirement]:
    """What the HTP of this board needs; nothing on other machines, where a driver is all."""
    if not is_board():
        return ()
    return requirements(wheel=backend("htp").parent if importable("onnxruntime_qnn") else None)


def offered(device: str, available: Sequence[Any]) -> list[Any]:
    """Of ONNX Runtime's devices those by which ``device`` is reached. The emulator, and the HTP of a board, go by the
    processor, which the provider takes for any of its libraries."""
    if device == EMULATED or (device == "htp" and is_board()):
        return list(available)
    return [one for one in available if one.device.type.name == HARDWARE[device]]


def device_name(
    device: str,
    soc: Soc | None,
    held: Mapping[str, str],
    played_as: Callable[[str], Sentence | str] = lambda chosen: chosen,
) -> Sentence | str:
    """The hardware's own name; for the emulator the SoC it plays and the processor it plays on.

    ``held``: the provider options in force, for an SoC that is not in the table. ``played_as``: the SoC that is
    emulated instead of the chosen one.
    """
    if device == EMULATED:
        chosen = f"{soc.marketing} ({soc.part})" if soc else f"SoC {held.get('soc_model', 'unknown')}"
        played = played_as(f"{chosen} HTP v{held.get('htp_arch', '?')}")
        return sentence("qnn.emulated_on", chip=played, processor=processor_name())
    board = board_of() if device == "htp" and is_board() else None
    if board is not None:
        return sentence("qnn.htp_of", chip=board.name)
    found = [d for d in _registered() if d.device.type.name == HARDWARE[device]]
    return _own_name(found[0]) if found else device


def unusable(reason: Sentence | str, remedy: Sentence | str) -> Sequence[Device]:
    """All known devices, none usable, for one and the same reason."""
    hardware = [Device(name, False, "", reason, remedy) for name in HARDWARE]
    return (*hardware, Device(EMULATED, False, "", reason, remedy, emulated=True, default=False))


def absence(device: str) -> Sentence:
    """Why the HTP or the GPU cannot be used here."""
    return sentence("qnn.no_htp" if device == "htp" else "qnn.no_gpu")


def elsewhere() -> Sentence:
    """What to do without the hardware."""
    return sentence("qnn.run_on_snapdragon")


def provider_devices() -> list[Any]:
    """ONNX Runtime's devices of the QNN provider; registers the provider's library once per process."""
    import onnxruntime
    import onnxruntime_qnn

    if not _registered():
        onnxruntime.register_execution_provider_library(PROVIDER, onnxruntime_qnn.get_library_path())
    return _registered()


def _registered() -> list[Any]:
    import onnxruntime

    return [device for device in onnxruntime.get_ep_devices() if device.ep_name == PROVIDER]


def backend(device: str) -> Path:
    """The QNN library that drives ``device``."""
    import onnxruntime_qnn

    path = onnxruntime_qnn.get_qnn_gpu_path() if device == "gpu" else onnxruntime_qnn.get_qnn_htp_path()
    return Path(path)


def system_library() -> Path:
    """The QNN library that reads compiled contexts."""
    beside = backend(EMULATED)
    return beside.with_name(beside.name.replace("QnnHtp", "QnnSystem"))


def _own_name(device: Any) -> str:
    return str(dict(device.device.metadata).get("Description") or f"{device.device.vendor} {device.device.type.name}")


def _hardware(name: str, found: Mapping[str, Any]) -> Device:
    if HARDWARE[name] in found:
        return Device(name, True, _own_name(found[HARDWARE[name]]))
    return Device(name, False, "", absence(name), elsewhere())


def _htp_of_board(needs: Sequence[Requirement]) -> Device:
    missing = [need for need in needs if need.state == "missing"]
    board = board_of()
    described: Sentence | str = sentence("qnn.htp_of", chip=board.name) if board is not None else ""
    if not missing:
        return Device("htp", True, described)
    reason = missing[0].message
    if len(missing) > 1:
        reason = sentence("qnn.need.several", parts=[need.message for need in missing])
    remedy = missing[0].remedy
    if len(missing) > 1:
        remedy = sentence("qnn.need.see_doctor", first=remedy)
    return Device("htp", False, described, reason, remedy)


def _emulator() -> Device:
    if platform.machine().lower() not in ("x86_64", "amd64"):
        reason, remedy = sentence("qnn.emulator_only_on_x86_64"), sentence("qnn.use_htp")
        return Device(EMULATED, False, PURPOSE, reason, remedy, True, default=False)
    if not backend(EMULATED).exists():
        reason, remedy = sentence("qnn.library_missing", file=backend(EMULATED).name), sentence("qnn.install_newer")
        return Device(EMULATED, False, PURPOSE, reason, remedy, True, default=False)
    return Device(EMULATED, True, PURPOSE, emulated=True)
