"""The scheduler of a rack: Dask's, without its pages, and with what each role may ask of it."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from bench.errors import InputError
from bench.fleet.security import Party
from bench.interrupts import at_once
from bench.words import sentence

OF_DEVICES = frozenset(
    "identity register-worker heartbeat_worker close close-stream keep-alive log-event worker-status-change "
    "task-finished task-erred release-worker-data add-keys long-running reschedule".split()
)
"""What a device may say: what a worker of Dask says that has no dependencies to fetch. It may submit nothing."""
NOT_OF_CLIENTS = frozenset(("register-worker", "register_nanny", "heartbeat_worker"))


def is_allowed(role: str, name: str, message: Any) -> bool:
    """Whether the party ``name`` of that role may say that. A device may join, and tell events, under the name of its
    certificate only. What is no operation is Dask's to judge."""
    if not isinstance(message, dict) or "op" not in message:
        return True
    op = message["op"]
    if role == "device":
        return op in OF_DEVICES and _named(op, message) in (None, name)
    return role == "client" and op not in NOT_OF_CLIENTS


def _named(op: str, message: dict[str, Any]) -> Any:
    """The device in whose name the message speaks; ``None`` where it names none."""
    if op == "register-worker":
        return message.get("name", "")
    told = message.get("msg") if op == "log-event" else None
    return told.get("device") if isinstance(told, dict) else None


def limit(comm: Any) -> None:
    """From now on ``comm`` is closed when the other end says what its role may not say. Dask reads all that a party
    says through this method, before and after it has joined."""
    from distributed.comm import CommClosedError

    certificate = comm.extra_info.get("peercert") or {}
    role, name = (_common_name(certificate.get(part, ())) for part in ("issuer", "subject"))
    read = comm.read

    async def read_what_is_allowed(*given: Any, **settings: Any) -> Any:
        found = await read(*given, **settings)
        for message in found if isinstance(found, list | tuple) else (found,):
            if not is_allowed(role, name, message):
                comm.abort()
                raise CommClosedError(f"{role} {name}: not allowed: {message['op']}")
        return found

    comm.read = read_what_is_allowed


def _common_name(parts: Any) -> str:
    """As Python's ``ssl`` gives a subject or an issuer."""
    return next((value for part in parts for key, value in part if key == "commonName"), "")


async def serve_scheduler(party: Party, host: str, port: int, began: Callable[[str], None]) -> None:
    """Serve until the process is asked to end. ``began`` gets the address, port 0 being any that is free. Raises
    ``InputError`` where the address cannot be listened at."""
    from distributed import Scheduler

    class QuietScheduler(Scheduler):  # type: ignore[misc]
        def start_http_server(self, *args: Any, **settings: Any) -> None:
            """None: it would listen without a certificate."""

        def handle_comm(self, comm: Any) -> Any:
            if party.security is not None:
                limit(comm)
            return super().handle_comm(comm)

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
                sentence("fleet.cannot_listen", host=host, port=port, reason=str(error.__cause__ or error)),
                sentence("fleet.cannot_listen.remedy"),
            ) from None
        try:
            began(scheduler.address)
            await stop.wait()
        finally:
            await scheduler.close()


@contextmanager
def stopping(stop: asyncio.Event) -> Iterator[None]:
    """``stop`` is set when the process is asked to end; asked a second time, it ends at once, whatever was begun."""
    loop = asyncio.get_running_loop()
    numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGBREAK] if hasattr(signal, "SIGBREAK") else [])]
    before = {number: signal.getsignal(number) for number in numbers}
    with ExitStack() as once_asked:

        def asked(number: int, frame: object) -> None:
            loop.call_soon_threadsafe(stop.set)
            once_asked.enter_context(at_once())
            for each, handler in before.items():
                signal.signal(each, handler)

        try:
            for number in numbers:
                signal.signal(number, asked)
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
