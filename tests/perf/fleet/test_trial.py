"""The trial of a rack: devices killed, one that stands still for half a minute, a scheduler that is begun again, and
all records once. ``ODB_RACK_DEVICES`` and ``ODB_RACK_RUNS`` (runs a device) make it smaller; what it measures with is
a stand-in, real are scheduler, devices, TLS, orders and records."""

import asyncio
import json
import os
import random
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.cli.group import odb
from bench.fleet.client.dispatch import Dispatch
from bench.fleet.client.planning import plan_fleet
from bench.fleet.ledger import LEDGER, Ledger, read_ledger
from bench.store.records import load_records
from bench.suite.suite import ModelAsk
from tests.bench.fleet.test_planning import SUITE, asked
from tests.support.fleet.processes import MODEL, PLUGINS, ProcessRack, process_rack
from tests.support.fleet.simulated import Kept, Simulated, SimulatedRack, facts

pytestmark = [pytest.mark.perf, pytest.mark.process]

DEVICES = int(os.environ.get("ODB_RACK_DEVICES", "20"))
RUNS = int(os.environ.get("ODB_RACK_RUNS", "10"))
STAND_IN = Path(__file__).resolve().parents[2] / "support" / "fleet" / "stand_in.py"
STILL_SECONDS = 30.0


def test_all_records_once_whatever_happens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A tenth of the devices is killed, one stands still, the scheduler is begun again."""
    pytest.importorskip("distributed", reason="needs the extra fleet")
    names = [f"board-{number:02}" for number in range(DEVICES)]
    suite, out = tmp_path / "suite.toml", tmp_path / "out"
    options = "\n".join(f'[[targets]]\nid = "chip:npu"\noptions = {{latency_us = "{n}"}}' for n in range(1, RUNS + 1))
    suite.write_text(f'models = [{{source = "fake"}}]\n{options}\n')
    with process_rack(tmp_path, str(STAND_IN)) as rack:
        for name in names:
            rack.add(name, PLUGINS / "gateway.py")
        rack.wait(lambda: all("joined" in rack.log(name) for name in names), "all devices join", 900)
        mischief = threading.Thread(target=disturb, args=(rack, names, out))
        mischief.start()
        given = ["--scheduler", rack.address, "--keys", str(rack.keys / "client"), "--plugin", str(MODEL), "--json"]
        odb.main(["fleet", "run", str(suite), "--each", "-o", str(out), *given], standalone_mode=False)
        mischief.join()
        memory_bytes = rack.memory_bytes("scheduler")
    told = json.loads(capsys.readouterr().out)
    fetched = Counter(line.order for line in read_ledger(out / LEDGER) if line.kind == "fetched")
    lost = [line.device for line in read_ledger(out / LEDGER) if line.kind == "lost"]
    with capsys.disabled():
        told_of = f"{len(fetched)} runs on {DEVICES} devices; died: {lost}; scheduler: {memory_bytes / 1e6:.0f} MB"
        sys.stdout.write(f"\n{told_of}\n")
    assert ([], DEVICES * RUNS) == (told["failed"], len(told["records"]))
    assert {1} == set(fetched.values())
    assert DEVICES * RUNS == len(load_records(out))
    assert memory_bytes < 1e9


def disturb(rack: ProcessRack, names: list[str], out: Path) -> None:
    """One thing after another, while runs go on."""
    chance = random.Random(7)
    still, *killed = chance.sample(names, 1 + max(1, DEVICES // 10))

    def done(least: float) -> None:
        rack.wait(lambda: part_done(out) >= least, f"{least:.0%} of the runs are done", 1800)

    done(0.1)
    rack.pause(still)
    timer = threading.Timer(STILL_SECONDS, rack.go_on, (still,))
    timer.start()
    for name in killed:
        rack.kill(name)
        time.sleep(0.5)
        rack.begin(name)
    done(0.4)
    rack.kill("scheduler")
    time.sleep(1.0)
    rack.begin_scheduler()
    timer.join()


def part_done(out: Path) -> float:
    return sum(line.kind == "fetched" for line in read_ledger(out / LEDGER)) / (DEVICES * RUNS)


def test_a_thousand_devices_a_hundred_runs_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Planned and dispatched within a minute of one core, on simulated devices that answer at once."""
    suite = replace(SUITE, models=tuple(ModelAsk(f"tiny{number}") for number in range(50)))
    names = [f"board-{number}" for number in range(1000)]
    rack, kept = SimulatedRack(Simulated(name) for name in names), Kept()
    began = time.process_time()
    plan = plan_fleet(asked(suite, each=True), [facts(name) for name in names])
    planned_s = time.process_time() - began
    asyncio.run(Dispatch(rack, plan, Ledger(tmp_path / LEDGER), kept).run())
    whole_s = time.process_time() - began
    with capsys.disabled():
        told_of = f"100,000 orders: planned in {planned_s:.1f} s, planned and dispatched in {whole_s:.1f} s of one core"
        sys.stdout.write(f"\n{told_of}\n")
    assert 100_000 == len(kept.orders)
    assert whole_s <= 60
