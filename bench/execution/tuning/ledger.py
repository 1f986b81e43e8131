"""What is known of every setting while a search runs, and the result made of it."""

from collections.abc import Sequence
from statistics import median

from bench.contracts import Task
from bench.execution.tuning.heats import BY_NAME, Process
from bench.execution.tuning.question import quality_of
from bench.record.record import Fidelity
from bench.tuning.front import Axis, front
from bench.tuning.halving import Estimate
from bench.tuning.result import State, Tried
from bench.tuning.space import DEFAULT, Setting
from bench.words import Sentence


class Ledger:
    """Keeps figures, failures and fidelity by setting. ``metric``: the goal's. ``elsewhere``: metrics that count only
    from the other scenario, which ``beside`` adds."""

    def __init__(self, task: Task, metric: str, axes: Sequence[Axis], elsewhere: Sequence[str]) -> None:
        self._inverse = not BY_NAME[metric].lower_is_better
        self._task, self._axes, self._elsewhere = task, tuple(axes), frozenset(elsewhere)
        self._figures: dict[Setting, dict[str, list[float]]] = {DEFAULT: {}}
        self._processes: dict[Setting, int] = {}
        self._fidelity: dict[Setting, Fidelity | None] = {}
        self._lost: dict[Setting, tuple[State, Sentence | str]] = {}

    def measured(self, setting: Setting, process: Process) -> None:
        """A process of the goal's scenario."""
        self._processes[setting] = self._processes.get(setting, 0) + 1
        for name, value in process.figures.items():
            if name not in self._elsewhere:
                self._figures.setdefault(setting, {}).setdefault(name, []).append(value)

    def beside(self, setting: Setting, process: Process) -> None:
        """A process of the other scenario."""
        for name in self._elsewhere & process.figures.keys():
            self._figures.setdefault(setting, {}).setdefault(name, []).append(process.figures[name])

    def answered(self, setting: Setting, fidelity: Fidelity | None) -> None:
        self._fidelity[setting] = fidelity

    def is_answered(self, setting: Setting) -> bool:
        return setting in self._fidelity

    def fidelity(self, setting: Setting) -> Fidelity | None:
        return self._fidelity.get(setting)

    def lose(self, setting: Setting, state: State, reason: Sentence | str = "") -> None:
        """The setting is out of the search, and why."""
        self._lost.setdefault(setting, (state, reason))

    def tried(self, estimates: dict[Setting, Estimate]) -> tuple[Tried, ...]:
        """Every setting: the default, then the measured ones, the best first, then the others."""
        order = sorted(estimates, key=lambda one: (one in self._lost, estimates[one].ratio))
        every = dict.fromkeys((DEFAULT, *order, *self._lost))
        figures = {one: self._of(one) for one in every}
        usable = [one for one in every if one not in self._lost]
        on_front = dict(zip(usable, front([figures[one] for one in usable], self.axes), strict=True))
        return tuple(self._one(one, estimates.get(one), figures[one], on_front.get(one, False)) for one in every)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Those of which the default has a figure: without a reference, for one, there is no quality."""
        known = self._of(DEFAULT)
        return tuple(axis for axis in self._axes if axis.metric in known)

    def _of(self, setting: Setting) -> dict[str, float]:
        found = {name: median(values) for name, values in self._figures.get(setting, {}).items()}
        quality = next((axis.metric for axis in self._axes if axis.by == "difference"), None)
        value = quality_of(self._fidelity.get(setting), self._task)
        return found if quality is None or value is None else {**found, quality: value}

    def _one(self, setting: Setting, known: Estimate | None, figures: dict[str, float], on_front: bool) -> Tried:
        state, reason = self._lost.get(setting, ("measured", ""))
        return Tried(
            options=dict(setting),
            state=state,
            processes=self._processes.get(setting, 0),
            ratio=1.0 if setting == DEFAULT else None if known is None else self._ratio(known.ratio),
            interval=None if known is None or known.interval is None else self._interval(known.interval),
            figures=figures,
            fidelity=self._fidelity.get(setting),
            on_front=on_front,
            reason=reason,
        )

    def _ratio(self, ratio: float) -> float:
        """Of the figure itself: in the search, smaller is always better."""
        return 1 / ratio if self._inverse else ratio

    def _interval(self, interval: tuple[float, float]) -> tuple[float, float]:
        low, high = sorted(map(self._ratio, interval))
        return low, high
