"""What ``odb check`` found as JUnit XML, which CI systems show: a test case for each rule."""

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from bench.printable import clean
from bench.submission.rules.check import Checked
from bench.submission.rules.finding import Finding
from bench.submission.rules.table import RULES
from bench.words import say


def junit_of(found: Checked, strict: bool) -> bytes:
    """The file's bytes. A rule fails by what rejects the submission, ``strict`` also by what is flagged; what else it
    found stands in the case's output. Rules of a newer version are skipped."""
    failing = ("reject", "flag") if strict else ("reject",)
    by_rule: dict[str, list[Finding]] = {}
    for finding in (*found.findings, *found.newer_findings):
        by_rule.setdefault(finding.rule, []).append(finding)
    failures = [name for name in found.rules if any(one.severity in failing for one in by_rule.get(name, ()))]
    counts = {
        "tests": str(len(found.rules) + len(found.newer_rules)),
        "failures": str(len(failures)),
        "errors": "0",
        "skipped": str(len(found.newer_rules)),
        "time": "0",
    }
    root = Element("testsuites", {"name": "odb check", **counts})
    suite = SubElement(root, "testsuite", {"name": "odb check", **counts})
    properties = SubElement(suite, "properties")
    SubElement(properties, "property", {"name": "rules_version", "value": str(found.rules_version)})
    for name in (*found.rules, *found.newer_rules):
        _case(suite, name, by_rule.get(name, []), name in failures, name in found.newer_rules)
    indent(root)
    data: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _case(suite: Element, name: str, findings: list[Finding], fails: bool, newer: bool) -> None:
    clause = next((rule.clause for rule in RULES if rule.id == name), "newer")
    title = clean(say(f"rule.{name}.title"))
    case = SubElement(suite, "testcase", {"classname": f"odb.check.{clause}", "name": f"{name} {title}", "time": "0"})
    text = "\n".join(f"{clean(one.where)}: {clean(one.told)} {clean(one.remedy)}" for one in findings)
    if fails:
        failure = {"type": findings[0].severity, "message": clean(findings[0].told)}
        SubElement(case, "failure", failure).text = text
    elif newer:
        SubElement(case, "skipped", {"message": say("check.newer_rule")})
    if text and not fails:
        SubElement(case, "system-out").text = text
