"""Two records of an emulator: placement and outputs the same again, or not, and when that is worse."""

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.comparison.comparison import compare
from bench.comparison.folders import Findings
from bench.comparison.outcome import outcome
from bench.comparison.recheck import recheck
from bench.record.record import Fidelity, OutputFidelity, PlacementSummary, RecordedRun
from bench.reports.comparisons.words import title
from bench.testing.records import TARGET, fake_run

PLACED = PlacementSummary("HTP", {"HTP": 10, "CPU": 1}, fallback=("Div a",))
AGREED = Fidelity("ort:cpu", 1, 0.998344, ok=True, outputs=(OutputFidelity("y", 0.998344, 40.0, 0.0123, 1.0),))


def run(name: str, placement: Any = PLACED, fidelity: Any = AGREED, **options: str) -> RecordedRun:
    target = replace(TARGET, emulated=True, options_requested=options)
    made = fake_run(name, [np.full(3, 1_000_000)], target=target)
    return replace(made, record=replace(made.record, placement=placement, fidelity=fidelity))


def output(**changes: Any) -> Fidelity:
    return replace(AGREED, outputs=(replace(AGREED.outputs[0], **changes),))


@pytest.mark.parametrize(
    ("new", "placement", "outputs", "status"),
    [
        (run("n"), "same", "same", 0),
        (run("n", fidelity=output(max_abs_error=0.01231)), "same", "same", 0),
        (run("n", fidelity=output(cosine=0.98)), "same", "differs", 1),
        (run("n", fidelity=replace(AGREED, ok=False)), "same", "differs", 1),
        (run("n", replace(PLACED, nodes={"HTP": 9, "CPU": 2}, fallback=("Div a", "Div b"))), "differs", "same", 1),
        (run("n", replace(PLACED, fallback=("Div b",))), "differs", "same", 1),
        (run("n", placement=None), "unknown", "same", 3),
        (run("n", fidelity=replace(AGREED, ok=None)), "same", "unknown", 3),
        (run("n", fidelity=replace(AGREED, reference="another")), "same", "unknown", 3),
    ],
)
def test_each_answer_and_its_status(new: RecordedRun, placement: str, outputs: str, status: int) -> None:
    """The same is 0, what differs 1, what is not known 3; figures may differ by the reference's rounding."""
    found = compare(run("b"), new)
    assert found.recheck is not None
    assert (placement, outputs) == (found.recheck.placement, found.recheck.outputs)
    assert status == outcome(Findings(0.03, (found,))).status
    assert () == found.changes


def test_the_answer_is_the_title() -> None:
    """No time in it."""
    assert "fake on null:cpu: placement the same, outputs the same" == title(compare(run("b"), run("n")))
    moved = compare(run("b"), run("n", replace(PLACED, fallback=("Div b",))))
    assert "fake on null:cpu: placement differs, outputs the same" == title(moved)


def test_other_options_are_another_question() -> None:
    """With them a difference is no failed check: more nodes that fall back, or outputs no longer right, are worse."""
    base, fewer = run("b", soc="a").record, replace(PLACED, nodes={"HTP": 11}, fallback=())
    assert not recheck(base, run("n", fewer, soc="b").record).worse
    more = replace(PLACED, nodes={"HTP": 9, "CPU": 2}, fallback=("Div a", "Div b"))
    assert recheck(base, run("n", more, soc="b").record).worse
    assert recheck(base, run("n", fidelity=replace(AGREED, ok=False), soc="b").record).worse


def test_another_model_is_not_checked_again() -> None:
    """Its file differs: not comparable, as ever."""
    new = run("n").record
    other = replace(new, plan=replace(new.plan, model=replace(new.plan.model, sha256="9" * 64)))
    found = compare(run("b"), RecordedRun(other, run("n").samples))
    assert found.recheck is None
    assert 3 == outcome(Findings(0.03, (found,))).status
