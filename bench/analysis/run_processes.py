"""The processes of a run as metrics see them: each repeat with its samples, and the samples of all of them in order."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from bench.analysis.open_loops.attempts import Attempt, attempts_of
from bench.contracts import Scenario
from bench.record.record import RecordedRun, Repeat
from bench.record.samples import STAGED_ROLES
from bench.scenarios.kinds import kind_of, samples_of
from bench.scenarios.open_loops import bound_ns, bound_percentile
from bench.stats.processes import Ordered, ordered

Samples = NDArray[Any]
Found = TypeVar("Found")
NOTHING: Samples = np.empty(0, np.int64)
SECOND = 1_000_000_000


class Process(Struct, frozen=True, kw_only=True):
    """One repeat and its samples: ``latency_ns`` [n], ``token_ns`` [n, tokens], ``shared_tokens`` [n], ``point`` [n];
    empty where there are none. ``sorted_ns``: the latencies sorted. ``blocks``: queries of each turn of an alternation,
    none without one. ``axis_thousandths``: values of the axis that the player found.
    ``staged``: of queries through a pipeline, the times of its stages, of the network alone and of overlapped queries,
    by role. ``prompt_tokens`` [n]: of each prompt, empty where all are as long as the
    scenario says. Of an open loop ``due_ns`` and ``start_ns`` [n],
    ``dropped_ns`` [m], the ``bound_ns`` on latency and the ``bound_percentile`` that must be within it, and the
    ``attempts`` of a search for a rate.
    ``idle_ns``, ``idle_cpu_ns`` [n]: before each query, in the scenario that idles. ``samples``: of one query.
    ``round_ns``: latencies of rounds; of queries, where these do not come in rounds, and sorted in ``sorted_ns``.
    ``pass_ns``: what passes over all inputs of a pipeline took, each of which holds as many of the queries.
    ``tokens_per_s``: of all users, in the window of a scenario where generations overlap."""

    repeat: Repeat
    latency_ns: Samples
    sorted_ns: Samples
    token_ns: Samples
    blocks: tuple[int, ...]
    throughput_per_s: float | None
    shared_tokens: Samples = NOTHING
    point: Samples = NOTHING
    axis_thousandths: Samples = NOTHING
    staged: Mapping[str, Samples] = {}
    prompt_tokens: Samples = NOTHING
    due_ns: Samples = NOTHING
    kept_every: int = 1
    start_ns: Samples = NOTHING
    dropped_ns: Samples = NOTHING
    bound_ns: int | None = None
    bound_percentile: float | None = None
    attempts: tuple[Attempt, ...] = ()
    attempt_latency_ns: Samples = NOTHING
    attempt_point: Samples = NOTHING
    idle_ns: Samples = NOTHING
    idle_cpu_ns: Samples = NOTHING
    samples: int = 1
    round_ns: Samples = NOTHING
    pass_ns: Samples = NOTHING
    tokens_per_s: float | None = None

    def at_points(self) -> "Process":
        """With the queries that belong to points of the scenario's axis: of a search those of its attempts."""
        if not len(self.attempt_point):
            return self
        return replace(
            self,
            latency_ns=self.attempt_latency_ns,
            point=self.attempt_point,
            start_ns=NOTHING,
            due_ns=NOTHING,
            dropped_ns=NOTHING,
        )

    def only(self, chosen: Samples) -> "Process":
        """The queries of ``chosen`` alone, indices in order. Their rate is the inverse of their mean latency."""
        latency_ns = self.latency_ns[chosen]
        busy_ns = int(latency_ns.sum())
        return replace(
            self,
            latency_ns=latency_ns,
            round_ns=latency_ns,
            pass_ns=NOTHING,
            tokens_per_s=None,
            sorted_ns=np.sort(latency_ns),
            token_ns=self.token_ns[chosen] if len(self.token_ns) else NOTHING,
            shared_tokens=self.shared_tokens[chosen] if len(self.shared_tokens) else NOTHING,
            point=self.point[chosen],
            prompt_tokens=self.prompt_tokens[chosen] if len(self.prompt_tokens) else NOTHING,
            idle_ns=self.idle_ns[chosen] if len(self.idle_ns) else NOTHING,
            idle_cpu_ns=self.idle_cpu_ns[chosen] if len(self.idle_cpu_ns) else NOTHING,
            start_ns=self.start_ns[chosen] if len(self.start_ns) == len(self.latency_ns) else NOTHING,
            due_ns=self.due_ns[chosen] if len(self.due_ns) == len(self.latency_ns) else NOTHING,
            blocks=(),
            throughput_per_s=SECOND * len(chosen) / busy_ns if busy_ns else None,
        )


class Series(Struct, frozen=True):
    """Times of one kind, [n] of each process, empty where it has none; ``ordered``: those that are not empty."""

    parts: tuple[Samples, ...]
    ordered: Ordered


class Processes(Struct, frozen=True):
    """``latency``: that of ``each`` which has any, in order. ``settings``: those of the run, by their fields. Series of
    tokens, and what ``once`` is asked for, are computed once."""

    each: tuple[Process, ...]
    latency: Ordered
    settings: Mapping[str, int | float | str] = {}
    scenario: Scenario | None = None
    _of_tokens: dict[Callable[[Samples], Samples], Series] = {}
    _once: dict[Callable[["Processes"], Any], Any] = {}
    _of_roles: dict[str, Series] = {}

    @property
    def repeats(self) -> tuple[Repeat, ...]:
        return tuple(process.repeat for process in self.each)

    def latencies(self) -> Series:
        return Series(tuple(process.round_ns for process in self.each), self.latency)

    def tokens(self, of: Callable[[Samples], Samples]) -> Series:
        """``of``: from the times of all tokens [n, tokens] to the series [m]."""
        if of not in self._of_tokens:
            arrays = (process.token_ns for process in self.each)
            parts = tuple(of(array) if array.ndim == 2 and array.size else NOTHING for array in arrays)
            self._of_tokens[of] = Series(parts, ordered(parts, self.latency.few))
        return self._of_tokens[of]

    def staged(self, role: str) -> Series:
        """The times of that role."""
        if role not in self._of_roles:
            parts = tuple(process.staged.get(role, NOTHING) for process in self.each)
            self._of_roles[role] = Series(parts, ordered(parts, self.latency.few))
        return self._of_roles[role]

    def once(self, of: "Callable[[Processes], Found]") -> "Found":
        """What ``of`` gives, computed once."""
        if of not in self._once:
            self._once[of] = of(self)
        found: Found = self._once[of]
        return found

    def with_latencies(self) -> "Processes":
        """Those processes alone that have any."""
        measured = tuple(one for one in self.each if len(one.latency_ns))
        return Processes(measured, self.latency, self.settings, self.scenario)


def processes_of(
    repeats: Sequence[Repeat],
    samples: Mapping[str, Samples],
    scenario: Scenario,
    latency: Ordered | None = None,
    settings: Mapping[str, int | float | str] = MappingProxyType({}),
) -> Processes:
    """``samples`` holds the arrays that ``repeats`` name; ``latency``: their latencies, where the caller has them in
    order."""
    known = latency or ordered(round_latencies(repeats, samples))
    in_order = iter(known.sorted)
    found, bound = [], bound_ns(scenario)
    for repeat in repeats:
        latency_ns, round_ns = (_array(repeat, samples, role) for role in ("latency_ns", "round_ns"))
        found.append(
            Process(
                repeat=repeat,
                latency_ns=latency_ns,
                sorted_ns=next(in_order) if len(latency_ns) else NOTHING,
                token_ns=_array(repeat, samples, "token_ns"),
                blocks=tuple(_array(repeat, samples, "block_queries").tolist()),
                throughput_per_s=query_rate(repeat, samples, scenario),
                shared_tokens=_array(repeat, samples, "shared_tokens"),
                point=_array(repeat, samples, "point"),
                round_ns=round_ns if len(round_ns) else latency_ns,
                pass_ns=_array(repeat, samples, "pass_ns"),
                tokens_per_s=token_rate(repeat, samples),
                axis_thousandths=_array(repeat, samples, "axis_thousandths"),
                staged={role: array for role in STAGED_ROLES if len(array := _array(repeat, samples, role))},
                prompt_tokens=_array(repeat, samples, "prompt_tokens"),
                due_ns=_array(repeat, samples, "due_ns"),
                start_ns=_array(repeat, samples, "start_ns"),
                dropped_ns=_array(repeat, samples, "dropped_ns"),
                bound_ns=bound,
                bound_percentile=bound_percentile(scenario),
                attempts=_attempts(repeat, samples, bound),
                attempt_latency_ns=_array(repeat, samples, "attempt_latency_ns"),
                attempt_point=_array(repeat, samples, "attempt_point"),
                idle_ns=_array(repeat, samples, "idle_ns"),
                idle_cpu_ns=_array(repeat, samples, "idle_cpu_ns"),
                samples=samples_of(scenario),
                kept_every=int(next(iter(_array(repeat, samples, "kept_every")), 1)),
            )
        )
    return Processes(tuple(found), known, settings, scenario)


def _attempts(repeat: Repeat, samples: Mapping[str, Samples], bound: int | None) -> tuple[Attempt, ...]:
    """Those of a search for the largest rate."""
    roles = ("axis_thousandths", "attempt_point", "attempt_latency_ns")
    rates, point, latency_ns = (_array(repeat, samples, role) for role in roles)
    return attempts_of(rates, point, latency_ns, bound) if bound is not None and len(point) else ()


def round_latencies(repeats: Sequence[Repeat], samples: Mapping[str, Samples]) -> list[Samples]:
    """Of each repeat that has any: the latencies of its rounds, where queries come in rounds of unlike ones, as the
    turns of a conversation; else those of its queries."""
    rounds = [_array(repeat, samples, "round_ns") for repeat in repeats]
    queries = [_array(repeat, samples, "latency_ns") for repeat in repeats]
    found = (whole if len(whole) else each for whole, each in zip(rounds, queries, strict=True))
    return [array for array in found if len(array)]


def arrays_of(repeats: Sequence[Repeat], samples: Mapping[str, Samples], role: str) -> list[Samples]:
    """The arrays of ``role`` that are there and not empty, in the order of the repeats."""
    return [array for repeat in repeats if len(array := _array(repeat, samples, role))]


def _array(repeat: Repeat, samples: Mapping[str, Samples], role: str) -> Samples:
    """Empty where the repeat names none, or it is missing."""
    named = repeat.samples.arrays.get(role) if repeat.samples is not None else None
    return NOTHING if named is None else samples.get(named, NOTHING)


def middles_by_point(repeat: Repeat, samples: Mapping[str, Samples]) -> list[float]:
    """The median latency at each point of a scenario's axis that has any query, in nanoseconds."""
    latency, point = (_array(repeat, samples, role) for role in ("latency_ns", "point"))
    if len(point) != len(latency):
        return []
    by_point = np.argsort(point, kind="stable")
    starts = np.flatnonzero(np.diff(point[by_point], prepend=-1))
    return [float(np.median(part)) for part in np.split(latency[by_point], starts[1:]) if len(part)]


class TimedRun(RecordedRun, frozen=True, kw_only=True):
    """``latency``: of each repeat that the figures are of and that has any; of rounds where queries come in rounds."""

    latency: Ordered

    def plain(self) -> RecordedRun:
        """The run alone, for who keeps many."""
        return RecordedRun(self.record, self.samples, self.folder, self.corrections)


def timed(run: RecordedRun) -> TimedRun:
    """``run`` with its latencies in order, unless it has them already."""
    if isinstance(run, TimedRun):
        return run
    latency = ordered(round_latencies(run.record.repeats, run.samples))
    return TimedRun(run.record, run.samples, run.folder, run.corrections, latency=latency)


# ------------------------------------------------------------------------------------------------ queries a second


def query_rate(repeat: Repeat, samples: Mapping[str, Samples], scenario: Scenario) -> float | None:
    """Queries a second of one process. One query at a time: the inverse of the mean latency. Where queries overlap, as
    offline: those of the window over its duration. Where they are due at given moments: those answered, over its
    duration."""
    if kind_of(scenario).overlapping:
        queries = offline_queries(repeat, samples)
        return SECOND * queries / repeat.duration_ns if repeat.duration_ns and queries else None
    named = repeat.samples.arrays.get("latency_ns", "") if repeat.samples is not None else ""
    latency = samples.get(named)
    if latency is not None and repeat.samples is not None and "due_ns" in repeat.samples.arrays:
        every = _array(repeat, samples, "kept_every")
        answered = len(latency) * (int(every[0]) if len(every) else 1)
        return SECOND * answered / repeat.duration_ns if repeat.duration_ns else None
    busy = 0 if latency is None else int(latency.sum())
    return None if latency is None or not busy else SECOND * len(latency) / busy


def offline_queries(repeat: Repeat, samples: Mapping[str, Samples]) -> float:
    """Queries of a repeat's offline window. Records made before queries in flight at its end were kept count those that
    completed inside."""
    if repeat.samples is None or repeat.duration_ns is None:
        return 0.0
    roles = ("start_ns", "in_flight_start_ns"), ("latency_ns", "in_flight_latency_ns")
    keys = [[repeat.samples.arrays.get(role, "") for role in pair] for pair in roles]
    if not all(key in samples for pair in keys for key in pair):
        return float(repeat.samples.queries)
    start, latency = (np.concatenate([samples[key] for key in pair]) for pair in keys)
    return queries_in_window(start, latency, repeat.duration_ns)


def token_rate(repeat: Repeat, samples: Mapping[str, Samples]) -> float | None:
    """Tokens a second that came in the window of one process; ``None`` where generations do not overlap."""
    found = [_array(repeat, samples, role) for role in ("start_ns", "token_ns", "in_flight_start_ns")]
    flying = _array(repeat, samples, "in_flight_token_ns")
    if flying.ndim != 2 or found[1].ndim != 2 or not repeat.duration_ns:
        return None
    came = [
        tokens[tokens >= 0] + np.repeat(start, (tokens >= 0).sum(axis=1))
        for start, tokens in (found[:2], (found[2], flying))
    ]
    inside = sum(int(((times >= 0) & (times < repeat.duration_ns)).sum()) for times in came)
    return SECOND * inside / repeat.duration_ns


def queries_in_window(start_ns: Samples, latency_ns: Samples, window_ns: int) -> float:
    """Queries in the window [0, ``window_ns``), each counted by the fraction of its time that lies inside.

    Lanes that are busy throughout at a constant latency give exactly their rate, wherever the window begins and ends.
    Where latencies vary, the expectation is the rate of a stationary lane: at any moment it does 1 / (latency of the
    query in flight) queries a unit of time, whose mean over time is 1 / (mean latency).
    """
    overlap = np.minimum(start_ns + latency_ns, window_ns) - np.maximum(start_ns, 0)
    fractions = np.clip(overlap, 0, None) / np.maximum(latency_ns, 1)
    instant = (latency_ns == 0) & (start_ns >= 0) & (start_ns < window_ns)  # shorter than a tick: wholly inside
    return float(fractions.sum() + np.count_nonzero(instant))
