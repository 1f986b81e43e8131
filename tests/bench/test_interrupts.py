"""What an interrupt does while something is being ended already."""

import asyncio
import signal
from types import FrameType
from typing import Any

from bench.fleet.scheduler import stopping
from bench.interrupts import at_once, is_unwinding, unwinding


def test_what_was_begun_is_waited_for_until_the_end_was_asked_for() -> None:
    """By an interrupt: the second one finds that nothing is waited for."""
    before = is_unwinding()
    with unwinding():
        assert is_unwinding()
        with at_once():
            assert not is_unwinding()
        assert is_unwinding()
    assert before == is_unwinding()


def test_asked_a_second_time_a_server_ends_at_once() -> None:
    """Though its worker has begun something: the handler from before answers, and it finds nothing to wait for."""
    answered: list[bool] = []

    def handler(number: int, frame: FrameType | None) -> None:
        answered.append(is_unwinding())

    def interrupt() -> None:
        found: Any = signal.getsignal(signal.SIGINT)
        found(signal.SIGINT, None)

    async def serve() -> None:
        stop = asyncio.Event()
        with stopping(stop), unwinding():
            interrupt()
            await asyncio.wait_for(stop.wait(), 60)
            assert [] == answered
            interrupt()
            assert [False] == answered

    before = signal.signal(signal.SIGINT, handler)
    try:
        asyncio.run(serve())
    finally:
        signal.signal(signal.SIGINT, before)
