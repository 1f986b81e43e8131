"""What a client submits to Dask: one order for one device."""

import msgspec

from bench.fleet.device.settled import here
from bench.fleet.orders import Answer, Order


def carry_out(order: bytes) -> bytes:
    """``order``: an ``Order`` as JSON; returns an ``Answer`` as JSON.

    A result that waits is returned at once; a run of the same id is waited for, and so is another that still goes on.
    When a run has ended, the event ``ended`` is logged and the task stays until a client has fetched the result with
    ``bench.fleet.device.calls`` and acknowledged it, or none has asked for it for half a minute: nothing is measured
    while records are transferred.
    """
    answer: Answer = here().carry_out(msgspec.json.decode(order, type=Order))
    return msgspec.json.encode(answer)
