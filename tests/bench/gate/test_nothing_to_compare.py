"""A gate that compares nothing of a history with nights is not green."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from bench.gate.finding import Gate
from bench.gate.judge import judge
from bench.nights.point import Point
from bench.nights.series import Series
from bench.testing.points import fake_point, fake_series

NET = fake_series("net")


def nights(series: Series, count: int = 5) -> list[Point]:
    return [fake_point(series, night, {"latency_p50_ns": 1e6}) for night in range(count)]


def gate(past: Sequence[Series], tonight: Sequence[Series], pinned: bool = True, **named: Any) -> Gate:
    """The answer where the history has ``past``. ``pinned``: whether the base that is asked for exists."""
    now = {one: fake_point(one, 5, {"latency_p50_ns": 1e6}) for one in tonight}
    histories = [(one, nights(one)) for one in past]
    return judge(
        histories, now, lambda series, points: points[0] if points and pinned else None, created_utc="", **named
    ).gate


def reasons(found: Gate) -> list[str]:
    return [getattr(reason, "code", "") for one in found.findings for reason in one.reasons]


def test_another_class_of_machine_is_said_and_not_green() -> None:
    elsewhere = replace(NET, machine="another processor")
    found = gate([NET], [elsewhere])
    (one,) = found.findings
    assert (found.status, one.word, found.left_open) == (3, "no_base", {"no-base": 1})
    assert "The history has it on another class of machine (a processor); tonight's is another processor." == str(
        one.reasons[0]
    )


def test_its_first_night_may_pass_by_name() -> None:
    found = gate([NET], [replace(NET, machine="another processor")], accepted=("no-base",))
    assert (found.status, found.accepted) == (0, {"no-base": 1})
    assert "gate.outcome.accepted" == getattr(found.reason, "code", "")


def test_series_without_the_base_that_is_asked_for_are_named() -> None:
    found = gate([NET], [NET], pinned=False, base_name="release")
    (one,) = found.findings
    assert (found.status, one.word, reasons(found)) == (3, "no_base", ["gate.why.no_pin"])
    assert str(one.reasons[0]).startswith(f"No base named release: odb history pin {NET.id} --name release --why ")


@pytest.mark.parametrize(("tonight", "status"), [(["other"], 3), (["net", "other"], 0)])
def test_a_new_series_is_green_beside_others_that_are_compared(tonight: list[str], status: int) -> None:
    """Alone, in a history of other series, it leaves nothing compared."""
    found = gate([fake_series("net", machine="elsewhere" if status else "a processor")], [*map(fake_series, tonight)])
    words = {one.series.model: one.word for one in found.findings}
    assert (status, "no_base" if status else "new") == (found.status, words["other"])


def test_the_first_night_of_a_history_is_green() -> None:
    found = gate([], [NET])
    assert (found.status, [one.word for one in found.findings]) == (0, ["new"])
