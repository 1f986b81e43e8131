"""What the rules of ``odb check`` say of a bundle's content."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from bench.bundle.contents.lists import PackedInput, PackedModel
from bench.submission.assessment import Assessment
from bench.submission.form import Submission
from bench.submission.rules.check import Checked, checked
from bench.submission.rules.context import Context, ModelFile, context_of
from bench.submission.rules.finding import Finding
from bench.submission.rules.table import RULES
from bench.submission.track import Track

OF_NAMES = ("project", "applicant", "demand_company")
"""Clauses of the form that a blind bundle leaves out: their rules are not asked."""


class Judged(Struct, frozen=True, kw_only=True):
    """``passed``, ``warned`` and ``failed``: ids of rules; ``findings``: by rule and place. ``blind``: names were left
    out, so that the rules about them were not asked."""

    assessment: Assessment
    version: int
    passed: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    blind: bool = False

    @property
    def result(self) -> str:
        """The word of in-toto's test result."""
        if self.failed:
            return "FAILED"
        return "WARNED" if self.warned else "PASSED"


class Content(Struct, frozen=True, kw_only=True):
    """What the rules judge. ``data``: the folder; ``models`` and ``inputs``: of files that need not be in it;
    ``version``: of the program that packed it."""

    data: Path
    assessment: Assessment
    models: Sequence[PackedModel]
    inputs: Sequence[PackedInput]
    track: Track | None
    version: str
    blind: bool


def judged(content: Content) -> Judged:
    """``content`` judged by the rules of the version that its form states."""
    rules = [rule for rule in RULES if not content.blind or rule.clause not in OF_NAMES]
    found: Checked = checked(content.assessment, _context(content), rules)
    return Judged(
        assessment=content.assessment,
        version=found.rules_version,
        passed=found.passed_rules,
        warned=tuple(rule for rule in found.warned_rules if rule not in found.failed_rules),
        failed=found.failed_rules,
        findings=tuple(sorted(found.findings, key=lambda one: (one.rule, one.where))),
        blind=content.blind,
    )


def _context(content: Content) -> Context:
    """As ``context_of`` gives it, but with the models and inputs that the lists name, whether they were packed or
    not."""
    submission = content.assessment.submission
    found = context_of(content.data, msgspec.structs.replace(submission, models=()))
    known = {one.id: one for one in content.models}
    return msgspec.structs.replace(
        found,
        track=content.track or found.track,
        track_problem="" if content.track is not None else found.track_problem,
        models={one.id: _file(known[one.id]) for one in submission.models if one.id in known},
        missing_files=dict(_missing(submission, content)),
        version=content.version,
    )


def _file(model: PackedModel) -> ModelFile:
    return ModelFile(
        exists=model.kind != "missing",
        built_in=model.kind == "built_in",
        sha256=model.sha256,
        size_bytes=model.size_bytes,
    )


def _missing(submission: Submission, content: Content) -> Iterator[tuple[str, str]]:
    """Fields that name a file which was not there when the bundle was packed, or data that no record knows."""
    references = {one.id for one in content.models if one.reference is not None}
    for model in submission.models:
        if model.reference and model.id not in references:
            yield f"models[{model.id}].reference", model.reference
    for one in content.inputs:
        if one.file is None and not one.dataset_sha256 and not one.pipeline_sha256:
            yield f"models[{one.model}].{one.field}", one.name
