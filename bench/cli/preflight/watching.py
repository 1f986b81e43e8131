"""Progress of a preflight, on one line of a terminal. Silent in a pipe."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from bench.cli.terminal.columns import terminal_width
from bench.execution.preflight.survey import Watcher
from bench.interrupts import unwinding
from bench.printable import clean
from bench.words import Sentence, say
from bench.words.cells import cells

if TYPE_CHECKING:
    from bench.preflight.found import Row

CLEAR = "\r\033[K"


@contextmanager
def watching(stream: TextIO) -> Iterator[Watcher]:
    """A watcher that draws on ``stream`` if it is a terminal. An interrupt unwinds, so that what was found is kept."""
    with unwinding():
        if not stream.isatty():
            yield Watcher()
            return
        line = Line(stream)
        try:
            yield line
        finally:
            line.clear()


class Line(Watcher):
    """What runs now, how many variants are done, and for how long."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._begin = stream, time.monotonic()
        self._title, self._step, self._done, self._of = "", "", 0, 0

    def began(self, model: str, target: str) -> None:
        self._title = say("cli.model_on_target", model=clean(model), target=target)
        self._done = self._of = 0
        self._draw()

    def step(self, text: Sentence | str) -> None:
        self._step = clean(str(text))
        self._draw()

    def planned(self, variants: int) -> None:
        self._of = variants
        self._step = say("preflight.step.compiling")
        self._draw()

    def found(self, row: "Row") -> None:
        if row.status in ("ran", "failed"):
            self._done += 1
            self._step = say("preflight.step.done", name=row.variant.name)
            self._draw()

    def clear(self) -> None:
        self._stream.write(CLEAR)
        self._stream.flush()

    def _draw(self) -> None:
        counted = f"[{self._done}/{self._of}] " if self._of else ""
        text = f"{counted}{self._title} · {self._step} · {time.monotonic() - self._begin:.0f} s"
        while cells(text) >= terminal_width() and text:
            text = text[:-1]
        self._stream.write(f"{CLEAR}{text}")
        self._stream.flush()
