"""Memory in a record. Part of ``bench.record.record``'s layout."""

from bench.record.part import Part


class MemoryPoint(Part, frozen=True):
    """Memory of the measuring process at the end of one phase.

    Linux: ``rss``/``uss``/``pss`` from smaps_rollup, ``peak_rss`` from VmHWM, reset at the phase's start where the
    kernel allows (``peak_is_of_phase``). Windows: ``rss`` is the working set, ``uss`` the private working set,
    ``peak_rss`` the peak working set (of the process so far), ``pss`` null.
    """

    rss_bytes: int | None = None
    uss_bytes: int | None = None
    pss_bytes: int | None = None
    peak_rss_bytes: int | None = None
    peak_is_of_phase: bool = False
    file_mapped_bytes: int | None = None


class MemorySummary(Part, frozen=True):
    """Medians over repeats. ``model`` is USS after compile less USS before read; ``inference`` is USS at the end of the
    steady state minus USS before the first inference, with the harness' modules and inputs in place (``ready``), null
    if memory was released in between; ``peak_rss`` is the highest of any phase. ``model`` holds what the compiler has
    not given back."""

    peak_rss: int | None = None
    model: int | None = None
    inference: int | None = None
    artifact: int | None = None
