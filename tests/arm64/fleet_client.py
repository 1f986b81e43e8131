"""Sends one order to an emulated device and fetches its record; called by tests/arm64/fleet.

usage: fleet_client.py SCHEDULER KEYS MODEL OUT
"""

import asyncio
import hashlib
import sys
from pathlib import Path

import msgspec

from bench.fleet.device import calls
from bench.fleet.device.task import carry_out
from bench.fleet.facts import DeviceFacts
from bench.fleet.orders import Answer, Finished, Order, OrderFile, Wanted
from bench.fleet.security import party_of
from bench.store.records import load
from bench.suite.suite import ModelAsk, Suite, TargetAsk

JOIN_SECONDS, RUN_SECONDS = 900, 1500


def tell(text: str) -> None:
    """Say what was found."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def main(scheduler: str, keys: Path, model: Path, out: Path) -> None:
    """Raises ``AssertionError`` for what is not as it should be."""
    from distributed import Client

    data = model.read_bytes()
    file = OrderFile(name=model.name, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
    suite = Suite(
        models=(ModelAsk(model.name),), targets=(TargetAsk("ort:cpu"),), preset="quick", repeats=2, max_seconds=1,
        check_inputs=1, timeout_s=RUN_SECONDS,
    )  # fmt: skip
    order = Order(suite=msgspec.json.encode(suite), files=(file,))
    async with Client(scheduler, asynchronous=True, **party_of(keys, "client").arguments()) as client:
        await client.wait_for_workers(1, timeout=JOIN_SECONDS)
        (address,) = client.scheduler_info(n_workers=-1)["workers"]

        async def asked(call: object, *arguments: object) -> object:
            return (await client.run(call, *arguments, workers=[address]))[address]

        facts = msgspec.json.decode(await asked(calls.facts), type=DeviceFacts)
        tell(f"{facts.name}: {facts.labels}, {facts.versions}")
        assert facts.labels["arch"] == "aarch64", facts.labels
        for attempt in range(2):
            future = client.submit(
                carry_out, msgspec.json.encode(order), key=f"odb-{order.id}-{attempt}", pure=False, retries=0,
                resources={"device": 1},
            )  # fmt: skip
            waiting = asyncio.ensure_future(_answer(future))
            while not waiting.done():  # the task stays until the result was acknowledged
                await asyncio.wait([waiting], timeout=2)
                if found := await asked(calls.result, order.id):
                    await _fetch(asked, msgspec.json.decode(found, type=Finished), out)
            answer = await waiting
            if not isinstance(answer, Wanted):
                break
            assert await asked(calls.put, file.sha256, file.size_bytes, 0, data)
        assert isinstance(answer, Finished), answer
    tell(f"carried out in {answer.seconds:.0f} s")


async def _answer(future: object) -> Answer:
    return msgspec.json.decode(await future, type=Answer)  # type: ignore[misc, no-any-return]


async def _fetch(asked: object, finished: Finished, out: Path) -> None:
    """The files of a result, whose hashes are compared; then it is acknowledged."""
    for one in finished.files:
        data = await asked(calls.read, finished.order, one.name, 0)  # type: ignore[operator]
        assert hashlib.sha256(data).hexdigest() == one.sha256, one.name
        path = out / one.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    await asked(calls.acknowledge, finished.order)  # type: ignore[operator]
    for folder in {(out / one.name).parent for one in finished.files}:
        record = load(folder).record
        host, fleet = record.environment.host, record.fleet
        tell(f"{record.record_id}: {record.status}, {host.get('machine')}, {fleet}, {record.failure}")
        assert (record.status, host.get("machine"), host.get("emulated")) == ("ok", "aarch64", True)
        assert fleet is not None
        assert fleet.order == finished.order


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(Path, sys.argv[2:5])))
