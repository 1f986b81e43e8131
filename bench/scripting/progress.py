"""What happens while a suite is measured, for a callback of the user."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from bench.execution.suite_run import Listener
from bench.record.record import RecordedRun
from bench.suite.plan import Plan, PlannedRun
from bench.words import Sentence

Event = Literal["planned", "began", "repeat", "step", "written"]


class Progress(Struct, frozen=True, kw_only=True):
    """What has just happened.

    ``event``: ``planned`` (the number of ``runs`` is known, nothing has run), ``began`` (a run is prepared and
    checked), ``repeat`` (a timed process begins), ``step`` (what is running now) or ``written`` (the record of a run is
    on disk). ``index``: which run it is about, from 0; ``None`` before the first. ``model`` and ``target``: their ids.
    ``step``: what is running, in a few words; ``str`` gives it in the language that is spoken. ``recorded``: the run
    that was written.
    """

    event: Event
    runs: int = 0
    index: int | None = None
    model: str = ""
    target: str = ""
    step: Sentence | str = ""
    recorded: RecordedRun | None = None


class Calling(Listener):
    """Calls ``told`` with each event. What it raises ends the suite; the records that are finished stay."""

    def __init__(self, told: Callable[[Progress], None]) -> None:
        self._told = told
        self._runs: tuple[PlannedRun, ...] = ()
        self._now = Progress(event="step")

    def planned(self, plan: Plan) -> None:
        self._runs = plan.runs
        self._told(Progress(event="planned", runs=len(plan.runs)))

    def began(self, index: int, run: PlannedRun) -> None:
        self._tell("began", index)

    def turn(self, index: int, run: PlannedRun) -> None:
        self._tell("repeat", index)

    def pair(self) -> None:
        self._told(replace(self._now, event="repeat"))

    def step(self, text: Sentence | str) -> None:
        self._told(replace(self._now, event="step", step=text))

    def written(self, index: int, recorded: RecordedRun) -> None:
        self._tell("written", index, recorded)

    def _tell(self, event: Event, index: int, recorded: RecordedRun | None = None) -> None:
        run = self._runs[index]
        self._now = Progress(event=event, runs=len(self._runs), index=index, model=run.model.id, target=run.target.id)
        self._told(replace(self._now, recorded=recorded))


def listener_of(progress: Listener | Callable[[Progress], None] | None) -> Listener:
    """``progress`` as the engine calls it."""
    if progress is None:
        return Listener()
    return progress if isinstance(progress, Listener) else Calling(progress)
