"""The concurrent scenario: several users generate at once, each in a closed loop, for the time of a window.

As offline, all users are busy before the window is opened and until it is closed, and a generation counts by the
fraction of its time inside. Tokens count by the moment at which each came.
"""

from itertools import count
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.analysis.throughput import throughput_of
from bench.errors import RunFailure
from bench.inputs.prompts import Query, queries
from bench.measure.players.single_stream import token_times
from bench.measure.stage import Stage, Steady, Text, text_of, warmup_of
from bench.measure.users import User, drivers_of
from bench.measure.window import run_window
from bench.record.energy import RepeatEnergy
from bench.scenarios.text import users_of
from bench.stats.timeline import Timeline
from bench.words import sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    Array = np.ndarray[Any, Any]


def play_concurrent(stage: Stage) -> Steady:
    """All users of the scenario, in one window."""
    text, watched = text_of(stage), stage.watched
    users = [User(prompts=prompts_of(text, index)) for index in range(users_of(stage.scenario) or 1)]
    timelines, energies = [user.timeline for user in users], list[RepeatEnergy]()

    def closed() -> None:
        energies.append(watched.meter.stop(0))
        watched.clocks.look()

    drivers = drivers_of(text.session, users, text.tokens)
    with stage.steady():
        window = run_window(drivers, timelines, stage.rule, name="user", opened=watched.meter.start, closed=closed)
    seen = throughput_of(timelines, *window)
    if not len(seen.timeline.done_ns):
        raise RunFailure(
            "timeout", sentence("measure.no_query_in_window"), sentence("measure.use_longer_preset"), "steady"
        )
    arrays = window_arrays(timelines, *window) | {"warmup_latency_ns": seen.warmup.latency_ns()}
    warm = warmup_of(seen.warmup, len(seen.warmup.done_ns) >= len(users))
    energy = replace(energies[0], queries=seen.queries)
    return Steady(arrays, warm, seen.duration_ns, seen.converged(stage.rule.precision), energy)


SPREAD = 7_919
"""Seeds of users are so far apart."""


def prompts_of(text: Text, user: int) -> "Iterator[Array]":
    """The prompts of one user: the user's own in turn, each user beginning with another; else seeded, never twice."""
    if text.given:
        return (text.given[(user + index) % len(text.given)] for index in count())
    return (_prompt(query) for query in queries((), text.decoder, text.lengths, text.seed + SPREAD * user))


def _prompt(query: Query) -> "Array":
    return query.prompt


def window_arrays(timelines: "list[Timeline]", opened_ns: int, closed_ns: int) -> "dict[str, Array]":
    """Generations that ended in the window, in the order of their ends, and those that were under way as it closed.
    ``point`` is the user."""
    import numpy as np

    joined = Timeline()
    for timeline in timelines:
        for field in ("issued_ns", "done_ns", "token_ns", "prompt_tokens"):
            getattr(joined, field).extend(getattr(timeline, field))
    user = np.repeat(np.arange(len(timelines)), [len(timeline.done_ns) for timeline in timelines])
    issued, done = np.array(joined.issued_ns, np.int64), np.array(joined.done_ns, np.int64)
    times, prompt = token_times(joined), np.array(joined.prompt_tokens, np.int64)
    inside = np.flatnonzero((done >= opened_ns) & (done < closed_ns))
    inside = inside[np.lexsort((issued[inside], done[inside]))]
    flying = np.flatnonzero((done >= closed_ns) & (issued < closed_ns))
    return {
        "latency_ns": (done - issued)[inside],
        "start_ns": issued[inside] - opened_ns,
        "token_ns": times[inside],
        "prompt_tokens": prompt[inside],
        "point": user[inside].astype(np.int64),
        "in_flight_latency_ns": (done - issued)[flying],
        "in_flight_start_ns": issued[flying] - opened_ns,
        "in_flight_token_ns": times[flying],
    }
