"""What a plan says of a language model's work, counted by hand."""

import pytest
from msgspec.structs import replace

from bench.cli.terminal.text_work import TextWork, least_work
from bench.contracts import Device, Scenario
from bench.plugins import PluginRef
from bench.record.evidence import Alternation
from bench.suite.plan import ModelChoice, PlannedRun, TargetChoice
from bench.suite.presets import PRESETS
from bench.suite.suite import ModelAsk


def planned(scenario: Scenario, ask: ModelAsk) -> PlannedRun:
    """Two processes of the preset quick."""
    model = ModelChoice(ask, PluginRef("models", "llm", "m:C", "test"), "text_generation", ("onnx",))
    target = TargetChoice(PluginRef("targets", "cpu", "m:C", "test"), Device("x", True), {}, (), ())
    return PlannedRun(model, target, scenario, PRESETS["quick"].rule, "quick", 2, 0)


@pytest.mark.parametrize(
    ("name", "parameters", "work"),
    [
        ("single-stream", {}, TextWork(19 * 4, 19 * 10)),
        ("chat", {"turns": 3, "prefix_cache": "on"}, TextWork(19 * 12, 19 * 30)),
        ("chat", {"turns": 3, "prefix_cache": "off"}, TextWork(19 * 12, 19 * (10 + 24 + 38))),
        ("concurrent", {"users": 2}, TextWork((2 * (4 + 12) + 6) * 4, (2 * (4 + 12) + 6) * 10)),
    ],
)
def test_the_least_work_is_that_of_warm_up_queries_and_check(
    name: str, parameters: dict[str, int | str], work: TextWork
) -> None:
    """In each process two to warm up and six to measure, twelve of two users; and what the check asks for."""
    scenario = Scenario(name, 10, 4, depth_tokens=0, parameters=parameters)
    found = least_work(planned(scenario, ModelAsk("llm")))
    assert work == found


def test_a_depth_is_computed_once_in_a_process_or_before_each_query() -> None:
    """Once in two processes and once for the check; else nine times in each, with the first token's, and twice."""
    scenario = Scenario("single-stream", 10, 4, depth_tokens=100)
    found = least_work(planned(scenario, ModelAsk("llm")))
    assert TextWork(19 * 4, 19 * 10, 3 * 100, (2 * 9 + 2) * 100) == found


def test_of_own_prompts_the_lengths_are_not_known() -> None:
    """Only what is generated is counted."""
    scenario = Scenario("single-stream", None, 4, depth_tokens=0)
    assert TextWork(19 * 4, None) == least_work(planned(scenario, ModelAsk("llm", prompts="talk.jsonl")))


@pytest.mark.parametrize(
    ("lines", "queries"),
    [
        (1, 1 + (2 + 6) + 6 + (8 + 6)),
        (4, 1 + 4 * (1 + 3) + 6 + (8 + 6)),
        (20, 1 + 20 * (1 + 3) + 6 + (8 + 21)),
    ],
)
def test_a_pipeline_answers_every_line_in_each_pass(lines: int, queries: int) -> None:
    """One line as it is opened, one pass or as many as hold two queries to warm up, three passes or as many as hold
    six; six of the network alone; overlapped six, or one pass and one more, behind the eight that fill the pipeline."""
    scenario = Scenario("end-to-end", None, 4, parameters={"pipeline": "text", "inputs": 100})
    run = planned(scenario, ModelAsk("llm"))
    assert TextWork((2 * queries + 3) * 4, None) == least_work(run, lines)
    turns = replace(run, alternation=Alternation("pair", "base"))
    beside = 2 * (6 + 8 + max(6, 1 + lines))
    assert TextWork((2 * queries + 3 - beside) * 4, None) == least_work(turns, lines)
