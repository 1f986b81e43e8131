"""Energy counters that are the same counter shown twice.

Processors of several dies may show the counter of the socket once for each die, on Linux and on Windows; added, they
are several times the energy. Cases: mlco2/codecarbon#1263, #1379.
"""

from collections.abc import Iterable

APART_JOULES, APART = 0.5, 1e-6
"""Two readings of one counter differ by what is drawn between them; two counters that began when the machine started
are never so near."""


def mirrored(readings: Iterable[tuple[str, float | None]]) -> dict[str, str]:
    """Of counters with their joules, in order: which one repeats which one before it. One that reads 0 repeats none."""
    kept: list[tuple[str, float]] = []
    repeats: dict[str, str] = {}
    for name, joules in readings:
        if not joules:
            continue
        same = next((other for other, j in kept if abs(joules - j) <= max(APART_JOULES, APART * j)), None)
        if same is None:
            kept.append((name, joules))
        else:
            repeats[name] = same
    return repeats
