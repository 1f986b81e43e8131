"""What happens on a rack, in lines: for a log, as of a CI job, and above the bar of a terminal."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from bench.cli.terminal.progress import clock_text
from bench.fleet.client.watching import FleetWatcher
from bench.printable import clean
from bench.words import Sentence, say

if TYPE_CHECKING:
    from bench.fleet.client.planning import FleetOrder, FleetPlan
    from bench.fleet.ledger import Line

SILENT_S = 300.0
"""After so long without a line, one says what goes on. CI systems end jobs that say nothing for ten minutes."""


MOST_LINES = 5
"""So many devices have a line of their own then."""


class Telling(FleetWatcher):
    """A line for each run that ended, and for each device that goes or comes."""

    def line(self, text: str) -> None:
        """Print it."""
        raise NotImplementedError

    def fetched(self, order: "FleetOrder", device: str, record: Path) -> None:
        self.line(say("cli.fleet.fetched", what=named(order), device=clean(device)))

    def failed(self, order: "FleetOrder", line: "Line", final: bool) -> None:
        code = "cli.fleet.refused" if line.kind == "refused" else "cli.fleet.lost"
        self.line(say(code, what=named(order), device=clean(line.device) or "–", reason=clean(str(line.reason))))

    def twice(self, order: str, device: str) -> None:
        self.line(say("cli.fleet.twice", order=clean(order), device=clean(device)))

    def joined(self, device: str) -> None:
        self.line(say("cli.fleet.joined", device=clean(device)))

    def away(self, device: str) -> None:
        self.line(say("cli.fleet.away", device=clean(device)))

    def back(self, device: str) -> None:
        self.line(say("cli.fleet.back", device=clean(device)))

    def barred(self, device: str, reason: Sentence | str) -> None:
        self.line(say("cli.fleet.barred", device=clean(device), reason=clean(str(reason))))


class Lines(Telling):
    """On a stream that is no terminal: also a line for each run that begins or waits, with how many are done of how
    many, and one every five minutes in which nothing else is said. ``clock``: seconds that pass."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._all = self._done = 0
        self._now: dict[str, tuple[str, float]] = {}  # what each device does, and since when
        self._said_s = clock()

    def line(self, text: str) -> None:
        counted = f"[{self._done}/{self._all}] " if self._all else ""
        self._said_s = self._clock()
        with suppress(OSError, ValueError):  # whoever read it is gone; what is measured is measured
            self._stream.write(f"{counted}{text}\n")
            self._stream.flush()

    def planned(self, plan: "FleetPlan", done: int) -> None:
        self._all, self._done = len(plan.orders), done
        self.line(
            say("cli.fleet.plan", runs=self._all, devices=len({name for one in plan.orders for name in one.devices}))
        )

    def sent(self, order: "FleetOrder", device: str) -> None:
        self._does(device, f"{named(order)}: {say('cli.fleet.sent')}")

    def began(self, order: "FleetOrder", device: str) -> None:
        self._does(device, named(order))
        self.line(say("cli.fleet.began", what=named(order), device=clean(device)))

    def goes_on(self, order: "FleetOrder", device: str) -> None:
        self._does(device, named(order))

    def step(self, order: "FleetOrder", device: str, text: Sentence | str) -> None:
        self._does(device, f"{named(order)}: {clean(str(text))}")

    def waits(self, order: "FleetOrder", device: str, text: Sentence | str) -> None:
        if self._does(device, f"{named(order)}: {clean(str(text))}"):
            self.line(f"{clean(device)}: {named(order)}: {clean(str(text))}")

    def fetched(self, order: "FleetOrder", device: str, record: Path) -> None:
        self._done += 1
        self._now.pop(device, None)
        super().fetched(order, device, record)

    def failed(self, order: "FleetOrder", line: "Line", final: bool) -> None:
        self._done += final
        self._now.pop(line.device, None)
        super().failed(order, line, final)

    def twice(self, order: str, device: str) -> None:
        self._now.pop(device, None)
        super().twice(order, device)

    def away(self, device: str) -> None:
        self._does(device, say("cli.fleet.away_now"))
        super().away(device)

    def back(self, device: str) -> None:
        self._now.pop(device, None)
        super().back(device)

    def barred(self, device: str, reason: Sentence | str) -> None:
        self._now.pop(device, None)
        super().barred(device, reason)

    def silent_s(self) -> float:
        """How long nothing has been said."""
        return self._clock() - self._said_s

    def still(self) -> None:
        """Say what devices do and for how long, first those that have done it for longest."""
        now = self._clock()
        longest = sorted([*self._now.items()], key=lambda one: one[1][1])
        for device, (what, since) in longest[:MOST_LINES]:
            for_how_long = clock_text(now - since)
            self.line(say("cli.fleet.state.running", what=f"{clean(device)}: {what}", time=for_how_long))
        if not longest:
            self.line(say("cli.fleet.nothing_at_work"))
        elif rest := longest[MOST_LINES:]:
            self.line(say("cli.fleet.others", count=len(rest)))

    def _does(self, device: str, what: str) -> bool:
        """From now on, unless it does that already. Returns whether that is new."""
        if self._now.get(device, ("", 0.0))[0] == what:
            return False
        self._now[device] = what, self._clock()
        return True


def named(order: "FleetOrder") -> str:
    """What the order measures."""
    return " ".join(clean(text) for text in (order.model, order.target, order.scenario))


@contextmanager
def heard(lines: Lines, silent_s: float = SILENT_S) -> Iterator[Lines]:
    """``lines`` says what goes on whenever nothing else was said for ``silent_s``, until the end of the block."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(max(0.1, silent_s - lines.silent_s())):
            if lines.silent_s() >= silent_s:
                lines.still()

    thread = threading.Thread(target=look, name="odb-fleet-lines", daemon=True)
    thread.start()
    try:
        yield lines
    finally:
        over.set()
        thread.join()
