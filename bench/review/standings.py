"""How submissions rank by each criterion, among those that may be compared.

Figures of a device are compared as ``odb compare`` compares two records of different models: only on machines of one
kind, and only what is shown to differ counts as worse. All comparisons of one review are one family of Holm's
correction. Exact figures are ordered by their values: placement on the same target, quality on the same dataset, sizes
everywhere. There is no ranking over all criteria: targets and weights are each applicant's own.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from bench.analysis.metrics import METRICS
from bench.comparison.comparability import comparable
from bench.comparison.comparison import TOLERANCE, compare_all
from bench.comparison.observe import Observation
from bench.comparison.rules import Subject
from bench.review.entry import Basis, Entry
from bench.submission.assessment import Row
from bench.submission.criterion import Direction
from bench.submission.figures import figure_kind
from bench.submission.texts import Text
from bench.submission.track import track_named, track_names
from bench.words import Sentence, sentence

MODELS: tuple[Subject, ...] = ("model",)
"""What differs between submissions, and is not a reason against comparing them."""
METRIC_AT = {metric.place: metric.name for metric in METRICS}
BETTER, WORSE = ("faster", "better"), ("slower", "worse")


class Place(Struct, frozen=True, kw_only=True):
    """``entry``: its index in the review. ``position``: 1 for the best figure and for all that are not shown to be
    worse; the others by their figures. ``told_apart``: whether it is shown to be worse than the first; exact figures
    always are."""

    entry: int
    row: Row
    position: int
    told_apart: bool


class Apart(Struct, frozen=True):
    """A submission without a place, and why."""

    entry: int
    reason: Sentence | str


class Group(Struct, frozen=True, kw_only=True):
    """Submissions that may be compared. ``why_apart``: why they may not be compared with the first group."""

    places: tuple[Place, ...]
    why_apart: Sentence | str = ""


class Standing(Struct, frozen=True, kw_only=True):
    """One criterion of several submissions."""

    criterion: str
    title: Text
    metric: str
    unit: str
    direction: Direction
    scenario: str
    groups: tuple[Group, ...]
    apart: tuple[Apart, ...] = ()


class _Contender(Struct, frozen=True):
    entry: int
    row: Row
    basis: Basis
    seen: Observation | None


def standings(entries: Sequence[Entry]) -> tuple[Standing, ...]:
    """One per criterion, in the order in which they first occur."""
    keys: dict[tuple[str, str, Direction, str], list[_Contender]] = {}
    for index, entry in enumerate(entries):
        for row, basis in zip(entry.rows, entry.bases, strict=True):
            one = row.criterion
            contender = _Contender(index, row, basis, entry.observations.get(row.record_id))
            keys.setdefault((one.id, one.metric, one.direction, one.scenario), []).append(contender)
    known: Known = {}
    drafts = [(key, found, *_drafted(found, key[2], known)) for key, found in keys.items()]
    groups = [group for _, _, several, _ in drafts for group, _ in several]
    places = iter(_placed(groups))
    return tuple(
        Standing(
            criterion=key[0],
            title=_title(key[0], [one.row for one in found], [entries[one.entry].track for one in found]),
            metric=key[1],
            unit=found[0].row.unit,
            direction=key[2],
            scenario=key[3],
            groups=tuple(Group(places=next(places), why_apart=why) for _, why in several),
            apart=apart,
        )
        for key, found, several, apart in drafts
    )


def _title(criterion: str, rows: Sequence[Row], tracks: Sequence[str]) -> Text:
    """What all applicants call it; where they differ the track's own title, or the criterion's id."""
    if all(row.criterion.title == rows[0].criterion.title for row in rows):
        return rows[0].criterion.title
    for track in sorted(set(tracks) & set(track_names())):
        for one in track_named(track).criteria:
            if one.id == criterion and one.metric == rows[0].criterion.metric:
                return one.title
    return criterion


Several = list[tuple[list[_Contender], Sentence | str]]
Known = dict[tuple[int, int], bool]
"""The ``id()`` of two observations of a device -> whether they may be compared: the same of every criterion."""


def _drafted(found: Sequence[_Contender], direction: Direction, known: Known) -> tuple[Several, tuple[Apart, ...]]:
    """The groups, best figure first in each, and those without a place."""
    apart = tuple(Apart(one.entry, why) for one in found if (why := _why_apart(one)) is not None)
    left = {one.entry for one in apart}
    sign = 1 if direction == "at_most" else -1
    contenders = sorted(
        (one for one in found if one.entry not in left),
        key=lambda one: (sign * (one.row.seen.value or 0.0), one.entry),
    )
    groups: Several = []
    for one in contenders:
        fitting = next((group for group, _ in groups if _fits(group[0], one, known)), None)
        if fitting is None:
            groups.append(([one], (_refused(groups[0][0][0], one) or "") if groups else ""))
        else:
            fitting.append(one)
    return groups, apart


def _why_apart(one: _Contender) -> Sentence | str | None:
    """Why the figure cannot be ranked at all; ``None`` where it can."""
    if one.row.seen.value is None:
        return one.row.decision.reason or one.row.seen.reason
    return one.basis.doubt or None


def _fits(first: _Contender, other: _Contender, known: Known) -> bool:
    """Whether the two may be compared. Submissions of as many machines are compared each with each, for each
    criterion, so what was found once is kept."""
    if first.seen is None or other.seen is None or not figure_kind(first.row.criterion.metric).of_device:
        return _refused(first, other) is None
    small, large = sorted((id(first.seen), id(other.seen)))
    if (small, large) not in known:
        known[small, large] = _refused(first, other) is None
    return known[small, large]


def _refused(first: _Contender, other: _Contender) -> Sentence | str | None:
    """Why the two may not be compared; ``None`` where they may."""
    kind = figure_kind(first.row.criterion.metric)
    if kind.about == "size":
        return None
    if kind.of_device:
        if first.seen is None or other.seen is None:
            return sentence("review.no_samples")
        found = comparable(first.seen.record, other.seen.record, MODELS)
        return next((one.sentence for one in found.reasons if one.invalidates), None)
    if first.basis.alike != other.basis.alike:
        return sentence("review.another_dataset" if kind.about == "quality" else "review.another_target")
    return None


def _placed(groups: Sequence[list[_Contender]]) -> Iterator[tuple[Place, ...]]:
    """The places of each group; the comparisons of all are one family."""
    pairs = [(group[0].seen, one.seen, group[0].row.criterion.metric) for group in groups for one in group[1:]]
    timed = [(a, b) for a, b, metric in pairs if a is not None and b is not None and metric in METRIC_AT]
    compared = iter(compare_all(timed, TOLERANCE, MODELS) if timed else [])
    for group in groups:
        first, told = group[0], [False]
        for one in group[1:]:
            metric = METRIC_AT.get(first.row.criterion.metric)
            if metric is None or first.seen is None or one.seen is None:
                told.append(one.row.seen.value != first.row.seen.value)
                continue
            words = {change.metric: change.word for change in next(compared).changes}
            told.append(words.get(metric) in WORSE)
        yield _numbered(group, told)


def _numbered(group: Sequence[_Contender], told: Sequence[bool]) -> tuple[Place, ...]:
    """Positions as in a contest: 1, 1, 3."""
    places: list[Place] = []
    for number, (one, apart) in enumerate(zip(group, told, strict=True), 1):
        same = places and places[-1].row.seen.value == one.row.seen.value
        position = 1 if not apart else places[-1].position if same else number
        places.append(Place(entry=one.entry, row=one.row, position=position, told_apart=apart))
    return tuple(places)
