"""ODB-S-320: a time that was measured without a yardstick."""

from typing import Any

import pytest
from msgspec.structs import replace
from submissions.good import Good, criterion_of, good, record, yardstick_of_run

FOUND = ("records/r1: plan.alternation", ["latency"])


def found_by_rule(submission: Good) -> list[tuple[str, Any]]:
    findings = submission.checked().findings
    return [(one.where, one.told.figures["criteria"]) for one in findings if one.rule == "ODB-S-320"]


def test_a_time_beside_its_yardstick_is_not_reported() -> None:
    """Of a median; without the yardstick it is."""
    assert found_by_rule(good()) == []
    assert found_by_rule(good()._replace(yardsticks=False)) == [FOUND]


@pytest.mark.parametrize("side", ["failed", "another target", "another group"])
def test_what_counts_as_no_yardstick(side: str) -> None:
    """One that failed, ran on another target, or took turns with another run."""
    one = yardstick_of_run("r1").record
    target, turns = one.plan.target, one.plan.alternation
    assert turns is not None
    made = {
        "failed": lambda: replace(one, status="failed", repeats=()),
        "another target": lambda: replace(one, plan=replace(one.plan, target=replace(target, id="openvino:CPU"))),
        "another group": lambda: replace(one, plan=replace(one.plan, alternation=replace(turns, group="g"))),
    }[side]()
    beside = replace(yardstick_of_run("r1"), record=made)
    alone = good()._replace(yardsticks=False)
    assert found_by_rule(alone._replace(runs=(*alone.runs, beside))) == [FOUND]


@pytest.mark.parametrize("metric", ["summary.latency_ns.p99", "summary.memory_bytes.inference"])
def test_figures_that_no_yardstick_confirms_need_none(metric: str) -> None:
    """Tails and memory are compared by their own figures."""
    assert found_by_rule(criterion_of(good()._replace(yardsticks=False), "latency", metric=metric)) == []


def test_an_emulators_times_need_none() -> None:
    """They decide nothing."""
    alone = good()._replace(yardsticks=False)
    emulated = record(
        alone, lambda one: replace(one, plan=replace(one.plan, target=replace(one.plan.target, emulated=True)))
    )
    assert found_by_rule(emulated) == []
