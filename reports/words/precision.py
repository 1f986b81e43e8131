"""The spread between the processes of a run, and the number of repeats that a precision needs, in words."""

from bench.record.record import Record
from bench.words import say, sentence


def spread_words(record: Record) -> str:
    """``p50 was 95.6 ms to 109 ms in 3 processes; …``: the spread as observed, then what of it is between processes;
    empty where there was one process. A part between processes that is estimated as 0 is not given as a figure: then
    each process' own uncertainty explains the spread."""
    found = record.summary.variance
    if found is None:
        return ""
    medians = record.summary.latency_ns.repeat_p50 if record.summary.latency_ns is not None else ()
    within, between = found.within_process_cv, found.between_process_cv
    if not medians:
        if not between:
            return say("report.spread.explained", within=within)
        return say("report.spread.between", between=between, within=within)
    text = record.plan.model.task == "text_generation"
    seen = {
        "what": sentence("report.spread.p50_of_queries" if text else "report.spread.p50"),
        "lowest_ns": min(medians),
        "highest_ns": max(medians),
        "processes": found.processes,
    }
    if not between:
        return say("report.spread.seen_explained", **seen, within=within)
    return say("report.spread.seen_between", **seen, between=between, within=within)


def needed_words(record: Record) -> str:
    """``28 repeats for ±3 %``; empty where there was one process."""
    found = record.summary.variance
    if found is None:
        return ""
    precision = 100 * found.precision
    if found.repeats_for_precision is None:
        return say("report.needed.over_1000", precision=precision)
    enough = found.repeats_for_precision <= found.processes
    code = "report.needed.reached" if enough else "report.needed.repeats"
    return say(code, count=found.repeats_for_precision, precision=precision)
