"""Memory of the model and of its inference, from the memory at each phase: medians over repeats."""

from collections.abc import Mapping, Sequence
from statistics import median

from bench.record.memory import MemoryPoint, MemorySummary
from bench.record.record import Repeat

PHASES = ("start", "runtime_import", "read", "compile", "ready", "first_inference", "steady")
"""When memory is read. ``ready``: after compile, with all in place that the harness itself needs; records made before
0.1.0 have none, and their inference is counted from ``compile``."""


def memory_summary(repeats: Sequence[Repeat], artifact_bytes: int | None) -> MemorySummary:
    """Medians over repeats of the differences that ``MemorySummary`` defines; ``peak_rss`` is a metric and left out.

    A phase that was not read counts as the last one before it; if both ends of a difference are the same reading, it is
    unknown, not zero.
    """
    points = [r.memory_bytes for r in repeats]
    return MemorySummary(
        model=_median([s for p in points if (s := _uss_share(p, "runtime_import", "compile")) is not None]),
        inference=_grown([_uss_share(p, "ready", "steady") for p in points]),
        artifact=artifact_bytes,
    )


def peak_rss(repeat: Repeat) -> int | None:
    """The peak of one process in any phase; ``None`` where none was read."""
    points = repeat.memory_bytes.values()
    return max((p.peak_rss_bytes for p in points if p.peak_rss_bytes is not None), default=None)


def _grown(shares: Sequence[int | None]) -> int | None:
    """The median difference; ``None`` if the process released memory in between, because it is then meaningless."""
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
