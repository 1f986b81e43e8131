"""The open orders of a plan: which wait for which devices, and which device holds which."""

from collections import deque
from collections.abc import Collection, Iterator

from msgspec.structs import replace

from bench.fleet.client.planning import FleetOrder

Pool = tuple[str, ...]
"""Any of these devices may have the orders that wait in it."""


class Waiting:
    """``open``: the orders that are neither done nor given up, by id."""

    def __init__(self) -> None:
        self.open: dict[str, FleetOrder] = {}
        self._pools: dict[Pool, deque[FleetOrder]] = {}
        self._pools_of: dict[str, list[Pool]] = {}
        self._held: dict[str, dict[str, FleetOrder]] = {}
        self._holder: dict[str, str] = {}

    @property
    def devices(self) -> set[str]:
        """Those that orders wait for, and those that hold one."""
        return {*self._pools_of, *self._held}

    def add(self, order: FleetOrder, holder: str = "") -> None:
        """The order is open: held by a device, or it waits."""
        self.open[order.id] = order
        pool = self._pool(order.devices)
        if holder:
            self.hold(holder, order)
        else:
            pool.append(order)

    def hold(self, device: str, order: FleetOrder) -> None:
        self._held.setdefault(device, {})[order.id] = order
        self._holder[order.id] = device

    def holder(self, order_id: str) -> str:
        """The device that holds the order; empty where none does."""
        return self._holder.get(order_id, "")

    def held(self, device: str) -> list[FleetOrder]:
        """What the device holds."""
        return [*self._held.get(device, {}).values()]

    def next(self, device: str) -> FleetOrder | None:
        """The order that the device has to carry out next, which it holds from now on."""
        for order in self.held(device):
            return order
        for pool in self._pools_of.get(device, ()):
            while self._pools[pool]:
                order = self._pools[pool].popleft()
                if order.id in self.open:
                    self.hold(device, order)
                    return order
        return None

    def put_back(self, order: FleetOrder, excluded: Collection[str]) -> Pool:
        """The order waits again, before others, for any of its devices but those ``excluded``, which are returned."""
        order = self.open.get(order.id, order)  # a device may have joined since
        self.let_go(order)
        pool = tuple(device for device in order.devices if device not in excluded)
        self._pool(pool).appendleft(order)
        return pool

    def pools_of(self, device: str) -> list[Pool]:
        """Those that the device is in."""
        return [*self._pools_of.get(device, ())]

    def drain(self, pool: Pool) -> Iterator[FleetOrder]:
        """The open orders of a pool, which wait no more."""
        while self._pools[pool]:
            order = self._pools[pool].popleft()
            if order.id in self.open:
                yield order

    def let_go(self, order: FleetOrder) -> None:
        """No device holds the order."""
        self._held.get(self._holder.pop(order.id, ""), {}).pop(order.id, None)

    def close(self, order: FleetOrder) -> None:
        """The order is done or given up."""
        self.let_go(order)
        self.open.pop(order.id, None)

    def admit(self, device: str, orders: Collection[str]) -> bool:
        """A device takes part in those of ``orders`` that are open and not for one device alone. Returns whether there
        are any."""
        fit = [one for one in self.open.values() if one.id in orders and not one.order.device]
        wider = {one.id: replace(one, devices=(*one.devices, device)) for one in fit if device not in one.devices}
        self.open |= wider
        for pool, waiting in [*self._pools.items()]:
            self._pools[pool] = deque(one for one in waiting if one.id not in wider)
            for one in waiting:
                if one.id in wider:
                    self._pool(wider[one.id].devices).append(wider[one.id])
        for held in self._held.values():
            held.update({order_id: wider[order_id] for order_id in held if order_id in wider})
        return bool(wider)

    def _pool(self, devices: Pool) -> deque[FleetOrder]:
        if devices not in self._pools:
            self._pools[devices] = deque()
            for device in devices:
                self._pools_of.setdefault(device, []).append(devices)
        return self._pools[devices]
