"""What the queries of a run are like: the scenario that was asked for, and what is known of its kind."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from bench.contracts.model import Task
from bench.contracts.session import CompileCache
from bench.words import Sentence

Intent = Literal["latency", "throughput"]
Number = int | float
Value = Number | str | tuple[Number, ...]
"""Of a parameter: a number, one of its words, or a list of numbers."""
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$(?!\n)", max_length=64)]
"""Of a scenario or a parameter: it is shown everywhere, and comes from records that somebody sent."""


class Parameter(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a scenario takes: a number, a list of numbers, or a word. ``least`` and ``most``: bounds, both allowed;
    ``whole``: it is an integer. ``default``: the value if absent; ``None``: the runtime or the preset decides.
    ``short``: what a person may write instead of ``name``, which has the unit; a duration may be written with its own,
    as in ``deadline=33ms``. ``words`` may stand instead of a number; without ``numeric`` there is no number. ``many``:
    a list of distinct values."""

    name: Name
    unit: str
    about: Sentence | str
    least: Number = 1
    most: Number = 1_000_000_000
    whole: bool = True
    default: Value | None = None
    short: str = ""
    words: tuple[str, ...] = ()
    numeric: bool = True
    many: bool = False


class Axis(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """By what the queries of a scenario are grouped: each belongs to one value of the axis, a point.

    ``of``: where the values are from. ``listed``: the ``parameter`` lists them, behind a 0 with ``zero``, the point
    that the others are compared with; ``counted``: 1, 2 … up to the number that the ``parameter`` is; ``found``: the
    player found them, and the samples have them as ``axis_thousandths``; with a ``parameter`` only where that is a
    word, such as ``auto``.
    """

    name: Name
    unit: str
    of: Literal["listed", "counted", "found"] = "listed"
    parameter: str = ""
    zero: bool = False


class ScenarioKind(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that the engine needs to know about a scenario, except how it is played.

    ``intent``: the performance hint for the runtime, and the figure by which processes are compared. ``latency``:
    queries come one after another, and the p50 is compared. ``throughput``: queries overlap in a window, which the
    player keeps with those in flight at its end, and the queries a second of the window are compared. ``leading``: what
    reports and comparisons look at first: names of ``bench.analysis.metrics.METRICS``, of which the first that is known
    leads; ``beside``: what reports show beside it.
    ``percentile``: whether the preset's percentile must be known; otherwise the median. ``emulator``: whether it is
    useful on an emulator. ``samples``: the parameter with the number of samples per query; ``""``: one. ``axis``: of
    queries that belong to points, as the sample role ``point`` says; ``curves``: the figures of each point, names of
    ``bench.analysis.curves.table.CURVES``, of which the first leads.
    ``staged``: a query passes through the stages of a pipeline, of which the network is one.
    ``open_loop``: each query is due at a given moment, however late earlier answers are, and latency counts from it.
    ``lasting``: the parameter with the minutes that one process measures, whatever the preset says; ``""``: as long as
    the preset says. A kind with it has one process unless another number is asked for.
    ``idling``: the parameters with the idle times before a query, in ms, and with how often each of them comes, both
    whatever the preset says; ``()``: a process does not idle.
    ``rounds``: queries come in rounds of one for each point in order; the times of whole rounds, in the role
    ``round_ns``, say when enough was measured. ``each``: a parameter that is one of its words; where it is not given,
    each of them is a run of its own.
    """

    name: Name
    summary: Sentence | str
    tasks: tuple[Task, ...] = ("tensor",)
    parameters: tuple[Parameter, ...] = ()
    intent: Intent = "latency"
    leading: tuple[str, ...] = ("latency_p50_ns",)
    beside: tuple[str, ...] = ()
    percentile: bool = True
    emulator: bool = True
    samples: str = ""
    axis: Axis | None = None
    curves: tuple[str, ...] = ()
    staged: bool = False
    open_loop: bool = False
    lasting: str = ""
    idling: tuple[str, ...] = ()
    rounds: bool = False
    each: str = ""

    @property
    def overlapping(self) -> bool:
        """Whether queries overlap, so that throughput counts and not latency."""
        return self.intent == "throughput"


class Scenario(Struct, frozen=True, forbid_unknown_fields=True):
    """A kind by its ``name``, and its parameters: as asked for in a suite, as played in a record.

    ``prompt_tokens``, ``generate_tokens`` and ``depth_tokens`` (in the cache before the prompt) apply to text
    generation; ``lanes`` to offline (None: the runtime's best). ``compile_cache``: ``cold``, every repeat fills an
    empty one; ``warm``, every repeat finds it filled; ``none``, the runtime gets none. ``parameters``: those of the
    kind that have no field here; absent where there are none. ``kind``: of a plugin's scenario, so that its records are
    can be read without the plugin; absent for this project's scenarios, which are in ``bench.scenarios.kinds``.
    """

    name: Name = "single-stream"
    prompt_tokens: int | None = None
    generate_tokens: int | None = None
    lanes: int | None = None
    depth_tokens: int | None = None
    compile_cache: CompileCache = "none"
    parameters: dict[Name, Value] | UnsetType = UNSET
    kind: ScenarioKind | UnsetType = UNSET

    def __hash__(self) -> int:
        tokens = self.prompt_tokens, self.generate_tokens, self.depth_tokens
        return hash((self.name, tokens, self.lanes, self.compile_cache, tuple(sorted(self.own_parameters.items()))))

    @property
    def own_parameters(self) -> Mapping[str, Value]:
        """``parameters``, empty where there are none."""
        return {} if self.parameters is UNSET else self.parameters

    def number(self, name: str) -> Number:
        """The number that the parameter ``name`` is. Raises ``KeyError`` where it is absent, ``TypeError`` for another
        value."""
        value = self.own_parameters[name]
        if isinstance(value, int | float):
            return value
        raise TypeError(f"{name} of scenario {self.name} is no number")

    def numbers(self, name: str) -> tuple[Number, ...]:
        """The list of numbers that the parameter ``name`` is; of a single number, that one."""
        value = self.own_parameters[name]
        return value if isinstance(value, tuple) else (self.number(name),)

    @property
    def own_kind(self) -> ScenarioKind | None:
        """``kind``, ``None`` where it is absent."""
        return None if self.kind is UNSET else self.kind
