"""The spread between the processes of a run, and the number of repeats that a precision needs, in words."""

from bench.record.record import Record
from bench.words import units


def spread_words(record: Record) -> str:
    """``p50 was 95.6 ms to 109 ms in 3 processes; …``: the spread as observed, then what of it is between processes;
    empty where there was one process. A part between processes that is estimated as 0 is not given as a figure: then
    each process' own uncertainty explains the spread."""
    found = record.summary.variance
    if found is None:
        return ""
    medians = record.summary.latency_ns.repeat_p50 if record.summary.latency_ns is not None else ()
    lowest, highest = (units.duration(end(medians)) if medians else "" for end in (min, max))
    what = "p50 of whole queries" if record.plan.model.task == "text_generation" else "p50"
    seen = f"{what} was {lowest} to {highest} in {units.counted(found.processes, 'process', 'processes')}; "
    seen = seen if medians else ""
    between, within = units.percent(found.between_process_cv), units.percent(found.within_process_cv)
    if not found.between_process_cv:
        return f"{seen or 'spread of the processes: '}the uncertainty within each, {within}, explains that spread"
    deviation = f"standard deviation between processes is {between}, within a process {within}"
    return f"{seen}the {deviation}" if seen else deviation


def needed_words(record: Record) -> str:
    """``28 repeats for ±3 %``; empty where there was one process."""
    found = record.summary.variance
    if found is None:
        return ""
    asked = f"±{100 * found.precision:g} %"
    if found.repeats_for_precision is None:
        return f"more than 1,000 repeats for {asked}"
    enough = found.repeats_for_precision <= found.processes
    needed = units.counted(found.repeats_for_precision, "repeat")
    return f"{needed} for {asked}{' (reached)' if enough else ''}"
