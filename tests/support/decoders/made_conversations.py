"""Runs of several turns and of several users whose figures are known. Of three processes the second takes twice as long
for everything as the first, and the third four times as long, so that a typical process takes twice as long."""

from collections.abc import Sequence

import numpy as np

from bench.contracts import Scenario
from bench.record.record import RecordedRun
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


def concurrent(generations: int = 200, processes: Sequence[int] = SLOWER) -> RecordedRun:
    """One user's first tokens come after 1, 3, 5 … ms, the other's after 2, 4, 6 …, in a mixed order; after i ms, three
    more come i hundredths of a millisecond apart. ``processes``: how many times slower each is."""
    pairs = np.random.default_rng(5).permutation(generations // USERS)
    number = (USERS * pairs[:, None] + np.arange(USERS)).ravel() + 1
    tokens = number[:, None] * MS + number[:, None] * (MS // 100) * np.arange(4)
    point = np.tile(np.arange(USERS), generations // USERS)
    none = {"in_flight_start_ns": np.empty(0, np.int64), "in_flight_token_ns": np.empty((0, 4), np.int64)}
    return judged(
        fake_run(
            "r",
            [tokens[:, -1] * slower for slower in processes],
            [tokens * slower for slower in processes],
            arrays=[{"point": point, **none}] * len(processes),
            scenario=Scenario("concurrent", 8, 4, parameters={"users": USERS}),
        )
    )
