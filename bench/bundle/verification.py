"""Decides whether what a bundle states follows from what it contains.

Every figure, verdict, criterion and decision is computed again from the samples. Nothing that a bundle states is
believed, nothing in it is executed, and nothing outside it is read.
"""

import os
from itertools import islice
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from bench.bundle.checks.subject import NotChecked, Renderer, Subject, Wrong
from bench.bundle.contents.judging import Judged
from bench.bundle.opening import Bundle
from bench.bundle.packed_files import DataReader
from bench.bundle.refused import RefusedBundle
from bench.bundle.rules import RULES, Rule
from bench.errors import InputError, OdbError
from bench.submission.rules.finding import Finding
from bench.words import Sentence, mapped, sentence, words_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

State = Literal["ok", "failed", "skipped"]
MOST_FINDINGS = 50
"""Of one rule; more are not told."""


class Result(Struct, frozen=True):
    """What one rule said. ``note``: why it was ``skipped``."""

    rule: str
    state: State
    findings: tuple[Finding, ...] = ()
    note: Sentence | str = ""


class Verification(Struct, frozen=True, kw_only=True):
    """``judged``: what the rules of ``odb check`` say of the content; null where it cannot be read."""

    name: str
    sha256: str
    results: tuple[Result, ...]
    judged: Judged | None = None

    @property
    def verified(self) -> bool:
        return all(result.state != "failed" for result in self.results)

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for result in self.results for finding in result.findings)


def verify(
    bundle: Bundle,
    *,
    render: Renderer | None = None,
    key: "Ed25519PublicKey | None" = None,
    data: DataReader | None = None,
) -> Verification:
    """Check the opened ``bundle`` by every rule. ``render``: writes the dossiers again; ``key``: that with which it
    must be signed; ``data``: compares packed datasets and files of pipelines with those of the records."""
    subject = Subject(bundle, render, key, data)
    results = tuple(_result(rule, subject) for rule in RULES)
    readable = all(result.state != "failed" for result in results if result.rule in ("ODB-B-004", "ODB-B-007"))
    return Verification(
        name=bundle.name,
        sha256=bundle.sha256,
        results=results,
        judged=_judged(subject) if readable else None,
    )


def refusal(error: RefusedBundle) -> Verification:
    """The verification of a bundle that could not be opened."""
    broken = error.finding.rule
    reason = sentence("bundle.not_opened")
    results = tuple(
        Result(rule.id, "failed", (error.finding,)) if rule.id == broken else Result(rule.id, "skipped", note=reason)
        for rule in RULES
    )
    return Verification(name="", sha256="", results=results)


def _result(rule: Rule, subject: Subject) -> Result:
    note: Sentence | str = ""
    found: list[Wrong] = []
    try:
        for wrong in islice(rule.check(subject), MOST_FINDINGS):
            found.append(wrong)
    except NotChecked as reason:
        note = reason.reason
    except InputError as error:
        found.append(Wrong("", _sentence(error, subject.bundle)))
    except Exception as error:  # whatever a reader meets in content that no run writes
        found.append(Wrong("", sentence("bundle.check_failed", error=type(error).__name__)))
    if found:
        return Result(rule.id, "failed", tuple(_finding(rule, wrong) for wrong in found))
    return Result(rule.id, "skipped" if note else "ok", note=note)


def _finding(rule: Rule, wrong: Wrong) -> Finding:
    return Finding(rule.id, "reject", wrong.where, wrong.told, rule.remedy)


def _sentence(error: OdbError, bundle: Bundle) -> Sentence:
    """What was wrong, with names as the bundle has them."""
    folder = f"{bundle.folder}{os.sep}"
    told = mapped(words_of(error), lambda text: text.replace(folder, ""))
    return told if isinstance(told, Sentence) else sentence("text.listed", parts=told)


def _judged(subject: Subject) -> Judged | None:
    try:
        return subject.given.judged
    except Exception:  # told by the rules already
        return None
