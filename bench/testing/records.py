"""Records with figures given by hand, for this project's tests and for authors of reports."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bench.contracts import Scenario
from bench.record.energy import ChannelReading, RepeatEnergy
from bench.record.inputs import InputFacts, PlannedModel
from bench.record.memory import MemoryPoint
from bench.record.record import (
    SCHEMA_VERSION,
    Environment,
    Phases,
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


def fake_record(record_id: str, plan: PlanPart, repeats: Sequence[Repeat] = (), **parts: Any) -> Record:
    """A record of this version's schema, of a run that went well. ``parts`` adds its other fields, or replaces."""
    fields = {
        "created_utc": "2026-05-04T10:11:12+00:00",
        "status": "ok",
        "tool": Tool("ondevice-bench", "0"),
        "environment": ENVIRONMENT,
        **parts,
    }
    return Record(schema_version=SCHEMA_VERSION, record_id=record_id, plan=plan, repeats=tuple(repeats), **fields)


def fake_repeat(
    index: int,
    latency_ns: "Samples",
    samples: "dict[str, Samples]",
    arrays: "Mapping[str, Samples]" = MappingProxyType({}),
    **parts: Any,
) -> Repeat:
    """One process with queries of ``latency_ns`` [n], each issued when the one before was done, and no warm-up.

    Its arrays are put into ``samples``: the latencies, when the queries began, and ``arrays`` by role. ``parts`` adds
    the other fields of the repeat, or replaces.
    """
    held = {"latency_ns": latency_ns, "start_ns": latency_ns.cumsum() - latency_ns, **arrays}
    samples.update({f"{role}_{index}": array for role, array in held.items()})
    fields = {"phases_ns": Phases(), "duration_ns": int(latency_ns.sum()), "converged": True, **parts}
    return Repeat(samples=SampleArrays(len(latency_ns), {role: f"{role}_{index}" for role in held}), **fields)


def fake_run(
    record_id: str,
    latency_ns: "Sequence[Samples]",
    token_ns: "Sequence[Samples]" = (),
    figures: Sequence[Mapping[str, float]] = (),
    arrays: "Sequence[Mapping[str, Samples]]" = (),
    **plan: Any,
) -> RecordedRun:
    """A valid run with one process for each array of ``latency_ns`` [n], queries one after another, no warm-up;
    ``token_ns`` [n, tokens] makes it text.

    ``figures`` gives a process its ``cold_start_ns``, ``peak_rss_bytes``, ``cpu_seconds`` and ``joules`` (of all its
    queries); what it leaves out was not measured. ``arrays`` gives a process further arrays by role, such as ``point``.
    ``plan`` replaces fields of the plan.
    """
    samples: dict[str, Samples] = {}
    repeats = []
    for i, latency in enumerate(latency_ns):
        held = {**({"token_ns": token_ns[i]} if token_ns else {}), **(arrays[i] if arrays else {})}
        measured = _measured(len(latency), int(latency.sum()), figures[i] if figures else {})
        repeats.append(fake_repeat(i, latency, samples, held, cpu_busy_share=0.0, **measured))
    model = PlannedModel("fake", "text_generation", "onnx", "float32", "f" * 64) if token_ns else MODEL
    scenario = Scenario("single-stream", 8, token_ns[0].shape[1]) if token_ns else Scenario("single-stream")
    inputs = None if token_ns else INPUTS
    fields = {"model": model, "target": TARGET, "scenario": scenario, "inputs": inputs, "rule": RULE, **plan}
    asked = PlanPart(preset="quick", seed=0, repeats=len(repeats), command="odb run -m fake", **fields)
    return RecordedRun(fake_record(record_id, asked, repeats, verdict=Verdict(True, False)), samples)


def _measured(queries: int, duration_ns: int, figures: Mapping[str, float]) -> dict[str, Any]:
    """The parts of a repeat that ``figures`` give."""
    cold, peak, cpu, joules = (figures.get(k) for k in ("cold_start_ns", "peak_rss_bytes", "cpu_seconds", "joules"))
    total, idle_watts = None if joules is None else joules + 1, 1e9 / max(1, duration_ns)  # one joule idle
    reading = ChannelReading("fake", "package", "package", total, idle_watts, joules)
    return {
        "phases_ns": Phases(first_inference=None if cold is None else round(cold)),
        "memory_bytes": {} if peak is None else {"steady": MemoryPoint(peak_rss_bytes=round(peak))},
        "energy": RepeatEnergy(queries, duration_ns, cpu, () if joules is None else (reading,)),
    }
