"""Memory of this process, phase by phase, and what it says of the model.

Linux counts in ``/proc/self``: RSS is what is resident, USS what only this process holds, PSS shares the rest fairly.
Weights mapped from a file are resident but can be dropped: ``file_mapped_bytes`` tells how much.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from msgspec import Struct

from bench.record import MemoryPoint, MemorySummary, Repeat

PHASES = ("start", "runtime_import", "read", "compile", "ready", "first_inference", "steady")
"""When memory is read. ``ready``: after compile, with all in place that the harness itself needs; records made before
0.1.0 have none, and their inference is counted from ``compile``."""


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


def memory_summary(repeats: Sequence[Repeat], artifact_bytes: int | None) -> MemorySummary:
    """Medians over repeats of the shares that ``MemorySummary`` defines.

    A phase that was not read counts as the last one before it; where both ends of a share fall on the same reading
    the share is unknown, not zero.
    """
    points = [r.memory_bytes for r in repeats]
    peaks = [[p.peak_rss_bytes for p in by_phase.values() if p.peak_rss_bytes is not None] for by_phase in points]
    return MemorySummary(
        peak_rss=_median([max(p) for p in peaks if p]),
        model=_median([s for p in points if (s := _uss_share(p, "runtime_import", "compile")) is not None]),
        inference=_grown([_uss_share(p, "ready", "steady") for p in points]),
        artifact=artifact_bytes,
    )


def _grown(shares: Sequence[int | None]) -> int | None:
    """The median share; ``None`` where the process gave memory back meanwhile, for then it is no share."""
    middle = _median([share for share in shares if share is not None])
    return None if middle is None or middle < 0 else middle


def _uss_share(points: Mapping[str, MemoryPoint], before: str, after: str) -> int | None:
    first, last = _last_known(points, before), _last_known(points, after)
    if first is None or last is None or first == last:
        return None
    return (points[last].uss_bytes or 0) - (points[first].uss_bytes or 0)


def _last_known(points: Mapping[str, MemoryPoint], phase: str) -> str | None:
    earlier = PHASES[: PHASES.index(phase) + 1]
    return next((p for p in reversed(earlier) if p in points and points[p].uss_bytes is not None), None)


def _median(values: Sequence[int]) -> int | None:
    return round(median(values)) if values else None


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
