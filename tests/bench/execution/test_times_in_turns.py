"""How long runs are that are measured in alternation."""

import pytest

from bench.contracts import Device, Scenario
from bench.execution.interleaved import planned
from bench.plugins import PluginRef
from bench.record.evidence import Alternation
from bench.scenarios.lasting import lasting_of
from bench.suite.plan import ModelChoice, PlannedRun, TargetChoice
from bench.suite.presets import PRESETS, lasting_rule
from bench.suite.suite import ModelAsk, Suite

RULE = PRESETS["quick"].rule


@pytest.mark.parametrize(
    ("scenario", "part"), [(Scenario(), 0.5), (Scenario("sustained", parameters={"minutes": 2}), 1.0)]
)
def test_times_are_halved_but_for_a_scenario_that_says_how_long_it_lasts(scenario: Scenario, part: float) -> None:
    """A sustained run takes all its minutes; a dry run used to state half of them."""
    model = ModelChoice(ModelAsk("m"), PluginRef("models", "m", "m:M", "m"), "tensor", ("onnx",))
    target = TargetChoice(PluginRef("targets", "t", "t:T", "t"), Device("x", True), {}, ("onnx",), ("tensor",))
    lasting = lasting_of(scenario)
    rule = RULE if lasting is None else lasting_rule(RULE, lasting, 1)
    run = PlannedRun(model, target, scenario, rule, "quick", 1, 0)
    found = planned(run, Suite(), Alternation("g", "base"))
    assert found.rule.max_duration_ns == part * rule.max_duration_ns
    assert found.repeats == PRESETS["quick"].pairs
