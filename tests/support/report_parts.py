"""What runs made by hand are put together from: models, targets, a machine, samples, and a plain record."""

from typing import Any

import numpy as np

from bench.contracts import TensorSpec
from bench.record.energy import ChannelReading, RepeatEnergy
from bench.record.inputs import InputFacts, PlannedModel
from bench.record.memory import MemoryPoint
from bench.record.record import (
    Environment,
    Phases,
    PlannedTarget,
    PlanPart,
    Record,
    Repeat,
    SampleArrays,
    Scenario,
    StoppingRule,
    Tool,
    Warmup,
)
from bench.testing.records import fake_record
from bench.words import sentence

MS = 1_000_000
MIB = 1 << 20

RULE = StoppingRule(
    percentile=90,
    precision=0.03,
    min_queries=64,
    max_queries=100_000,
    min_duration_ns=2_000 * MS,
    max_duration_ns=10_000 * MS,
    warmup_min_queries=10,
    warmup_max_duration_ns=2_000 * MS,
    steady_tolerance=0.05,
)

MOBILENET = PlannedModel(
    id="mobilenet_v2",
    task="tensor",
    format="onnx",
    precision="float32",
    sha256="3f1c" * 16,
    size_bytes=14_200_000,
    parameters=3_504_872,
    macs=300_774_272,
    weight_bytes=14_019_488,
    peak_activation_bytes=9_633_792,
    inputs=(TensorSpec("input", "float32", (1, 3, 224, 224)),),
    outputs=(TensorSpec("logits", "float32", (1, 1000)),),
)
LLAMA = PlannedModel(
    id="llama-15M",
    task="text_generation",
    format="onnx",
    precision="float32",
    sha256="a90b" * 16,
    size_bytes=60_816_000,
    parameters=15_191_712,
    macs=15_187_968,
    weight_bytes=60_766_848,
)
ORT = PlannedTarget(
    id="ort:cpu", plugin="ort", device="cpu", device_name="Core Ultra 7 155H", executed_precision="float32"
)
OPENVINO = PlannedTarget(
    id="openvino:CPU",
    plugin="openvino",
    device="CPU",
    device_name="Core Ultra 7 155H",
    options_requested={"INFERENCE_PRECISION_HINT": "bf16"},
    options_effective={"INFERENCE_PRECISION_HINT": "bf16", "NUM_STREAMS": "1", "PERFORMANCE_HINT": "LATENCY"},
    executed_precision="bfloat16",
)
HTP = PlannedTarget(
    id="qnn:htp-emu",
    plugin="qnn",
    device="htp-emu",
    device_name=sentence(
        "qnn.emulated_on", chip="Snapdragon X Elite (SC8380XP) HTP v73", processor="Core Ultra 7 155H"
    ),
    emulated=True,
    options_requested={"soc_model": "60", "htp_arch": "73"},
    options_effective={"soc_model": "60", "htp_arch": "73"},
    executed_precision="float16",
)
IMAGE = InputFacts(source="seeded", sha256="77de" * 16, shapes={"input": (1, 3, 224, 224)}, preprocessing="none")
ENVIRONMENT = Environment(
    host={
        "cpu": "Intel Core Ultra 7 155H",
        "cores_physical": 16,
        "cores_logical": 22,
        "memory_bytes": 33_393_606_656,
        "os": "Ubuntu 24.04",
        "kernel": "6.8.0",
        "python": "3.11.9",
    },
    runtime={"onnxruntime": "1.32.0", "openvino": "2026.4.1"},
    accelerator={"CPU": "Intel Core Ultra 7 155H"},
    power_source="ac",
    governor="performance",
    frequency_mhz={"min": 400.0, "max": 4800.0, "current": 3790.0},
    temperature_celsius={"package": 51.0},
    load={"load_1min": 0.21, "cpu_busy_share": 0.012},
    unavailable={"driver": "no accelerator driver is loaded", "battery_percent": "the machine has no battery"},
)


def noise(count: int, seed: int) -> "np.ndarray[Any, Any]":
    """Integers in 0..999, the same on every version of numpy; a linear congruential generator, not for statistics."""
    state, out = seed, []
    for _ in range(count):
        state = (1_103_515_245 * state + 12_345) % (1 << 31)
        out.append((state >> 12) % 1000)
    return np.array(out, dtype=np.int64)


def latencies(count: int, base_ns: int, seed: int, drift: float = 0.0) -> "np.ndarray[Any, Any]":
    """A body of 6 % above ``base_ns``, one query in fifty with a tail, and a linear ``drift`` to the end."""
    u = noise(count, seed)
    spread = base_ns * (u % 100) // 1600
    tail = np.where(u > 979, base_ns * (u - 979) // 25, 0)
    slow = (base_ns * drift * np.arange(count) / count).astype(np.int64)
    return base_ns + spread + tail + slow


def memory(base: int) -> dict[str, MemoryPoint]:
    """Six phases that grow from ``base`` bytes; the kernel could not reset the peak."""
    grown = {"start": 0, "runtime_import": 38, "read": 52, "compile": 79, "first_inference": 88, "steady": 90}
    return {
        phase: MemoryPoint(
            rss_bytes=base + (mib + 24) * MIB,
            uss_bytes=base + mib * MIB,
            pss_bytes=base + (mib + 9) * MIB,
            peak_rss_bytes=base + (mib + 31) * MIB,
            peak_is_of_phase=True,
            file_mapped_bytes=14 * MIB if mib > 40 else None,
        )
        for phase, mib in grown.items()
    }


def repeat(index: int, queries: int, steady_ns: int, joules: float | None = 31.4) -> Repeat:
    idle_watts = 8.2 / (steady_ns / 1e9)
    above = joules - 8.2 if joules is not None else None
    reading = ChannelReading("rapl", "package-0", "package", joules, idle_watts, above)
    return Repeat(
        phases_ns=Phases(
            process_start=(41 + index) * MS,
            runtime_import=(96 + 3 * index) * MS,
            read=(14 + index) * MS,
            compile=(183 + 7 * index) * MS,
            first_inference=(9 + index) * MS,
        ),
        warmup=Warmup(queries=min(24, queries), duration_ns=96 * MS, steady=True),
        memory_bytes=memory((30 + index) * MIB),
        energy=RepeatEnergy(queries, steady_ns, 1.92 + index / 100, (reading,)) if joules is not None else None,
        samples=SampleArrays(
            queries,
            {
                "latency_ns": f"r{index}.latency_ns",
                "start_ns": f"r{index}.start_ns",
                "warmup_latency_ns": f"r{index}.warmup_latency_ns",
            },
        ),
        duration_ns=steady_ns,
        converged=True,
        harness_ns=120 * MS,
        loop_overhead_ns=95,
        cpu_busy_share=0.004,
    )


def sampled(arrays: list["np.ndarray[Any, Any]"]) -> dict[str, "np.ndarray[Any, Any]"]:
    """Samples of as many repeats, each query issued when the last was done, with a slow start for a warm-up."""
    found = {}
    for i, values in enumerate(arrays):
        found[f"r{i}.latency_ns"] = values
        found[f"r{i}.start_ns"] = np.concatenate([[0], np.cumsum(values)[:-1]])
        found[f"r{i}.warmup_latency_ns"] = values[:24] + values[:24] * 2 // (1 + np.arange(values[:24].size))
    return found


def record(record_id: str, model: PlannedModel, target: PlannedTarget, **changes: Any) -> Record:
    """A plain record of one query at a time; ``changes`` are fields of ``Record``, or ``scenario`` and ``inputs``."""
    plan = PlanPart(
        model=model,
        target=target,
        scenario=changes.pop("scenario", Scenario("single-stream")),
        preset="standard",
        rule=RULE,
        seed=0,
        repeats=3,
        command=f"odb run -m {model.id} -t {target.id} --preset standard",
        inputs=changes.pop("inputs", IMAGE),
    )
    tool = Tool("ondevice-bench", "0.1.0")
    parts = {"created_utc": "2026-05-04T10:11:12Z", "tool": tool, "environment": ENVIRONMENT, **changes}
    return fake_record(record_id, plan, **parts)
