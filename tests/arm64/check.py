"""Whether `odb` said the right things on an emulated aarch64 processor; called by tests/arm64/run."""

import json
import sys
from pathlib import Path
from typing import Any


def wrong_of_the_machine(folder: Path) -> list[str]:
    """What ``odb doctor`` and ``odb list targets`` should have said and did not."""
    doctor = {line["topic"]: line for line in json.loads((folder / "doctor.json").read_text())}
    targets = {row["target"]: row for row in json.loads((folder / "targets.json").read_text())}
    wrong = []
    emulation = doctor["emulation"]
    if emulation["state"] != "warning" or "qemu-user" not in emulation["message"]:
        wrong.append(f"the doctor says of the processor: {emulation}")
    if doctor.get("target qnn:htp soc", {}).get("state") != "unavailable":
        wrong.append("the doctor does not say that this is no Qualcomm board")
    for target in ("ort:cpu", "openvino:CPU", "ort-genai:cpu", "openvino-genai:CPU"):
        row = targets.get(target, {})
        if not row.get("usable") or not row.get("emulated"):
            wrong.append(f"{target} is not usable, or not emulated: {row}")
    htp = targets["qnn:htp"]
    if htp["usable"] or not htp["remedy"] or "Qualcomm" not in htp["reason"]:
        wrong.append(f"qnn:htp: {htp}")
    return wrong


def wrong_of_a_record(record: dict[str, Any]) -> list[str]:
    """What a record of a run there should contain and does not."""
    host, plan, verdict = record["environment"]["host"], record["plan"], record["verdict"]
    name = f"{plan['model']['id']} on {plan['target']['id']}"
    wrong = []
    if record["status"] == "skipped" and record["failure"]["kind"] == "unsupported_task":
        return []
    if record["status"] != "ok":
        wrong.append(f"{name} {record['status']}: {record.get('failure')}")
        return wrong
    if (host.get("machine"), host.get("emulated"), host.get("emulator")) != ("aarch64", True, "qemu-user"):
        wrong.append(f"{name}: host {host}")
    codes = [reason["code"] for reason in verdict["reasons"]]
    if not verdict["emulated"] or not plan["target"]["emulated"] or "emulated_processor" not in codes:
        wrong.append(f"{name}: verdict {verdict}")
    if {"output_mismatch", "nondeterministic_output"} & set(codes):
        wrong.append(f"{name}: outputs {codes}")
    return wrong


def main() -> int:
    folder, records = (
        Path(sys.argv[1]),
        [json.loads(file.read_text()) for file in sorted(Path(sys.argv[2]).rglob("record.json"))],
    )
    wrong = wrong_of_the_machine(folder) + [line for record in records for line in wrong_of_a_record(record)]
    if not records:
        wrong.append("no record was written")
    sys.stdout.write("".join(f"wrong: {line}\n" for line in wrong) or f"{len(records)} records, all as expected\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
