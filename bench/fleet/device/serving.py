"""Keeps an agent joined to its scheduler: a new worker of Dask whenever the last is gone."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from ssl import SSLError

from distributed.comm import CommClosedError, connect
from distributed.comm.core import FatalCommClosedError

from bench.fleet.device.agent import Agent, Connection
from bench.fleet.device.quiet import QuietWorker
from bench.fleet.device.settled import settle
from bench.fleet.engine import said_by
from bench.fleet.orders import TOPIC
from bench.fleet.scheduler import stopping
from bench.fleet.security import Party
from bench.scratch import scratch_folder, sweep
from bench.words import Sentence, sentence

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
JOIN_SECONDS = 60.0
SCRATCH = "odb-fleet-"
"""Of the folders that Dask's worker wants; those of agents that were killed are removed by the next."""
NAME_TAKEN = "name taken"
"""What Dask says to the second worker of a name."""


async def serve(agent: Agent, scheduler: str, party: Party, host: str | None, tell: Callable[[Sentence], None]) -> None:
    """Until the process is asked to end; what runs is ended then. ``tell``: what a person at the device should read,
    once for each change. ``host``: the address at which the scheduler reaches the device; ``None``: the one that leads
    to the scheduler."""
    settle(agent)
    sweep(SCRATCH)
    stop = asyncio.Event()
    with stopping(stop):
        joining = asyncio.create_task(_stay_joined(agent, scheduler, party, host, tell))
        asked = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((joining, asked), return_when=asyncio.FIRST_COMPLETED)
        finally:
            agent.at_boundary = lambda: None
            agent.stop()
            asked.cancel()
            joining.cancel()
            with suppress(asyncio.CancelledError):
                await joining
            settle(None)


async def _stay_joined(
    agent: Agent, scheduler: str, party: Party, host: str | None, tell: Callable[[Sentence], None]
) -> None:
    pause_s, told = FIRST_PAUSE_S, None
    loop, boundary = asyncio.get_running_loop(), asyncio.Event()

    def at_boundary() -> None:
        loop.call_soon_threadsafe(boundary.set)

    agent.at_boundary = at_boundary
    while True:
        try:
            await _reach(scheduler, party)
            await _work(agent, scheduler, party, host, tell)
            problem = sentence("fleet.scheduler_lost", scheduler=scheduler)
            pause_s, told = FIRST_PAUSE_S, None
        except (OSError, CommClosedError, TimeoutError) as error:
            is_tls = isinstance(error, FatalCommClosedError) or isinstance(_cause(error), SSLError)
            code = "fleet.tls_refused" if is_tls else "fleet.scheduler_unreachable"
            problem = sentence(code, scheduler=scheduler, reason=said_by(error))
        except (ValueError, RuntimeError) as error:
            problem = _not_admitted(agent.name, scheduler, said_by(error))
        if told != problem:
            tell(problem)
            told = problem
        await asyncio.sleep(pause_s)
        if agent.is_timing:  # not even an attempt to connect before the next repeat, whose process takes time to start
            boundary.clear()
            await boundary.wait()
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


async def _reach(scheduler: str, party: Party) -> None:
    """A worker of Dask would try without end, and say nothing of a certificate that is refused."""
    arguments = {} if party.security is None else party.security.get_connection_args("worker")
    comm = await connect(scheduler, **arguments)
    await comm.write({"op": "identity", "reply": True})
    await comm.read()
    await comm.close()


async def _work(agent: Agent, scheduler: str, party: Party, host: str | None, tell: Callable[[Sentence], None]) -> None:
    """Join, and return when the worker has closed."""
    connection = Connection()
    with scratch_folder(SCRATCH) as folder:
        worker = QuietWorker(
            scheduler,
            name=agent.name,
            nthreads=1,
            resources=agent.facts().resources(),
            memory_limit=0,
            host=host,
            local_directory=str(folder),
            dashboard=False,
            validate=False,
            is_timing=lambda: agent.is_timing,
            lost=lambda: agent.left(connection),
            **party.arguments(),
        )
        connection.log = lambda event: worker.log_event(TOPIC, event)
        try:
            agent.joined(connection)
            await asyncio.wait_for(worker, JOIN_SECONDS)
            tell(sentence("fleet.joined", device=agent.name, scheduler=scheduler, address=worker.address))
            await worker.finished()
        finally:
            agent.left(connection)
            with suppress(Exception):
                await worker.close(timeout=5, reason="agent")


def _cause(error: BaseException) -> BaseException:
    """What the lowest layer raised."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _not_admitted(device: str, scheduler: str, reason: str) -> Sentence:
    """Why the scheduler takes no worker. What Dask says has the time in it, and would be new each time."""
    if NAME_TAKEN in reason:
        return sentence("fleet.name_taken", device=device, scheduler=scheduler)
    return sentence("fleet.not_admitted", scheduler=scheduler, reason=reason)
