"""What a client asks a device besides an order: ``client.run(call, …, workers=[address])``.

Each call returns at once. Structs go as JSON. What a client does wrong, or what there is no room for, is raised as
``bench.errors.InputError``.
"""

from typing import Any

import msgspec

from bench.errors import InputError
from bench.fleet.device.settled import here
from bench.words import Sentence, sentence

MOST_BYTES = 8 << 20
"""Of one call."""


def facts() -> bytes:
    """``DeviceFacts``."""
    return msgspec.json.encode(here().facts())


def state() -> bytes:
    """``DeviceState``."""
    return msgspec.json.encode(here().state())


def holdings() -> dict[str, Any]:
    """``running``: the id of the order that is carried out, empty without one; ``finished``: those whose results
    wait."""
    now = here().state()
    return {"running": "" if now.running is None else now.running.order, "finished": list(now.finished)}


def put(sha256: str, size_bytes: int, offset: int, data: bytes) -> int | None:
    """Take a part of a file, of at most ``MOST_BYTES``. Returns how many of its bytes are here: the next part is wanted
    from there. ``None``: nothing was taken, since a run is timed, or room is held for the files of another order; ask
    again later."""
    agent = here()
    try:
        return agent.put(sha256, size_bytes, offset, data)
    except OSError as error:
        strerror = error.strerror or str(error)
        raise InputError(sentence("store.not_written", path=agent.artifacts.folder, strerror=strerror)) from None


def result(order_id: str) -> bytes:
    """``Finished`` of an order that ended here; empty for any other."""
    agent = here()
    agent.heard(order_id)
    found = agent.spool.result(order_id)
    return b"" if found is None else msgspec.json.encode(found)


def read(order_id: str, name: str, offset: int, most_bytes: int = MOST_BYTES) -> bytes | None:
    """A part of a file of a result; empty behind its end. ``None``: a run is timed; ask again later."""
    agent = here()
    if agent.is_busy:
        return None
    agent.heard(order_id)
    return agent.spool.read(order_id, name, offset, min(most_bytes, MOST_BYTES))


def acknowledge(order_id: str) -> None:
    """The result was fetched and verified: the device forgets it."""
    here().acknowledge(order_id)


def drop(order_id: str) -> None:
    """The order was carried out elsewhere: end its run, if it still goes on, and forget what came of it."""
    here().drop(order_id)


def quarantine(reason: bytes) -> None:
    """Take no orders. ``reason``: a ``Sentence`` or text, as JSON."""
    here().quarantine(msgspec.json.decode(reason, type=Sentence | str))


def release() -> None:
    """Take orders again."""
    here().release()
