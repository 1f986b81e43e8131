"""A scheduler and a device as processes on loopback, with TLS."""

import asyncio
import hashlib
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pytest
from loopback_rack import WAIT_SECONDS, Loopback, until

from bench.errors import InputError
from bench.fleet.client.dask_rack import DaskRack
from bench.fleet.device import calls
from bench.fleet.device.agent import ORDERS
from bench.fleet.device.serving import _reach
from bench.fleet.device.spool import RECORDS, Spool
from bench.fleet.facts import DeviceFacts, DeviceState
from bench.fleet.keys import make_keys
from bench.fleet.orders import TOPIC, Finished, Order, OrderFile, Refused, Wanted
from bench.fleet.security import party_of

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        not (find_spec("cryptography") and find_spec("distributed")), reason="the extra fleet is not installed"
    ),
]

PARTIES = ("scheduler", "board", "client")
DATA = b"a model"
FILE = OrderFile(name="model.onnx", sha256=hashlib.sha256(DATA).hexdigest(), size_bytes=len(DATA))


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    rack = Loopback(tmp_path_factory.mktemp("rack"))
    try:
        rack.begin_scheduler()
        rack.begin_device()
        rack.connect()
        yield rack
    finally:
        rack.end()


@pytest.fixture
def order(rack: Loopback, request: pytest.FixtureRequest) -> Order:
    """One of its own for each test, whose file the device has and whose run lasts until it is told to end."""
    for said in ("end", "next"):
        (rack.device_folder / said).unlink(missing_ok=True)
    rack.call(calls.put, FILE.sha256, len(DATA), 0, DATA)
    return Order(suite=request.node.name.encode(), files=(FILE,), device="board")


def test_a_device_says_what_it_is(rack: Loopback) -> None:
    facts = msgspec.json.decode(rack.call(calls.facts), type=DeviceFacts)
    assert ("board", {"soc": "x1"}) == (facts.name, facts.labels)
    assert abs(facts.utc_ns - time.time_ns()) < 60e9
    resources = rack.client.scheduler_info()["workers"][rack.worker()]["resources"]
    assert {"device": 1.0, "device=board": 1.0, "soc=x1": 1.0} == resources


def test_an_order_is_carried_out_and_its_result_is_fetched_once(rack: Loopback, order: Order) -> None:
    other = b"another model"
    sent = OrderFile(name="other.onnx", sha256=hashlib.sha256(other).hexdigest(), size_bytes=len(other))
    order = msgspec.structs.replace(order, files=(FILE, sent))
    events: list[dict[str, Any]] = []
    rack.client.subscribe_topic(TOPIC, lambda event: events.append(event[1]))
    assert Wanted(order=order.id, device="board", sha256=(sent.sha256,)) == rack.answer(rack.submit(order))
    assert len(other) == rack.call(calls.put, sent.sha256, len(other), 0, other)
    future = rack.submit(order, 2)
    until(lambda: any(event["kind"] == "turn" for event in events))
    assert rack.call(calls.put, "0" * 64, 1, 0, b"x") is None, "nothing is taken while a run is timed"
    rack.let_end()
    finished = msgspec.json.decode(until(lambda: rack.call(calls.result, order.id)), type=Finished)
    (file,) = finished.files
    assert b"{}" == rack.call(calls.read, order.id, file.name, 0, 99)
    assert not future.done(), "no other order is begun until the result is fetched"
    rack.call(calls.acknowledge, order.id)
    assert finished == rack.answer(future)
    assert {"running": "", "finished": []} == rack.call(calls.holdings)
    told = until(lambda: [e["kind"] for e in events if e["order"] == order.id and events[-1]["kind"] == "ended"])
    assert ["began", "turn", "written", "ended"] == told


def test_what_a_client_does_wrong_is_told_as_bad_input(rack: Loopback) -> None:
    with pytest.raises(InputError, match="hash"):
        rack.call(calls.put, "0" * 64, 1, 0, b"x")
    with pytest.raises(InputError, match="secret"):
        rack.call(calls.read, "0" * 20, "../secret", 0, 9)


def test_a_crash_ends_the_child_and_not_the_device(rack: Loopback, order: Order) -> None:
    future = rack.submit(order)
    rack.let_end("crash")
    refused = rack.answer(future)
    assert isinstance(refused, Refused)
    assert ("crashed", "board") == (refused.code, refused.device)
    assert f"{-signal.SIGABRT}" in str(refused.reason)
    state = msgspec.json.decode(rack.call(calls.state), type=DeviceState)
    assert (1, None) == (state.lost_runs, state.running)
    rack.call(calls.release)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_keeps_still_while_a_run_is_timed(rack: Loopback, order: Order) -> None:
    """None of its threads is woken in two seconds."""
    future = rack.submit(order)
    until(lambda: rack.call(calls.put, "1" * 64, 1, 0, b"") is None)
    time.sleep(0.5)  # the answer to that call
    pid = rack.processes["device"].pid
    before = wakings(pid)
    time.sleep(2)
    assert wakings(pid) - before <= 2
    rack.let_end()
    until(lambda: rack.call(calls.result, order.id))
    rack.call(calls.acknowledge, order.id)
    rack.answer(future)


def wakings(pid: int) -> int:
    """How often the threads of a process have given up the processor to wait, in all."""
    found = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        found += int(status.read_text().split("\nvoluntary_ctxt_switches:")[1].split()[0])
    return found


def test_nothing_is_transferred_while_a_run_is_timed(rack: Loopback, order: Order) -> None:
    """Neither a file to the device nor a result that waits there; as soon as it may be, it is."""
    waits = msgspec.structs.replace(order, suite=b"waits")
    record = rack.device_folder / ORDERS / waits.id / RECORDS / "r1" / "record.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    finished = Spool(rack.device_folder / ORDERS).end(waits.id, "board", 1.0)
    assert finished is not None
    future = rack.submit(order)
    until(lambda: rack.running() == order.id and rack.call(calls.put, "1" * 64, 1, 0, b"") is None)

    async def asked() -> bytes:
        async with DaskRack(rack.address, party_of(rack.keys / "client", "client")) as reached:
            name = finished.files[0].name
            assert waits.id in (await reached.holdings("board")).finished
            assert await reached.read("board", waits.id, name, 0, 99) is None
            assert await reached.put("board", FILE.sha256, len(DATA), 0, DATA) is None
            rack.let_end()
            async with asyncio.timeout(WAIT_SECONDS):
                while (data := await reached.read("board", waits.id, name, 0, 99)) is None:
                    await asyncio.sleep(0.1)
            assert len(DATA) == await reached.put("board", FILE.sha256, len(DATA), 0, DATA)
            await reached.acknowledge("board", waits.id)
            return data

    assert b"{}" == asyncio.run(asked())
    until(lambda: rack.call(calls.result, order.id))
    rack.call(calls.acknowledge, order.id)
    assert isinstance(rack.answer(future), Finished)


def test_a_run_outlives_its_scheduler_and_its_client(rack: Loopback, order: Order) -> None:
    rack.submit(order)
    until(lambda: rack.running() == order.id)
    rack.kill("scheduler")
    rack.begin_scheduler()
    rack.connect()
    rack.wait_for_a_turn()
    assert order.id == rack.running()
    rack.submit(order)
    rack.connect()  # the task of the client before still waits on the device
    future = rack.submit(order, 2)
    rack.let_end()
    until(lambda: rack.call(calls.result, order.id))
    rack.call(calls.acknowledge, order.id)
    assert isinstance(rack.answer(future), Finished | Refused)
    assert 1 == rack.begun().count(order.id)


def test_a_device_that_is_killed_is_told_and_comes_back_with_what_it_had(rack: Loopback, order: Order) -> None:
    """The result that waited is there, the run that was lost is not, and its child is gone."""
    from distributed import KilledWorker

    kept = msgspec.structs.replace(order, suite=b"kept")
    rack.let_end()
    future = rack.submit(kept)
    until(lambda: rack.call(calls.result, kept.id))
    (rack.device_folder / "end").unlink()
    rack.kill("device")
    with pytest.raises(KilledWorker):
        future.result(timeout=WAIT_SECONDS)
    rack.begin_device()
    lost = rack.submit(order)
    until(lambda: order.id in rack.begun())
    rack.kill("device")
    with pytest.raises(KilledWorker):
        lost.result(timeout=WAIT_SECONDS)
    rack.begin_device()
    assert {"running": "", "finished": [kept.id]} == rack.call(calls.holdings)
    assert isinstance(rack.answer(rack.submit(kept, 2)), Finished)
    again = rack.submit(order, 2)
    rack.let_end()
    until(lambda: rack.call(calls.result, order.id))
    rack.call(calls.acknowledge, order.id)
    assert isinstance(rack.answer(again), Finished)
    assert 2 == rack.begun().count(order.id)


def test_a_host_without_a_certificate_gets_nothing(rack: Loopback, tmp_path: Path) -> None:
    """Neither of the scheduler nor of the device: without TLS, without a certificate, with one of another rack. A
    device listens to no client either."""
    make_keys(tmp_path, ["stranger"])
    ports = [int(address.rpartition(":")[2]) for address in (rack.address, rack.worker())]
    for port in ports:
        for keys in ("", "none", str(tmp_path / "stranger")):
            assert b"" == received(port, keys)
    heard = {(n, p) for n, port in enumerate(ports) for p in PARTIES if received(port, str(rack.keys / p))}
    assert {(0, "client"), (0, "board"), (1, "scheduler")} == heard


def test_a_device_can_be_neither_a_client_nor_a_scheduler(rack: Loopback, order: Order) -> None:
    """With its key it is let in, and out again as soon as it asks for what clients ask for; another device that meets
    it in the place of the scheduler hangs up."""
    from distributed import Client, Scheduler

    board = party_of(rack.keys / "board", "device")
    with pytest.raises(OSError, match=r"closed|Timed out"):
        Client(rack.address, timeout=2, set_as_default=False, **board.arguments())

    async def impostor() -> None:
        async with Scheduler(host="127.0.0.1", port=0, protocol="tls://", dashboard=False, **board.arguments()) as one:
            await _reach(one.address, board)

    with pytest.raises(OSError, match=r"certificate|CERTIFICATE"):
        asyncio.run(impostor())
    assert "" == rack.running(), "and the rack goes on"


def received(port: int, keys: str) -> bytes:
    """What comes from that port: in plain text, with TLS and no certificate, or with that of a folder."""
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS) as plain:
        try:
            if not keys:
                plain.sendall(b"\x00" * 64)
                return plain.recv(64)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            if keys != "none":
                context.load_cert_chain(os.path.join(keys, "cert.pem"), os.path.join(keys, "key.pem"))
            with context.wrap_socket(plain) as secure:
                return secure.recv(64)
        except OSError:
            return b""


def test_nothing_else_listens(rack: Loopback) -> None:
    """No pages over HTTP, which ask for no certificate: each process has one port."""
    import psutil

    for process in rack.processes.values():
        listening = [c for c in psutil.Process(process.pid).net_connections() if c.status == psutil.CONN_LISTEN]
        assert 1 == len({connection.laddr.port for connection in listening})
