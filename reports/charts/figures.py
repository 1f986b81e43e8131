"""All figures of one run."""

from bench.record.record import RecordedRun
from bench.reports.charts.curves import distribution, gap_trace, gaps, latency_trace
from bench.reports.charts.frames import frames_over_time
from bench.reports.charts.minutes import DRAWN, minutes_figure
from bench.reports.charts.points import curve_figures
from bench.reports.charts.stacks import cold_start, memory, placement
from bench.reports.charts.stages import stages
from bench.reports.charts.svg import Figure
from bench.reports.words.causes import emulated

_MAKERS = (stages, frames_over_time, distribution, gaps, gap_trace, latency_trace, cold_start, memory, placement)


def figures(run: RecordedRun, name: str) -> tuple[Figure, ...]:
    """What can be drawn of a run that was measured; ``name`` makes ids unique on the page.

    For an emulated run only the placement is drawn: the rest would be the emulator's time and memory.
    """
    if run.record.status != "ok":
        kept = minutes_figure(run, name)
        return () if kept is None else (kept,)
    if emulated(run.record):
        drawn = placement(run, name)
        return () if drawn is None else (drawn,)
    lasting = minutes_figure(run, name)
    along = curve_figures(run, name, () if lasting is None else DRAWN)
    return tuple(f for f in (lasting, *along, *(make(run, name) for make in _MAKERS)) if f is not None)
