"""Stands in for what measures on a device, so that a trial of many runs costs no hours: says what a child says, waits,
and writes a sealed record of a run that failed. ``python stand_in.py ORDER_FOLDER DEVICE …``"""

import sys
import time
from pathlib import Path

from bench.contracts import Scenario
from bench.fleet.device.spool import RECORDS
from bench.record.record import Failure, PlanPart
from bench.record.runner import FleetDevice
from bench.store.records import new_record_id, write_record
from bench.testing.records import INPUTS, MODEL, RULE, TARGET, fake_record

SECONDS = 0.3


def main(folder: Path, device: str) -> None:
    for kind in ("began", "turn"):
        sys.stdout.write(f'{{"kind": "{kind}", "model": "fake", "target": "chip:npu"}}\n')
        sys.stdout.flush()
    time.sleep(SECONDS)
    record = fake_record(
        new_record_id("fake", f"chip-npu-{device}"),
        PlanPart(MODEL, TARGET, Scenario("single-stream"), "quick", RULE, 0, 1, inputs=INPUTS),
        status="failed",
        failure=Failure("start", "unavailable", "a stand-in measures nothing", "none"),
        fleet=FleetDevice(device=device, order=folder.name),
    )
    (folder / RECORDS).mkdir(exist_ok=True)
    write_record(folder / RECORDS / record.record_id, record, {})


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
