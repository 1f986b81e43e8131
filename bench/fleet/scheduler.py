"""The scheduler of a rack: Dask's, without its pages."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench.errors import InputError
from bench.fleet.security import Party
from bench.words import sentence


async def serve_scheduler(party: Party, host: str, port: int, began: Callable[[str], None]) -> None:
    """Serve until the process is asked to end. ``began`` gets the address, port 0 being any that is free. Raises
    ``InputError`` where the address cannot be listened at."""
    from distributed import Scheduler

    class QuietScheduler(Scheduler):  # type: ignore[misc]
        def start_http_server(self, *args: Any, **settings: Any) -> None:
            """None: it would listen without a certificate."""

    protocol = "tcp" if party.security is None else "tls"
    stop = asyncio.Event()
    with stopping(stop):
        scheduler = QuietScheduler(
            host=host, port=port, protocol=f"{protocol}://", dashboard=False, **party.arguments()
        )
        try:
            await scheduler
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(
                sentence("fleet.cannot_listen", host=host, port=port, reason=str(error)),
                sentence("fleet.cannot_listen.remedy"),
            ) from None
        try:
            began(scheduler.address)
            await stop.wait()
        finally:
            await scheduler.close()


@contextmanager
def stopping(stop: asyncio.Event) -> Iterator[None]:
    """``stop`` is set when the process is asked to end; asked a second time, it ends at once."""
    loop = asyncio.get_running_loop()
    numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGBREAK] if hasattr(signal, "SIGBREAK") else [])]
    before = {number: signal.getsignal(number) for number in numbers}

    def asked(number: int, frame: object) -> None:
        loop.call_soon_threadsafe(stop.set)
        for each, handler in before.items():
            signal.signal(each, handler)

    try:
        for number in numbers:
            signal.signal(number, asked)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
