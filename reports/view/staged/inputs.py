"""Each input of a pipeline's passes as a table."""

from msgspec import Struct

from bench.record.inputs import PipelineInput
from bench.record.record import RecordedRun
from bench.reports.view.rows import Cell, Table, columns
from bench.words import say, units

MOST_ROWS = 20
"""Of more inputs, those that take longest."""


class Timed(Struct, frozen=True):
    """An input with the median of its queries, and the network's fraction of their time."""

    facts: PipelineInput
    p50_ns: float
    network: float


def each_input(run: RecordedRun) -> list[Timed]:
    """Every input of a pass in order; none of a record that does not say what they are."""
    import numpy as np

    facts = run.record.plan.pipeline
    each = facts.each if facts is not None else ()
    repeats = [repeat.samples for repeat in run.record.repeats if repeat.samples is not None]
    found = [
        [run.samples.get(one.arrays.get(role, "")) for one in repeats] for role in ("latency_ns", "stage_infer_ns")
    ]
    latency, inside = ([part for part in parts if part is not None and len(part)] for parts in found)
    if not each or not latency or any(len(part) % len(each) for part in (*latency, *inside)):
        return []
    if [len(part) for part in latency] != [len(part) for part in inside]:
        return []
    whole, network = (np.concatenate([part.reshape(-1, len(each)) for part in parts]) for parts in (latency, inside))
    middles, fractions = np.median(whole, axis=0), network.sum(axis=0) / np.maximum(1, whole.sum(axis=0))
    return [Timed(*row) for row in zip(each, middles.tolist(), fractions.tolist(), strict=True)]


def each_input_table(run: RecordedRun) -> Table | None:
    """A row an input: its name and size, the p50 of its queries, and the network's fraction; the longest of many."""
    every = each_input(run) if run.record.status == "ok" else []
    if len(every) < 2:
        return None
    longest = sorted(every, key=lambda one: -one.p50_ns)[:MOST_ROWS]
    rows = [
        (
            Cell(units.clean(one.facts.name)),
            Cell(units.MISSING if one.facts.bytes is None else units.size(one.facts.bytes)),
            Cell(units.duration(one.p50_ns)),
            Cell(units.percent(one.network)),
        )
        for one in longest
    ]
    note = say("report.pipeline.longest", shown=len(rows), inputs=len(every)) if len(rows) < len(every) else ""
    heads = columns("pipeline_input", "pipeline_size", "p50", "network_fraction")
    return Table(say("report.pipeline.each"), heads, tuple(rows), note)
