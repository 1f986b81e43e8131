"""A metric: its name, unit and direction, the rule that computes it, and where a record has it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from bench.analysis.figures.rule import Figure, Interval, Rule, Unit
from bench.analysis.verdict.codes import About
from bench.contracts import Scenario
from bench.record.summary import Summary
from bench.scenarios.axes import has_unlike_points
from bench.settings import setting_fields
from bench.words import Sentence, sentence


class Metric(Struct, frozen=True, kw_only=True):
    """``path``: where ``Record.summary`` holds the figure of the run; empty: in ``figures``, by ``name``. ``csv``: its
    column, where that is not ``name``. ``settings``: names of those of ``bench.settings`` without which there is no
    figure; two runs that differ in one are not compared by it.
    ``short``: what it is called in narrow columns, where that is not ``title``. ``samples``: the minimum number.
    ``speed``: reported as faster and slower, otherwise as better and worse. ``about``: reasons about this part of a
    run, or a larger one, make it invalid. ``applies``: to tensors or text; ``None``: to both. ``beside``: another
    metric of the same measurement, whose reason for being missing stands for this one's too. ``tail``: a percentile
    beyond the median, which depends on preemption. ``scenarios``: names of those that alone have it; none: all.
    ``compared``: more or less of it is better; else it only says how a run is made up. ``over_points``: of all queries,
    whatever point of the scenario's axis they belong to; where points are unlike, it is of a mixture of them."""

    name: str
    unit: Unit
    rule: Rule
    path: tuple[str, ...] = ()
    short: Sentence | str = ""
    samples: int = 0
    speed: bool = True
    lower_is_better: bool = True
    about: About = "steady_state"
    applies: Literal["tensor", "text_generation"] | None = None
    beside: str = ""
    tail: bool = False
    csv: str = ""
    settings: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    compared: bool = True
    over_points: bool = False

    @property
    def title(self) -> Sentence:
        """What it is called."""
        return sentence(f"metric.{self.name}.title")

    @property
    def needs(self) -> Sentence:
        """Why it may be missing."""
        return sentence(f"metric.{self.name}.needs", least=self.samples)

    @property
    def column(self) -> str:
        return self.csv or self.name

    @property
    def bounds(self) -> tuple[str, str]:
        """The columns of the interval: the unit stays last in their names."""
        end = f"_{self.unit}" if self.column.endswith(f"_{self.unit}") else ""
        stem = f"{self.column.removesuffix(end)}_ci95"
        return f"{stem}_low{end}", f"{stem}_high{end}"

    @property
    def interval_path(self) -> tuple[str, ...]:
        """Where ``Record.summary`` holds the interval, if the rule has one."""
        return (*self.path[:-1], f"{self.path[-1]}_ci95")

    @property
    def place(self) -> str:
        """Where the record has the figure, in words: ``summary.latency_ns.p50``."""
        return ".".join(("summary", *(self.path or ("figures", self.name, "value"))))

    @property
    def fraction(self) -> bool:
        """Whether it may be 0, so that two are compared by their difference."""
        return self.unit == "fraction"

    def asked_for(self, settings: Mapping[str, Any]) -> bool:
        """Whether ``settings`` of a run, by their fields, hold all that it needs."""
        return all(field in settings for field in setting_fields(self.settings))

    def of_scenario(self, name: str) -> bool:
        """Whether runs of that scenario have it."""
        return not self.scenarios or name in self.scenarios

    def compared_in(self, scenario: Scenario) -> bool:
        """Whether runs of that scenario are compared by it."""
        mixed = self.over_points and has_unlike_points(scenario)
        return not mixed and self.of_scenario(scenario.name)

    def figure(self, found: Summary) -> Figure:
        """The figure of the run, as the record has it; ``None`` where it was not measured."""
        if not self.path:
            return found.figures[self.name].value if self.name in found.figures else None
        value: Figure = _at(found, self.path)
        return value

    def interval(self, found: Summary) -> Interval:
        """The interval of ``figure``, as the record has it; ``None`` where it is not known."""
        if not self.path:
            return found.figures[self.name].interval95 if self.name in found.figures else None
        between: Interval = None if self.rule.interval is None else _at(found, self.interval_path)
        return between

    @property
    def bounded(self) -> bool:
        """Whether a machine's own changes of speed move it by ``bench.comparison.rules.SPEEDS`` at the most."""
        return self.speed and self.about == "steady_state" and not self.tail


def _at(found: Any, path: Sequence[str]) -> Any:
    for field in path:
        found = None if found is None else getattr(found, field)
    return found
