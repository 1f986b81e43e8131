"""Tonight's records as points, and the bases that they are compared with."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from bench.comparison.observe import Observation, observe
from bench.digest import sha256_of_file
from bench.errors import InputError, OdbError, UnknownName
from bench.gate.pairing import Pair
from bench.nights.history import History
from bench.nights.places import check_clock, moment_of
from bench.nights.point import Point, point_of
from bench.nights.series import Series
from bench.parallel import each
from bench.record.evidence import of_yardstick
from bench.store.records import RECORD, chosen_folders, load_timed
from bench.store.submissions import folders_of
from bench.words import Sentence, sentence


class Tonight(Struct, frozen=True, kw_only=True):
    """``points``: the newest of each series; ``folders``: record id -> where it lies. ``pairs``: record id -> it and
    the base's side that took turns with it, if that is among them. ``unreadable``: why not."""

    points: dict[Series, Point]
    folders: dict[str, Path]
    pairs: dict[str, Pair] = {}
    unreadable: tuple[Sentence | str, ...] = ()


def read(paths: Iterable[Path], known: Callable[[str], bool] = lambda record_id: False) -> Tonight:
    """The records of all ``paths``: folders of records, of such folders, or single ones. Of a run in alternation only
    the new side is tonight's. ``known``: whether the history has a record; of another one the date must be possible.
    Raises ``InputError`` for a path without records."""
    folders = [record for path in paths for folder in folders_of(path) for record in chosen_folders(folder)]
    points: dict[Series, Point] = {}
    places: dict[str, Path] = {}
    sides: dict[str, dict[str, _Side]] = {}
    unreadable = []
    for folder, found in zip(folders, each(_read, folders), strict=True):
        if found is None:
            continue
        if not isinstance(found, _Side):
            unreadable.append(found)
            continue
        point = found.point
        wrong = None if known(point.record_id) else _wrong_clock(point, folder)
        if wrong is not None:
            unreadable.append(wrong)
            continue
        if found.observed is not None:
            sides.setdefault(found.group, {})[found.side] = found
        if found.side == "base":
            continue
        places[point.record_id] = folder
        before = points.get(point.series)
        if before is None or (before.created_utc, before.record_id) < (point.created_utc, point.record_id):
            points[point.series] = point
    return Tonight(points=points, folders=places, pairs=_pairs(sides.values()), unreadable=tuple(unreadable))


class _Side(Struct, frozen=True, kw_only=True):
    """One record: its point and, if it took turns, its ``group``, its ``side`` and what a comparison needs."""

    point: Point
    group: str = ""
    side: str = ""
    observed: Observation | None = None


def _wrong_clock(point: Point, folder: Path) -> Sentence | str | None:
    """What is wrong with the date of a record, if it is that of a clock that was not set."""
    try:
        check_clock(moment_of(point.created_utc, str(folder)), str(folder))
    except InputError as error:
        return error.sentence
    return None


def _pairs(groups: Iterable[dict[str, _Side]]) -> dict[str, Pair]:
    found = {}
    for sides in groups:
        base, new = sides.get("base"), sides.get("new")
        if base is not None and new is not None and base.observed is not None and new.observed is not None:
            found[new.point.record_id] = Pair(base=base.point, new=new.point, observed=(base.observed, new.observed))
    return found


def _read(folder: Path) -> _Side | Sentence | str | None:
    """``None`` for a yardstick."""
    try:
        run = load_timed(folder)
        turns = run.record.plan.alternation
        if of_yardstick(turns):
            return None
        point = point_of(run, str(folder), sha256_of_file(folder / RECORD))
        if turns is None:
            return _Side(point=point)
        return _Side(point=point, group=turns.group, side=turns.side, observed=observe(run, str(folder)))
    except OdbError as error:
        return error.sentence


def bases(history: History, name: str, last: int) -> Callable[[Series, Sequence[Point]], Point | None]:
    """The base of each series. Only of those that were decided about, and of those with more nights than were read, the
    history has to be asked. Raises ``UnknownName`` for a ``name`` that no base of the history has: otherwise every
    series would be new."""
    names = {one.name for one in history.decisions() if one.name}
    if name and name not in names:
        raise UnknownName(sentence("cli.gate.base"), name, sorted(names))
    decided = {one.series for one in history.decisions()}

    def base(series: Series, points: Sequence[Point]) -> Point | None:
        if name or series.id in decided or len(points) >= last:
            return history.base(series.id, name)
        return next((point for point in points if point.counts), None)

    return base
