"""Rules about the form as a whole: its versions, its names, its texts and how it wants to be measured."""

import math
import re
from collections.abc import Iterator
from typing import Any

from bench.record.shown.redact import DRIVE, NETWORK, PERSON_AT_HOST, TILDE, USER_FOLDERS
from bench.submission.assessment import Assessment
from bench.submission.form import FORMAT, Submission
from bench.submission.rules.context import Context
from bench.submission.rules.rule import Hit, in_form
from bench.submission.rules.version import RULES_VERSION
from bench.submission.texts import Texts
from bench.suite.presets import PRESETS

MOST_MARGIN_PERCENT = 50.0
WIDE_MARGIN_PERCENT = 10.0

PLACEHOLDER = re.compile(
    r"\b(?:TODO|TBD|FIXME|XXX+)\b|^\s*(?:\.{3,}|…|-+|\?+|[xX]+)\s*$|작성\s*예정|추후\s*(?:작성|기재|입력)|^\s*미정\s*$"
)
"""What people write where something is to follow."""
TELEPHONE = re.compile(r"(?<![\d.\w])(?:\+\d{1,3}[- .]?\d{1,3}|0\d{1,2})[- .]\d{3,4}[- .]\d{4}(?![\d.])")
PERSONAL = (PERSON_AT_HOST, TELEPHONE, USER_FOLDERS, DRIVE, NETWORK, TILDE)

_PARTS = (
    ("project", ("name", "summary", "period")),
    ("applicant", ("organisation",)),
    ("demand_company", ("organisation",)),
    ("device", ("name", "maker", "soc", "form_factor", "power_supply", "cooling", "notes")),
)
_LEVEL = ("holder", "country", "source", "conditions")


def free_texts(submission: Submission) -> Iterator[tuple[str, str | Texts]]:
    """Every text that people wrote for people: field and text. Contacts, names of people and registrations are not
    among them: they are never published without a name."""
    for part, fields in _PARTS:
        yield from ((f"{part}.{field}", getattr(getattr(submission, part), field)) for field in fields)
    for model in submission.models:
        yield from ((f"models[{model.id}].{field}", getattr(model, field)) for field in ("title", "licence"))
    for one in submission.criteria:
        for field in ("title", "method", "conditions", "reason", "source"):
            yield f"criteria[{one.id}].{field}", getattr(one, field)
        for name, level in (("world_best", one.world_best), ("before", one.before)):
            yield from ((f"criteria[{one.id}].{name}.{field}", getattr(level, field)) for field in _LEVEL)


def languages_of(text: str | Texts) -> tuple[str, ...]:
    """The text in each language that it is written in."""
    return tuple(filter(None, (text.ko, text.en) if isinstance(text, Texts) else (text,)))


def _empty(value: Any) -> bool:
    return not str(value).strip()


def format_unknown(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``format`` is another than this version's."""
    if assessment.submission.format != FORMAT:
        yield Hit(in_form("format"), {"stated": assessment.submission.format, "known": FORMAT})


def rules_unknown(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``rules`` names a version that there is none of yet, or never was."""
    if not 1 <= assessment.submission.rules <= RULES_VERSION:
        yield Hit(in_form("rules"), {"stated": assessment.submission.rules, "newest": RULES_VERSION})


def track_unknown(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``track`` is no track, or its file cannot be read."""
    if context.track is None:
        yield Hit(in_form("track"), {"track": assessment.submission.track, "reason": context.track_problem})


def project_unnamed(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``project.name`` is empty."""
    if _empty(assessment.submission.project.name):
        yield Hit(in_form("project.name"))


def project_undescribed(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``project.summary`` is empty."""
    if _empty(assessment.submission.project.summary):
        yield Hit(in_form("project.summary"))


def applicant_unnamed(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``applicant.organisation`` is empty."""
    if _empty(assessment.submission.applicant.organisation):
        yield Hit(in_form("applicant.organisation"))


def demand_company_unnamed(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``demand_company.organisation`` is empty."""
    if _empty(assessment.submission.demand_company.organisation):
        yield Hit(in_form("demand_company.organisation"))


def one_language(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A text that has a place for both languages is written in one."""
    for field, text in free_texts(assessment.submission):
        if isinstance(text, Texts) and bool(text.ko.strip()) != bool(text.en.strip()):
            yield Hit(in_form(field), {"missing": "en" if text.ko.strip() else "ko"})


def placeholder_left(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A text says that something is to follow."""
    for field, text in free_texts(assessment.submission):
        found = [match[0].strip() for one in languages_of(text) if (match := PLACEHOLDER.search(one))]
        if found:
            yield Hit(in_form(field), {"text": found[0]})


def personal_data(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A text holds an e-mail address, a telephone number, or a path with a person's name."""
    for field, text in free_texts(assessment.submission):
        found = [match[0] for one in languages_of(text) for known in PERSONAL if (match := known.search(one))]
        if found:
            yield Hit(in_form(field), {"text": found[0]})


def margin_decides(margin_percent: float) -> bool:
    """Whether a figure can be reproduced within that margin, and another not."""
    return 0 < margin_percent <= MOST_MARGIN_PERCENT


def margin_impossible(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``measuring.margin_percent`` is not above 0, or so large that any figure would be reproduced."""
    margin = assessment.submission.measuring.margin_percent
    if not margin_decides(margin):
        yield Hit(in_form("measuring.margin_percent"), {"margin": margin, "most": MOST_MARGIN_PERCENT})


def margin_wide(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``measuring.margin_percent`` is wider than audits accept."""
    margin = assessment.submission.measuring.margin_percent
    if WIDE_MARGIN_PERCENT < margin <= MOST_MARGIN_PERCENT:
        yield Hit(in_form("measuring.margin_percent"), {"margin": margin, "usual": WIDE_MARGIN_PERCENT})


def preset_unknown(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``measuring.preset`` is none of the presets."""
    preset = assessment.submission.measuring.preset
    if preset not in PRESETS:
        yield Hit(in_form("measuring.preset"), {"preset": preset, "presets": list(PRESETS)})


def preset_quick(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``measuring.preset`` is the one for trying out."""
    if assessment.submission.measuring.preset == "quick":
        yield Hit(in_form("measuring.preset"))


def measuring_impossible(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A number of ``measuring`` that no run can have."""
    measuring = assessment.submission.measuring
    wrong = {
        "seed": measuring.seed < 0,
        "repeats": measuring.repeats is not None and measuring.repeats < 1,
        "max_seconds": measuring.max_seconds is not None and not 0 < measuring.max_seconds < math.inf,
    }
    for field in (name for name, is_wrong in wrong.items() if is_wrong):
        yield Hit(in_form(f"measuring.{field}"), {"field": field, "value": getattr(measuring, field)})
