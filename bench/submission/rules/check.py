"""A submission judged by the rules: by those of the version that it was written for, and apart by the newer ones."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from bench.submission.assessment import Assessment, assess
from bench.submission.rules.context import Context, context_of
from bench.submission.rules.finding import Finding, Severity
from bench.submission.rules.rule import Rule
from bench.submission.rules.table import RULES


class Checked(Struct, frozen=True, kw_only=True):
    """``findings``: by the rules of ``rules_version``, the gravest first. ``newer_findings``: what the rules that came
    later would say; they decide nothing. ``rules`` and ``newer_rules``: the ids that were tried."""

    assessment: Assessment
    context: Context
    findings: tuple[Finding, ...]
    rules_version: int
    rules: tuple[str, ...]
    newer_findings: tuple[Finding, ...] = ()
    newer_rules: tuple[str, ...] = ()

    @property
    def rejected(self) -> tuple[Finding, ...]:
        return self.of("reject")

    @property
    def flagged(self) -> tuple[Finding, ...]:
        return self.of("flag")

    @property
    def warned(self) -> tuple[Finding, ...]:
        return self.of("warn")

    @property
    def passed_rules(self) -> tuple[str, ...]:
        """Ids of the rules that found nothing."""
        found = {finding.rule for finding in self.findings}
        return tuple(rule for rule in self.rules if rule not in found)

    @property
    def warned_rules(self) -> tuple[str, ...]:
        """Ids of the rules that found something that does not reject."""
        return _ids((*self.flagged, *self.warned))

    @property
    def failed_rules(self) -> tuple[str, ...]:
        """Ids of the rules that reject the submission."""
        return _ids(self.rejected)

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of that severity."""
        return tuple(finding for finding in self.findings if finding.severity == severity)


def check(folder: Path, rules: Sequence[Rule] = RULES, *, confined: bool = False) -> Checked:
    """The submission in ``folder``, judged. ``confined``: nothing outside of ``folder`` is looked at. Raises
    ``InputError`` for a form that cannot be read."""
    assessment = assess(folder)
    return checked(assessment, context_of(folder, assessment.submission, confined=confined), rules)


def checked(assessment: Assessment, context: Context, rules: Sequence[Rule] = RULES) -> Checked:
    """``assessment`` judged by ``rules``. A submission that states a version which there is none of is judged by the
    newest, and told so."""
    newest = max(rule.since for rule in rules)
    stated = assessment.submission.rules
    version = stated if 1 <= stated <= newest else newest
    current = [rule for rule in rules if rule.since <= version]
    newer = [rule for rule in rules if rule.since > version]
    return Checked(
        assessment=assessment,
        context=context,
        findings=_findings(current, assessment, context),
        rules_version=version,
        rules=tuple(rule.id for rule in current),
        newer_findings=_findings(newer, assessment, context),
        newer_rules=tuple(rule.id for rule in newer),
    )


def _findings(rules: Sequence[Rule], assessment: Assessment, context: Context) -> tuple[Finding, ...]:
    found = [finding for rule in rules for finding in rule.findings(assessment, context)]
    order = {"reject": 0, "flag": 1, "warn": 2}
    return tuple(sorted(found, key=lambda finding: (order[finding.severity], finding.rule)))


def _ids(findings: Sequence[Finding]) -> tuple[str, ...]:
    return tuple(sorted({finding.rule for finding in findings}))
