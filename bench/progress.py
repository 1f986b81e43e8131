"""How far long work in a worker has come. Whoever does the work says so; the worker listens and tells its parent."""

from collections.abc import Callable

Listener = Callable[[int, int], None]

_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """From now on ``listener`` gets what is given to ``done``; it replaces an earlier one."""
    _listeners[:] = [listener]


def done(part: int, whole: int) -> None:
    """``part`` of ``whole`` is done, in any unit. Where nobody listens, nothing happens."""
    for listener in _listeners:
        listener(part, whole)
