"""What an assertion says that fails: the sentences of reports, in the language that is spoken."""

from collections.abc import Collection, Sequence
from importlib import import_module

from bench.comparison.folders import Findings
from bench.plugins import discover, load
from bench.printable import clean
from bench.pytesting.limits import Result
from bench.record.record import Record, RecordedRun
from bench.scripting.comparison_writers import WRITERS
from bench.words import say, units


def not_valid(record: Record, codes: Collection[str]) -> str:
    """That the run failed or was skipped and why, or which codes of its verdict forbid it to pass."""
    if record.status != "ok":
        failure = record.failure
        told = [] if failure is None else [_told(failure.phase, failure.message, failure.remedy)]
        return _lines(record, "pytest.not_measured", told)
    reasons = record.verdict.reasons if record.verdict is not None else ()
    told = [_told(reason.code, reason.message, reason.remedy) for reason in reasons if reason.code in codes]
    return _lines(record, "pytest.not_valid", told)


def not_within(record: Record, results: Sequence[Result]) -> str:
    """Each limit that is not met, or of which it cannot be told."""
    told = [_limit(one) for one in results]
    if record.failure is not None:
        told = [_told(record.failure.phase, record.failure.message, record.failure.remedy), *told]
    elif any(one.word == "cannot_tell" for one in results):
        told.append(say("pytest.accept_cannot_tell"))
    return _lines(record, "pytest.not_within", told)


def emulated(record: Record) -> str:
    """That an emulator's times are not shown as a device's."""
    return _lines(record, "pytest.emulated", [])


def not_faster(findings: Findings) -> str:
    """The answer and its reasons: the report of the comparison without its tables."""
    return comparison(findings).partition("\n\n")[0]


def comparison(findings: Findings) -> str:
    """The report of the comparison, as at a terminal."""
    written: bytes = import_module(WRITERS["terminal"]).render(findings)
    return written.decode()


def report(run: RecordedRun) -> str:
    """The report of the run, as at a terminal."""
    written: bytes = load(discover().find("reports", "terminal")).render([run])
    return written.decode()


def _lines(record: Record, code: str, told: Sequence[str]) -> str:
    title = say(code, model=record.plan.model.id, target=record.plan.target.id)
    return "\n".join([clean(title), *(f"  {clean(line)}" for line in told)])


def _told(name: str, message: str, remedy: str) -> str:
    return f"{name}: {message} {remedy}".rstrip()


def _limit(one: Result) -> str:
    seen, limit = one.seen, one.limit
    unit = limit.kind.unit
    said = {"name": limit.name, "limit": limit.amount}
    if seen.value is None:
        return say("pytest.limit.unknown", **said, reason=one.reason)
    said["figure"] = units.figure(seen.value, unit)
    if one.word == "cannot_tell":
        return say("pytest.limit.cannot_tell", **said, reason=one.reason)
    missed = "above" if limit.direction == "at_most" else "below"
    if seen.interval == "exact" or seen.low is None or seen.high is None:
        return say(f"pytest.limit.{missed}", **said)
    return say(f"pytest.limit.{missed}.interval", **said, interval=units.metric_interval(seen.low, seen.high, unit))
