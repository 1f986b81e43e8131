"""How long a plan takes: by the estimate of ``odb run``, on devices that work at the same time."""

from typing import Any

import pytest

from bench.cli.fleet import expected
from bench.cli.fleet.expected import plan_seconds
from bench.cli.terminal.progress import Expected, expected_seconds
from bench.fleet.client.planning import plan_fleet
from tests.bench.fleet.test_dispatch import order
from tests.bench.fleet.test_planning import RACK, SUITE, asked


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """By order: its least; its most is twice that."""
    known: dict[str, float] = {}
    monkeypatch.setattr(expected, "order_seconds", lambda one: Expected(known[one.id], 2 * known[one.id]))
    return known


def test_devices_work_at_the_same_time(seconds: dict[str, float]) -> None:
    """The one that works for longest counts; what any may do goes to the one that is free first."""
    orders = [order(1, ("a",)), order(2, ("a", "b")), order(3, ("a", "b")), order(4, ("b", "c"))]
    seconds |= {one.id: value for one, value in zip(orders, (10.0, 4.0, 5.0, 3.0), strict=True)}
    assert Expected(10.0, 20.0) == plan_seconds(orders)
    assert Expected(0.0, 0.0) == plan_seconds([])


def test_many_devices_and_orders_are_no_burden(seconds: dict[str, float]) -> None:
    names = tuple(map(str, range(1000)))
    orders = [order(number, names) for number in range(10_000)]
    seconds |= dict.fromkeys((one.id for one in orders), 3.0)
    assert Expected(30.0, 60.0) == plan_seconds(orders)


def test_a_run_takes_what_it_takes_with_odb_run() -> None:
    """Of three devices with two runs each that any of them may do, and two that only one has."""
    plan = plan_fleet(asked(SUITE), RACK)
    runs: list[Any] = [one.run for one in plan.orders]
    each = [expected_seconds(run) for run in runs]
    assert all(one.least > 1 for one in each)
    assert each == [expected.order_seconds(one) for one in plan.orders]
    assert max(one.least for one in each) <= plan_seconds(plan.orders).least < sum(one.least for one in each)
