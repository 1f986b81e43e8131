"""What a rule found: how grave it is, where, what is wrong, and how to mend it."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from bench.words import Sentence

Severity = Literal["reject", "flag", "warn"]
"""``reject``: the submission cannot be reviewed as it is. ``flag``: a reviewer has to decide; the applicant should say
why. ``warn``: worth mending, decides nothing."""
SEVERITIES: tuple[Severity, ...] = ("reject", "flag", "warn")


class Finding(Struct, frozen=True):
    """``rule``: ``ODB-S-nnn``, the submission's form and records (``odb check``), or ``ODB-B-nnn``, the bundle
    (``odb verify``). ``where``: a file and field (``submission.toml: criteria[p99].weight``) or a record
    (``records/ID: verdict``). ``told``: what is wrong, with its figures; ``remedy``: how to mend it."""

    rule: str
    severity: Severity
    where: str
    told: Sentence
    remedy: Sentence


def gravest(findings: Iterable[Finding]) -> Severity | None:
    """The gravest severity among ``findings``; ``None`` where there are none."""
    found = {finding.severity for finding in findings}
    return next((severity for severity in SEVERITIES if severity in found), None)
