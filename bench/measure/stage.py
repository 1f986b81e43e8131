"""What a scenario is played on, and what its player leaves."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from bench.contracts import DecoderSpec, Scenario
from bench.errors import PluginError
from bench.inputs.prompts import Lengths, Query
from bench.machine.clocks import CoreClocks
from bench.measure.energy import EnergyMeter
from bench.measure.long_run import LongRun
from bench.measure.loop import Run
from bench.measure.staged.queries import Staged
from bench.measure.text_driver import OpenedText
from bench.record.energy import RepeatEnergy
from bench.record.record import StoppingRule, Warmup
from bench.stats.timeline import Timeline
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


class Watched(Struct, frozen=True):
    """What is read around the steady state, and how its turns are taken where it has any."""

    meter: EnergyMeter
    clocks: CoreClocks
    take_turn: Callable[[bool], bool] | None


class Text(Struct, frozen=True, kw_only=True):
    """A language model on the stage. ``given``: ids of the user's own prompts; ``endless``: queries one after another,
    with them or with seeded prompts of ``lengths`` and ``seed``. ``tokens``: to be generated after each;
    ``stop_tokens``: that end a generation early."""

    session: OpenedText
    decoder: DecoderSpec
    endless: Iterator[Query]
    tokens: int
    lengths: Lengths
    seed: int
    given: "Sequence[Array]" = ()
    stop_tokens: tuple[int, ...] = ()


class Stage(Struct, frozen=True, kw_only=True):
    """An open session after its first inference, in a form that is the same for tensors and for text.

    ``run``: issues that many queries one after another and appends their clock readings; for text it generates.
    ``call``: one query, untimed. ``lanes``: that many calls that may run concurrently, each on a separate thread
    (``None``: the number that the runtime recommends). ``steady``: the context in which the player warms up and
    measures; begin it as late and end it as early as possible, since memory is read at both ends. ``staged``: the
    pipeline, in a scenario whose queries pass through one; ``run`` and ``call`` are then of the network alone.
    ``seed``: of what is random in this process; each repeat of a run has another.
    ``long``: what a run of many minutes does between its queries.
    ``text``: of a language model, for scenarios that are more than ``run``.
    """

    scenario: Scenario
    rule: StoppingRule
    watched: Watched
    run: Run
    call: Callable[[], None]
    lanes: Callable[[int | None], Sequence[Callable[[], None]]]
    steady: Callable[[], AbstractContextManager[None]]
    staged: Staged | None = None
    seed: int = 0
    long: LongRun = field(default_factory=LongRun)
    text: Text | None = None


def text_of(stage: Stage) -> Text:
    """Raises ``PluginError`` for a session of tensors in a scenario of text."""
    if stage.text is None:
        raise PluginError(sentence("measure.no_text_on_stage", scenario=stage.scenario.name))
    return stage.text


class Steady(Struct, frozen=True):
    """What one scenario measured. ``arrays``: role -> int64 nanoseconds, as in ``record.SampleArrays``."""

    arrays: "dict[str, Array]"
    warmup: Warmup
    duration_ns: int
    converged: bool | None
    energy: RepeatEnergy
    token_ids: tuple[int, ...] = ()
    lanes: int | None = None
    prefill_energy: RepeatEnergy | None = None
    context_reused: bool | None = None


Player = Callable[[Stage], Steady]
"""Plays a scenario once: warm-up and steady state. Raises ``RunFailure`` where nothing could be measured."""


def warmup_of(timeline: Timeline, steady: bool) -> Warmup:
    """The warm-up that ``timeline`` saw."""
    if not timeline.done_ns:
        return Warmup(0, 0, steady)
    queries = len(timeline.done_ns) * timeline.parts
    return Warmup(queries, max(timeline.done_ns) - min(timeline.issued_ns), steady)
