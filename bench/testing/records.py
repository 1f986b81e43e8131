"""Records with figures given by hand, for this project's tests and for authors of reports."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.contracts import Scenario
from bench.record.energy import ChannelReading, RepeatEnergy
from bench.record.inputs import InputFacts
from bench.record.memory import MemoryPoint
from bench.record.record import (
    SCHEMA_VERSION,
    Environment,
    Phases,
    PlannedModel,
    PlannedTarget,
    PlanPart,
    Record,
    RecordedRun,
    Repeat,
    SampleArrays,
    StoppingRule,
    Tool,
    Verdict,
)

if TYPE_CHECKING:
    import numpy as np

    Samples = np.ndarray[Any, Any]

RULE = StoppingRule(50, 0.05, 6, 100_000, 500_000_000, 3_000_000_000, 6, 1_000_000_000, 0.05)
MODEL = PlannedModel("fake", "tensor", "onnx", "float32", "f" * 64, 1_000, 10, 10)
TARGET = PlannedTarget("null:cpu", "null", "cpu", "a device that does nothing", executed_precision="float32")
INPUTS = InputFacts("seeded", "e" * 64, {"x": (1, 4)})
ENVIRONMENT = Environment(
    host={"cpu": "a processor", "cores_logical": 2, "memory_bytes": 1 << 34, "os": "an OS"},
    runtime={"fake": "1"},
    power_source="ac",
    governor="performance",
)


def fake_run(
    record_id: str,
    latency_ns: "Sequence[Samples]",
    token_ns: "Sequence[Samples]" = (),
    figures: Sequence[Mapping[str, float]] = (),
    **plan: Any,
) -> RecordedRun:
    """A valid run with one process for each array of ``latency_ns`` [n], queries one after another, no warm-up;
    ``token_ns`` [n, tokens] makes it text.

    ``figures`` gives a process its ``cold_start_ns``, ``peak_rss_bytes``, ``cpu_seconds`` and ``joules`` (of all its
    queries); what it leaves out was not measured. ``plan`` replaces fields of the plan.
    """
    samples, repeats = {}, []
    for i, latency in enumerate(latency_ns):
        arrays = {"latency_ns": latency, "start_ns": latency.cumsum() - latency}
        arrays |= {"token_ns": token_ns[i]} if token_ns else {}
        samples.update({f"{role}_{i}": array for role, array in arrays.items()})
        facts = SampleArrays(len(latency), {role: f"{role}_{i}" for role in arrays})
        repeats.append(_repeat(facts, int(latency.sum()), figures[i] if figures else {}))
    model = PlannedModel("fake", "text_generation", "onnx", "float32", "f" * 64) if token_ns else MODEL
    scenario = Scenario("single-stream", 8, token_ns[0].shape[1]) if token_ns else Scenario("single-stream")
    inputs = None if token_ns else INPUTS
    fields = {"model": model, "target": TARGET, "scenario": scenario, "inputs": inputs, "rule": RULE, **plan}
    record = Record(
        SCHEMA_VERSION,
        record_id,
        "2026-05-04T10:11:12+00:00",
        "ok",
        Tool("ondevice-bench", "0"),
        PlanPart(preset="quick", seed=0, repeats=len(repeats), command="odb run -m fake", **fields),
        ENVIRONMENT,
        repeats=tuple(repeats),
        verdict=Verdict(True, False),
    )
    return RecordedRun(record, samples)


def _repeat(samples: SampleArrays, duration_ns: int, figures: Mapping[str, float]) -> Repeat:
    cold, peak, cpu, joules = (figures.get(k) for k in ("cold_start_ns", "peak_rss_bytes", "cpu_seconds", "joules"))
    total, idle_watts = None if joules is None else joules + 1, 1e9 / max(1, duration_ns)  # one joule idle
    reading = ChannelReading("fake", "package", "package", total, idle_watts, joules)
    return Repeat(
        Phases(first_inference=None if cold is None else round(cold)),
        memory_bytes={} if peak is None else {"steady": MemoryPoint(peak_rss_bytes=round(peak))},
        energy=RepeatEnergy(samples.queries, duration_ns, cpu, () if joules is None else (reading,)),
        samples=samples,
        duration_ns=duration_ns,
        converged=True,
        cpu_busy_share=0.0,
    )
