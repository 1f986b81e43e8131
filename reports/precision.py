"""How well the processes of a run agree, and how many would be needed, in words."""

from bench.record import Record
from bench.reports import units


def spread_words(record: Record) -> str:
    """``medians differ by 4.1 % from process to process, …``; empty where there was one process."""
    found = record.summary.variance
    if found is None:
        return ""
    between, within = units.percent(found.between_process_cv), units.percent(found.within_process_cv)
    return f"medians differ by {between} from process to process, and one is known to {within} (standard deviations)"


def needed_words(record: Record) -> str:
    """``28 repeats for ±3 %``; empty where there was one process."""
    found = record.summary.variance
    if found is None:
        return ""
    asked = f"±{100 * found.precision:g} %"
    if found.repeats_for_precision is None:
        return f"over 1,000 repeats for {asked}"
    enough = found.repeats_for_precision <= found.processes
    return f"{found.repeats_for_precision} repeats for {asked}{' (done)' if enough else ''}"
