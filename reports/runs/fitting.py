"""How a table fits the columns of a terminal: names stay whole, and what is said in words may take two lines."""

import re
from collections.abc import Collection, Iterator, Sequence

from msgspec.structs import replace

from bench.reports.view.rows import Cell, Column, Table
from bench.words import say
from bench.words.cells import cells, wrapped

KEPT = "\ue000"
"""Stands for the space between two words that stay in one line, until lines are broken."""
BETWEEN = 2
"""Cells between two columns."""
MOST_LINES = 2
"""Of a line of a cell that is broken."""
MODEL, TARGET, VERDICT = "model", "target", "verdict"


def parts_of(word: str) -> list[str]:
    """What a long word is broken into: after ``_ = / , : . +`` or a hyphen."""
    return re.findall(r"[^_=/,:.+-]*[_=/,:.+-]|[^_=/,:.+-]+", word)


def lines_of(found: Table, index: int) -> Iterator[str]:
    """Every line of a column, its title first."""
    yield found.columns[index].title
    for row in found.rows:
        for text in (row[index].value, *row[index].notes):
            yield from text.split("\n")


def widths_of(found: Table, broken: Collection[str], width: int) -> tuple[int, ...] | None:
    """Of each column, so that no word is broken, no line into more than ``MOST_LINES``, and all of them take ``width``
    at most; ``None`` where that cannot be. ``broken``: keys of the columns whose lines may be; titles always are."""
    most, least = [], []
    for index, column in enumerate(found.columns):
        title, *lines = lines_of(found, index)
        most.append(max(map(cells, [title, *lines])))
        whole = [] if column.key in broken else lines
        least.append(max([_least([title] if whole else [title, *lines], most[-1]), *map(cells, whole)]))
    spare = width - BETWEEN * (len(least) - 1) - sum(least)
    if spare < 0:
        return None
    for index in sorted(range(len(least)), key=lambda index: most[index] - least[index]):
        more = min(spare, most[index] - least[index])  # those first that need least to have no line broken
        least[index], spare = least[index] + more, spare - more
    return tuple(least)


def _least(lines: Sequence[str], most: int) -> int:
    """The fewest cells in which each line takes ``MOST_LINES`` or fewer, and no word is broken; an option,
    ``key=value``, may be between its parts."""
    whole = (part for line in lines for word in line.split(" ") for part in (parts_of(word) if "=" in word else [word]))
    words = max(map(cells, whole), default=0)
    return next(
        (w for w in range(max(1, words), most) if all(len(wrapped(line, w)) <= MOST_LINES for line in lines)), most
    )


def blocks(found: Table, broken: Collection[str], width: int) -> list[Table]:
    """The table as several below each other, each with the first column and as many others as fit; the verdict belongs
    to the first of them."""
    keys = [column.key for column in found.columns]
    if VERDICT in keys:
        names, place = keys.index(MODEL) + 1 if MODEL in keys else 1, keys.index(VERDICT)
        others = [index for index in range(len(keys)) if index != place]
        found = _only(found, [*others[:names], place, *others[names:]])
    made, taken = [], [0]
    for index in range(1, len(found.columns)):
        if len(taken) > 1 and widths_of(_only(found, [*taken, index]), broken, width) is None:
            made.append(_only(found, taken))
            taken = [0]
        taken.append(index)
    return [*made, _only(found, taken)]


def is_one_line(found: Table, width: int) -> bool:
    """Whether no line has to be broken."""
    most = [max(map(cells, lines_of(found, index))) for index in range(len(found.columns))]
    return sum(most) + BETWEEN * (len(most) - 1) <= width


def stacked(found: Table) -> Table:
    """With each target below its model, in one column; the same where the table has not both."""
    keys = [column.key for column in found.columns]
    if MODEL not in keys or TARGET not in keys:
        return found
    model, target = keys.index(MODEL), keys.index(TARGET)
    title = say("report.column.model_and_target")
    heads = tuple(Column(MODEL, title) if column.key == MODEL else column for column in found.columns)
    rows = tuple((*row[:model], _both(row[model], row[target]), *row[model + 1 :]) for row in found.rows)
    return without(replace(found, columns=heads, rows=rows), (TARGET,))


def _both(model: Cell, target: Cell) -> Cell:
    below = say("report.on_target", target=target.value).replace(" ", KEPT, 1) if target.value else ""
    return replace(model, notes=(*model.notes, *filter(None, (below, *target.notes))))


def without(found: Table, keys: Collection[str]) -> Table:
    """Without the columns of those keys."""
    return _only(found, [index for index, column in enumerate(found.columns) if column.key not in keys])


def _only(found: Table, places: Sequence[int]) -> Table:
    rows = tuple(tuple(row[place] for place in places) for row in found.rows)
    return replace(found, columns=tuple(found.columns[place] for place in places), rows=rows)
