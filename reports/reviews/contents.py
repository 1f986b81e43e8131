"""What a review shows, as tables in the language that is spoken."""

from collections.abc import Iterator

from msgspec import Struct

from bench.reports.dossiers.sections.targets import decision_word, figure_words, target_with_unit, with_unit
from bench.reports.view.rows import Cell, Column, Table
from bench.review.entry import Entry
from bench.review.review import Review
from bench.review.standings import Group, Place, Standing
from bench.submission.decision import Word
from bench.submission.dossier.ladder import Step
from bench.submission.texts import Text
from bench.submission.track import track_named, track_names
from bench.words import say, units

LONGEST = 80
"""Characters of an applicant's text; CSV and JSON have the whole of it."""
MARKS = {True: "✓", False: "✕", None: "?"}


class Section(Struct, frozen=True):
    """One criterion: the groups that may be compared, and those without a place."""

    title: str
    about: str
    groups: tuple[Table, ...]
    apart: Table | None = None


class Contents(Struct, frozen=True):
    title: str
    summary: str
    shared: Table | None
    submissions: Table
    sections: tuple[Section, ...]
    refused: Table | None
    notes: tuple[str, ...]


def contents(review: Review) -> Contents:
    """Everything that the page, Markdown and the terminal show."""
    tracks = [track_words(name) for name in review.tracks]
    several = len(tracks) > 1
    return Contents(
        title=say("review.title", tracks=tracks) if tracks else say("review.title.none"),
        summary=say("review.summary", read=len(review.read), refused=len(review.refused)),
        shared=_shared(review),
        submissions=_submissions(review, several),
        sections=tuple(_section(review, standing) for standing in review.standings),
        refused=_refused(review),
        notes=(say("review.note.rank"), say("review.note.targets")),
    )


def track_words(name: str) -> str:
    """A track's name in the language that is spoken; its id where it is not one of this project's."""
    return units.clean(str(track_named(name).name)) if name in track_names() else units.clean(name)


def short(text: Text) -> str:
    """What an applicant wrote, as far as a table has room for it."""
    found = units.clean(text)
    return found if len(found) <= LONGEST else f"{found[:LONGEST].rstrip()}…"


def heads(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, say(f"review.column.{name}")) for name in names)


def _submissions(review: Review, several: bool) -> Table:
    names = ["submission", *(["track"] if several else []), "device", "ladder", "decisions", "achievement", "findings"]
    rows = tuple(tuple(_row(entry, several)) for entry in review.read)
    return Table(say("review.submissions"), heads(*names), rows, say("review.note.ladder"))


def _row(entry: Entry, several: bool) -> Iterator[Cell]:
    applicant, project = short(entry.applicant), short(entry.project)
    yield Cell(units.clean(entry.name), notes=tuple(filter(None, (project, applicant))))
    if several:
        yield Cell(track_words(entry.track))
    yield Cell(short(entry.device) or units.MISSING)
    notes = (*_ladder(entry.steps), *map(units.clean, entry.again))
    yield Cell(" ".join(MARKS[step.reached] for step in entry.steps), notes=notes)
    weights: dict[Word, float] = {"met": entry.met, "not_met": entry.not_met, "cannot_tell": entry.undecided}
    told = [say("review.weight", word=decision_word(word), percent=weight) for word, weight in weights.items()]
    yield Cell(" · ".join(told))
    yield Cell(units.percent(entry.achievement))
    found = [say(f"review.findings.{name}", count=count) for name, count in entry.counts.items() if count]
    yield Cell(" · ".join(found) or "0")


def _ladder(steps: tuple[Step, ...]) -> Iterator[str]:
    """The highest rung that is reached without a gap, and why the next one is not."""
    reached = 0
    while reached < len(steps) and steps[reached].reached:
        reached += 1
    yield say("review.rung", rung=say(f"dossier.rung.{steps[reached - 1].rung}")) if reached else say("review.no_rung")
    if reached < len(steps) and steps[reached].reason:
        yield units.clean(steps[reached].reason)


def _section(review: Review, standing: Standing) -> Section:
    direction = say(f"review.direction.{standing.direction}")
    scenario = units.clean(standing.scenario)
    about = say("review.about", metric=units.clean(standing.metric), direction=direction)
    return Section(
        title=short(standing.title),
        about=f"{about} · {scenario}" if scenario else about,
        groups=tuple(_group(review, group, number) for number, group in enumerate(standing.groups, 1)),
        apart=_apart(review, standing),
    )


def _group(review: Review, group: Group, number: int) -> Table:
    rows = tuple(_place(review, place) for place in group.places)
    note = units.clean(group.why_apart)
    caption = say("review.group", number=number)
    columns = heads("rank", "submission", "figure", "target", "decision", "device")
    return Table(caption, columns, rows, say("review.group.apart", reason=note) if note else "")


def _place(review: Review, place: Place) -> tuple[Cell, ...]:
    entry, criterion = review.entries[place.entry], place.row.criterion
    number, note = figure_words(place.row)
    unit = number if criterion.unit == "1" else with_unit(number, criterion.unit)
    proposed = (say("dossier.proposed"),) if criterion.proposed else ()
    reason = units.clean(place.row.decision.reason)
    return (
        Cell(str(place.position)),
        Cell(units.clean(entry.name)),
        Cell(unit, notes=(note,) if note else ()),
        Cell(target_with_unit(criterion), notes=proposed),
        Cell(decision_word(place.row.decision.word), notes=(reason,) if reason else ()),
        Cell(short(entry.device) or units.MISSING),
    )


def _apart(review: Review, standing: Standing) -> Table | None:
    if not standing.apart:
        return None
    rows = tuple(
        (Cell(units.clean(review.entries[one.entry].name)), Cell(units.clean(one.reason))) for one in standing.apart
    )
    return Table(say("review.without_place"), heads("submission", "reason"), rows)


def _shared(review: Review) -> Table | None:
    """The records that several submissions have."""
    rows = tuple(
        (
            Cell(", ".join(units.clean(review.entries[index].name) for index in one.submissions)),
            Cell(", ".join(map(units.clean, one.records))),
        )
        for one in review.shared
    )
    columns = heads("submissions", "records")
    return Table(say("review.shared"), columns, rows, say("review.shared.note")) if rows else None


def _refused(review: Review) -> Table | None:
    rows = tuple(
        (
            Cell(units.clean(one.name)),
            Cell(units.clean(one.problem), notes=tuple(filter(None, (units.clean(one.remedy),)))),
        )
        for one in review.refused
    )
    return Table(say("review.refused"), heads("submission", "reason"), rows) if rows else None
