"""One timed repeat of a pipeline."""

from functools import partial

from bench.jobs import Job, Worker
from bench.measure.repeat import Measured, MeasureJob, measure
from bench.pipelines.asked import PipelineOpening
from bench.pipelines.opening import open_staged


class EndToEndJob(Job[Measured], frozen=True, kw_only=True):
    """``repeat``: as of the network alone; ``opening``: the stages around it."""

    repeat: MeasureJob
    opening: PipelineOpening

    def play(self, worker: Worker) -> Measured:
        """See ``bench.measure.repeat.measure``."""
        return measure(self.repeat, worker, partial(open_staged, self.opening))
