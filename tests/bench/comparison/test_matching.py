"""Which record is compared with which."""

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.comparison.matching import pair_up
from bench.comparison.observe import Observation, observe
from bench.comparison.rules import Subject
from bench.record.evidence import Alternation
from bench.record.record import Scenario
from bench.record.runner import FleetDevice
from bench.testing.records import MODEL, TARGET, fake_run


def one(
    record_id: str,
    model: str = "net",
    target: str = "a:cpu",
    when: str = "2026-05-04",
    sha256: str = MODEL.sha256,
    threads: str = "",
    **plan: Any,
) -> Observation:
    run = fake_run(
        record_id,
        [np.full(20, 1_000_000)] * 2,
        model=replace(MODEL, id=model, sha256=sha256),
        target=replace(TARGET, id=target, options_requested={"threads": threads} if threads else {}),
        **plan,
    )
    return observe(replace(run, record=replace(run.record, created_utc=f"{when}T10:00:00Z")))


def ids(*arguments: Any) -> tuple[list[tuple[str, str]], list[tuple[str, str, str]]]:
    pairs, alone = pair_up(*arguments)
    return [(p.base.record.record_id, p.new.record.record_id) for p in pairs], [
        (u.side, u.record_id, str(u.reason)) for u in alone
    ]


def test_by_model_target_and_scenario() -> None:
    """Each with its own, whatever their order; none is left."""
    base = [one("b1"), one("b2", target="b:npu"), one("b3", "other"), one("b4", scenario=Scenario("offline"))]
    new = [one("n3", "other"), one("n4", scenario=Scenario("offline")), one("n1"), one("n2", target="b:npu")]
    assert ([("b3", "n3"), ("b4", "n4"), ("b1", "n1"), ("b2", "n2")], []) == ids(base, new)


def test_two_records_are_meant() -> None:
    """One against one is compared whatever they hold; whether it may be is not decided here."""
    assert ([("b", "n")], []) == ids([one("b")], [one("n", "other", "b:npu")])


def test_those_without_a_partner_are_listed() -> None:
    """On either side, with the reason."""
    base, new = [one("b1"), one("b2", "gone")], [one("n1"), one("n2", "fresh")]
    assert (
        [("b1", "n1")],
        [("new", "n2", "base has no record of it"), ("base", "b2", "new has no record of it")],
    ) == ids(base, new)


def test_of_the_same_thing_the_newest_is_taken() -> None:
    """Older ones are listed as such."""
    base = [one("b1", when="2026-05-01"), one("b2", when="2026-05-02")]
    new = [one("n1", when="2026-05-03"), one("n2", when="2026-05-04")]
    older = "a newer record of the same run was compared"
    assert ([("b2", "n2")], [("new", "n1", older), ("base", "b1", older)]) == ids(base, new)


def test_of_the_same_thing_one_that_was_measured_is_taken() -> None:
    """A base that failed again after it had been measured is still known; a new run that fails now is not let off."""
    failed = one("b2", when="2026-05-02")
    failed = replace(failed, record=replace(failed.record, status="failed"))
    found = ids([one("b1", when="2026-05-01"), failed], [one("n1"), one("n2", "other")])
    assert [("b1", "n1")] == found[0]
    assert ("base", "b2", "another record of the same run was compared") in found[1]
    late = one("n2", when="2026-05-05")
    late = replace(late, record=replace(late.record, status="failed"))
    assert [("b1", "n2")] == ids([one("b1")], [one("n1"), late])[0]


def test_those_that_took_turns_belong_together() -> None:
    """Whatever was changed between the two; the others are matched as ever."""
    sides = [(g, side) for g in "xy" for side in ("base", "new")]
    took = {(g, side): one(f"{g}-{side}", alternation=Alternation(g, side)) for g, side in sides}
    moved = one("y-new", "other", "b:npu", alternation=Alternation("y", "new"))
    base = [one("b", "third"), took["y", "base"], took["x", "base"]]
    new = [took["x", "new"], moved, one("n", "third")]
    assert ([("x-base", "x-new"), ("y-base", "y-new"), ("b", "n")], []) == ids(base, new)


def test_what_is_left_beside_turns_is_not_forced_together() -> None:
    """One left on each side is no pair by that; nor is an older one of what took turns."""
    base = [one("x-base", alternation=Alternation("x", "base")), one("b", "gone")]
    new = [one("x-new", alternation=Alternation("x", "new")), one("n", "fresh", "b:npu"), one("old")]
    assert (
        [("x-base", "x-new")],
        [
            ("new", "n", "base has no record of it"),
            ("new", "old", "a record of the same run that took turns was compared"),
            ("base", "b", "new has no record of it"),
        ],
    ) == ids(base, new)


def test_the_target_is_left_out_where_it_is_the_subject() -> None:
    """Two new targets are both held against the one of base."""
    base, new = [one("b1"), one("b2", "other")], [one("n1", target="b:npu"), one("n2", target="c:gpu")]
    pairs, alone = ids(base, new, ("target",))
    assert [("b1", "n1"), ("b1", "n2")] == pairs
    assert [("base", "b2", "new has no record of it")] == alone


def test_the_likest_is_taken() -> None:
    """Of two option sets each goes to its own, though one is newer."""
    threads = [replace(TARGET, id="a:cpu", options_requested={"threads": n}) for n in ("1", "2")]
    base = [replace_target(one(f"b{i}", when=f"2026-05-0{4 - i}"), t) for i, t in enumerate(threads, 1)]
    new = [replace_target(one(f"n{i}"), t) for i, t in enumerate(threads, 1)]
    assert ([("b1", "n1"), ("b2", "n2")], []) == ids(base, new)


def replace_target(observed: Observation, target: Any) -> Observation:
    plan = replace(observed.record.plan, target=target)
    return replace(observed, record=replace(observed.record, plan=plan))


@pytest.mark.parametrize(
    ("subjects", "likest"),
    [
        ((), "same options"),
        (("model",), "same options"),
        (("target",), "same file"),
        (("target", "model"), "same options"),
    ],
)
def test_options_come_before_the_file(subjects: tuple[Subject, ...], likest: str) -> None:
    """A new build of a model is compared with the old one at the same options; only where options may differ and files
    may not, with the same file at others."""
    base = [
        one("same options", sha256="old", threads="4"),
        one("same file", sha256="new", threads="1", when="2026-05-05"),
    ]
    new = [one("n", sha256="new", threads="4"), one("o", "other")]
    pairs, _ = ids(base, new, subjects)
    assert [(likest, "n")] == pairs


def test_another_prompt_length_is_paired_and_left_to_be_refused() -> None:
    """A pair that may not be compared says more than two records without a partner."""
    base = [one("b1", scenario=Scenario("single-stream", 64, 32)), one("b2", "other")]
    new = [one("n1", scenario=Scenario("single-stream", 16, 32)), one("n2", "other")]
    assert [("b1", "n1"), ("b2", "n2")] == ids(base, new)[0]


def on(device: str, found: Observation) -> Observation:
    return replace(found, record=replace(found.record, fleet=FleetDevice(device)))


def test_devices_of_a_rack_are_compared_with_themselves() -> None:
    """Each board with what it measured before; another board, though of the same class, is no base of it."""
    base = [on("board-1", one("b1")), on("board-2", one("b2"))]
    new = [on("board-2", one("n2")), on("board-1", one("n1")), on("board-3", one("n3"))]
    pairs, alone = ids(base, new)
    assert ([("b2", "n2"), ("b1", "n1")], [("new", "n3", "base has no record of it")]) == (pairs, alone)
