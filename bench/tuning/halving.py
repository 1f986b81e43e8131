"""Successive halving: many settings are measured in few processes, and those that lead in more.

Karnin, Koren & Somekh 2013, Almost optimal exploration in multi-armed bandits, ICML; Jamieson & Talwalkar 2016,
Non-stochastic best arm identification and hyperparameter optimization, AISTATS. What is measured of a setting in one
process is the logarithm of its figure over that of the default, which took turns with it in the same heat: what
disturbs the machine disturbs both. After a rung the best quarter goes on. Settings that were not drawn,
but should be better yet by the effects of their single changes, join after the first rungs. The search ends early once
no setting that is left can be better than the one it would name by more than the tolerance (the rule of Even-Dar,
Mannor & Mansour 2006, Action elimination and stopping conditions, JMLR 7, with an interval by Student's t).

``Search`` is asked for the next heat and told what came of it; it measures nothing itself.
"""

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from heapq import nsmallest
from itertools import islice
from statistics import fmean, stdev

import numpy as np
from msgspec import Struct

from bench.stats.ratio import t_quantile
from bench.tuning.space import DEFAULT, Setting, Space

KEPT = 4  # of so many settings of a rung, one goes on
PROCESSES = (1, 1, 2, 5)
"""Processes that each setting of a rung is measured in, beyond those of the rungs before."""
FINALISTS = 3  # at least so many go on to the last rung, if there are so many
PROPOSING = 2  # before so many rungs, the first not counted, settings are proposed that were not drawn
PROPOSED = 4  # settings at a time, or a quarter of those that the search began with
RIDGE = 0.1
MOST_PREDICTED = 20_000  # of a larger space, proposals are among its first settings
CONFIDENCE = 0.95
COMMON_HEATS = 3  # that two settings were in, so that their difference is taken from these
DECIDED_FROM = 3  # processes of each setting that is left; the first chose it, so its figure is lucky


class Estimate(Struct, frozen=True):
    """Of a setting against the default: ``ratio`` of its figure over the default's; ``processes``: in how many it was
    measured. ``interval``: at 95 %, by the spread between processes, pooled over the settings that are left for one of
    these, else over all; ``None`` while no setting was measured in two."""

    ratio: float
    interval: tuple[float, float] | None
    processes: int


def going_on(settings: int) -> int:
    """How many of so many settings of a rung go on to the next."""
    return min(settings, max(FINALISTS, math.ceil(settings / KEPT)))


def processes_for(settings: int, width: int, proposed: int, rung: int = 0) -> int:
    """Processes that a search starts for so many settings that are all in ``rung``, unless one fails; the default is in
    every heat of ``width``. ``proposed``: how many settings join at each of the rungs that take proposals."""
    total = _heats(settings * PROCESSES[rung], width)
    for index in range(rung + 1, len(PROCESSES)):
        joining = proposed if index <= PROPOSING else 0
        settings = going_on(settings)
        total += _heats(settings * PROCESSES[index] + joining * sum(PROCESSES[: index + 1]), width)
        settings += joining
    return total


def _heats(processes: int, width: int) -> int:
    """With those of the default."""
    return processes + math.ceil(processes / (width - 1))


def proposals(settings: int, whole: bool) -> int:
    """How many settings may join at a time a search that begins with so many; none where these are the ``whole``
    space."""
    return 0 if whole else min(PROPOSED, settings // PROPOSED)


def affordable(processes: int, width: int, space: int, most: int) -> int:
    """The most settings, up to ``most``, that so many processes can search, of a ``space`` without the default; 0 where
    not even one fits."""

    def needed(settings: int) -> int:
        return processes_for(settings, width, proposals(settings, settings >= space))

    return max((n for n in range(1, min(space, most) + 1) if needed(n) <= processes), default=0)


class Search:
    """``settings``: those of the first rung. ``width``: settings of a heat, the default among them. ``seed`` decides in
    which order settings are measured. ``proposes``: how many settings may join at a time. ``tolerance``: a difference
    that does not matter, as a fraction; with 0 every rung is measured to its end."""

    def __init__(
        self,
        space: Space,
        settings: Sequence[Setting],
        *,
        width: int,
        seed: int,
        proposes: int = PROPOSED,
        tolerance: float = 0.0,
    ) -> None:
        self._space, self._width, self._rng, self._tolerance = space, width, random.Random(seed), tolerance
        self._logs: dict[Setting, dict[int, float]] = {one: {} for one in settings if one != DEFAULT}
        self._heats = 0
        self._dropped: set[Setting] = set()
        self._behind: list[Setting] = []
        self._alive = [one for one in settings if one != DEFAULT]
        self._proposes, self._rung, self._target = proposes, 0, PROCESSES[0]
        self._joined: tuple[Setting, ...] = ()
        self._waiting = self._queue()

    @property
    def rung(self) -> int:
        """From 0."""
        return self._rung

    @property
    def joined(self) -> tuple[Setting, ...]:
        """Settings that joined after a rung."""
        return self._joined

    @property
    def alive(self) -> tuple[Setting, ...]:
        """Those that are still in the search, the best first; the ones without a measurement last."""
        return tuple(sorted(self._alive, key=self._score))

    def next_heat(self) -> tuple[Setting, ...]:
        """What to measure next, the default first; ``()`` once the search has ended."""
        while not (decided := self._is_decided()) and not self._waiting:
            if not self._go_on():
                return ()
        if decided:
            return ()
        heat: list[Setting] = []
        for setting in self._waiting:
            if setting in heat or len(heat) == self._width - 1:
                break
            heat.append(setting)
        return (DEFAULT, *heat)

    def tell(self, logs: Mapping[Setting, float]) -> None:
        """What came of a heat: the logarithm of each setting's figure over the default's, where smaller is better."""
        self._heats += 1
        for setting, log in logs.items():
            self._logs.setdefault(setting, {})[self._heats] = log
            if setting in self._waiting:
                self._waiting.remove(setting)

    def drop(self, setting: Setting) -> None:
        """The setting failed, or its outputs are wrong: it is not measured again. In its place the best of those goes
        on that did not."""
        self._dropped.add(setting)
        was_in = setting in self._alive
        self._alive = [one for one in self._alive if one != setting]
        self._waiting = [one for one in self._waiting if one != setting]
        self._behind = [one for one in self._behind if one != setting]
        if was_in and self._behind:
            following = min(self._behind, key=self._score)
            self._behind.remove(following)
            self._alive.append(following)
            self._waiting += [following] * (self._target - len(self._logs[following]))

    def shorten(self, processes: int) -> int:
        """Leave settings out until no more than ``processes`` are needed: in the first rung those that were not
        measured yet, later the worst. Returns how many were left out."""
        before = len(self._alive)
        while len(self._alive) > 1 and self.left() > processes:
            last = self._waiting[-1] if self._rung == 0 and self._waiting else self.alive[-1]
            self._alive = [one for one in self._alive if one != last]
            self._waiting = [one for one in self._waiting if one != last]
        return before - len(self._alive)

    def left(self) -> int:
        """Processes that the search would still start, if none fails."""
        now = _heats(len(self._waiting), self._width)
        after = processes_for(len(self._alive), self._width, self._proposes, self._rung)
        return now + after - _heats(len(self._alive) * PROCESSES[self._rung], self._width)

    def best(self) -> Setting:
        """The setting with the fewest changes of those still in the search whose estimate is within a standard error of
        the best (Breiman, Friedman, Olshen & Stone 1984, Classification and Regression Trees, the 1 SE rule), of their
        difference where both were in three heats or more together. One that was measured in fewer processes counts as
        worse by its larger standard error. The default where none is better than it."""
        spread = self._spread_of_alive()[0] or 0.0
        errors = {one: spread / math.sqrt(len(logs)) for one in self._alive if (logs := self._logs[one])}
        at_worst = {one: self._score(one) + error for one, error in errors.items() if self._score(one) < 0}
        if not at_worst:
            return DEFAULT
        first = min(at_worst, key=lambda one: at_worst[one])

        def near(one: Setting) -> bool:
            behind = self._behind_in_each_heat(one, first)
            if len(behind) < COMMON_HEATS:
                return at_worst[one] <= at_worst[first] + errors[first]
            return fmean(behind) <= stdev(behind) / math.sqrt(len(behind))

        return min(filter(near, at_worst), key=lambda one: (len(one), at_worst[one], one))

    def _is_decided(self) -> bool:
        """Whether no setting that is left can be better than ``best`` by more than the tolerance."""
        counts = {one: len(self._logs[one]) for one in self._alive}
        error, df = self._spread_of_alive()
        enough = self._rung >= PROPOSING and min(counts.values(), default=0) >= DECIDED_FROM
        if not self._tolerance or error is None or not enough:
            return False
        best, quantile = self.best(), t_quantile((1 + CONFIDENCE) / 2, df)
        value, own = (0.0, 0.0) if best == DEFAULT else (self._score(best), 1 / counts[best])
        return all(
            value - self._score(one) + quantile * error * math.sqrt(own + 1 / count) <= math.log1p(self._tolerance)
            for one, count in counts.items()
            if one != best
        )

    def _behind_in_each_heat(self, one: Setting, other: Setting) -> list[float]:
        """By how much ``one`` was behind ``other`` in each heat that both were in; negative where it was before it.
        What disturbed the default of a heat is in both, and not in their difference."""
        ours = self._logs[one]
        return [ours[heat] - log for heat, log in self._logs[other].items() if heat in ours]

    def estimates(self) -> dict[Setting, Estimate]:
        """Of every setting that was measured, also of those that did not go on."""
        alive, every, found = self._spread_of_alive(), self._spread(self._logs), {}
        for setting, logs in self._logs.items():
            if logs:
                mean, bounds = fmean(logs.values()), None
                error, df = alive if setting in self._alive else every
                if error is not None:
                    reach = t_quantile((1 + CONFIDENCE) / 2, df) * error / math.sqrt(len(logs))
                    bounds = math.exp(mean - reach), math.exp(mean + reach)
                found[setting] = Estimate(math.exp(mean), bounds, len(logs))
        return found

    def _score(self, setting: Setting) -> float:
        logs = self._logs.get(setting)
        return fmean(logs.values()) if logs else math.inf

    def _spread_of_alive(self) -> tuple[float | None, int]:
        """Of the settings that are left: others may be unsteady, such as those that run now fast and now slow."""
        found = self._spread(self._alive)
        return found if found[1] else self._spread(self._logs)

    def _spread(self, settings: Iterable[Setting]) -> tuple[float | None, int]:
        """Standard deviation between processes, pooled over ``settings``, and its degrees of freedom."""
        several = [[*logs.values()] for one in settings if len(logs := self._logs.get(one, {})) > 1]
        df = sum(len(logs) - 1 for logs in several)
        if not df:
            return None, 0
        return math.sqrt(sum((log - fmean(logs)) ** 2 for logs in several for log in logs) / df), df

    def _queue(self) -> list[Setting]:
        """Each setting as often as it still has to be measured in this rung, round by round in random order."""
        rounds: list[Setting] = []
        short = {one: self._target - len(self._logs.get(one, {})) for one in self._alive}
        for number in range(max(short.values(), default=0)):
            this = [one for one, missing in short.items() if missing > number]
            self._rng.shuffle(this)
            rounds += this
        return rounds

    def _go_on(self) -> bool:
        """To the next rung. Whether there is one."""
        self._rung += 1
        if self._rung >= len(PROCESSES) or not self._alive:
            return False
        measured = [one for one in self.alive if self._logs.get(one)]
        kept = measured[: going_on(len(self._alive))]
        self._behind += measured[len(kept) :]
        if self._rung <= PROPOSING:
            proposed = self._proposed()
            self._joined += tuple(proposed)
            kept += proposed
        self._alive, self._target = kept, self._target + PROCESSES[self._rung]
        for one in kept:
            self._logs.setdefault(one, {})
        self._waiting = self._queue()
        return bool(kept)

    def _proposed(self) -> list[Setting]:
        """Settings not drawn so far that should be the best if each change had its effect whatever the others are."""
        measured = {one: fmean(logs.values()) for one, logs in self._logs.items() if logs}
        expected = effects(measured)
        known = self._logs.keys() | self._dropped
        drawn = (one for one in islice(self._space.settings(), MOST_PREDICTED) if one not in known and one != DEFAULT)
        foreseen = ((sum(expected.get(change, math.inf) for change in one), one) for one in drawn)
        return [one for _, one in nsmallest(self._proposes, foreseen)]


def effects(logs: Mapping[Setting, float]) -> dict[tuple[str, str], float]:
    """The effect of each change, as far as effects add up: least squares over the settings that have the change, with
    the default at 0, drawn a little towards none (ridge regression; Hoerl & Kennard 1970, Technometrics 12)."""
    changes = sorted({change for setting in logs for change in setting})
    if not changes:
        return {}
    has = np.array([[float(change in setting) for change in changes] for setting in logs])
    normal = has.T @ has + RIDGE * np.eye(len(changes))
    found = np.linalg.solve(normal, has.T @ np.array([*logs.values()]))
    return dict(zip(changes, found.tolist(), strict=True))
