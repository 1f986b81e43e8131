"""The gate on a rack: a series per device, and a device that is gone is no regression."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from bench.gate.finding import Gate
from bench.gate.judge import judge
from bench.nights.series import Series
from bench.testing.points import fake_point, fake_series

MODELS = ("a", "b", "c")


def board(device: str, models: Sequence[str] = MODELS) -> list[Series]:
    """Its series: boards of one class, which differ by name alone."""
    return [replace(fake_series(model), device=device) for model in models]


ONE, TWO = board("board-1"), board("board-2")


def gate(past: Sequence[Series], tonight: dict[Series, float], **named: Any) -> Gate:
    """``tonight``: how long an inference takes, in units of the usual time."""
    histories = [(one, [fake_point(one, n, {"latency_p50_ns": 1e6}) for n in range(12)]) for one in past]
    now = {one: fake_point(one, 12, {"latency_p50_ns": 1e6 * factor}) for one, factor in tonight.items()}
    return judge(histories, now, lambda series, points: points[0] if points else None, created_utc="", **named).gate


def words(found: Gate) -> dict[str, set[str]]:
    told: dict[str, set[str]] = {}
    for one in found.findings:
        told.setdefault(one.series.device, set()).add(one.word)
    return told


def test_a_device_that_measured_nothing_is_dead_and_no_regression() -> None:
    """It is expected although no record of tonight is of it: a rack is one job."""
    found = gate([*ONE, *TWO], dict.fromkeys(ONE, 1.0))
    assert {"board-1": {"same"}, "board-2": {"dead"}} == words(found)
    assert (found.status, found.left_open) == (3, {"dead": 3})
    assert "The device board-2 measured nothing tonight; its last measurement was on 2026-01-12." in {
        str(reason) for one in found.findings for reason in one.reasons
    }


def test_a_device_of_which_no_night_ever_counted_is_dead_too() -> None:
    """All its nights were invalid, so that there is no base; it measured until yesterday, and tonight it is gone. After
    14 days it is no longer expected."""
    histories = [(one, [fake_point(one, n, {"latency_p50_ns": 1e6}) for n in range(12)]) for one in [*ONE, *TWO]]

    def base(series: Series, points: Any) -> Any:
        return points[0] if points and series.device == "board-1" else None

    def judged_at(night: int) -> Gate:
        now = {one: fake_point(one, night, {"latency_p50_ns": 1e6}) for one in ONE}
        return judge(histories, now, base, created_utc="").gate

    found = judged_at(12)
    assert {"board-1": {"same"}, "board-2": {"dead"}} == words(found)
    assert (found.status, found.left_open) == (3, {"dead": 3})
    assert "board-2" not in words(judged_at(40))


def test_a_device_of_one_series_is_dead_too() -> None:
    found = gate([*ONE, *board("board-2", ["a"])], dict.fromkeys(ONE, 1.0))
    assert {"board-1": {"same"}, "board-2": {"dead"}} == words(found)


def test_a_run_that_a_device_did_not_end_is_missing() -> None:
    found = gate([*ONE, *TWO], dict.fromkeys([*ONE, *TWO[:2]], 1.0))
    assert {"board-1": {"same"}, "board-2": {"same", "missing"}} == words(found)


def test_one_device_that_slowed_down_is_that_device() -> None:
    """All its series moved together; the other board of its class did not."""
    found = gate([*ONE, *TWO], dict.fromkeys(ONE, 1.0) | dict.fromkeys(TWO, 1.2))
    assert {"board-1": {"same"}, "board-2": {"machine"}} == words(found)
    assert ["board-2: a processor"] == [one.machine for one in found.machines]


def test_a_machine_beside_the_rack_expects_no_device() -> None:
    alone = fake_series("a")
    assert {"": {"same"}} == words(gate([alone, *ONE], {alone: 1.0}))


def test_a_device_that_is_new_is_said_and_not_green() -> None:
    found = gate(ONE, dict.fromkeys(TWO, 1.0))
    assert {"board-1": {"dead"}, "board-2": {"no_base"}} == words(found)
