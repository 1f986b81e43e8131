"""What a comparison comes to: each state of a pair, the status that follows, and what may be accepted by name."""

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.comparison.comparison import Comparison, compare
from bench.comparison.folders import Findings, Problem
from bench.comparison.matching import Unmatched
from bench.comparison.outcome import OPEN, checked_accept, foreseen, not_decided, outcome, state
from bench.errors import UnknownName
from bench.record.evidence import OTHER_SIDE
from bench.record.record import Failure, Reason, RecordedRun, Verdict
from bench.testing.records import fake_run

MS = 1_000_000


def run(name: str, p50_ms: float = 4.0, processes: int = 5, spread: float = 0.005, **plan: Any) -> RecordedRun:
    latency = [np.full(20, round(p50_ms * MS * (1 + spread * i))) for i in range(processes)]
    return fake_run(name, latency, **plan)


def failed(one: RecordedRun) -> RecordedRun:
    failure = Failure("steady", "crashed", "it crashed", "")
    return replace(one, record=replace(one.record, status="failed", failure=failure))


def invalid(one: RecordedRun, code: str = "host_busy") -> RecordedRun:
    return replace(one, record=replace(one.record, verdict=Verdict(False, False, (Reason(code, "It is so."),))))


def pair(kind: str) -> Comparison:
    """One pair of each kind."""
    base = run("base")
    made: dict[str, tuple[RecordedRun, RecordedRun]] = {
        "slower": (base, run("new", 5.0)),
        "same": (base, run("new")),
        "faster": (base, run("new", 3.0)),
        "noise": (base, run("new", 3.5, spread=0.2)),
        "one process": (base, run("new", processes=1)),
        "busy": (base, invalid(run("new", 40.0))),
        "other preset": (base, _strict()),
        "broken": (base, failed(run("new"))),
        "base failed": (failed(base), run("new")),
        "both failed": (failed(base), failed(run("new"))),
        "too few queries": (_few("base"), _few("new")),
    }
    return compare(*made[kind])


def _strict() -> RecordedRun:
    one = run("new")
    return replace(one, record=replace(one.record, plan=replace(one.record.plan, preset="strict")))


def _few(name: str) -> RecordedRun:
    """Two queries a process: no median, so the leading metric is not there."""
    return fake_run(
        name, [np.full(2, MS + i) for i in range(5)], figures=[{"peak_rss_bytes": 1e8 + i} for i in range(5)]
    )


@pytest.mark.parametrize(
    ("kind", "name", "status"),
    [
        ("slower", None, 1),
        ("broken", None, 1),
        ("same", None, 0),
        ("faster", None, 0),
        ("noise", "cannot-tell", 3),
        ("one process", "cannot-tell", 3),
        ("too few queries", "cannot-tell", 3),
        ("busy", "invalid", 3),
        ("other preset", "not-comparable", 3),
        ("base failed", "not-measured", 3),
        ("both failed", "not-measured", 3),
    ],
)
def test_each_pair_alone(kind: str, name: str | None, status: int) -> None:
    """Its name, its status, the same beside a pair that is decided, and 0 where that name is accepted."""
    found = pair(kind)
    assert (name, status) == (not_decided(found), outcome(Findings(0.03, (found,))).status)
    beside = Findings(0.03, (pair("same"), found))
    assert status == outcome(beside).status
    if name is not None:
        accepting = replace(beside, accepted=(name,))
        assert (0, {name: 1}) == (outcome(accepting).status, outcome(accepting).accepted)
        assert "accepted" == state(found, (name,))
        others = replace(beside, accepted=tuple(n for n in OPEN if n != name))
        assert (3, {name: 1}) == (outcome(others).status, outcome(others).not_decided)


def test_a_lost_record_is_not_fine_and_a_new_one_is() -> None:
    """A record of the base without a partner is lost; a new record without a base is named, and no loss."""
    lost = Unmatched("base", "r1", "net", "a:cpu", "offline", "new has no record of it", lost=True)
    fresh = Unmatched("new", "r2", "net2", "a:cpu", "offline", "base has no record of it")
    assert 3 == outcome(Findings(0.03, (pair("same"),), (lost, fresh))).status
    assert 0 == outcome(Findings(0.03, (pair("same"),), (fresh,))).status
    accepted = outcome(Findings(0.03, (pair("same"),), (lost,), accepted=("unmatched",)))
    assert (0, "Nothing is worse; accepted by name: 1 record unmatched.") == (accepted.status, str(accepted.reason))


def test_a_run_that_the_base_did_not_measure_is_not_fine() -> None:
    """As a pair, or as a record of the base that ``--against`` cannot measure again: by the same name."""
    alone = Unmatched("base", "r1", "net", "a:cpu", "offline", "its run failed", not_measured=True)
    assert {"not-measured": 1} == outcome(Findings(0.03, (pair("same"), pair("base failed")))).not_decided
    found = outcome(Findings(0.03, (pair("same"),), (alone,)))
    assert (3, {"not-measured": 1}) == (found.status, found.not_decided)
    assert 0 == outcome(Findings(0.03, (pair("same"),), (alone,), accepted=("not-measured",))).status


@pytest.mark.parametrize(
    ("counts", "unread", "accepted", "status"),
    [
        ((2, 0, 0), 0, (), 0),
        ((2, 1, 0), 0, (), 1),
        ((2, 1, 1), 0, ("not-measured",), 1),
        ((2, 0, 1), 0, (), 3),
        ((2, 0, 1), 0, ("not-measured",), 0),
        ((0, 0, 1), 0, ("not-measured",), 0),
        ((0, 0, 0), 0, tuple(OPEN), 3),
        ((2, 0, 0), 1, tuple(OPEN), 2),
        ((2, 0, 1), 1, (), 2),
        ((2, 1, 0), 1, (), 1),
    ],
)
def test_what_is_known_before(
    counts: tuple[int, int, int], unread: int, accepted: tuple[str, ...], status: int
) -> None:
    """Of pairs that are ready, whose new side will fail, and whose base will, and of records that cannot be read: the
    status of the run itself."""
    assert status == foreseen(*counts, (), [Problem("edited")] * unread, accepted).status


def test_a_pair_that_took_turns_is_broken_by_the_new_side_alone() -> None:
    """A base that was prepared, and not measured because the new run failed, is as good as measured; not where the new
    run could not be measured here at all."""
    waiting = Failure(OTHER_SIDE, "unavailable", "not measured, because the other side failed", "")
    base = run("base")
    base = replace(base, record=replace(base.record, status="failed", failure=waiting))
    assert compare(base, failed(run("new"))).worse
    new = run("new")
    skipped = Failure("plan", "unavailable", "no driver", "")
    found = compare(base, replace(new, record=replace(new.record, status="skipped", failure=skipped)))
    assert (False, "not-measured") == (found.worse, not_decided(found))


def test_worse_goes_before_unread_and_unread_before_undecided() -> None:
    """1 before 2 before 3; what is unreadable cannot be accepted."""
    problem = (Problem("x/record.json: not JSON"),)
    assert 1 == outcome(Findings(0.03, (pair("slower"), pair("noise")), (), problem)).status
    assert 2 == outcome(Findings(0.03, (pair("same"), pair("noise")), (), problem, tuple(OPEN))).status
    assert 3 == outcome(Findings(0.03, (pair("same"), pair("noise")))).status


def test_no_pair_at_all_is_never_fine() -> None:
    """Whatever is accepted."""
    assert 3 == outcome(Findings(0.03, (), accepted=tuple(OPEN))).status


def test_the_reason_says_what_to_accept() -> None:
    """The counts by name, and the words that let them pass."""
    found = outcome(Findings(0.03, (pair("noise"), pair("noise"), pair("busy"), pair("same"))))
    expected = "Not decided: 2 pairs cannot-tell, 1 pair invalid. To let that pass: --accept cannot-tell,invalid."
    assert (expected, 1) == (str(found.reason), found.decided)


def test_names_are_checked() -> None:
    """Commas, spaces and underscores are understood; another name is refused with its neighbour."""
    assert ("cannot-tell", "unmatched") == checked_accept("cannot_tell, unmatched,cannot-tell")
    assert () == checked_accept(None)
    with pytest.raises(UnknownName, match="unmatched"):
        checked_accept("unmached")
