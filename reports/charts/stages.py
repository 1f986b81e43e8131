"""A figure of a pipeline: where the time of a query goes, and the network alone beside it."""

from bench.contracts import STAGES
from bench.record.record import RecordedRun
from bench.reports.charts import svg
from bench.reports.charts.svg import Figure
from bench.reports.words import figures
from bench.words import say

STYLES = dict(zip(STAGES, ("p1", "p2", "p4", "p3"), strict=True))


def stages(run: RecordedRun, name: str) -> Figure | None:
    """A bar of the means of all stages, and one of the median of the network alone."""
    record = run.record
    means = {stage: figures.figure(record, f"stage_{stage}_ns") for stage in STAGES}
    known = {stage: float(value) for stage, value in means.items() if value is not None}
    if len(known) < len(STAGES):
        return None
    rows = [(say("report.pipeline.whole"), [(STYLES[stage], value) for stage, value in known.items()])]
    alone = figures.figure(record, "network_alone_ns")
    if alone is not None:
        rows.append((say("report.pipeline.alone"), [(STYLES["infer"], float(alone))]))
    longest = max(sum(value for _, value in pieces) for _, pieces in rows)
    axis = svg.time_axis(0, longest or 1, 58, svg.WIDTH - 12, say("chart.axis.time_per_input"))
    legend = tuple(
        (STYLES[stage], say(f"report.stage.{stage}"), figures.shown(record, f"stage_{stage}_ns")) for stage in STAGES
    )
    words = "; ".join(f"{title}: {value}" for _, title, value in legend)
    title = say("chart.stages.title")
    return Figure(title, svg.bars(f"{name}-stages", title, words, rows, axis), legend, say("chart.stages.note"))
