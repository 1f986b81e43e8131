"""The trial of a rack: real scheduler, devices, client and runs, each device behind a cable of its own. A tenth of the
devices is killed, a quarter is cut off for half a minute, the scheduler is killed and begun again; all records arrive,
each once, and nothing is measured twice.

    ODB_RACK_SEED=2 pytest tests/perf/fleet/test_trial.py -m perf

``ODB_RACK_DEVICES`` makes it smaller, ``ODB_RACK_SEED`` chooses the devices and the moments. It needs root and `ip`.
"""

import json
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import bench.testing.plugins
from bench.fleet.device.agent import ORDERS
from bench.fleet.ledger import LEDGER, Line, read_ledger
from bench.store.records import load_records
from tests.support.fleet.begun import Begun
from tests.support.fleet.network import NetworkRack, network_rack

pytestmark = [pytest.mark.perf, pytest.mark.process, pytest.mark.timeout(5400)]

DEVICES = int(os.environ.get("ODB_RACK_DEVICES", "20"))
SEED = int(os.environ.get("ODB_RACK_SEED", "1"))
PLUGIN = str(bench.testing.plugins.__file__)
SUITE = """
preset = "quick"
repeats = 1
max_seconds = 0.2
models = [{{source = "{models}/mlperf_tiny_resnet.onnx"}}, {{source = "{models}/ultraface_rfb_320.onnx"}}]
targets = [
    {{id = "null:cpu", options = {{latency_us = "50"}}}},
    {{id = "null:cpu", options = {{latency_us = "100"}}}},
    {{id = "null:cpu", options = {{latency_us = "200"}}}},
    {{id = "ort:cpu"}},
    {{id = "ort:cpu", options = {{enable_mem_pattern = "0"}}}},
]
"""
RUNS = 10 * DEVICES
CUT_SECONDS, RESTART_SECONDS = 30.0, 5.0


def test_all_records_once_whatever_happens(tmp_path: Path, realdata: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("distributed", reason="needs the extra fleet")
    suite, out, told = tmp_path / "suite.toml", tmp_path / "out", tmp_path / "told.json"
    suite.write_text(SUITE.format(models=realdata / "models"))
    names = [f"board-{number:02}" for number in range(1, DEVICES + 1)]
    began = time.monotonic()
    with network_rack(tmp_path, "--plugin", PLUGIN, "--target", "null", "--target", "ort") as rack:
        for name in names:  # one after another: each asks its runtimes first
            rack.add(name)
            rack.wait(lambda name=name: "joined" in rack.log(name), f"{name} joins", 300)
        joined = time.monotonic()
        with begun(tmp_path, names) as runs:
            rack.begin_client("run", str(suite), "--each", "--json", "-o", str(out), "--plugin", PLUGIN, printed=told)
            struck = disturb(rack, names, out)
            rack.wait(lambda: not rack.is_running("client"), "the client ends", 3600)
        memory_bytes = rack.memory_bytes("scheduler")
    lines = list(read_ledger(out / LEDGER))
    fetched = Counter(line.order for line in lines if line.kind == "fetched")
    lost = [line for line in lines if line.kind in ("lost", "refused")]
    records = load_records(out)
    with capsys.disabled():
        sys.stdout.write(
            f"\nseed {SEED}: {len(records)} records of {DEVICES} devices in {time.monotonic() - joined:.0f} s, after"
            f" {joined - began:.0f} s of joining; {struck}; runs begun: {sum(map(len, runs.values()))}, died:"
            f" {[line.device for line in lost]}; scheduler: {memory_bytes / 1e6:.0f} MB\n"
        )
    said = json.loads(told.read_text())
    assert ([], RUNS) == (said["failed"], len(said["records"]))
    assert RUNS == len(records) == len({run.record.fleet.order for run in records if run.record.fleet is not None})
    assert (RUNS, {1}) == (len(fetched), set(fetched.values()))
    device_of = {line.order: line.device for line in lines if line.kind == "plan"}
    again = Counter({order: len(times) - 1 for order, times in runs.items() if len(times) > 1})
    assert fetched.keys() == runs.keys()
    told_again = {order: sorted(runs[order]) for order in again}
    assert Counter(device_of[order] for order in again.elements()) <= Counter(struck["killed"]), told_again
    assert {line.order for line in lost} <= again.keys()  # a run that died before its child began is not told as lost
    assert memory_bytes < 1e9


def disturb(rack: NetworkRack, names: list[str], out: Path) -> dict[str, list[str]]:
    """One thing after another while runs go on, at moments that the seed chooses. Returns the devices that were killed
    and those that were cut off."""
    chance = random.Random(SEED)
    chosen = chance.sample(names, max(1, DEVICES // 10) + max(1, DEVICES // 4))
    killed, cut = chosen[: max(1, DEVICES // 10)], chosen[max(1, DEVICES // 10) :]

    def done(least: float) -> None:
        rack.wait(lambda: part_done(out) >= least or not rack.is_running("client"), f"{least:.0%} are done", 3600)
        assert rack.is_running("client"), rack.log("client")
        time.sleep(chance.uniform(0, 5))

    done(0.05)
    for name in killed:
        time.sleep(chance.uniform(0, 10))
        rack.kill(name)
        threading.Timer(RESTART_SECONDS, rack.begin, (name,)).start()
    done(0.25)
    for name in cut:
        rack.cut(name)
    time.sleep(CUT_SECONDS)
    for name in cut:
        rack.mend(name)
    done(0.5)
    rack.kill("scheduler")
    time.sleep(RESTART_SECONDS)
    rack.begin_scheduler()
    return {"killed": killed, "cut off": cut}


def part_done(out: Path) -> float:
    return sum(line.kind == "fetched" for line in lines_of(out)) / RUNS


def lines_of(out: Path) -> list[Line]:
    return list(read_ledger(out / LEDGER))


@contextmanager
def begun(folder: Path, names: list[str]) -> Iterator[dict[str, set[int]]]:
    """Order -> the times at which a device began it."""
    found, over = Begun(*(folder / name / ORDERS for name in names)), threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            found.look()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found.times
    finally:
        over.set()
        thread.join()
