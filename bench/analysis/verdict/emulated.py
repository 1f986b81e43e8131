"""Whether the times of a record are an emulator's."""

from bench.record.record import Record


def is_emulated(record: Record) -> bool:
    """Whether the target, the processor or both were emulated: no time, memory or energy of it is a device's."""
    judged = record.verdict is not None and record.verdict.emulated
    return record.plan.target.emulated or judged or bool(processor_emulator(record))


def processor_emulator(record: Record) -> str:
    """What emulated the processor, as the environment says; empty where nothing did, and for records that do not
    say."""
    host = record.environment.host
    return str(host.get("emulator") or "unknown") if host.get("emulated") else ""
