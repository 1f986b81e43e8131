"""What each series of tonight is without looking at its figures: measured, invalid, broken, missing, or dead."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from bench.gate.finding import Word
from bench.gate.table import Known
from bench.nights.point import Point
from bench.nights.series import Series
from bench.words import Sentence, sentence

RETIRED = timedelta(days=14)
"""A series that was last measured longer ago is not expected any more."""
UNAVAILABLE = "unavailable"  # kind of failure: the target's device or driver is not there
FEWEST_DEAD = 2  # series of one target that are missing together; one alone may have been left out

Said = tuple[Word, Sentence | str]


def expected(known: Sequence[Known], tonight: Mapping[Series, Point], all_machines: bool) -> list[Known]:
    """The series that tonight should contain: those of its machines that were measured in the last ``RETIRED``. A rack
    is one job: if a device of it measured, all its devices are expected."""
    if not tonight:
        return []
    places = {series.place for series in tonight}
    rack = any(series.device for series in tonight)
    now = max(point.created_utc for point in tonight.values())
    return [
        one
        for one in known
        if one.tonight is not None
        or (
            (all_machines or one.series.place in places or (rack and one.series.device != ""))
            and _recent(one.last.created_utc, now)
        )
    ]


def _recent(then: str, now: str) -> bool:
    try:
        return datetime.fromisoformat(now) - datetime.fromisoformat(then) <= RETIRED
    except (ValueError, TypeError):
        return True


def silent(
    without_base: Iterable[tuple[Series, Point]], told: Collection[Series], tonight: Mapping[Series, Point]
) -> list[tuple[Series, Point, Said]]:
    """Of devices of a rack that measured nothing tonight, and no night of which ever counted: their series. ``told``:
    the series that are expected anyway."""
    if not any(series.device for series in tonight):
        return []
    now = max(point.created_utc for point in tonight.values())
    here = {series.device for series in (*told, *tonight)}
    return [
        (series, last, ("dead", sentence("gate.why.dead_device", device=series.device, night=last.night)))
        for series, last in without_base
        if series.device and series.device not in here and _recent(last.created_utc, now)
    ]


def without_figures(known: Iterable[Known]) -> dict[Series, Said]:
    """Of the series that cannot be compared tonight: the word, and why."""
    known = list(known)
    dead = _dead(known)
    return {one.series: said for one in known if (said := _said(one, dead)) is not None}


def _said(one: Known, dead: set[tuple[str, str]]) -> Said | None:
    point, series = one.tonight, one.series
    if (series.place, "") in dead:
        return "dead", sentence("gate.why.dead_device", device=series.device, night=one.last.night)
    if (series.place, series.target) in dead:
        return "dead", sentence("gate.why.dead", target=series.target, night=one.last.night)
    if point is None:
        return "missing", sentence("gate.why.missing", night=one.last.night)
    if point.status != "ok":
        return "broken", sentence(f"gate.why.broken.{point.status}", codes=list(point.codes), night=one.last.night)
    if point.outputs == "wrong" and one.base.outputs == "right":
        return "wrong", sentence("gate.why.wrong", night=one.base.night)
    if not point.counts and not point.emulated:
        if point.valid is None:
            return "invalid", sentence("gate.why.no_verdict")
        return "invalid", sentence("gate.why.invalid", codes=list(point.codes))
    return None


def _dead(known: Iterable[Known]) -> set[tuple[str, str]]:
    """Place and target of all whose series are missing, or failed because the target is unavailable; of a device of a
    rack that all its series are missing of, the place without a target."""
    states: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in known:
        point = one.tonight
        state = "missing" if point is None else "gone" if UNAVAILABLE in point.codes else "here"
        states[one.series.place, one.series.target].append(state)
        if one.series.device:
            states[one.series.place, ""].append(state)
    return {
        (place, target)
        for (place, target), found in states.items()
        if "here" not in found and ("gone" in found or len(found) >= FEWEST_DEAD or not target)
    }


def first_night(series: Series, point: Point, earlier: Collection[Series], base_name: str, compared: bool) -> Said:
    """Of a series without a base. ``earlier``: the series that have a night before tonight; ``base_name``: of the base
    that was asked for; ``compared``: whether any other series of tonight has a base."""
    if point.status != "ok":
        return "cannot_tell", sentence("gate.why.never_measured", codes=list(point.codes))
    if not point.counts and not point.emulated:
        return "invalid", sentence("gate.why.invalid", codes=list(point.codes))
    if base_name:
        return "no_base", sentence("gate.why.no_pin", name=base_name, series=series.id)
    elsewhere = [
        one for one in earlier if one != series and replace(one, machine=series.machine, device=series.device) == series
    ]
    if elsewhere:
        return "no_base", sentence(
            "gate.why.another_machine", machine=series.place, machines=[one.place for one in elsewhere[:3]]
        )
    if not compared and earlier and series not in earlier:
        return "no_base", sentence("gate.why.no_series", series=len(earlier))
    return "new", sentence("gate.why.new")
