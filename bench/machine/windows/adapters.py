"""Which adapter is an NPU: Windows says of each whether it can only compute.

A GPU may have engines of the type ``Neural`` too, so an engine's name does not tell; and the engine of an NPU is
``Neural`` under one driver and ``Compute`` under another. Layouts: D3DKMT_ADAPTERTYPE and D3DKMT_ADAPTERREGISTRYINFO of
``d3dkmthk.h``.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from bench.machine.windows.calls import Calls
from bench.machine.windows.pdh import Engine, Luid

REGISTRY_INFO, ADAPTER_TYPE = 8, 15  # KMTQUERYADAPTERINFOTYPE
REGISTRY_INFO_BYTES, NAME_BYTES = 4 * 260 * 2, 260 * 2
SOFTWARE, COMPUTE_ONLY = 1 << 2, 1 << 11

DRAWING, COMPUTING = "3d", ("compute", "neural")
"""Engines, for systems that do not say what an adapter is: a GPU draws, an NPU computes and does not draw."""


class Adapter(Struct, frozen=True):
    """``name`` is the driver's, empty where it has none."""

    luid: Luid
    kind: Literal["npu", "gpu"]
    name: str


def adapters(calls: Calls, seen: Iterable[Engine]) -> list[Adapter]:
    """Adapters of the instances ``seen``, by their number; those that are software are left out."""
    engines: dict[Luid, set[str]] = {}
    for engine in seen:
        engines.setdefault(engine.luid, set()).add(engine.kind.lower())
    found = (_adapter(calls, luid, engines) for luid in sorted(engines))
    return [adapter for adapter in found if adapter is not None]


def _adapter(calls: Calls, luid: Luid, engines: Mapping[Luid, set[str]]) -> Adapter | None:
    try:
        flags = int.from_bytes(calls.adapter(luid, ADAPTER_TYPE, 4), "little")
    except OSError:
        if DRAWING in engines[luid]:
            return Adapter(luid, "gpu", "")
        computes = any(word in engine for engine in engines[luid] for word in COMPUTING)
        return Adapter(luid, "npu", "") if computes else None  # one that was not used yet is not known to be either
    if flags & SOFTWARE:
        return None
    return Adapter(luid, "npu" if flags & COMPUTE_ONLY else "gpu", _driver_name(calls, luid))


def _driver_name(calls: Calls, luid: Luid) -> str:
    try:
        raw = calls.adapter(luid, REGISTRY_INFO, REGISTRY_INFO_BYTES)[:NAME_BYTES]
    except OSError:
        return ""
    return raw.decode("utf-16-le", "replace").split("\0", 1)[0].strip()
