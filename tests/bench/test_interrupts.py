"""What an interrupt does while something is being ended already."""

import asyncio
import os
import signal

import pytest

from bench.cli.terminal.signals import EXIT_INTERRUPTED, _interrupted
from bench.fleet.scheduler import stopping
from bench.interrupts import is_unwinding, unwinding


def test_asked_a_second_time_a_server_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though its worker has begun something that an interrupt would otherwise unwind."""
    ended = list[int]()
    monkeypatch.setattr(os, "_exit", ended.append)
    before = signal.signal(signal.SIGINT, _interrupted)

    async def serve() -> None:
        stop = asyncio.Event()
        with stopping(stop):
            with unwinding():
                signal.raise_signal(signal.SIGINT)
                await stop.wait()
                assert [] == ended
                signal.raise_signal(signal.SIGINT)
            assert [EXIT_INTERRUPTED] == ended
        with unwinding():
            assert is_unwinding()

    try:
        asyncio.run(serve())
    finally:
        signal.signal(signal.SIGINT, before)
