"""Memory of this process, phase by phase.

Linux counts in ``/proc/self``: RSS is resident memory, USS the part of this process alone, and PSS divides shared pages
among their users. Weights mapped from a file are resident but can be dropped: ``file_mapped_bytes`` states how much.
"""

import sys
from pathlib import Path

from msgspec import Struct

from bench.record.memory import MemoryPoint


class MemoryProbe(Struct, frozen=True):
    """Reads this process' memory. ``root`` is ``/``, or a recorded tree in tests."""

    root: Path = Path("/")

    def reset_peak(self) -> bool:
        """Forget the peak RSS so far; ``False`` where the system cannot (only Linux can)."""
        if not _linux():
            return False
        try:
            (self.root / "proc/self/clear_refs").write_text("5")
        except OSError:
            return False
        return True

    def read(self, peak_is_of_phase: bool) -> MemoryPoint:
        """Memory now. ``peak_is_of_phase`` is what ``reset_peak`` answered at the phase's start."""
        return self._proc(peak_is_of_phase) if _linux() else _elsewhere()

    def _proc(self, peak_is_of_phase: bool) -> MemoryPoint:
        # RSS and its peak come from different counters; the peak is read last so that it is not below what RSS saw.
        rollup = _kilobytes(self.root / "proc/self/smaps_rollup")
        status = _kilobytes(self.root / "proc/self/status")
        private = [rollup[k] for k in ("Private_Clean", "Private_Dirty") if k in rollup]
        return MemoryPoint(
            rss_bytes=rollup.get("Rss", status.get("VmRSS")),
            uss_bytes=sum(private) + rollup.get("Private_Hugetlb", 0) if private else None,
            pss_bytes=rollup.get("Pss"),
            peak_rss_bytes=status.get("VmHWM"),
            peak_is_of_phase=peak_is_of_phase and "VmHWM" in status,
            file_mapped_bytes=status.get("RssFile"),
        )


def _kilobytes(path: Path) -> dict[str, int]:
    """``Name:  123 kB`` lines as bytes; empty when the file cannot be read."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    words = [line.split() for line in lines]
    return {w[0].rstrip(":"): int(w[1]) * 1024 for w in words if len(w) == 3 and w[2] == "kB" and w[1].isdigit()}


def _linux() -> bool:
    return sys.platform == "linux"


def _elsewhere() -> MemoryPoint:
    """Windows and macOS: the peak is the process' highest so far."""
    import psutil

    info: object = psutil.Process().memory_full_info()
    if sys.platform == "win32":
        peak = getattr(info, "peak_wset", None)
    else:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return MemoryPoint(rss_bytes=getattr(info, "rss", None), uss_bytes=getattr(info, "uss", None), peak_rss_bytes=peak)
