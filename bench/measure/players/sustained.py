"""The sustained scenario: the device at work for many minutes, and what is left of its speed.

Queries follow one another, or, with a ``rate``, are due at fixed times that do not depend on the answers. A query that
is due while another runs waits; of several that wait only the newest is run, as a camera keeps one frame, and the
others are not in time. Between queries the device is read every few seconds, and each minute is kept as it ends.

A model so fast that a run has millions of queries keeps every k-th of them: k follows from the pace of the warm-up,
before anything is measured, so that no latency decides which queries are kept. The queries of a language model are
generations, whose tokens are kept with them.
"""

import math
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from bench.errors import RunFailure
from bench.measure.long_run import Begun
from bench.measure.loop import Clock, Run, warm_up
from bench.measure.players.single_stream import token_times
from bench.measure.stage import Stage, Steady, warmup_of
from bench.minutes.files import joined
from bench.record.samples import NEVER
from bench.scenarios.lasting import Lasting, lasting_of
from bench.stats.timeline import Timeline
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

NS_PER_S = 1_000_000_000
LOOKS_OF_A_MINUTE, MOST_LOOKS = 12, 360
"""Every five seconds; of a run of more than half an hour they are further apart."""
SPIN_NS = 500_000
"""Before a query is due the loop stops sleeping, which may wake late, and reads the clock until then."""
Sleep = Callable[[float], None]


def play_sustained(stage: Stage) -> Steady:
    """All minutes, in one steady state."""
    return play_minutes(stage)


def play_minutes(stage: Stage, clock: Clock = time.perf_counter_ns, sleep: Sleep = time.sleep) -> Steady:
    """As ``play_sustained``. ``clock`` and ``sleep`` may be scripted. Raises ``ValueError`` for a kind that does not
    say how long it lasts."""
    course = lasting_of(stage.scenario)
    if course is None:
        raise ValueError(f"{stage.scenario.name} does not last")
    cooldown = stage.scenario.own_parameters.get("cooldown_s", 0)
    with stage.steady():
        if isinstance(cooldown, int | float) and cooldown:
            stage.long.tell(lambda celsius: sentence("run.cooling_down", seconds=cooldown))
            sleep(cooldown)
        warm, was_steady = warm_up(stage.run, stage.rule, clock)
        every = _every(warm, course, stage.rule.max_queries // (1 if stage.text is None else stage.text.tokens))
        stage.watched.meter.start()
        minutes = _Minutes(stage, course, (warm, was_steady), every, clock(), clock)
        minutes.play(sleep)
        energy = stage.watched.meter.stop(minutes.queries)
    arrays = minutes.arrays()
    if not len(arrays["latency_ns"]):
        raise RunFailure(
            "timeout", sentence("measure.no_query_in_window"), sentence("measure.use_longer_run"), "steady"
        )
    arrays["warmup_latency_ns"] = warm.latency_ns()
    return Steady(arrays, warmup_of(warm, was_steady), minutes.duration_ns, None, energy)


def _look_ns(course: Lasting) -> int:
    """Between two looks at the device: a twelfth of a minute, in a long run more."""
    return max(course.minute_ns // LOOKS_OF_A_MINUTE, course.duration_ns // MOST_LOOKS)


def _every(warm: Timeline, course: Lasting, most: int) -> int:
    """Every how manieth query is kept, so that about ``most`` are."""
    latency_ns = warm.latency_ns()
    pace_ns = max(1.0, float(latency_ns.mean())) if len(latency_ns) else 1.0
    expected = course.duration_ns / pace_ns
    if course.rate_per_s is not None:
        expected = min(expected, course.duration_ns / NS_PER_S * course.rate_per_s)
    return max(1, math.ceil(expected / max(1, most)))


class _Minutes:
    """The steady state: queries up to the next look, again and again."""

    def __init__(
        self, stage: Stage, course: Lasting, warm: tuple[Timeline, bool], every: int, begin_ns: int, clock: Clock
    ) -> None:
        self._stage, self._course, self._every, self._clock, self._begin_ns = stage, course, every, clock, begin_ns
        seen = warmup_of(*warm)
        self._warmup = seen.queries, seen.duration_ns, seen.steady
        self._timeline, self._due = Timeline(), Timeline()
        self._kept: dict[str, list[Array]] = {}
        self._minute, self._next = 0, 0
        self.queries, self.duration_ns = 0, 0

    def play(self, sleep: Sleep) -> None:
        course, long = self._course, self._stage.long
        end_ns, look_ns = self._begin_ns + course.duration_ns, _look_ns(course)
        long.look(0)
        looks = 0
        while (now := self._clock()) < end_ns:
            looks = max(looks + 1, (now - self._begin_ns) // look_ns + 1)
            minute_end = self._begin_ns + (self._minute + 1) * course.minute_ns
            until = min(end_ns, minute_end, self._begin_ns + looks * look_ns)
            first = len(self._timeline.done_ns)
            self._run_until(until, end_ns, sleep)
            done = self._clock()
            long.look(done - self._begin_ns)
            long.tell(partial(self._now, self._rate_per_s(first, done - now), done - self._begin_ns))
            if done >= minute_end:
                self._end_minute(done)
        self.duration_ns = self._clock() - self._begin_ns
        self._end_minute(self._clock())

    def _run_until(self, until_ns: int, end_ns: int, sleep: Sleep) -> None:
        before = len(self._timeline.done_ns)
        if self._stage.text is not None:
            generations_until(self._stage.run, until_ns, self._timeline)
        elif self._course.rate_per_s is None:
            queries_until(self._stage.call, until_ns, self._timeline, self._clock)
        else:
            self._next = queries_at(
                self._stage.call,
                lambda k: self._begin_ns + round(k * NS_PER_S / (self._course.rate_per_s or 1)),
                self._next,
                min(until_ns, end_ns),
                self._timeline,
                self._due,
                self._clock,
                sleep,
            )
        self.queries += len(self._timeline.done_ns) - before

    def _end_minute(self, now: int) -> None:
        arrays = self._taken()
        self._minute = min(self._course.minutes - 1, (now - self._begin_ns) // self._course.minute_ns)
        if not len(arrays["latency_ns"]):
            return
        for role, array in arrays.items():
            self._kept.setdefault(role, []).append(array)
        self._stage.long.keep(Begun(arrays, self._warmup, now - self._begin_ns, self.queries))

    def _taken(self) -> "dict[str, Array]":
        """The samples since the last minute, of every k-th query, and a new timeline."""
        import numpy as np

        done = len(self._timeline.done_ns)
        first = -(self.queries - done) % self._every
        chosen = slice(first, None, self._every)
        issued = np.array(self._timeline.issued_ns, np.int64)[chosen]
        done_ns = np.array(self._timeline.done_ns, np.int64)[chosen]
        start_ns = issued - self._begin_ns
        arrays = {
            "latency_ns": done_ns - issued,
            "start_ns": start_ns,
            "point": np.minimum(start_ns // self._course.minute_ns, self._course.minutes - 1),
        }
        if self._timeline.token_ns:
            arrays["token_ns"] = token_times(self._timeline)[chosen]
            for role in ("prompt_tokens", "shared_tokens"):
                if counted := getattr(self._timeline, role):
                    arrays[role] = np.array(counted, np.int64)[chosen]
        if self._due.issued_ns:
            due = np.array(self._due.issued_ns, np.int64)[chosen]
            arrays["latency_ns"] = done_ns - due
            arrays["due_ns"] = due - self._begin_ns
        self._timeline, self._due = Timeline(), Timeline()
        return arrays

    def arrays(self) -> "dict[str, Array]":
        import numpy as np

        found = {role: joined(parts) for role, parts in self._kept.items()}
        if not found:
            return {"latency_ns": np.empty(0, np.int64)}
        if self._every > 1:
            found["kept_every"] = np.array([self._every], np.int64)
        return found

    def _rate_per_s(self, first: int, took_ns: int) -> float:
        """Queries from number ``first`` of the timeline on, over ``took_ns``; of a language model the tokens that came,
        over the time of their generations, as in its figures."""
        text, timeline = self._stage.text, self._timeline
        if text is None:
            return (len(timeline.done_ns) - first) * NS_PER_S / max(1, took_ns)
        tokens = sum(stamp != NEVER for stamp in timeline.token_ns[first * text.tokens :])
        return tokens * NS_PER_S / max(1, sum(timeline.done_ns[first:]) - sum(timeline.issued_ns[first:]))

    def _now(self, rate_per_s: float, elapsed_ns: int, celsius: float | None) -> Sentence:
        course = self._course
        text = self._stage.text
        figures = {
            "minute": min(course.minutes, elapsed_ns // course.minute_ns + 1),
            "minutes": course.minutes,
            "rate_per_s": rate_per_s,
        }
        if celsius is None:
            return sentence("run.sustained_now" if text is None else "run.sustained_now.text", **figures)
        code = "run.sustained_now.celsius" if text is None else "run.sustained_now.text.celsius"
        return sentence(code, celsius=celsius, **figures)


def queries_until(call: Callable[[], None], until_ns: int, timeline: Timeline, clock: Clock) -> None:
    """Issue queries one after another until one has ended at ``until_ns`` or later."""
    issued, done = timeline.issued_ns.append, timeline.done_ns.append
    t1 = until_ns - 1
    while t1 < until_ns:
        t0 = clock()
        call()
        t1 = clock()
        issued(t0)
        done(t1)


def generations_until(run: Run, until_ns: int, timeline: Timeline) -> None:
    """Generate again and again until one has ended at ``until_ns`` or later."""
    run(1, timeline)
    while timeline.done_ns[-1] < until_ns:
        run(1, timeline)


def queries_at(
    call: Callable[[], None],
    due_of: Callable[[int], int],
    first: int,
    until_ns: int,
    timeline: Timeline,
    due: Timeline,
    clock: Clock,
    sleep: Sleep,
) -> int:
    """Issue the queries from number ``first`` on that are due before ``until_ns``, each when it is due. Of those that
    became due while one ran only the newest is issued. Returns at ``until_ns`` with the number of the next."""
    number = first
    while (due_ns := due_of(number)) < until_ns:
        wait_until(due_ns, clock, sleep)
        t0 = clock()
        call()
        t1 = clock()
        timeline.issued_ns.append(t0)
        timeline.done_ns.append(t1)
        due.issued_ns.append(due_ns)
        number += 1
        while due_of(number + 1) <= t1:
            number += 1
    wait_until(until_ns, clock, sleep)
    return number


def wait_until(due_ns: int, clock: Clock, sleep: Sleep) -> None:
    """Return when the clock has reached ``due_ns``: sleep, and at the end read the clock."""
    while (left_ns := due_ns - clock()) > 0:
        if left_ns > SPIN_NS:
            sleep((left_ns - SPIN_NS) / NS_PER_S)
