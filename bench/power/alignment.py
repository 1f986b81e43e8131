"""Where in a meter's log a run lies: found by its marker.

For every shift of the log's clock, the readings near the marker are explained as a level and a step, the step by the
fraction of each reading's time that lies inside a pulse. A meter's reading is the mean over the time since the one
before, or the power at that moment: where the log's format does not say which, both are tried, and what either allows
counts. The place is where the largest
fraction of the variance is explained; a second place that is nearly as good is refused. There the offset is the mean of
the shifts, each weighted by its likelihood (normal errors of unknown size), and the doubt is the distance to the
farthest shift that leaves no more squares than chance would at 99 % (an F test of one parameter), or to the offset at
one of several markers alone, where that is farther: a clock that drifts is off by most at the ends. A log that ends
in the run, or inside the marker behind it, is placed by the marker that it shows whole; nothing shows then whether the
clock drifts, and ``drift_checked`` says so.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from bench.errors import InputError
from bench.power.log import PowerLog, took
from bench.power.marker import Marker, shape_of
from bench.words import sentence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MOST_DOUBT_S = 0.8
"""MLPerf's bound between the clocks of a power run."""
FINEST_S, COARSEST_S = 0.005, 0.1
LEAST_READINGS = 12
LEAST_ALONE = 6
"""Of one marker whose place is known to ``NEAR_S`` by all of them: a level, a step, a shift, and as many again."""
DENSE_S = 0.1
"""Readings closer than this are looked at as means over it: the pulses are seconds long, and a log of a fast meter has
millions of readings."""
LEAST_EXPLAINED = 0.5
"""Of the variance of the readings near the marker; less is no marker."""
SURELY = 0.9
"""What explains as much is the marker, also where another explains still more."""
CHANCE = 0.99
MOST_SEEN = 0.7
"""A place shows at least this fraction of the readings that the best covered one shows: not one marker of two. Only
where the markers are not found so, one is enough, and the log's ends have to cut off the others."""
WHOLE = 0.8
"""A marker is seen whole where it has at least this fraction of the most readings of a marker: its pulses lie in
the middle half of its time."""
NEAR_S = 2.5
"""Shifts within this of the best are the same place."""
NEARLY_S = 0.2
"""The two kinds of meter may differ by this in where they place the run."""
OTHER_KIND = 1.4
"""A kind that leaves less than this many times what the other leaves may be the meter's: in simulations with noise of a
fifth of the pulses' height the wrong kind left up to 1.2 times less than the right one."""
SECOND = 1.5
"""What a second place leaves unexplained is at least this many times what the best leaves."""


class Alignment(Struct, frozen=True):
    """``offset_s``: what is added to the log's seconds to get the run's. ``doubt_s``: how far off that may be.
    ``explained``: the fraction of the variance near the marker that the marker explains. ``by``: ``marker`` or
    ``clock``. ``stands_for``: what a reading is, as the format says or as the marker shows. ``drift_checked``: whether
    two markers at least show how far the meter's clock drifts against the run's, which ``doubt_s`` then covers."""

    by: str
    offset_s: float
    doubt_s: float
    explained: float | None = None
    stands_for: str = "moment"
    drift_checked: bool = False


class NotAligned(InputError):
    """The marker cannot be found, or not where it is."""


def aligned_by_marker(log: PowerLog, markers: Sequence[Marker], origin_unix_ns: int, within_s: float) -> Alignment:
    """The log's clock against the run's, whose seconds count from the origin. ``within_s``: how far apart they may be.

    Raises ``NotAligned`` where the log holds no such marker, where it fits in several places, and where the doubt is
    above ``MOST_DOUBT_S``.
    """
    readings = _readings(log, origin_unix_ns)
    shifts = np.arange(-within_s, within_s, min(COARSEST_S, max(FINEST_S, readings.interval_s / 4)))
    place = _finely(readings, markers, _roughly(readings, markers, shifts))
    _refuse_elsewhere(readings, markers, place, shifts)
    found = [_alone(readings, one, place.shifts) for one in place.seen] if len(place.seen) > 1 else []
    alone = [own for own in found if own is not None]
    doubt = max(place.doubt_s, *(abs(own - place.offset_s) for own in alone), 0.0)
    if doubt > MOST_DOUBT_S:
        raise NotAligned(
            sentence("power.marker_in_doubt", file=log.name, doubt_s=doubt, most_s=MOST_DOUBT_S),
            sentence("power.marker_remedy"),
        )
    if (apart := _apart(place.near, place.shifts)) > NEARLY_S:
        raise NotAligned(
            sentence("power.kind_unclear", file=log.name, apart_s=apart), sentence("power.kind_unclear.remedy")
        )
    shows = log.stands_for or ("before" if len(readings.kinds) > 1 and place.means else "moment")
    return Alignment("marker", place.offset_s, doubt, place.explained, shows, len(alone) > 1)


class _Readings(Struct, frozen=True):
    """What is searched: times and watts of a log; ``kinds``: whether to take the watts for means over the time before
    each, where both are possible twice. Markers are placed in seconds from the origin."""

    file: str
    seconds: Any
    watts: Any
    kinds: tuple[bool, ...]
    origin_unix_ns: int

    @property
    def interval_s(self) -> float:
        return float(np.median(np.diff(self.seconds)))

    def searched(self, markers: Sequence[Marker], shifts: "Floats", least: int = LEAST_READINGS) -> "list[_Search]":
        """The search for ``markers`` among ``shifts``, by each kind of meter."""
        edges, spans = shape_of(markers, self.origin_unix_ns)
        return [_searched(self.seconds, self.watts, edges, spans, shifts, means, least) for means in self.kinds]


class _Place(Struct, frozen=True):
    """Where the markers are best explained. ``near``: the search among the ``shifts`` around it, by each kind of meter;
    ``means``: the kind that leaves least. ``seen``: the markers that the log does not cut off there; they lie between
    ``first_s`` and ``last_s``, in the run's seconds."""

    shifts: Any
    near: "list[_Search]"
    means: bool
    explained: float
    offset_s: float
    doubt_s: float
    seen: tuple[Marker, ...]
    first_s: float
    last_s: float


def _readings(log: PowerLog, origin_unix_ns: int) -> _Readings:
    seconds, watts = log.seconds[log.read], log.watts[log.read]
    if len(seconds) < LEAST_READINGS:
        raise NotAligned(sentence("power.too_few_for_marker", file=log.name, n=len(seconds)))
    return _Readings(log.name, *_looked_at(seconds, watts, log.stands_for), origin_unix_ns)


def _roughly(readings: _Readings, markers: Sequence[Marker], shifts: "Floats") -> float:
    """The one of ``shifts`` at which the log shows the markers. Raises ``NotAligned`` where there is none, or several
    that are apart."""
    looked = readings.searched(markers, shifts)
    if (most := max(int(found.each.sum(axis=1).max()) for found in looked)) < LEAST_READINGS:
        told = sentence("power.too_few_in_marker", file=readings.file, n=most)
        raise NotAligned(told, sentence("power.marker_remedy"))
    shown = [found.explained * found.best_covered for found in looked]
    if max(float(one.max()) for one in shown) < LEAST_EXPLAINED:
        shown = [found.explained * found.cut_off for found in looked]
    explained, place = max((float(one.max()), int(one.argmax())) for one in shown)
    _refuse_unexplained(readings.file, explained)
    far = np.abs(shifts - shifts[place]) > NEAR_S
    if any((1 - one[far] < SECOND * (1 - explained)).any() for one in shown):
        raise NotAligned(sentence("power.several_markers", file=readings.file), sentence("power.marker_remedy"))
    return float(shifts[place])


def _finely(readings: _Readings, markers: Sequence[Marker], rough: float) -> _Place:
    """The place within ``NEAR_S`` of the shift ``rough``, by the markers that the log does not cut off there: what its
    ends leave of another says little. Raises ``NotAligned`` where they are not shown."""
    step = max(FINEST_S, readings.interval_s / 100)
    shifts = rough + np.arange(-NEAR_S, NEAR_S, step)
    near = readings.searched(markers, shifts, LEAST_ALONE)
    at, place = _best(near)
    uncut = (near[at].whole | near[at].covered)[place].tolist()
    seen = tuple(one for one, is_uncut in zip(markers, uncut, strict=True) if is_uncut)
    if 0 < len(seen) < len(markers):
        near = readings.searched(seen, shifts, LEAST_ALONE)
        at, place = _best(near)
    explained = float(near[at].explained[place])
    _refuse_unexplained(readings.file, explained)
    likely, fits = _weighed(near)
    offset = float((shifts * likely).sum() / likely.sum())
    doubt = float(np.abs(shifts[fits] - offset).max()) + step / 2
    _, spans = shape_of(seen or markers, readings.origin_unix_ns)
    return _Place(
        shifts, near, readings.kinds[at], explained, offset, doubt, seen, first_s=spans[0][0], last_s=spans[-1][1]
    )


def _refuse_unexplained(file: str, explained: float) -> None:
    if explained < LEAST_EXPLAINED:
        raise NotAligned(sentence("power.no_marker", file=file, explained=explained), sentence("power.marker_remedy"))


def _refuse_elsewhere(readings: _Readings, markers: Sequence[Marker], place: _Place, shifts: "Floats") -> None:
    """Raises ``NotAligned`` where a marker next to those that are seen is shown whole at one of ``shifts`` where it may
    be, although the place is such that it is cut off: readings were lost, or the clock was set, between them."""
    most_left = min(1 - LEAST_EXPLAINED, max(1 - SURELY, SECOND * (1 - place.explained)))
    for one in _beside(markers, place.seen):
        _, ((begin, end),) = shape_of([one], readings.origin_unix_ns)
        there = shifts[_free(begin, end, place, shifts)]
        searches = readings.searched([one], there) if len(there) else []
        if any(bool((found.whole[:, 0] & (1 - found.explained < most_left)).any()) for found in searches):
            raise NotAligned(
                sentence("power.markers_apart", file=readings.file), sentence("power.markers_apart.remedy")
            )


def _best(searches: "Sequence[_Search]") -> tuple[int, int]:
    """The kind of meter and the shift that leave least."""
    at = min(range(len(searches)), key=lambda at: float(searches[at].left.min()))
    return at, int(searches[at].left.argmin())


def _beside(markers: Sequence[Marker], seen: Sequence[Marker]) -> list[Marker]:
    """The markers that are not seen, next to those that are."""
    shown = [place for place, marker in enumerate(markers) if marker in seen]
    places = (shown[0] - 1, shown[-1] + 1) if shown else ()
    return [markers[place] for place in places if 0 <= place < len(markers)]


def _free(begin: float, end: float, place: _Place, shifts: "Floats") -> "NDArray[np.bool_]":
    """The shifts at which a marker from ``begin`` to ``end`` may be that is not where the log is placed: as before or
    behind those that are seen as it is there. In the run's seconds."""
    offset = place.offset_s
    before = begin < place.first_s
    there = end - shifts <= place.first_s - offset if before else begin - shifts >= place.last_s - offset
    return np.asarray(there & (np.abs(shifts - offset) > MOST_DOUBT_S))


def _alone(readings: _Readings, marker: Marker, shifts: "Floats") -> float | None:
    """The offset at ``marker`` by itself, among ``shifts``: another than that of all markers if the meter's clock runs
    faster or slower than the machine's. ``None`` where the log has too few readings of its time. Raises
    ``NotAligned`` where it has enough, and they do not show the marker."""
    near = readings.searched([marker], shifts, LEAST_ALONE)
    if max(int(found.counts.max()) for found in near) == 0:
        return None
    if max(float(found.explained.max()) for found in near) < LEAST_EXPLAINED:
        raise NotAligned(sentence("power.markers_apart", file=readings.file), sentence("power.markers_apart.remedy"))
    likely, _ = _weighed(near)
    return float((shifts * likely).sum() / likely.sum())


def _looked_at(seconds: "Floats", watts: "Floats", stands_for: str) -> "tuple[Floats, Floats, tuple[bool, ...]]":
    """Times and readings to search in, and whether to take them for means over the time before each."""
    if float(np.median(np.diff(seconds))) < DENSE_S / 2:
        return *_thinned(seconds, watts), (True,)
    if stands_for == "after":
        return seconds + took(seconds, "after"), watts, (True,)
    return seconds, watts, {"before": (True,), "moment": (False,)}.get(stands_for, (True, False))


def _apart(searches: "Sequence[_Search]", shifts: "Floats") -> float:
    """How far apart the places by the two kinds of meter are, where either kind may be the meter's."""
    best = min(searches, key=lambda found: float(found.left.min()))
    place = int(best.left.argmin())
    most = float(best.left[place]) * max(best.bound(place), OTHER_KIND)
    places = [float(shifts[int(found.left.argmin())]) for found in searches if float(found.left.min()) <= most]
    return max(places) - min(places)


def _weighed(searches: "Sequence[_Search]") -> "tuple[Floats, NDArray[np.bool_]]":
    """How likely each shift is, by either kind of meter, and whether one of them would leave it by chance."""
    best = min(searches, key=lambda found: float(found.left.min()))
    place = int(best.left.argmin())
    least, count = max(float(best.left[place]), np.finfo(float).tiny), int(best.counts[place])
    likely = sum(np.power(np.maximum(found.left / least, 1.0), -count / 2) for found in searches)
    fits = np.logical_or.reduce([found.left <= least * best.bound(place) for found in searches])
    return np.asarray(likely), fits


def _thinned(seconds: "Floats", watts: "Floats") -> "tuple[Floats, Floats]":
    """The means of every ``DENSE_S``, each at its end, of a log that is read more often."""
    parts = np.floor((seconds - seconds[0]) / DENSE_S).astype(np.int64)
    begins = np.flatnonzero(np.diff(parts, prepend=-1))
    means = np.add.reduceat(watts, begins) / np.diff(np.append(begins, len(watts)))
    return seconds[0] + (parts[begins] + 1) * DENSE_S, means


class _Search(Struct, frozen=True):
    """For each shift: the mean square that it leaves, infinite with too few readings; the fraction explained; how many
    readings were looked at, and how many lie in the time of each marker, int [shifts, markers]; whether that time lies
    between the log's first reading and its last, bool [shifts, markers]."""

    left: Any
    explained: Any
    counts: Any
    each: Any
    covered: Any

    @property
    def best_covered(self) -> "NDArray[np.bool_]":
        """The shifts that show nearly as many readings as any does."""
        return np.asarray(self.counts >= MOST_SEEN * self.counts.max())

    @property
    def whole(self) -> "NDArray[np.bool_]":
        """Which markers each shift shows whole, bool [shifts, markers]."""
        return np.asarray(self.each >= WHOLE * self.each.max())

    @property
    def cut_off(self) -> "NDArray[np.bool_]":
        """The shifts that show a marker whole, and all others but those that the log's ends cut off."""
        whole = self.whole
        return np.asarray(whole.any(axis=1) & (whole | ~self.covered).all(axis=1))

    def bound(self, place: int) -> float:
        """By how much the mean square may grow around ``place`` by chance."""
        from scipy.stats import f

        free = max(1, int(self.counts[place]) - 3)
        return 1 + float(f.ppf(CHANCE, 1, free)) / free


def _searched(
    seconds: "Floats",
    watts: "Floats",
    edges: Sequence[float],
    spans: Sequence[tuple[float, float]],
    shifts: "Floats",
    means: bool,
    least: int = LEAST_READINGS,
) -> _Search:
    left = np.full(len(shifts), np.inf)
    explained = np.zeros(len(shifts))
    counts = np.zeros(len(shifts), int)
    lasted = took(seconds)
    borders = np.array(spans) - shifts[:, None, None]
    ends = np.searchsorted(seconds, borders)
    for place, shift in enumerate(shifts):
        near = np.concatenate([np.arange(*pair) for pair in ends[place]])
        if len(near) < least:
            continue
        inside = _inside(seconds[near] + shift, lasted[near], edges, means)
        found = _unexplained(inside, watts[near])
        if found is not None:
            counts[place] = len(near)
            left[place], explained[place] = found[0] / counts[place], found[1]
    covered = (borders[..., 0] >= seconds[0]) & (borders[..., 1] <= seconds[-1])
    return _Search(left, explained, counts, ends[..., 1] - ends[..., 0], covered)


def _inside(moved: "Floats", took: "Floats", edges: Sequence[float], means: bool) -> "Floats":
    """The fraction of each reading's time inside a pulse. ``took``: the time since the reading before."""
    if not means:
        return (np.searchsorted(edges, moved, side="right") % 2).astype(np.float64)
    knots = np.concatenate(([min(edges[0], moved[0]) - 1.0], edges, [max(edges[-1], moved[-1]) + 1.0]))
    lengths = np.diff(knots) * (np.arange(len(knots) - 1) % 2)
    loaded = np.concatenate(([0.0], np.cumsum(lengths)))
    until = np.interp(moved, knots, loaded)
    before = np.interp(moved - took, knots, loaded)
    return np.asarray(np.divide(until - before, took, out=np.zeros_like(until), where=took > 0))


def _unexplained(inside: "Floats", watts: "Floats") -> tuple[float, float] | None:
    """The squares that a level and a step leave, and the fraction that they explain; ``None`` where the step is
    downwards or the pulses are not seen."""
    spread = inside - inside.mean()
    square = float(spread @ spread)
    if square < 1e-9:
        return None
    centred = watts - watts.mean()
    whole = float(centred @ centred)
    step = float(spread @ centred) / square
    if step <= 0 or whole <= 0:
        return None
    left = max(0.0, whole - step * step * square)
    return left, 1 - left / whole
