"""Tonight's records as points, and the bases that they are compared with."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from bench.digest import sha256_of_file
from bench.errors import OdbError, UnknownName
from bench.nights.history import History
from bench.nights.point import Point, point_of
from bench.nights.series import Series
from bench.parallel import each
from bench.record.evidence import of_yardstick
from bench.store.records import RECORD, chosen_folders, load_timed
from bench.store.submissions import folders_of
from bench.words import Sentence, sentence


class Tonight(Struct, frozen=True, kw_only=True):
    """``points``: the newest of each series; ``folders``: record id -> where it lies. ``unreadable``: why not."""

    points: dict[Series, Point]
    folders: dict[str, Path]
    unreadable: tuple[Sentence | str, ...] = ()


def read(paths: Iterable[Path]) -> Tonight:
    """The records of all ``paths``: folders of records, of such folders, or single ones. Of a run in alternation only
    the new side is tonight's. Raises ``InputError`` for a path without records."""
    folders = [record for path in paths for folder in folders_of(path) for record in chosen_folders(folder)]
    points: dict[Series, Point] = {}
    places: dict[str, Path] = {}
    unreadable = []
    for folder, found in zip(folders, each(_point, folders), strict=True):
        if found is None:
            continue
        if not isinstance(found, Point):
            unreadable.append(found)
            continue
        places[found.record_id] = folder
        before = points.get(found.series)
        if before is None or (before.created_utc, before.record_id) < (found.created_utc, found.record_id):
            points[found.series] = found
    return Tonight(points=points, folders=places, unreadable=tuple(unreadable))


def _point(folder: Path) -> Point | Sentence | str | None:
    """``None`` for a yardstick, and for the base's side of an alternation."""
    try:
        run = load_timed(folder)
        turns = run.record.plan.alternation
        if turns is not None and (of_yardstick(turns) or turns.side == "base"):
            return None
        return point_of(run, str(folder), sha256_of_file(folder / RECORD))
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
