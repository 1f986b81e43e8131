"""Checks a track's file beyond its types. Errors name file and field: ``my-track.toml: criteria[2].unit: …``."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.errors import InputError, OdbError, UnknownName
from bench.scenarios.kinds import KINDS, parse_scenario, scenario_name
from bench.submission.criterion import Criterion, Evidence
from bench.submission.figures import LATER, PAIRED, FigureKind, figure_kind, later
from bench.submission.texts import Text, Texts
from bench.submission.track import Track, TrackTarget, read_track
from bench.submission.units import base_of
from bench.words import Sentence, sentence

TARGET = re.compile(r"[a-z0-9][a-z0-9_-]*(:[A-Za-z0-9][A-Za-z0-9_.,:-]*)?", re.ASCII)
TOTAL_PERCENT = 100.0
BOTH = '{ ko = "…", en = "…" }'


class Fault(NamedTuple):
    """What is wrong with a ``field``, and what to do."""

    field: str
    told: Sentence | str
    remedy: Sentence | str = ""

    def under(self, part: str) -> "Fault":
        """The same of a field of ``part``."""
        return self._replace(field=f"{part}.{self.field}")


def checked_track(file: Path) -> Track:
    """A user's own track. Raises ``InputError`` naming file and field."""
    track = read_track(file)
    check_track(track, str(file))
    return track


def check_track(track: Track, origin: str) -> None:
    """Raises ``InputError`` with the first field of ``track`` that is wrong; ``origin`` is the name of its file."""
    for fault in faults_of(track):
        raise InputError(sentence("track.field_wrong", file=origin, field=fault.field, why=fault.told), fault.remedy)


def faults_of(track: Track) -> Iterator[Fault]:
    """Every field that is wrong, in the order of the file."""
    for field, text in (("name", track.name), ("partner.name", track.partner.name)):
        yield from _in_both(field, text)
    for field, text in (("device", track.device), ("about", track.about)):
        yield from _in_both(field, text)
    yield from _target_faults(track.targets)
    yield from _scenario_faults(track)
    if not track.criteria:
        yield Fault("criteria", sentence("track.empty"))
    yield from _repeated("criteria", "id", [one.id for one in track.criteria])
    for number, criterion in enumerate(track.criteria):
        for fault in _criterion_faults(criterion, track):
            yield fault.under(f"criteria[{number}]")
    total = sum(one.weight for one in track.criteria)
    if track.criteria and not math.isclose(total, TOTAL_PERCENT, abs_tol=1e-6):
        yield Fault("criteria", sentence("track.weights", total=total))


# ------------------------------------------------------------------------------------------------------ parts


def _in_both(field: str, text: Text) -> Iterator[Fault]:
    if not isinstance(text, Texts) or not text.ko.strip() or not text.en.strip():
        yield Fault(field, sentence("track.both_languages", example=BOTH))


def _repeated(part: str, field: str, names: Sequence[str]) -> Iterator[Fault]:
    for number, name in enumerate(names):
        if name in names[:number]:
            yield Fault(f"{part}[{number}].{field}", sentence("track.repeated", name=name))


def _target_faults(targets: Sequence[TrackTarget]) -> Iterator[Fault]:
    if not targets:
        yield Fault("targets", sentence("track.empty"))
    yield from _repeated("targets", "id", [one.id for one in targets])
    for number, target in enumerate(targets):
        here = f"targets[{number}]"
        if not TARGET.fullmatch(target.id):
            yield Fault(f"{here}.id", sentence("track.target_form", name=target.id))
        if target.stand_in != bool(target.proves):
            yield Fault(
                f"{here}.proves", sentence("track.stand_in_proves" if target.stand_in else "track.proves_of_stand_in")
            )
        yield from _in_both(f"{here}.reason", target.reason)


def _scenario_faults(track: Track) -> Iterator[Fault]:
    if not track.scenarios:
        yield Fault("scenarios", sentence("track.empty"))
    yield from _repeated("scenarios", "scenario", [one.scenario for one in track.scenarios])
    for number, one in enumerate(track.scenarios):
        here = f"scenarios[{number}]"
        yield from _scenario(f"{here}.scenario", one.scenario)
        yield from _in_both(f"{here}.reason", one.reason)


def _scenario(field: str, text: str) -> Iterator[Fault]:
    """One that this version plays has the parameters of its kind; of a later one only the name is known."""
    name = scenario_name(text)
    if name not in KINDS and later(name) is None:
        yield _of(field, UnknownName(sentence("suite.scenario"), name, [*KINDS, *LATER]))
    elif name in KINDS:
        try:
            parse_scenario(text, KINDS[name])
        except OdbError as error:
            yield _of(field, error)


# ------------------------------------------------------------------------------------------------------ a criterion


def _criterion_faults(one: Criterion, track: Track) -> Iterator[Fault]:
    for field in ("title", "method", "conditions", "reason"):
        yield from _in_both(field, getattr(one, field))
    if not one.source:
        yield Fault("source", sentence("track.no_source"))
    if not (math.isfinite(one.weight) and 0 < one.weight <= TOTAL_PERCENT):
        yield Fault("weight", sentence("track.weight", value=one.weight))
    if one.repeats is not None and one.repeats < 1:
        yield Fault("repeats", sentence("track.repeats", value=one.repeats))
    if not math.isfinite(one.target):
        yield Fault("target", sentence("track.target_not_finite", value=one.target))
    if one.device and one.device not in (target.id for target in track.targets):
        yield _not_of_track("device", one.device, [target.id for target in track.targets])
    if one.scenario and one.scenario not in (asked.scenario for asked in track.scenarios):
        yield _not_of_track("scenario", one.scenario, [asked.scenario for asked in track.scenarios])
    if later(one.metric) is not None and one.metric.startswith("later."):
        yield from _unit_faults(one, None)
        return
    try:
        kind = figure_kind(one.metric)
    except OdbError as error:
        yield _of("metric", error)
        return
    yield from _unit_faults(one, kind)
    yield from _kind_faults(one, kind)


def _not_of_track(field: str, name: str, known: Iterable[str]) -> Fault:
    return _of(field, UnknownName(sentence(f"track.{field}"), name, known))


def _of(field: str, error: OdbError) -> Fault:
    return Fault(field, error.sentence, error.advice)


def _unit_faults(one: Criterion, kind: FigureKind | None) -> Iterator[Fault]:
    try:
        base, factor = base_of(one.unit)
    except OdbError as error:
        yield _of("unit", error)
        return
    if kind is None:
        return
    if base != kind.unit:
        yield Fault("unit", sentence("track.unit_of_another", unit=one.unit, metric=one.metric, base=kind.unit))
    elif base == "fraction" and not kind.path.startswith(PAIRED) and not 0 <= one.target * factor <= 1:
        yield Fault("target", sentence("track.target_not_fraction", value=one.target, unit=one.unit))


def _kind_faults(one: Criterion, kind: FigureKind) -> Iterator[Fault]:
    if kind.lower_is_better is not None and kind.lower_is_better != (one.direction == "at_most"):
        better = "at_most" if kind.lower_is_better else "at_least"
        yield Fault("direction", sentence("track.direction", metric=one.metric, better=better))
    if kind.applies is not None and one.applies != kind.applies:
        yield Fault("applies", sentence("track.applies", metric=one.metric, kind=kind.applies))
    needed: tuple[Evidence, ...] = (*kind.needs, *(("device",) if kind.of_device else ()))
    for evidence in needed:
        if evidence not in one.evidence:
            yield Fault("evidence", sentence("track.evidence", metric=one.metric, evidence=evidence))
