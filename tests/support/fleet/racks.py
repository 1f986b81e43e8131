"""A rack made by hand: runs of several devices, and a ledger with every kind of gap."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace

from bench.record.record import Failure, RecordedRun
from bench.record.runner import FleetDevice
from bench.store.records import save
from bench.testing.records import ENVIRONMENT, MODEL, TARGET, fake_run

HOSTS = {
    "intel-1": {"cpu": "Intel(R) Core(TM) Ultra 7 155H", "cores_logical": 22, "memory_bytes": 1 << 35, "os": "Windows"},
    "snapdragon-1": {
        "cpu": "Snapdragon X Elite",
        "cores_logical": 12,
        "memory_bytes": 1 << 34,
        "os": "Windows",
    },
    "board-1": {"cpu": "QCS8550", "cores_logical": 8, "memory_bytes": 1 << 33, "os": "Linux", "os_version": "6.6"},
    "board-2": {"cpu": "QCS8550", "cores_logical": 8, "memory_bytes": 1 << 33, "os": "Linux", "os_version": "6.6"},
}


def measured(device: str, model: str, target: str, p50_ns: int, precision: str = "int8", **record: Any) -> RecordedRun:
    """A run of five processes on a device of the rack. Its order is named after it."""
    spread = np.random.default_rng(len(device + model)).normal(1, 0.004, (5, 200))
    plugin, _, unit = target.partition(":")
    name = f"{model}-{target.replace(':', '-')}-{device}"
    run = fake_run(
        name,
        [(row * p50_ns).astype(np.int64) for row in spread],
        model=replace(MODEL, id=model, precision=precision),
        target=replace(TARGET, id=target, plugin=plugin, device=unit, executed_precision=precision),
    )
    host = replace(ENVIRONMENT, host=HOSTS.get(device, HOSTS["board-1"]))
    made = replace(run.record, fleet=FleetDevice(device, f"order-{name}"), environment=host, **record)
    return RecordedRun(made, run.samples)


def rack_runs() -> list[RecordedRun]:
    """Two models on four devices: one in another precision, one invalid, one failed."""
    crash = Failure("steady", "crashed", "The driver ended the process.", "Update the driver.")
    failed = measured("board-2", "yolov8n", "qnn:htp", 4_100_000)
    failed = RecordedRun(replace(failed.record, status="failed", failure=crash, repeats=(), verdict=None), {})
    return [
        measured("intel-1", "mobilenet_v2", "openvino:NPU", 1_250_000),
        measured("snapdragon-1", "mobilenet_v2", "qnn:htp", 640_000),
        measured("board-1", "mobilenet_v2", "qnn:htp", 910_000),
        measured("board-2", "mobilenet_v2", "qnn:htp", 925_000),
        measured("intel-1", "yolov8n", "openvino:NPU", 6_300_000, "float16"),
        _busy(measured("snapdragon-1", "yolov8n", "qnn:htp", 3_050_000)),
        failed,
    ]


def _busy(run: RecordedRun) -> RecordedRun:
    """The same on a machine that others use; the verdict follows when it is read."""
    repeats = tuple(replace(repeat, cpu_busy_share=0.5) for repeat in run.record.repeats)
    return RecordedRun(replace(run.record, repeats=repeats), run.samples)


def write_ledger(out: Path, runs: list[RecordedRun], *lines: dict[str, Any]) -> Path:
    """``fleet.jsonl`` of ``runs``, all fetched, and ``lines`` behind them."""
    told: list[dict[str, Any]] = []
    for run in runs:
        record = run.record
        order = {"order": record.fleet.order if record.fleet is not None else "", "device": record.device}
        texts = {"model": record.plan.model.id, "target": record.plan.target.id, "scenario": "single-stream"}
        told.append({"kind": "plan", **order, **texts})
        told += [{"kind": kind, **order} for kind in ("sent", "began")]
        told.append({"kind": "fetched", **order, "record": record.record_id})
        told.append({"kind": "acknowledged", **order})
    out.mkdir(parents=True, exist_ok=True)
    file = out / "fleet.jsonl"
    text = "".join(json.dumps({"utc": "2026-11-27T02:00:00.000+00:00", **line}) + "\n" for line in (*told, *lines))
    file.write_text(text, encoding="utf-8")
    return file


def planned(order: str, device: str, model: str, target: str) -> dict[str, Any]:
    return {
        "kind": "plan", "order": order, "device": device, "model": model, "target": target, "scenario": "single-stream",
    }  # fmt: skip


def rack_folder(out: Path) -> Path:
    """``out`` as ``odb fleet run`` leaves it: the records, and a ledger with a gap of each kind."""
    runs = rack_runs()
    out.mkdir(parents=True, exist_ok=True)
    for run in runs:
        save(out, run.record, run.samples)
    gone = {"kind": "lost", "order": "lost-1", "device": "board-1", "code": "away"}
    write_ledger(
        out,
        runs,
        planned("lost-1", "board-1", "yolov8n", "qnn:htp"),
        {"kind": "sent", "order": "lost-1", "device": "board-1"},
        {**gone, "reason": "The device board-1 has been away for 120 s.", "remedy": "Look at its power and network."},
        planned("full-1", "board-3", "mobilenet_v2", "qnn:htp"),
        {
            "kind": "refused", "order": "full-1", "device": "board-3", "code": "disk_full",
            "reason": "The disk of board-3 is full.", "remedy": "Free 2 GB there.",
        },
        planned("wait-1", "board-3", "yolov8n", "qnn:htp"),
        {
            "kind": "left_out", "device": "snapdragon-1", "model": "smollm2-135M", "target": "qnn:htp",
            "scenario": "single-stream", "code": "unsupported", "reason": "The target qnn:htp takes no GGUF file.",
        },
        {"kind": "left_out", "device": "old-1", "code": "versions", "reason": "It has odb 0.0.9, this client 0.1.0.",
         "remedy": "Install the same version there."},
    )  # fmt: skip
    return out
