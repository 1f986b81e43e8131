"""A submission as the text of ``submission.toml``, for people: each field with what it means, in the language spoken.

Comments carry nothing: ``read_submission`` of what is written gives the submission back.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from bench.printable import clean
from bench.submission.criterion import Criterion, Level
from bench.submission.figures import later
from bench.submission.form import Submission, SubmittedScenario, SubmittedTarget
from bench.submission.texts import Text
from bench.submission.toml_text import toml_key, toml_value
from bench.words import say
from bench.words.cells import cells, wrapped

WIDTH = 110
"""Cells of a line, beyond which a comment stands above its field instead of behind it."""
SHOWN: Mapping[str, tuple[str, ...]] = {
    "project": ("name", "summary", "period"),
    "applicant": ("organisation", "contact", "people", "registration"),
    "demand_company": ("organisation",),
    "device": ("name", "maker", "soc", "form_factor", "power_supply", "cooling", "room_celsius", "notes"),
    "measuring": ("preset", "seed", "repeats", "max_seconds", "margin_percent"),
    "models": ("id", "source", "title", "licence", "dataset", "pipeline_inputs", "reference"),
    "targets": ("id", "stand_in"),
    "scenarios": ("name", "models"),
    "criteria": (
        *("id", "title", "metric", "direction", "target", "unit", "weight", "model", "device", "scenario", "evidence"),
        *("world_best", "before", "method", "conditions", "repeats", "reason", "source", "proposed"),
    ),
    "level": ("value", "holder", "country", "source", "conditions"),
}
"""Fields that are written even where they are empty, so that they can be filled in."""
EXAMPLES: Mapping[str, str] = {
    "device.room_celsius": "25",
    "measuring.repeats": "10",
    "measuring.max_seconds": "30",
    "criteria.repeats": "10",
    "level.value": "10",
}
"""What the comment shows in place of a value that is not set."""

TWO_LANGUAGES = '{ ko = "…", en = "…" }'


def form_text(submission: Submission, reasons: Mapping[str, Text] | None = None) -> str:
    """The file's text. ``reasons``: why a target or a scenario is there, by its id or as it is asked for; a comment."""
    why = reasons or {}
    lines = [*_comment(say("form.head", example=TWO_LANGUAGES)), ""]
    lines += [_field("head", name, getattr(submission, name)) for name in ("format", "track", "rules")]
    for name in ("project", "applicant", "demand_company", "device", "measuring"):
        lines += ["", *_comment(say(f"form.{name}")), f"[{name}]", *_fields(name, getattr(submission, name))]
    lines += ["", *_comment(say("form.models"))]
    for model in submission.models:
        lines += ["[[models]]", *_fields("models", model), ""]
    lines += [] if submission.models else [*map("# {}".format, NO_MODEL), ""]
    lines += [*_comment(say("form.targets")), *_reasoned("targets", submission.targets, why)]
    lines += [*_comment(say("form.scenarios")), *_reasoned("scenarios", submission.scenarios, why)]
    lines += _comment(say("form.criteria"))
    for number, criterion in enumerate(submission.criteria, 1):
        lines += ["", *_criterion(number, criterion)]
    return "\n".join(lines).rstrip("\n") + "\n"


NO_MODEL = ("[[models]]", 'id = "detector"', 'source = "models/detector.onnx"')


def _criterion(number: int, criterion: Criterion) -> Iterator[str]:
    yield f"# --- {number}. {clean(criterion.title)}"
    reason = later(criterion.metric) or later(criterion.scenario)
    if reason is not None:
        yield from _comment(say("form.not_measurable", reason=reason))
    yield "[[criteria]]"
    yield from _fields("criteria", criterion)


def _reasoned(
    name: str, items: Iterable[SubmittedTarget] | Iterable[SubmittedScenario], why: Mapping[str, Text]
) -> Iterator[str]:
    for item in items:
        reason = clean(why.get(item.id if isinstance(item, SubmittedTarget) else item.asked, ""))
        yield from _comment(reason) if reason else ()
        yield from (f"[[{name}]]", *_fields(name, item), "")


def _fields(section: str, value: Struct, prefix: str = "") -> Iterator[str]:
    """A line for each field that is set, or that is shown empty."""
    for field in msgspec.structs.fields(type(value)):
        one = getattr(value, field.name)
        default = field.default_factory() if callable(field.default_factory) else field.default
        if one == default and field.name not in SHOWN[section]:
            continue
        if isinstance(one, Level):
            yield from _comment(say(f"form.{section}.{field.name}"))
            yield from _fields("level", one, f"{field.name}.")
        else:
            yield _field(section, field.name, one, prefix)


def _field(section: str, name: str, value: Any, prefix: str = "") -> str:
    """``name = value  # what it means``; a null as a comment to be filled in."""
    example = EXAMPLES.get(f"{section}.{name}", "")
    line = f"# {prefix}{name} = {example}" if value is None else f"{prefix}{toml_key(name)} = {toml_value(value)}"
    meaning = say(f"form.{section}.{name}")
    if cells(line) + cells(meaning) + 4 <= WIDTH:
        return f"{line}  # {meaning}"
    return "\n".join([*_comment(meaning), line])


def _comment(text: str) -> list[str]:
    """Lines of a comment, at most ``WIDTH`` cells each; an empty line stays one."""
    return [f"# {line}".rstrip() for part in text.splitlines() for line in wrapped(clean(part), WIDTH - 2) or [""]]
