"""What a search found: types only, filled while it runs and shown by reports."""

from typing import Literal

from msgspec import Struct

from bench.comparison.comparison import Change
from bench.contracts import OwnConfiguration, Tunable
from bench.record.record import Fidelity
from bench.tuning.front import Axis
from bench.words import Sentence

Goal = Literal["latency", "throughput", "memory", "energy"]
GOALS: tuple[Goal, ...] = ("latency", "throughput", "memory", "energy")

State = Literal["measured", "failed", "wrong_outputs", "left_out"]
"""``left_out``: chosen, but the time was used up before its turn."""

End = Literal["found", "default", "not_decided", "interrupted"]
"""``found``: a setting is shown to be better than the default. ``default``: the default is as good: no setting was
estimated to be better, or the best one was shown to be the same. ``not_decided``: neither was shown within the budget.
``interrupted``: Ctrl-C, before the best setting was confirmed."""


class Tried(Struct, frozen=True, kw_only=True):
    """One setting. ``options``: what differs from the default. ``ratio``: its figure over the default's of the same
    heats, with the ``interval`` at 95 % by the spread between processes. ``figures``: of the metrics, medians over its
    ``processes``; of another scenario than the goal's those of ``axes`` alone. ``fidelity``: its outputs against the
    reference; ``None`` where they were not compared. ``reason``: of a setting that failed, or whose outputs are wrong.
    """

    options: dict[str, str]
    state: State
    processes: int = 0
    ratio: float | None = None
    interval: tuple[float, float] | None = None
    figures: dict[str, float] = {}
    fidelity: Fidelity | None = None
    on_front: bool = False
    reason: Sentence | str = ""


class Confirmation(Struct, frozen=True, kw_only=True):
    """The best setting against the default, by the test of ``odb run --against``: ``change`` of the goal's metric,
    ``pairs`` of fresh processes. ``records``: folders of the two records, relative to the result's."""

    change: Change | None
    pairs: int
    records: tuple[str, str]
    reason: Sentence | str = ""


class Tuning(Struct, frozen=True, kw_only=True):
    """``metric``: what the goal is measured by, in the ``scenario``. ``space``: how many settings there are; ``drawn``:
    how many of them the search began with. ``tried``: the default first, then the best first. ``best``: the options of
    the setting that was found, or is the best so far; empty for the default. ``shapes``: of the inputs, where the
    setting has a ``batch``. ``own``: the setting as the runtime's own
    configuration. ``search_ns``: the part of ``used_ns`` before the confirmation began."""

    created_utc: str
    version: str
    goal: Goal
    metric: str
    scenario: str
    model: str
    target: str
    device: Sentence | str
    fixed: dict[str, str]
    machine: dict[str, str | int | float | bool | None]
    tolerance: float
    seed: int
    budget_ns: int
    used_ns: int
    search_ns: int
    space: int
    drawn: int
    tunables: tuple[Tunable, ...]
    axes: tuple[Axis, ...]
    tried: tuple[Tried, ...]
    end: End
    reason: Sentence
    best: dict[str, str] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    confirmation: Confirmation | None = None
    own: OwnConfiguration | None = None

    @property
    def status(self) -> Literal[0, 3]:
        """The exit status: 3 where nothing may be claimed."""
        return 3 if self.end in ("not_decided", "interrupted") else 0
