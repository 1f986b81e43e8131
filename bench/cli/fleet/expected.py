"""For about how long the devices of a rack measure."""

from collections.abc import Sequence
from heapq import heapify, heapreplace
from typing import TYPE_CHECKING

from bench.cli.terminal.progress import Expected, expected_seconds

if TYPE_CHECKING:
    from bench.fleet.client.planning import FleetOrder


def order_seconds(order: "FleetOrder") -> Expected:
    """Of one run, on one device."""
    return Expected(0.0, 0.0) if order.run is None else expected_seconds(order.run)


def plan_seconds(orders: "Sequence[FleetOrder]") -> Expected:
    """Until the last device is done, where all are free at first and the first that is free takes the next run that it
    may have. Without files that are sent first, and yardsticks."""
    each = [order_seconds(one) for one in orders]
    return Expected(
        _longest(orders, [one.least for one in each]),
        _longest(orders, [one.most for one in each]),
    )


def _longest(orders: "Sequence[FleetOrder]", seconds: Sequence[float]) -> float:
    """The device that works for longest. Orders for one device first, which no other can take."""
    pools: dict[tuple[str, ...], list[float]] = {}
    for order, one in zip(orders, seconds, strict=True):
        pools.setdefault(order.devices, []).append(one)
    busy_s: dict[str, float] = {}
    for devices, runs in sorted(pools.items(), key=lambda pool: len(pool[0])):
        free = [(busy_s.get(device, 0.0), device) for device in devices]
        heapify(free)
        for one in runs:
            heapreplace(free, (free[0][0] + one, free[0][1]))
        busy_s.update((device, until) for until, device in free)
    return max(busy_s.values(), default=0.0)
