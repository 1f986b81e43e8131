"""What ``odb check`` found, for a terminal: by severity, the rules in order, with a line of counts at the end."""

from collections.abc import Iterator, Sequence

from bench.printable import clean
from bench.submission.rules.check import Checked
from bench.submission.rules.finding import SEVERITIES, Finding
from bench.submission.rules.rule import in_form
from bench.words import say
from bench.words.cells import wrapped
from bench.words.units import NO_BREAK, together

FEWEST_CELLS = 40
TITLE_SAYS = frozenset(("criterion", "model"))
"""Figures that say no more than the place: the rule's title says the rest, so that the places stand in one list."""
IN_FORM = in_form("")


def findings_text(found: Checked, width: int) -> str:
    """All findings, in lines of at most ``width`` cells."""
    wide = max(width, FEWEST_CELLS)
    lines: list[str] = []
    for severity in SEVERITIES:
        findings = found.of(severity)
        if findings:
            lines += [say(f"check.{severity}", count=len(findings)), *_rules(findings, wide), ""]
    if found.newer_findings:
        lines += [*wrapped(say("check.newer", version=found.rules_version), wide), *_rules(found.newer_findings, wide)]
        lines += [""]
    elif found.newer_rules:
        lines += [*wrapped(say("check.newer_nothing", count=len(found.newer_rules)), wide), ""]
    last = say(
        "check.counts",
        rejected=len(found.rejected),
        flagged=len(found.flagged),
        warned=len(found.warned),
        passed=len(found.passed_rules),
        rules=len(found.rules),
        version=found.rules_version,
    )
    return "\n".join([*lines, *wrapped(last, wide)])


def _rules(findings: Sequence[Finding], width: int) -> Iterator[str]:
    """Each rule once, with all that it found, and the remedy once where it is the same for all."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    for rule, found in by_rule.items():
        yield from _indented(f"{rule}  {say(f'rule.{rule}.title')}", 2, width)
        same = len({clean(one.remedy) for one in found}) == 1
        if len(found) > 1 and all(one.told.figures.keys() <= TITLE_SAYS for one in found):
            yield from _indented(", ".join(clean(one.where).removeprefix(IN_FORM) for one in found), 6, width)
        else:
            yield from _each(found, same, width)
        if same:
            yield from _indented(f"→ {clean(found[0].remedy)}", 6, width)


def _each(found: Sequence[Finding], same: bool, width: int) -> Iterator[str]:
    for one in found:
        yield from _indented(clean(one.where), 6, width)
        yield from _indented(clean(one.told), 8, width)
        if not same:
            yield from _indented(f"→ {clean(one.remedy)}", 8, width)


def _indented(text: str, spaces: int, width: int) -> list[str]:
    lines = wrapped(together(text), width - spaces)
    return [" " * spaces + line.replace(NO_BREAK, " ") for line in lines]
