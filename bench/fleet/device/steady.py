"""Whether a device still measures as it did at first: a short yardstick from time to time, compared with its first.

The yardstick is a built-in model on the target of the order that has come, in processes of its own, as ``odb run``
measures it. Sessions of one target with the same versions of everything make one history. When the device is changed on
purpose (runtime, driver, kernel), a new one begins.
"""

import hashlib
import math
import statistics
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from bench.analysis.run_processes import timed
from bench.errors import OdbError
from bench.execution.suite_run import Listener, model_choice
from bench.nights.point import point_of
from bench.plugins import Catalog
from bench.record.record import RecordedRun
from bench.record.runner import FleetDevice
from bench.scripting.measuring import measure
from bench.store.lines import line_of, lines_in
from bench.suite.plan import choose_models, default_models
from bench.suite.suite import Suite
from bench.words import Sentence, sentence

HISTORY, RECORDS = "yardsticks.jsonl", "yardstick"
FIRST, LAST = 5, 3
"""The first sessions of a history are its level; so many in a row must be away from it, on the same side."""
BOUND = 0.10
"""A level that differs by less is no drift, however steady the device was."""
SPREADS = 5.0
"""Of the range of the middle three of the first sessions, which for normal noise is about a standard deviation."""
APART_S = 600.0
"""Between two sessions of the first, and of those that are away: one warm quarter of an hour is no drift."""


class Session(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``utc_s``: when, by the device. ``versions``: a digest of all that ends a history when it changes. ``level``: the
    logarithm of the leading figure; ``None`` where the yardstick could not be measured, or not validly."""

    utc_s: float
    target: str
    versions: str = ""
    level: float | None = None


class Drift(Struct, frozen=True, kw_only=True):
    """``ratio``: of the last sessions' figure to the first's. ``bound``: of the ratio, either way, less one."""

    ratio: float
    bound: float


def bound_of(first: Sequence[float]) -> float:
    """How far, as a logarithm, a session may be from the level of the first."""
    ordered = sorted(first)
    return max(math.log1p(BOUND), SPREADS * (ordered[-2] - ordered[1]))


def away(levels: Sequence[float]) -> int:
    """How many of the last sessions, without a gap, are away from the first to one side."""
    if len(levels) <= FIRST:
        return 0
    base, bound = statistics.median(levels[:FIRST]), bound_of(levels[:FIRST])
    sides = [0 if abs(level - base) <= bound else math.copysign(1, level - base) for level in levels[FIRST:]]
    return next((n for n, side in enumerate(reversed(sides)) if side == 0 or side != sides[-1]), len(sides))


def drift(levels: Sequence[float]) -> Drift | None:
    """The drift of a history, oldest first; ``None`` without one, or with too few sessions to tell."""
    if away(levels) < LAST:
        return None
    change = statistics.median(levels[-LAST:]) - statistics.median(levels[:FIRST])
    return Drift(ratio=math.exp(change), bound=math.expm1(bound_of(levels[:FIRST])))


def is_due(sessions: Sequence[Session], target: str, now_s: float, every_s: float) -> bool:
    """Whether the target is to be measured now: ``every_s`` after its last session, or sooner while its level is not
    known yet or its last session was away from it."""
    own = [one for one in sessions if one.target == target]
    if not own:
        return True
    levels = levels_of(own, own[-1])
    soon = own[-1].level is not None and (len(levels) < FIRST or away(levels) > 0)
    return abs(now_s - own[-1].utc_s) >= (min(APART_S, every_s) if soon else every_s)


def levels_of(sessions: Sequence[Session], last: Session) -> list[float]:
    """Those of the history that ``last`` belongs to."""
    same = [one for one in sessions if (one.target, one.versions) == (last.target, last.versions)]
    return [one.level for one in same if one.level is not None]


def read_history(file: Path) -> list[Session]:
    """The sessions of a device; none where there is no file. A line that is not whole is left out."""
    try:
        lines = lines_in(file.read_bytes(), msgspec.json.Decoder(Session))
    except OSError:
        return []
    return [session for _, session in lines if isinstance(session, Session)]


def drifted(
    suite: Suite,
    catalog: Catalog,
    folder: Path,
    history: Path,
    every_s: float,
    fleet: FleetDevice,
    listener: Listener | None = None,
) -> Sentence | None:
    """Measure the yardstick on the target of ``suite`` if it is due, and add it to ``history``; why the device has
    drifted, if it has. ``folder``: of the order. ``listener``: told as by a run. Whatever fails here is no reason not
    to measure the order."""
    target, sessions, now_s = suite.targets[0].id, read_history(history), time.time()
    if not is_due(sessions, target, now_s, every_s):
        return None
    session = Session(utc_s=now_s, target=target)
    with suppress(OdbError, OSError):
        tasks = {model_choice(ask, ref).task for ask, ref in choose_models(suite, catalog)}
        models = default_models(catalog, *tasks)[:1]
        own = Suite(name="yardstick", models=models, targets=suite.targets)
        for run in measure(own, catalog, folder / RECORDS, listener=listener, fleet=fleet)[:1] if models else ():
            session = session_of(run, session)
    with suppress(OSError), history.open("ab") as file:
        file.write(line_of(session))
    found = drift(levels_of([*sessions, session], session))
    if found is None or session.level is None:
        return None
    return sentence("fleet.drifts", target=target, count=LAST, ratio=found.ratio, first=FIRST, bound=found.bound)


def session_of(run: RecordedRun, session: Session) -> Session:
    """``session`` with what was measured."""
    if run.record.status != "ok":
        return session
    point = point_of(timed(run), "", "")
    versions = hashlib.sha256(msgspec.json.encode(point.versions, order="deterministic")).hexdigest()[:12]
    level = point.levels[point.leading].mean if point.counts and point.leading is not None else None
    return Session(utc_s=session.utc_s, target=session.target, versions=versions, level=level)
