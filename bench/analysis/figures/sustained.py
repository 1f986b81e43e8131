"""What is left of a device's speed after minutes of work: retained fraction, steady rate, and when it throttled.

The steady state is cut into slices of equal time. The speed of a slice is its queries over the time that they took, of
a language model their tokens over that time, and what it delivers is the same or, at a fixed rate, the queries a second
that were answered before the next one was due.

``first``: the first minute. ``steady``: the last third of the run, from the last change of level on if one lies in it,
but no less than a tenth of the run and one minute. The interval of either mean is Student's t over its slices, of which
as many count as their autocorrelation leaves independent: it states how well this run knows its own rate. What another
run would give is stated by an interval between processes, which takes its place where there are several.
"""

import math
from collections.abc import Callable, Sequence
from statistics import fmean, geometric_mean

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bench.analysis.figures.rule import Figure, Rule, Values
from bench.analysis.run_processes import Process, Processes, Samples
from bench.scenarios.lasting import Lasting, lasting_of
from bench.stats.autocorrelation import autocorrelation_time
from bench.stats.over_time.change_points import change_points
from bench.stats.processes import between_values
from bench.words import Sentence, sentence

NS_PER_S = 1_000_000_000
SLICES_OF_A_MINUTE, MOST_SLICES, LEAST_SLICES = 12, 120, 8
LEAST_QUERIES, LEAST_GENERATIONS = 4, 1  # of a slice on average; a generation is already a mean over its tokens
THROTTLED = 0.05
"""A device is throttled where it lost more than this fraction of its speed."""
SEEN = 0.02  # fraction; smaller changes of level are not looked at
WINDOW, LEVEL, PERMUTATIONS = 60, 0.01, 199

Array = NDArray[np.float64]


class Slices(Struct, frozen=True):
    """The steady state of a process in parts of equal time. ``speed``, ``delivered``: queries or tokens a second, [n].
    ``width_ns``: of a slice; ``minute``: slices of a minute."""

    width_ns: float
    minute: float
    speed: Array
    delivered: Array


class Throttle(Struct, frozen=True):
    """``at_ns``: since the first query. ``before``, ``after``: queries or tokens a second up to it, and from it to the
    next change of level."""

    at_ns: float
    before: float
    after: float


class Sustained(Struct, frozen=True):
    """Of one process. ``steady_per_s``: what it delivers in the end, with its interval; ``retained``: as a fraction of
    the first minute. ``of_tokens``: tokens a second and not queries."""

    of_tokens: bool
    first_per_s: float
    steady_per_s: float
    steady_interval: tuple[float, float] | None
    retained: float | None
    retained_interval: tuple[float, float] | None
    throttle: Throttle | None


def sustained_of(run: Processes) -> tuple[Sustained | None, ...]:
    """Of each process; ``None`` of one that is too short, and of a run in another scenario."""
    lasting = None if run.scenario is None else lasting_of(run.scenario)
    if lasting is None:
        return (None,) * len(run.each)
    return tuple(_of_process(process, lasting) for process in run.each)


def _of_process(process: Process, lasting: Lasting) -> Sustained | None:
    slices = slices_of(process, lasting)
    if slices is None:
        return None
    changes = levels(slices.speed)
    first = slices.delivered[: max(1, round(slices.minute))]
    steady = slices.delivered[_steady_begin(len(slices.delivered), slices.minute, changes) :]
    mean, before = float(steady.mean()), float(first.mean())
    spread, earlier = _standard_error(steady), _standard_error(first)
    retained = mean / before if before > 0 else None
    return Sustained(
        of_tokens=len(process.token_ns) > 0,
        first_per_s=before,
        steady_per_s=mean,
        steady_interval=_interval(mean, (spread,)),
        retained=retained,
        retained_interval=None if retained is None else _of_ratio(retained, before, spread, earlier),
        throttle=throttle_in(slices, changes),
    )


def slices_of(process: Process, lasting: Lasting) -> Slices | None:
    """Twelve of a minute, at most ``MOST_SLICES``; ``None`` where there are too few queries for ``LEAST_SLICES``. A
    slice in which no query began has the speed of the one before it: a long query went on."""
    start, queries, duration_ns = process.start_ns, len(process.start_ns), process.repeat.duration_ns or 0
    if len(process.latency_ns) != queries:
        return None
    least = LEAST_GENERATIONS if len(process.token_ns) else LEAST_QUERIES
    count = min(MOST_SLICES, SLICES_OF_A_MINUTE * duration_ns // lasting.minute_ns, queries // least)
    if count < LEAST_SLICES:
        return None
    width_ns, every = duration_ns / count, process.kept_every
    place = np.minimum((start / width_ns).astype(np.int64), count - 1)
    number = np.bincount(place, tokens_of(process), minlength=count)
    took = np.bincount(place, _service_ns(process), minlength=count)
    speed = np.full(count, np.nan)
    np.divide(NS_PER_S * number, took, out=speed, where=(number > 0) & (took > 0))
    speed = _filled(speed)
    delivered: Array = speed
    if lasting.rate_per_s:
        in_time = process.latency_ns <= NS_PER_S / lasting.rate_per_s
        delivered = np.bincount(place, in_time, minlength=count) * every * NS_PER_S / width_ns
    return Slices(width_ns, lasting.minute_ns / width_ns, speed, delivered)


def tokens_of(process: Process) -> NDArray[np.int64] | None:
    """The tokens of each generation [n]; ``None`` of a model of tensors."""
    return (process.token_ns >= 0).sum(axis=1) if len(process.token_ns) else None


def _service_ns(process: Process) -> Samples:
    """How long the device worked on each query: without the time that one waited for it."""
    if not len(process.due_ns):
        return process.latency_ns
    return np.asarray(process.latency_ns - (process.start_ns - process.due_ns))


def _filled(speed: Array) -> Array:
    if np.isnan(speed).all():
        return np.zeros_like(speed)
    known = np.flatnonzero(~np.isnan(speed))
    before = np.searchsorted(known, np.arange(len(speed)), side="right") - 1
    return np.asarray(speed[known[np.maximum(before, 0)]])


def levels(speed: Array) -> tuple[int, ...]:
    """Where the speed changes to another level: the first slice of each."""
    logs = np.log(np.maximum(speed, 1e-12)).tolist()
    found = change_points(
        logs,
        window=min(WINDOW, max(4, len(logs))),
        max_p=LEVEL,
        min_magnitude=math.log1p(SEEN),
        permutations=PERMUTATIONS,
        min_t=4,
    )
    return tuple(one.index for one in found)


def throttle_in(slices: Slices, changes: Sequence[int]) -> Throttle | None:
    """The first change to a level that is ``THROTTLED`` below the highest before it, if the rest of the run stays that
    far below it on average: a dip that passes is no throttle."""
    edges = [0, *changes, len(slices.speed)]
    highest = 0.0
    for begin, end, next_end in zip(edges, edges[1:], edges[2:], strict=False):
        highest = max(highest, float(slices.speed[begin:end].mean()))
        after, rest = float(slices.speed[end:next_end].mean()), float(slices.speed[end:].mean())
        if max(after, rest) < (1 - THROTTLED) * highest:
            return Throttle(end * slices.width_ns, highest, after)
    return None


def _steady_begin(count: int, minute: float, changes: Sequence[int]) -> int:
    third = count - count // 3
    last = max((change for change in changes if change > third), default=third)
    return min(last, count - max(1, round(max(minute, count / 10))))


class _Spread(Struct, frozen=True):
    """A standard error, and its degrees of freedom."""

    error: float
    freedom: float


def _standard_error(values: Array) -> _Spread | None:
    """Of the mean, by the number of values that are independent; ``None`` below two of them."""
    if len(values) < 2:
        return None
    centred = values - values.mean()
    independent = len(values) / autocorrelation_time(centred[None, :])
    if independent < 2:
        return None
    return _Spread(float(values.std(ddof=1)) / math.sqrt(independent), independent - 1)


def _interval(centre: float, parts: Sequence[_Spread | None]) -> tuple[float, float] | None:
    """Student's t with Welch's degrees of freedom."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    from scipy.special import stdtrit

    variance = sum(part.error**2 for part in known)
    if variance == 0:
        return centre, centre
    freedom = variance**2 / sum(part.error**4 / part.freedom for part in known)
    reach = float(stdtrit(freedom, 0.975)) * math.sqrt(variance)
    return max(0.0, centre - reach), centre + reach


def _of_ratio(ratio: float, base: float, over: _Spread | None, under: _Spread | None) -> tuple[float, float] | None:
    """Of the ratio of two independent means, by the delta method."""
    if over is None or under is None:
        return None
    return _interval(
        ratio, (_Spread(over.error / base, over.freedom), _Spread(ratio * under.error / base, under.freedom))
    )


def _figure(
    of: Callable[[Sustained], Figure], interval: Callable[[Sustained], tuple[float, float] | None] | None, how: Sentence
) -> Rule:
    """Between the processes where there are several, otherwise the ``interval`` of the only one."""

    def values(run: Processes) -> Values:
        return [None if found is None else of(found) for found in run.once(sustained_of)]

    def pooled(run: Processes, values: Values) -> Figure:
        known = [value for value in values if value is not None]
        if not known:
            return None
        return geometric_mean(known) if min(known) > 0 else fmean(known)

    def between(run: Processes) -> tuple[float, float] | None:
        known = [value for value in values(run) if value is not None]
        if len(known) > 1:
            return between_values(known)
        found = next((one for one in run.once(sustained_of) if one is not None), None)
        return None if found is None or interval is None else interval(found)

    return Rule(of=values, pooled=pooled, how=how, interval=between)


def _steady_rate(tokens: bool) -> Rule:
    """Of tokens, or of queries."""
    return _figure(
        lambda found: found.steady_per_s if found.of_tokens == tokens else None,
        lambda found: found.steady_interval,
        sentence("metric.how.steady_rate"),
    )


STEADY_RATE, STEADY_TOKEN_RATE = _steady_rate(False), _steady_rate(True)
RETAINED = _figure(lambda found: found.retained, lambda found: found.retained_interval, sentence("metric.how.retained"))
TIME_TO_THROTTLE = _figure(
    lambda found: None if found.throttle is None else found.throttle.at_ns, None, sentence("metric.how.throttle")
)
"""It has no interval within a run: a change of level is found to a slice."""
