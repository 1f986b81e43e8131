"""Does a worker of a fleet around a run change what it measures? A/A in turns: an order that a joined worker carries
out, and its child alone, on one machine. Both follow the start of a device that has joined, and which ends before the
child alone begins: what the start leaves behind on the machine is then the same for both. Processes of one model must
differ little for this; see test_awake.py for where they do not.

    pytest tests/perf/fleet/test_quiet.py -m perf

A quarter of an hour on a quiet machine. ``ODB_QUIET_PAIRS`` sets the number of pairs.
"""

import math
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile
from typing import Any

import msgspec
import pytest
from loopback_rack import Loopback

import bench.testing.plugins
from bench.digest import sha256_of_file
from bench.fleet.device import calls
from bench.fleet.device.child import CARRYING
from bench.fleet.device.spool import FILES, ORDER, RECORDS
from bench.fleet.orders import TOPIC, Finished, Order, OrderFile
from bench.stats.ratio import paired_log_ratio
from bench.store.records import load_records
from bench.suite.suite import ModelAsk, Suite, TargetAsk

pytestmark = [pytest.mark.perf, pytest.mark.real, pytest.mark.timeout(7200)]

PAIRS = int(os.environ.get("ODB_QUIET_PAIRS", "30"))
MARGIN, ALPHA = 0.01, 0.05
REPEATS = 4
"""Processes a side of a pair: the p50 of two processes of one model differ by several percent by themselves."""
PLUGINS = Path(str(bench.testing.plugins.__file__))


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    pytest.importorskip("distributed")
    rack = Loopback(tmp_path_factory.mktemp("rack"))
    try:
        rack.begin_scheduler()
        yield rack
    finally:
        rack.end()


@pytest.mark.parametrize(
    ("model", "target"),
    [
        (ModelAsk("fake"), TargetAsk("null:cpu", {"latency_us": "200"})),
        (ModelAsk("ultraface_rfb_320.onnx"), TargetAsk("ort:cpu")),
    ],
    ids=["null", "real"],
)
def test_a_worker_around_a_run_changes_nothing(
    benchmark: Any, rack: Loopback, tmp_path: Path, realdata: Path, model: ModelAsk, target: TargetAsk
) -> None:
    """p50 with a worker over p50 without: within 1 %, by two one-sided tests over the pairs."""
    files = [realdata / "models" / model.source] if model.source.endswith(".onnx") else []
    suite = Suite(models=(model,), targets=(target,), preset="quick", repeats=REPEATS)
    asked = Order(
        suite=msgspec.json.encode(suite),
        files=tuple(OrderFile(name=f.name, sha256=sha256_of_file(f), size_bytes=f.stat().st_size) for f in files),
    )
    logs: list[float] = []
    tails: list[float] = []

    def play() -> None:
        for number in range(PAIRS):
            order = msgspec.structs.replace(asked, labels=(f"pair={number}",))
            figures = {}
            for side in ("with", "without") if number % 2 else ("without", "with"):
                out = tmp_path / f"{number}-{side}"
                join(rack)
                if side == "with":
                    records = carried(rack, order, files, out)
                    rack.kill("device")
                else:
                    rack.kill("device")
                    records = alone(order, files, out)
                (run,) = load_records(records)
                assert run.record.summary is not None
                figures[side] = run.record.summary.latency_ns
            logs.append(math.log(figures["with"].p50 / figures["without"].p50))
            tails.append(math.log(figures["with"].mean / figures["without"].mean))

    benchmark.pedantic(play, rounds=1)
    found, means = paired_log_ratio(logs), paired_log_ratio(tails)
    benchmark.extra_info |= {
        "pairs": PAIRS,
        "p50 ratio": [found.ratio, *found.interval()],
        "mean ratio": [means.ratio, *means.interval()],
    }
    assert found.p_equivalent(MARGIN) < ALPHA, benchmark.extra_info


def join(rack: Loopback) -> None:
    """A device begins and joins the rack."""
    rack.begin_device("--plugin", str(PLUGINS), "--target", "null", "--target", "ort", "--yardstick-hours", "0")
    rack.connect()
    rack.worker()


def carried(rack: Loopback, order: Order, files: list[Path], out: Path) -> Path:
    """Records of the order as the worker carries it out. Nothing is asked while it runs."""
    for file in files:
        data = file.read_bytes()
        assert rack.call(calls.put, sha256_of_file(file), len(data), 0, data)
    ended = threading.Event()
    rack.client.subscribe_topic(TOPIC, lambda event: ended.set() if event[1]["kind"] == "ended" else None)
    future = rack.submit(order)
    assert ended.wait(600)
    finished = msgspec.json.decode(rack.call(calls.result, order.id), type=Finished)
    for one in finished.files:
        (out / one.name).parent.mkdir(parents=True, exist_ok=True)
        (out / one.name).write_bytes(rack.call(calls.read, order.id, one.name, 0))
    rack.call(calls.acknowledge, order.id)
    assert finished == rack.answer(future)
    return out


def alone(order: Order, files: list[Path], out: Path) -> Path:
    """Records of the same child without agent, worker and connection."""
    (out / FILES).mkdir(parents=True)
    for file in files:
        copyfile(file, out / FILES / file.name)
    (out / ORDER).write_bytes(msgspec.json.encode(order))
    with (out / "said.txt").open("wb") as said:
        subprocess.run([*CARRYING, str(out), "board", "0", str(PLUGINS)], stdout=said, stderr=said, check=True)
    return out / RECORDS
