"""A run with what follows from its latencies, which summary, verdict and comparison share."""

from bench.analysis.summary import arrays_of
from bench.record.record import RecordedRun
from bench.stats.processes import Ordered, ordered


class TimedRun(RecordedRun, frozen=True, kw_only=True):
    """``latency``: of each repeat that the figures are of and that has any."""

    latency: Ordered

    def plain(self) -> RecordedRun:
        """The run alone, for who keeps many."""
        return RecordedRun(self.record, self.samples, self.folder, self.corrections)


def timed(run: RecordedRun) -> TimedRun:
    """``run`` with its latencies in order, unless it has them already."""
    if isinstance(run, TimedRun):
        return run
    latency = ordered(arrays_of(run.record.repeats, run.samples, "latency_ns"))
    return TimedRun(run.record, run.samples, run.folder, run.corrections, latency=latency)
