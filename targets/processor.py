"""The processor a CPU session, or an emulator, runs on."""

import os
import platform
from pathlib import Path


def processor_name(root: Path = Path("/")) -> str:
    """The processor as the system names it; on Arm, where it does not, the chip; the architecture without either. An
    emulator of Arm may show the description of the x86 processor below it, which is not the one that a program has."""
    text = text_of(root / "proc/cpuinfo") or ""
    foreign = platform.machine() == "aarch64" and "vendor_id" in text
    lines = [] if foreign else text.splitlines()
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name") and ":" in line]
    soc = text_of(root / "sys/devices/soc0/machine")
    return named[0] if named else soc or platform.processor() or platform.machine()


def text_of(path: Path) -> str | None:
    """A small file of the kernel, without space at its ends; ``None`` if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def usable_cores() -> int:
    """Physical cores, or fewer if this process may run on fewer processors; at least one."""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(psutil.cpu_count(logical=False) or 1, allowed or 1))


def thread_counts() -> tuple[str, ...]:
    """Numbers of threads worth trying: powers of two up to the processors that this process may run on, that number,
    and the physical cores."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    powers = (1 << power for power in range(allowed.bit_length()))
    return tuple(map(str, sorted({*(count for count in powers if count <= allowed), usable_cores(), allowed})))
