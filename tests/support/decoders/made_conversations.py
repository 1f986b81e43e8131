"""Runs of several turns and of several users whose figures are known. Of three processes the second takes twice as long
for everything as the first, and the third four times as long, so that a typical process takes twice as long."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec.structs import replace

from bench.analysis.run_processes import offline_queries
from bench.contracts import Scenario
from bench.record.energy import RepeatEnergy
from bench.record.record import RecordedRun, Repeat
from bench.store.derived import judged
from bench.testing.records import fake_run

MS = 1_000_000
SLOWER = (1, 2, 4)
TURNS, USERS = 4, 2


def chat(conversations: int = 13, processes: Sequence[int] = SLOWER) -> RecordedRun:
    """Of turn t the first token comes after 10 + 5 t ms, and 0.1 ms later from conversation to conversation, in a mixed
    order; two more come 1 + t ms apart. ``processes``: how many times slower each is."""
    turn = np.tile(np.arange(TURNS), conversations)
    number = np.repeat(np.random.default_rng(5).permutation(conversations), TURNS)
    first = (10 + 5 * turn) * MS + number * (MS // 10)
    tokens = first[:, None] + (1 + turn[:, None]) * MS * np.arange(3)
    rounds = tokens[:, -1].reshape(-1, TURNS).sum(axis=1)
    return judged(
        fake_run(
            "r",
            [tokens[:, -1] * slower for slower in processes],
            [tokens * slower for slower in processes],
            arrays=[{"point": turn, "round_ns": rounds * slower} for slower in processes],
            scenario=Scenario("chat", 8, 3, parameters={"turns": TURNS, "prefix_cache": "on"}),
        )
    )


GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it mix short and long ones evenly, so that tokens come at the same rate throughout."""
CLOSES_AFTER_NS = 10 * MS
"""Behind the last generation that ended."""


def concurrent(generations: int = 200, processes: Sequence[int] = SLOWER) -> RecordedRun:
    """Two users at once, each with one generation after another. One user's first tokens come after 1, 3, 5 … ms, the
    other's after 2, 4, 6 …, evenly mixed; after i ms, three more come i hundredths of a millisecond apart. The window
    closes 10 ms behind the last of these. By then one user waited for that long for the next first token; the other's
    came 5 ms before, and the next ones come behind it. ``processes``: how many times slower each is."""
    pairs = (np.arange(generations // USERS) * GOLDEN % 1).argsort().argsort()
    number = USERS * pairs[:, None] + np.arange(USERS) + 1  # [of a user, users]
    takes = number * (MS + 3 * (MS // 100))
    ends = takes.cumsum(axis=0)
    order = np.argsort(ends, axis=None, kind="stable")
    number, takes, ends = (array.ravel()[order] for array in (number, takes, ends))
    tokens = number[:, None] * MS + number[:, None] * (MS // 100) * np.arange(4)
    last = np.array([ends[order % USERS == user].max() for user in range(USERS)])
    closes = int(last.max()) + CLOSES_AFTER_NS
    came = np.array([closes - 5 * MS, closes + 5 * MS]) - last  # the first token of what was under way
    flying = came[:, None] + 10 * MS * np.arange(4)
    under_way = {"in_flight_start_ns": last, "in_flight_token_ns": flying, "in_flight_latency_ns": flying[:, -1]}
    times = {"start_ns": ends - takes, **under_way}
    run = fake_run(
        "r",
        [tokens[:, -1] * slower for slower in processes],
        [tokens * slower for slower in processes],
        arrays=[
            {"point": order % USERS, **{role: array * slower for role, array in times.items()}} for slower in processes
        ],
        scenario=Scenario("concurrent", 8, 4, parameters={"users": USERS}),
    )
    windows = zip(run.record.repeats, processes, strict=True)
    repeats = [of_window(repeat, closes * slower, run.samples) for repeat, slower in windows]
    return judged(replace(run, record=replace(run.record, repeats=tuple(repeats))))


def of_window(repeat: Repeat, duration_ns: int, samples: Mapping[str, Any]) -> Repeat:
    """Its energy is that of what was done in the window, parts of generations with it."""
    closed = replace(repeat, duration_ns=duration_ns)
    energy = RepeatEnergy(offline_queries(closed, samples), duration_ns, None, ())
    return replace(closed, energy=energy)
