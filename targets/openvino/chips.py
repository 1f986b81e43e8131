"""OpenVINO's devices for a preflight: what it states of their peak, and what is known of one that is not here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.contracts import Artifact, Compiled, Foretold, NodePlacement, Peaks, Placement, Published, Variant
from bench.targets.openvino import devices as openvino_devices
from bench.targets.openvino import graph
from bench.words import Sentence, sentence

GOPS = "DEVICE_GOPS"
"""Giga operations per second by element type, of devices that state it."""
STATIC_ONLY = frozenset(("NPU",))
"""Families whose compiler takes only fixed shapes."""


def variants(core: Any, device: str) -> Sequence[Variant]:
    """The device itself; none of AUTO and HETERO, which choose among others."""
    if openvino_devices.virtual(device):
        return ()
    named = str(_property(core, device, "FULL_DEVICE_NAME") or sentence("openvino.device", device=device))
    return (Variant(name=device, title=named, peaks=Peaks(operations_per_s=_peak(core, device))),)


def _peak(core: Any, device: str) -> Published | None:
    """In the type that the device is fastest in."""
    stated = _property(core, device, GOPS)
    fastest = max(stated.values(), default=0.0) if isinstance(stated, Mapping) else 0.0
    return Published(value=float(fastest) * 1e9, document=f"OpenVINO {GOPS}") if fastest else None


def _property(core: Any, device: str, name: str) -> Any:
    try:
        return core.get_property(device, name)
    except RuntimeError:  # not here, or unknown to the device
        return None


def compiled_in(folder: Path | None) -> Compiled:
    """The model as the device's compiler keeps it."""
    files = [path for path in folder.rglob("*") if path.is_file()] if folder is not None else []
    return Compiled(size_bytes=sum(path.stat().st_size for path in files) or None)


def foretold(core: Any, model: Any, artifact: Artifact, device: str, options: Mapping[str, str]) -> Foretold:
    """Of a model that OpenVINO has read. Whether shapes are static, and, where the device's compiler is installed,
    which operators it takes; nothing else is known without the device."""
    family = openvino_devices.family(device)
    operators = graph.working_nodes(model)
    findings: list[Sentence] = []
    if model.is_dynamic():
        dynamic = [port.get_any_name() for port in model.inputs if port.get_partial_shape().is_dynamic]
        if family in STATIC_ONLY:
            return Foretold(
                findings=(sentence("openvino.shapes_not_static", device=device, names=dynamic),), fits=False
            )
        findings.append(sentence("openvino.shapes_dynamic", names=dynamic))
    else:
        findings.append(sentence("openvino.shapes_static"))
    kinds = len({node.get_type_name() for node in operators})
    findings.append(sentence("openvino.operators_read", count=len(operators), kinds=kinds))
    placement = _queried(core, model, device, options)
    if placement is None:
        findings.append(sentence("openvino.operators_not_told", device=device))
    return Foretold(findings=tuple(findings), placement=placement)


def _queried(core: Any, model: Any, device: str, options: Mapping[str, str]) -> Placement | None:
    """Which nodes the device's compiler takes; ``None`` where it is not here."""
    try:
        taken = core.query_model(model, device, dict(options))
    except RuntimeError:
        return None
    names = {node.get_friendly_name() for node in model.get_ops()}
    nodes: tuple[NodePlacement, ...] = graph.queried(model, {name: taken.get(name, "") for name in names})
    placed = tuple(NodePlacement(node.name, node.op, device if node.device else "") for node in nodes)
    return Placement(device, placed, "OpenVINO query_model")
