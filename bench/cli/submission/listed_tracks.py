"""``odb list tracks``: the tracks as rows, and one of them in full."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bench.printable import clean
from bench.submission.criterion import Criterion
from bench.submission.track import Track, TrackTarget, track_named, track_names
from bench.words import say
from bench.words.cells import cells, padded, wrapped

FILE_SUFFIX = ".toml"
INDENT = "  "
NARROWEST = 20

Lines = Iterator[str]
Pairs = list[tuple[str, str]]


def rows() -> list[dict[str, Any]]:
    """One row a track, in the language spoken."""
    tracks = [track_named(name) for name in track_names()]
    return [
        {
            "id": track.id,
            "name": str(track.name),
            "partner": str(track.partner.name),
            "targets": [target.id for target in track.targets],
            "criteria": len(track.criteria),
        }
        for track in tracks
    ]


def track_of(name: str) -> Track:
    """The track of that id, or of that file, which is checked. Raises ``InputError``."""
    if not name.endswith(FILE_SUFFIX):
        return track_named(name)
    from bench.submission.track_check import checked_track

    return checked_track(Path(name))


def as_json(track: Track) -> dict[str, Any]:
    """The track as its file has it, with whether this version can measure each scenario and each criterion."""
    found: dict[str, Any] = msgspec.to_builtins(track)
    for asked, shown in zip(track.scenarios, found["scenarios"], strict=True):
        shown["measurable"] = not _missing(asked.scenario)
    for criterion, shown in zip(track.criteria, found["criteria"], strict=True):
        missing = _missing(criterion.metric, criterion.scenario)
        shown |= {"measurable": not missing, "not_measurable_because": missing}
    return found


def in_full(track: Track, width: int) -> str:
    """The track as text in the language spoken, in lines of ``width`` cells where that can be."""
    return "\n".join(map(str.rstrip, _lines(track, width)))


# ------------------------------------------------------------------------------------------------------ as text


def _lines(track: Track, width: int) -> Lines:
    yield from _wrapped(say("track.shown.title", id=track.id, name=track.name, partner=track.partner.name), width, "")
    for text in (track.device, track.about):
        yield from _wrapped(str(text), width, INDENT)
    yield from _part("targets", [(target.id, _target(target)) for target in track.targets], width)
    if track.soc:
        yield from _wrapped(say("track.shown.processors", names=list(track.soc)), width, INDENT)
    if track.precision:
        yield from _wrapped(say("track.shown.precision", names=list(track.precision)), width, INDENT)
    scenarios = [(one.scenario, _with_doubt(str(one.reason), _missing(one.scenario))) for one in track.scenarios]
    yield from _part("scenarios", scenarios, width)
    yield ""
    yield from _wrapped(say("track.shown.criteria", n=len(track.criteria)), width, "")
    for criterion in track.criteria:
        yield ""
        yield from _wrapped(say("track.shown.criterion", id=criterion.id, title=criterion.title), width, INDENT)
        yield from _pairs(_criterion(criterion), width, INDENT * 2)


def _part(name: str, pairs: Pairs, width: int) -> Lines:
    yield from ("", say(f"track.shown.{name}"))
    yield from _pairs(pairs, width, INDENT)


def _target(target: TrackTarget) -> str:
    options = [f"{name}={value}" for name, value in target.options.items()]
    if not options:
        return str(target.reason)
    return say("track.shown.target_with_options", reason=target.reason, options=options)


def _with_doubt(reason: str, missing: str) -> str:
    return f"{reason} {missing}".strip()


def _criterion(one: Criterion) -> Pairs:
    """Label and text of each line."""
    code = "track.shown.proposed_value" if one.proposed else "track.shown.value"
    percent = one.unit == "%"
    amount = (
        say("cli.percent", percent=one.target)
        if percent
        else say("track.shown.amount", value=one.target, unit=one.unit)
    )
    missing = _missing(one.metric, one.scenario)
    lines = {
        "target": say(f"{code}.{one.direction}", amount=amount),
        "weight": say("cli.percent", percent=one.weight),
        "metric": one.metric,
        "model": "" if one.applies == "any" else say(f"track.shown.applies.{one.applies}"),
        "scenario": one.scenario,
        "device": one.device,
        "repeats": "" if one.repeats is None else say("track.shown.repeats", n=one.repeats),
        "evidence": ", ".join(one.evidence),
        "method": str(one.method),
        "conditions": str(one.conditions),
        "reason": str(one.reason),
        "source": str(one.source),
        "measurable": say("track.shown.not_measurable", why=missing) if missing else say("track.shown.measurable"),
    }
    return [(say(f"track.label.{label}"), text) for label, text in lines.items() if text]


def _missing(*names: str) -> str:
    """Why this version cannot measure a metric or a scenario; empty where it can."""
    from bench.submission.figures import later

    found = [reason for name in names if (reason := later(name)) is not None]
    return str(found[0]) if found else ""


# ------------------------------------------------------------------------------------------------------ lines


def _wrapped(text: str, width: int, indent: str) -> Lines:
    for line in wrapped(clean(text), max(NARROWEST, width - len(indent))):
        yield indent + line


def _pairs(pairs: Pairs, width: int, indent: str) -> Lines:
    """Labels in a column, each with its text beside it."""
    column = max((cells(label) for label, _ in pairs), default=0)
    room = max(NARROWEST, width - len(indent) - column - len(INDENT))
    for label, text in pairs:
        for number, line in enumerate(wrapped(clean(text), room)):
            yield f"{indent}{padded(label if number == 0 else '', column)}{INDENT}{line}"
