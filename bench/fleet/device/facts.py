"""What a device says of itself as it joins a rack."""

import platform
import re
import sys
import time
from collections.abc import Collection, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench import __version__
from bench.contracts import TargetFacts
from bench.execution.probe import probe_targets, temporary_workspace
from bench.fleet.facts import DeviceFacts
from bench.machine.environment import capture
from bench.plugins import Catalog
from bench.process.probe import EVERY
from bench.record.record import Environment

NPUS = ("npu", "htp")
"""What targets call an NPU, in small letters."""
MAKERS = {"intel": "intel", "qualcomm|snapdragon|oryon|kryo|qcs|qcm": "qualcomm", "amd|ryzen": "amd"}
"""Words in the name of a processor, chip or board, and who makes its NPU."""
SYSTEMS = {"win32": "windows", "darwin": "macos"}
ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}


def facts_of(
    name: str,
    catalog: Catalog,
    offered: Collection[str] = (),
    *,
    labels: Mapping[str, str] = {},
    plugins: tuple[Path, ...] = (),
    takes_plugins: bool = False,
    root: Path = Path("/"),
) -> DeviceFacts:
    """Probes the targets, which takes seconds. ``offered``: the plugins of those that are announced; all without any.
    ``labels``: given by the user; they hold over those that were found."""
    with temporary_workspace() as workspace:
        names = offered or catalog.names("targets")
        targets = probe_targets(catalog, workspace, dict.fromkeys(names, (EVERY,)))
    environment = capture(root)
    return DeviceFacts(
        name=name,
        labels={**labels_of(environment, targets), **{key: label(value) for key, value in labels.items()}},
        targets=targets,
        versions=versions_of(environment, targets),
        utc_ns=time.time_ns(),
        free_bytes=0,
        cache_bytes=0,
        plugins=tuple(str(path) for path in plugins),
        takes_plugins=takes_plugins,
    )


def labels_of(environment: Environment, targets: Mapping[str, TargetFacts]) -> dict[str, str]:
    """``os``, ``arch``, ``soc``, ``npu``, ``cpu`` and ``machine``, each where it is known."""
    host = environment.host
    architecture = label(str(host.get("machine") or platform.machine()))
    devices = [device for facts in targets.values() for device in facts.devices]
    has_npu = any(device.usable and not device.emulated and device.name.lower() in NPUS for device in devices)
    names = " ".join(str(host.get(name) or "") for name in ("soc", "cpu", "board")).lower()
    maker = next((maker for words, maker in MAKERS.items() if re.search(words, names)), "other")
    found = {
        "os": SYSTEMS.get(sys.platform, "linux"),
        "arch": ARCHITECTURES.get(architecture, architecture),
        "soc": label(str(host.get("soc") or "").rpartition(" ")[2]),
        "npu": maker if has_npu else "",
        "cpu": label(str(host.get("cpu") or "")),
        "machine": label(machine_of(host)),
    }
    return {name: value for name, value in found.items() if value}


def machine_of(host: Mapping[str, Any]) -> str:
    """The class of machine: the board, or else the processor, and its memory."""
    memory = host.get("memory_bytes")
    size = f"{round(memory / 2**30)}GiB" if isinstance(memory, int | float) else ""
    return f"{host.get('board') or host.get('cpu') or ''} {size}"


def label(text: str) -> str:
    """As it is written after ``--where``: small letters, digits and ``. _ + -``."""
    return re.sub(r"[^\w.+-]+", "-", text.lower()).strip("-")


def versions_of(environment: Environment, targets: Mapping[str, TargetFacts]) -> dict[str, str]:
    """Of odb, Python, distributed, drivers and all runtimes."""
    found = {"ondevice-bench": __version__, "python": platform.python_version()}
    for distribution in ("distributed", "dask"):
        try:
            found[distribution] = version(distribution)
        except PackageNotFoundError:
            continue
    found |= {f"driver {name}": text for name, text in sorted(environment.driver.items())}
    for facts in targets.values():
        found |= facts.versions
    return found
