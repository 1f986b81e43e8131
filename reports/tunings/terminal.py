"""A search's result for a terminal: the answer, the front, what was dropped."""

from collections.abc import Iterator

from bench.reports.tunings import words
from bench.tuning.result import Tried, Tuning
from bench.words import say, sentence, units
from bench.words.cells import wrapped

FEWEST_CELLS = 40
PLAIN_CELLS = 80
LISTED = 8  # settings besides the front


class TerminalTuning:
    summary = sentence("tune.writer.terminal")
    suffix = ".txt"

    def __init__(self, width: int = PLAIN_CELLS) -> None:
        self.width = max(width, FEWEST_CELLS)

    def at_terminal(self, columns: int, color: bool = False) -> "TerminalTuning":
        """The writer for a terminal of that many columns. It uses no colours."""
        return TerminalTuning(columns)

    def render(self, tuning: Tuning) -> bytes:
        """Lines of at most ``width`` cells, the answer first."""
        return ("\n".join(_lines(tuning, self.width)) + "\n").encode()


def _lines(tuning: Tuning, width: int) -> Iterator[str]:
    yield from _indented(words.headline(tuning), 0, width)
    yield from (*_indented(str(tuning.reason), 0, width), "")
    yield from (*_indented(words.summary(tuning), 0, width), "")
    front = [(number, one) for number, one in words.shown(tuning) if one.on_front]
    if front:
        yield from _indented(say("tune.front"), 0, width)
        for number, one in front:
            yield from _setting(number, one, tuning, width)
        yield ""
    others = [(number, one) for number, one in words.shown(tuning) if not one.on_front][:LISTED]
    if others:
        yield from _indented(say("tune.others"), 0, width)
        for number, one in others:
            yield from _setting(number, one, tuning, width)
        yield ""
    if lost := words.lost(tuning):
        yield from _indented(say("tune.lost"), 0, width)
        for one in lost:
            yield from _indented(words.setting(one), 2, width)
            yield from _indented(units.clean(str(one.reason)), 4, width)
        yield ""


def _setting(number: int, one: Tried, tuning: Tuning, width: int) -> Iterator[str]:
    yield from _indented(f"{number}. {words.setting(one)}", 2, width)
    figures = [
        say("tune.figure", title=words.title(axis.metric), value=words.figure(one.figures[axis.metric], axis.metric))
        for axis in tuning.axes
        if axis.metric in one.figures
    ]
    if one.options and one.ratio is not None:
        told = say("tune.changed", metric=words.title(tuning.metric), change=one.ratio)
        yield from _indented(f"{told} {words.interval(one)}".rstrip(), 5, width)
    if figures:
        yield from _indented(" · ".join(figures), 5, width)


def _indented(text: str, spaces: int, width: int) -> Iterator[str]:
    for line in wrapped(units.together(text), width - spaces):
        yield " " * spaces + line.replace(units.NO_BREAK, " ")
