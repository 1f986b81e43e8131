"""Busy time and memory of Intel's NPU, from the ``intel_vpu`` driver.

``npu_busy_time_us`` grows while jobs are submitted to the firmware, whoever submitted them. Reading it often slows the
jobs (the driver advises once a second), so it is read only before and after the timed loop.
``npu_memory_utilization`` is the bytes that all programs' buffers hold, since Linux 6.15.
Kernel: drivers/accel/ivpu/ivpu_sysfs.c.
"""

from collections.abc import Sequence
from pathlib import Path

from bench.contracts import Channel
from bench.words import sentence

MEMORY = "device/npu_memory_utilization"


class IntelNpu:
    """Seconds each Intel NPU has worked, and the memory that it holds, named after its device (``accel0``)."""

    summary = sentence("machine.summary.intel_npu")

    def channels(self, root: Path) -> Sequence[Channel]:
        devices = sorted((root / "sys/class/accel").glob("accel*"))
        ours = [d for d in devices if _is_intel_npu(d / "device")]
        return (*(_channel(root, d) for d in ours), *(_memory(root, d) for d in ours if (d / MEMORY).exists()))

    def read(self, root: Path, channel: Channel) -> float:
        number = float((root / channel.path).read_text())
        return number if channel.kind == "memory" else number * 1e-6


def _channel(root: Path, accel: Path) -> Channel:
    counter = accel / "device/npu_busy_time_us"
    there = counter.exists()
    return Channel(
        sensor="intel_npu",
        name=accel.name,
        kind="busy",
        domain="npu",
        path=counter.relative_to(root).as_posix(),
        usable=there,
        reason="" if there else sentence("machine.npu_busy_time_not_counted"),
        remedy="" if there else sentence("machine.upgrade_linux_newer"),
    )


def _memory(root: Path, accel: Path) -> Channel:
    path = (accel / MEMORY).relative_to(root).as_posix()
    return Channel("intel_npu", f"{accel.name} memory", "memory", "npu", path)


def _is_intel_npu(device: Path) -> bool:
    try:
        return "DRIVER=intel_vpu" in (device / "uevent").read_text().splitlines()
    except OSError:
        return False
