"""Runs made by hand, one of each kind a report has to show. Every figure is made up, the same each time."""

from typing import Any

import numpy as np
from msgspec.structs import replace
from report_parts import (
    ENVIRONMENT,
    HTP,
    LLAMA,
    MIB,
    MOBILENET,
    MS,
    OPENVINO,
    ORT,
    latencies,
    noise,
    record,
    repeat,
    sampled,
)

from bench.record.energy import ChannelReading, EnergySummary, RepeatEnergy
from bench.record.inputs import InputFacts, PlannedModel
from bench.record.memory import MemoryPoint, MemorySummary
from bench.record.quality import DatasetFacts, LeftOut, Paired, Quality, QualityMetric, QualityReference
from bench.record.record import (
    Failure,
    Fidelity,
    Harness,
    OutputFidelity,
    PlacementSummary,
    PlannedTarget,
    Reason,
    RecordedRun,
    Scenario,
    Verdict,
)
from bench.record.summary import LatencyNs, Summary
from bench.record.text import TextGeneration


def vision(
    record_id: str = "v1", target: PlannedTarget = ORT, base_ns: int = 4 * MS, drift: float = 0.0
) -> RecordedRun:
    """Three repeats of 500 queries on a machine with RAPL."""
    arrays = [latencies(500, base_ns + i * base_ns // 200, seed=11 + i, drift=drift) for i in range(3)]
    medians = tuple(int(np.sort(a)[250]) for a in arrays)
    every = np.sort(np.concatenate(arrays))
    made = record(
        record_id,
        MOBILENET,
        target,
        repeats=tuple(repeat(i, 500, int(a.sum())) for i, a in enumerate(arrays)),
        summary=Summary(
            latency_ns=LatencyNs(
                n=1500,
                mean=int(every.sum()) // 1500,
                min=int(every[0]),
                max=int(every[-1]),
                p50=int(every[750]),
                p90=int(every[1350]),
                p95=int(every[1425]),
                p99=int(every[1485]),
                p50_ci95=(min(medians) - base_ns // 500, max(medians) + base_ns // 500),
                p90_ci95=(int(every[1310]), int(every[1390])),
                p95_ci95=(int(every[1380]), int(every[1450])),
                p99_ci95=(int(every[1470]), int(every[1495])),
                repeat_p50=medians,
            ),
            throughput_per_s=1500 / (int(every.sum()) / 1e9),
            cold_start_ns=316 * MS,
            memory_bytes=MemorySummary(peak_rss=153 * MIB, model=41 * MIB, inference=11 * MIB, artifact=14_200_000),
            energy=EnergySummary(
                tier="sensor",
                joules_per_inference=0.0464,
                sensor_channel="package-0",
                cpu_seconds_per_inference=0.0038,
                cores_busy=0.97,
                macs=300_774_272,
                bytes_moved=23_653_280,
            ),
        ),
        placement=PlacementSummary("CPU", {"CPU": 100}, {"CPU": 300_774_272}, source="session profile"),
        fidelity=Fidelity(
            reference="ort:cpu float32, unoptimised",
            inputs=4,
            cosine_min=0.99999998,
            sqnr_db_min=96.2,
            top1_agreement=1.0,
            outputs=(OutputFidelity("logits", 0.99999998, 96.2, 3.1e-6, 1.0),),
            ok=True,
            rule="float32: cosine of at least 0.9999",
        ),
        harness=Harness(loop_overhead_ns=95),
        verdict=Verdict(valid=True, emulated=False),
    )
    return RecordedRun(made, sampled(arrays))


def text() -> RecordedRun:
    """Two repeats of 20 generations of 32 tokens from 16."""
    count, tokens, repeats = 20, 32, []
    samples: dict[str, np.ndarray[Any, Any]] = {}
    for i in range(2):
        gaps = latencies(count * tokens, 11 * MS, seed=31 + i).reshape(count, tokens)
        gaps[:, 0] = 34 * MS + noise(count, 41 + i) * 1000
        gaps[:, 1:] += np.arange(tokens - 1) * MS // 20
        times = np.cumsum(gaps, axis=1)
        found = sampled([times[:, -1]])
        samples |= {k.replace("r0", f"r{i}"): v for k, v in found.items()} | {f"r{i}.token_ns": times}
        made = repeat(i, count, int(times[:, -1].sum()), joules=None)
        assert made.samples is not None
        arrays = made.samples.arrays | {"token_ns": f"r{i}.token_ns"}
        repeats.append(replace(made, samples=replace(made.samples, arrays=arrays)))
    whole = np.sort(np.concatenate([samples["r0.latency_ns"], samples["r1.latency_ns"]]))
    made_record = record(
        "t1",
        LLAMA,
        ORT,
        scenario=Scenario("single-stream", prompt_tokens=16, generate_tokens=32),
        inputs=InputFacts("seeded", "51ab" * 16, {"input_ids": (1, 16)}),
        repeats=tuple(repeats),
        summary=Summary(
            latency_ns=LatencyNs(
                n=40,
                mean=int(whole.mean()),
                min=int(whole[0]),
                max=int(whole[-1]),
                p50=int(whole[20]),
                p50_ci95=(int(whole[14]), int(whole[26])),
                repeat_p50=(int(whole[20]), int(whole[21])),
            ),
            throughput_per_s=2.44,
            cold_start_ns=309 * MS,
            memory_bytes=MemorySummary(peak_rss=211 * MIB, model=62 * MIB, inference=4 * MIB, artifact=60_816_000),
            energy=EnergySummary(
                tier="activity",
                cpu_seconds_per_inference=0.41,
                cores_busy=1.02,
                macs=15_187_968,
                reason="rapl: energy_uj is readable by root only",
            ),
            text_generation=TextGeneration(
                prompt_tokens=16,
                generated_tokens=32,
                token_ids=tuple(range(100, 132)),
                ttft_ns=34 * MS + 500_000,
                tpot_ns=12 * MS + 130_000,
                ttft_ns_ci95=(34 * MS, 35 * MS),
                tpot_ns_ci95=(12 * MS, 12 * MS + 260_000),
                itl_ns={"p50": 12 * MS + 90_000, "p90": 12 * MS + 790_000, "p99": 18 * MS, "mean": 12 * MS + 210_000},
                prefill_tokens_per_s=463.8,
                decode_tokens_per_s=82.4,
            ),
        ),
        fidelity=Fidelity(
            reference="ort:cpu float32, unoptimised",
            inputs=1,
            token_prefix=32,
            tokens_compared=32,
            ok=True,
            rule="float32: all tokens equal",
        ),
        harness=Harness(loop_overhead_ns=None),
        verdict=Verdict(
            True,
            False,
            (
                Reason(
                    "on_battery",
                    "The machine ran on battery at 81 %.",
                    "Connect the mains and run again.",
                    invalidates=False,
                ),
            ),
        ),
    )
    return RecordedRun(made_record, samples)


def emulated() -> RecordedRun:
    """One repeat of three queries on the emulated HTP: 118 of 118 nodes placed."""
    made = repeat(0, 3, 3_300 * MS, joules=None)
    latency = LatencyNs(n=3, mean=1_100 * MS, min=1_090 * MS, max=1_110 * MS, repeat_p50=(1_100 * MS,))
    values = np.array([1_090, 1_100, 1_110], dtype=np.int64) * MS
    built = record(
        "e1",
        replace(MOBILENET, id="ultraface", macs=100_774_272),
        HTP,
        repeats=(replace(made, converged=None),),
        summary=Summary(latency_ns=latency, throughput_per_s=0.909, cold_start_ns=7_400 * MS),
        placement=PlacementSummary("HTP", {"HTP": 118}, {"HTP": 100_774_272}, source="graph assignment"),
        fidelity=Fidelity(
            reference="ort:cpu float32, unoptimised",
            inputs=2,
            cosine_min=0.99998,
            sqnr_db_min=44.1,
            outputs=(
                OutputFidelity("scores", 0.99999, 47.0, 1.2e-3, None),
                OutputFidelity("boxes", 0.99998, 44.1, 2.5e-3, None),
            ),
            ok=True,
            rule="float16: cosine of at least 0.99",
        ),
        verdict=Verdict(
            True,
            True,
            (
                Reason(
                    "emulated",
                    "htp-emu is emulated on the host: its times are the emulator's.",
                    "Measure on the device before speed is claimed.",
                    invalidates=False,
                ),
            ),
        ),
    )
    return RecordedRun(built, sampled([values]))


def failed() -> RecordedRun:
    """A compile that the runtime refused."""
    built = record(
        "f1",
        replace(MOBILENET, id="yolox_nano"),
        replace(HTP, id="qnn:htp", device="htp", device_name=None, emulated=False, executed_precision=None),
        status="failed",
        failure=Failure(
            phase="compile",
            kind="unsupported_operator",
            sentence="QNN refused the graph: error 1002 while finalising | node Resize_12",
            advice="Name the chip with soc_model and htp_arch.",
        ),
        log_tail=("[E] graph finalize failed", "[E] error 1002"),
        created_utc="2026-05-04T10:15:00Z",
    )
    return RecordedRun(built, {})


def skipped() -> RecordedRun:
    """A device that is not there; the model was never read."""
    built = record(
        "s1",
        PlannedModel(id="mobilenet_v2", task="tensor"),
        PlannedTarget(id="openvino:NPU", plugin="openvino", device="NPU"),
        status="skipped",
        failure=Failure("plan", "unavailable", "This machine has no NPU that OpenVINO sees.", "Install its driver."),
        inputs=None,
    )
    return RecordedRun(built, {})


def invalid() -> RecordedRun:
    """A run that slowed down by a fifth and fell back in part."""
    run = vision("d1", replace(ORT, id="ort:xnnpack", device="xnnpack"), 5 * MS, drift=0.2)
    placement = PlacementSummary(
        "XNNPACK", {"XNNPACK": 88, "CPU": 12}, {"XNNPACK": 270_000_000, "CPU": 30_774_272}, ("Gemm fc", "Clip c_7")
    )
    verdict = Verdict(
        False,
        False,
        (
            Reason("fallback", "12 of 100 nodes ran on CPU.", "Set strict_placement to refuse it.", False),
            Reason("drift", "Latency rose by 18.7 % within the steady state.", "Let the machine cool down."),
        ),
    )
    return replace(run, record=replace(run.record, placement=placement, verdict=verdict))


def offline() -> RecordedRun:
    """Four queries in flight."""
    run = vision("o1", OPENVINO, 6 * MS)
    plan = replace(run.record.plan, scenario=Scenario("offline", lanes=4))
    summary = replace(run.record.summary, throughput_per_s=612.4)
    return replace(run, record=replace(run.record, plan=plan, summary=summary))


def share(name: str, value: float, low: float, high: float) -> QualityMetric:
    return QualityMetric(name, value, (low, high), 1000, True, "mean", "share", "Wilson")


def quality(target: str, lost: bool) -> Quality:
    """Judged on a thousand photographs; the loss of top-1 is 4.1 points and real, or 0.4 and cannot be told."""
    left = (LeftOut("blank.jpg", "labels.json", "has no label"),)
    dataset = DatasetFacts("photos", "classification", "d1" * 32, 1000, left, {"label_offset": "1"}, "order=bgr")
    top1 = share("top1", 0.671, 0.641, 0.699) if lost else share("top1", 0.708, 0.679, 0.735)
    difference = (-0.041, (-0.066, -0.016), 0.002) if lost else (-0.004, (-0.011, 0.003), 0.31)
    mcnemar = "exact McNemar"
    paired = (
        Paired("top1", *difference, mcnemar, "worse" if lost else "cannot_tell", 1000, 4, 45 if lost else 8),
        Paired("top5", 0.0, (-0.002, 0.002), 1.0, mcnemar, "same", 1000, 0, 0),
    )
    theirs = (share("top1", 0.712, 0.683, 0.739), share("top5", 0.9, 0.88, 0.917))
    metrics = (top1, share("top5", 0.9, 0.88, 0.917), QualityMetric("map", 0.41, None, 1000, True, "whole", "share"))
    reference = QualityReference("ort:cpu float32, unoptimised", "ab" * 32, theirs)
    return Quality(dataset, "ab" * 32, target, {}, metrics, reference, paired, {"top1": "quality_top1"})


def judged(run: RecordedRun, lost: bool) -> RecordedRun:
    found = quality(run.record.plan.target.id, lost)
    return replace(run, record=replace(run.record, quality=found))


def hostile() -> RecordedRun:
    """Markup, formulas, escape sequences and line breaks wherever a record holds text."""
    bad = "<script>alert(1)</script>"
    base = vision("h1")
    target = replace(ORT, options_requested={bad: f"=1+1{bad}"}, options_effective={"a|b": "x\ny"}, device_name=bad)
    plan = replace(
        base.record.plan,
        model=replace(MOBILENET, id=bad),
        target=target,
        command=f"odb run -m '{bad}' \x1b[31mred\x1b[0m",
    )
    reading = ChannelReading(bad, f'"{bad}', "package", 1.0, None, None)
    parts = tuple(
        replace(r, energy=RepeatEnergy(1, 1, None, (reading,)), memory_bytes={bad: MemoryPoint(MIB, MIB)})
        for r in base.record.repeats
    )
    reason = Reason("drift", f"{bad} | `code` **bold**", bad)
    metric = QualityMetric(bad, 1.0, None, 1, True, "mean")
    dataset = DatasetFacts(bad, "judged", bad, 1, (LeftOut(bad, bad, bad),), {bad: bad}, bad)
    built = replace(
        base.record,
        plan=plan,
        quality=Quality(dataset, bad, bad, {}, (metric,), QualityReference(bad, None, (metric,), bad)),
        repeats=parts,
        placement=PlacementSummary(bad, {bad: 1, "CPU": 1}, None, (f"Op {bad}",), bad),
        fidelity=Fidelity(bad, 1, outputs=(OutputFidelity(bad),), rule=bad, reason=bad),
        verdict=Verdict(False, False, (reason,)),
        environment=replace(ENVIRONMENT, host={"cpu": bad}, unavailable={bad: bad}, runtime={bad: bad}),
        failure=Failure(bad, bad, bad, bad),
        log_tail=(bad, "\x1b]0;title\x07", "=cmd()"),
    )
    return replace(base, record=built)
