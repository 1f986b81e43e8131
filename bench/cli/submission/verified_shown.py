"""What ``odb verify`` found: for a terminal, as JSON and as JUnit XML."""

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import msgspec

from bench import __version__
from bench.bundle.rules import RULES
from bench.bundle.verification import Result, Verification
from bench.cli.submission.pack_command import rules_line
from bench.printable import clean
from bench.words import say
from bench.words.cells import wrapped

FEWEST_CELLS = 40


def verified_text(found: Verification, width: int) -> str:
    """A line a rule, what was found below it, and the answer at the end, in lines of at most ``width`` cells. Of a
    bundle that could not be opened only the rule that it breaks."""
    wide = max(width, FEWEST_CELLS)
    shown = [result for result in found.results if found.name or result.state == "failed"]
    lines = [line for result in shown for line in _rule(result, wide)]
    return "\n".join([*lines, "", *_answer(found, wide)])


def _rule(result: Result, width: int) -> Iterator[str]:
    state = say(f"verify.state.{result.state}")
    yield from _indented(f"{result.rule}  {state}: {title_of(result.rule)}", 0, width)
    if result.note:
        yield from _indented(clean(result.note), 6, width)
    for finding in result.findings:
        where = clean(finding.where)
        yield from _indented(f"{where}: {clean(finding.told)}" if where else clean(finding.told), 6, width)
    for remedy in dict.fromkeys(clean(finding.remedy) for finding in result.findings):
        yield from _indented(f"→ {remedy}", 6, width)


def _answer(found: Verification, width: int) -> Iterator[str]:
    broken = [result.rule for result in found.results if result.state == "failed"]
    skipped = [result.rule for result in found.results if result.state == "skipped"]
    if broken:
        yield from wrapped(say("verify.refused", rules=broken), width)
        return
    yield from wrapped(say("verify.verified", name=clean(found.name), sha256=found.sha256), width)
    if skipped:
        yield from wrapped(say("verify.skipped", rules=skipped), width)
    if found.judged is not None:
        judged = found.judged
        line = rules_line(judged.result, len(judged.failed), len(judged.warned), len(judged.passed))
        yield from wrapped(line, width)


def _indented(text: str, spaces: int, width: int) -> list[str]:
    return [" " * spaces + line for line in wrapped(text, width - spaces)]


def title_of(rule: str) -> str:
    """What the rule demands, in one line."""
    return clean(say(f"rule.{rule}.title"))


def for_scripts(found: Verification) -> dict[str, Any]:
    """The result as JSON, the same in every language: sentences are codes and figures."""
    clauses = {rule.id: rule.clause for rule in RULES}
    judged = found.judged
    return {
        "verified": found.verified,
        "name": found.name,
        "sha256": found.sha256,
        "tool_version": __version__,
        "rules": [
            {
                "rule": result.rule,
                "clause": clauses[result.rule],
                "state": result.state,
                "note": result.note,
                "findings": [
                    {"where": clean(one.where), "message": one.told, "remedy": one.remedy} for one in result.findings
                ],
            }
            for result in found.results
        ],
        "check": None
        if judged is None
        else {"result": judged.result, "failed": list(judged.failed), "warned": list(judged.warned)},
        "criteria": []
        if judged is None
        else [
            {"id": row.criterion.id, "decision": row.decision.word, "figure": msgspec.to_builtins(row.seen)}
            for row in judged.assessment.rows
        ],
    }


def junit_of(found: Verification) -> bytes:
    """JUnit XML: a test case a rule."""
    counts = {
        "tests": str(len(found.results)),
        "failures": str(sum(result.state == "failed" for result in found.results)),
        "errors": "0",
        "skipped": str(sum(result.state == "skipped" for result in found.results)),
        "time": "0",
    }
    root = Element("testsuites", {"name": "odb verify", **counts})
    suite = SubElement(root, "testsuite", {"name": "odb verify", **counts})
    properties = SubElement(suite, "properties")
    SubElement(properties, "property", {"name": "sha256", "value": found.sha256})
    clauses = {rule.id: rule.clause for rule in RULES}
    for result in found.results:
        named = {"classname": f"odb.verify.{clauses[result.rule]}", "name": f"{result.rule} {title_of(result.rule)}"}
        case = SubElement(suite, "testcase", {**named, "time": "0"})
        if result.state == "failed":
            failure = SubElement(case, "failure", {"type": "reject", "message": clean(result.findings[0].told)})
            failure.text = "\n".join(f"{clean(one.where)}: {clean(one.told)}" for one in result.findings)
        elif result.state == "skipped":
            SubElement(case, "skipped", {"message": clean(result.note)})
    indent(root)
    data: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"
