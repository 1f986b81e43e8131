"""The processor a CPU session, or an emulator, runs on."""

import os
import platform
from pathlib import Path


def processor_name() -> str:
    """The processor as the system names it; the architecture where it does not."""
    table = Path("/proc/cpuinfo")
    lines = table.read_text(errors="replace").splitlines() if table.exists() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name") and ":" in line]
    return named[0] if named else platform.processor() or platform.machine()


def usable_cores() -> int:
    """Physical cores, or fewer if this process may run on fewer processors; at least one."""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(psutil.cpu_count(logical=False) or 1, allowed or 1))
