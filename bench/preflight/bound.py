"""A latency that no run can beat, from published peaks."""

from bench.contracts import Peaks, Published
from bench.preflight.found import Bound, Speed
from bench.words import Sentence, sentence

OPERATIONS_PER_MAC = 2
ON_CHIP_BYTES = 256 << 20
"""As much of the weights is taken to stay on the chip from one query to the next: several times what the caches and
memories of such chips hold, so that the bound stays one where nobody states their size."""


def bound(peaks: Peaks, macs: int | None, weight_bytes: int | None, frames_per_s: float | None = None) -> Bound:
    """``macs``: those of one query that the accelerator computes. ``weight_bytes``: weights that one query reads, as
    they were compiled. It holds for a run that computes each multiply-accumulate of the file. A bound of 0 is none."""
    compute_ns = _ns(macs * OPERATIONS_PER_MAC if macs is not None else None, peaks.operations_per_s)
    fetched = None if weight_bytes is None else max(0, weight_bytes - ON_CHIP_BYTES)
    memory_ns = _ns(fetched, peaks.memory_bytes_per_s)
    least_ns = max(filter(None, (compute_ns, memory_ns)), default=None)
    return Bound(
        least_ns=least_ns,
        compute_ns=compute_ns,
        memory_ns=memory_ns,
        macs=macs,
        bytes=fetched,
        operations_per_s=peaks.operations_per_s,
        memory_bytes_per_s=peaks.memory_bytes_per_s,
        frames_per_s=frames_per_s,
        speed=_speed(least_ns, frames_per_s),
        reason="" if least_ns is not None else _why(peaks, macs),
    )


def _ns(amount: int | None, rate: Published | None) -> int | None:
    """Rounded down: a bound must not be greater than what it bounds."""
    return int(amount * 1e9 / rate.value) if amount is not None and rate is not None else None


def _speed(least_ns: int | None, frames_per_s: float | None) -> Speed:
    if least_ns is None or frames_per_s is None:
        return "unknown"
    return "excluded" if least_ns * frames_per_s > 1e9 else "not_excluded"


def _why(peaks: Peaks, macs: int | None) -> Sentence:
    if peaks.operations_per_s is None and peaks.memory_bytes_per_s is None:
        return sentence("preflight.no_published_peak")
    return sentence("preflight.macs_unknown" if macs is None else "preflight.no_bound")
