"""A gate's findings as JUnit XML, which every CI system shows: a test case a series."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from bench.gate.finding import Gate, SeriesFinding
from bench.nights.series import Series
from bench.printable import clean
from bench.reports.gates.words import OUTCOMES, Outcome, stated, told
from bench.words import say, sentence

TAGS: dict[Outcome, str] = {"failed": "failure", "error": "error", "skipped": "skipped"}


class JunitGate:
    summary = sentence("gate.writer.junit")
    suffix = ".xml"

    def render(self, gate: Gate, files: Mapping[str, str]) -> bytes:
        """UTF-8. A suite a class of machine, or a device of a rack; a failure is worse, an error is broken, and skipped
        is what could not be told. The figures of each metric are properties of its case. A record that cannot be read
        is an error."""
        by_machine: dict[str, list[SeriesFinding]] = defaultdict(list)
        for finding in gate.findings:
            by_machine[finding.series.place or say("gate.no_machine")].append(finding)
        root = Element("testsuites", {"name": "odb gate", **_counts(gate.findings, len(gate.unreadable))})
        for machine, findings in by_machine.items():
            suite = SubElement(root, "testsuite", {"name": clean(machine), "timestamp": gate.created_utc[:19]})
            suite.attrib |= _counts(findings)
            properties = SubElement(suite, "properties")
            _property(properties, "stated", stated(gate.stated))
            for finding in findings:
                _case(suite, finding, files.get(finding.record_id or "", ""))
        if gate.unreadable:
            suite = SubElement(root, "testsuite", {"name": "records", **_counts((), len(gate.unreadable))})
            for number, reason in enumerate(gate.unreadable, 1):
                named = {"classname": "odb.records", "name": f"record {number}", "time": "0"}
                case = SubElement(suite, "testcase", named)
                SubElement(case, "error", {"type": "unreadable", "message": clean(str(reason))})
        indent(root)
        data: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
        return data + b"\n"


def _counts(findings: Sequence[SeriesFinding], errors: int = 0) -> dict[str, str]:
    outcomes = [OUTCOMES[finding.word] for finding in findings]
    return {
        "tests": str(len(findings) + errors),
        "failures": str(outcomes.count("failed")),
        "errors": str(outcomes.count("error") + errors),
        "skipped": str(outcomes.count("skipped")),
        "time": "0",
    }


def _case(suite: Element, finding: SeriesFinding, file: str) -> None:
    """``file``: of the record, which GitLab links."""
    series = finding.series
    names = {"classname": f"odb.{series.target}", "name": _named(series), "time": "0"}
    if file:
        names["file"] = file
    case = SubElement(suite, "testcase", {key: clean(value) for key, value in names.items()})
    properties = SubElement(case, "properties")
    _property(properties, "series", series.id)
    for what, record in (("record", finding.record_id), ("base", finding.base_id)):
        if record is not None:
            _property(properties, what, record)
    for one in finding.metrics:
        _property(properties, one.metric, repr(one.new))
        _property(properties, f"{one.metric}.base", repr(one.base))
        _property(properties, f"{one.metric}.change", repr(one.change))
        if one.interval is not None:
            _property(properties, f"{one.metric}.change_ci95", f"{one.interval[0]!r} {one.interval[1]!r}")
    outcome, text = OUTCOMES[finding.word], clean(told(finding))
    if outcome != "passed":
        SubElement(case, TAGS[outcome], {"type": finding.word, "message": text})
    else:
        SubElement(case, "system-out").text = text


def _named(series: Series) -> str:
    """All that tells two series of one target apart: CI systems take cases of one name for one."""
    parts = (
        series.model,
        series.precision,
        series.scenario,
        *series.options,
        *series.settings,
        *series.shapes,
        series.device,
    )
    return " ".join(part for part in parts if part)


def _property(parent: Element, key: str, value: str) -> None:
    SubElement(parent, "property", {"name": clean(key), "value": clean(value)})
