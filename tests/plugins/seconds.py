"""A plugin whose runs last as sustained ones, with minutes of a second, on the targets and models of the tests."""

from bench.contracts import Axis, Parameter, ScenarioKind
from bench.measure.players.sustained import play_minutes
from bench.measure.stage import Stage, Steady
from bench.testing.plugins import PLUGINS as FAKES


class Seconds:
    """``seconds:seconds=4``."""

    kind = ScenarioKind(
        name="seconds",
        summary="as sustained, with minutes of a second",
        parameters=(Parameter(name="seconds", unit="s", about="length", least=2, default=4),),
        leading=("latency_p50_ns",),
        percentile=False,
        lasting="seconds",
        axis=Axis(name="second", unit="s", of="counted", parameter="seconds"),
        curves=("rate_of_minute_per_s", "latency_p50_ns"),
    )

    def play(self, stage: Stage) -> Steady:
        return play_minutes(stage)


PLUGINS = {**FAKES, "scenarios": {"seconds": Seconds}}
