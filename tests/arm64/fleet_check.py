"""Whether `odb fleet run` brought the right things from an emulated aarch64 device; called by tests/arm64/fleet.

usage: fleet_check.py STATUS.json OUT    what `odb fleet status --json` said, and the folder of `odb fleet run`
"""

import json
import sys
from pathlib import Path

from bench.fleet.results import read_rack
from bench.store.records import load_records


def main(status: Path, out: Path) -> int:
    """The number of things that are not as they should be; each is printed."""
    (device,) = json.loads(status.read_text())["devices"]
    (record,) = [run.record for run in load_records(out)]  # which verifies seals
    host, fleet, rack = record.environment.host, record.fleet, read_rack(out)
    sys.stdout.write(f"{device['device']}: {device['labels']}, {device['targets']}\n")
    sys.stdout.write(f"{record.record_id}: {record.status}, {host.get('machine')}, {fleet}, {record.failure}\n")
    expected = {
        "the device's architecture": (device["labels"]["arch"], "aarch64"),
        "the record's status": (record.status, "ok"),
        "the record's machine": (host.get("machine"), "aarch64"),
        "whether the record says that it was emulated": (host.get("emulated"), True),
        "the device in the record": (None if fleet is None else fleet.device, device["device"]),
        "what is missing on the page": ([str(gap.reason) for gap in rack.gaps], []),
        "what waits on the device": (device["finished"], []),
    }
    wrong = {what: pair for what, pair in expected.items() if pair[0] != pair[1]}
    for what, (found, wanted) in wrong.items():
        sys.stdout.write(f"{what}: {found!r}, expected {wanted!r}\n")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
