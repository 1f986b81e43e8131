"""Runs for the verdict: a sound one, and how it is changed."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from bench.record.energy import ChannelReading, RepeatEnergy
from bench.record.evidence import Determinism, RepeatedInput
from bench.record.inputs import FedInput, PlannedModel
from bench.record.quality import DatasetFacts, LeftOut, Quality
from bench.record.record import (
    Environment,
    Fidelity,
    Harness,
    Phases,
    PlacementSummary,
    PlannedTarget,
    PlanPart,
    Record,
    RecordedRun,
    Repeat,
    Scenario,
    Verdict,
    Warmup,
)
from bench.record.runner import OtherTool
from bench.record.summary import Summary
from bench.record.text import AnswersChecked, TextGeneration
from bench.suite.presets import PRESETS, emulated_rule
from bench.testing.records import INPUTS, fake_record, fake_repeat, fake_run

QUICK = PRESETS["quick"].rule
replace = msgspec.structs.replace


def steady(seed: int, n: int = 300) -> np.ndarray:
    """A sound series: 1 ms with 2 % noise."""
    return (1e6 * np.random.default_rng(seed).lognormal(0, 0.02, n)).astype(np.int64)


def sound_record() -> Record:
    """A run about which there is nothing to say."""
    plan = PlanPart(
        PlannedModel("m", "tensor"),
        PlannedTarget("ort:cpu", "ort", "cpu"),
        Scenario("single-stream"),
        preset="quick",
        rule=QUICK,
        seed=0,
        repeats=3,
    )
    return fake_record(
        "r",
        plan,
        _repeats([steady(i) for i in range(3)], {}),
        created_utc="2026-01-01T00:00:00Z",
        environment=Environment(power_source="ac", battery_percent=80),
        placement=PlacementSummary("CPU", {"CPU": 10}),
        fidelity=Fidelity("ort:cpu", inputs=3, cosine_min=1.0, ok=True),
        determinism=Determinism(2, True),
        repeated_input=RepeatedInput((1_000, 1_020, 990, 1_010), (950, 1_000, 980, 1_000), (1_010, 990, 1_000, 1_020)),
        harness=Harness(100),
    )


def _repeats(series: Sequence[np.ndarray], samples: dict[str, np.ndarray]) -> tuple[Repeat, ...]:
    """A sound repeat for each of ``series``, whose arrays are put into ``samples``."""
    return tuple(
        fake_repeat(
            index,
            latency,
            samples,
            phases_ns=Phases(runtime_import=1, compile=1, first_inference=1),
            warmup=Warmup(20, 10**8, True),
            energy=RepeatEnergy(300, 10**9, channels=(ChannelReading("rapl", "package-0", "package", 2.0),)),
            duration_ns=10**9,
            cpu_busy_share=0.02,
            frequency_mhz=(3000.0, 2900.0),
        )
        for index, latency in enumerate(series)
    )


def run_of(record: Record | None = None, series: list[np.ndarray] | None = None) -> RecordedRun:
    """``record`` with one series a repeat."""
    samples: dict[str, np.ndarray] = {}
    _repeats([steady(i) for i in range(3)] if series is None else series, samples)
    return RecordedRun(record or sound_record(), samples)


def planned(record: Record, **changes: Any) -> Record:
    return replace(record, plan=replace(record.plan, **changes))


def repeats_with(record: Record, **changes: Any) -> Record:
    """Only the second repeat is changed."""
    first, second, *rest = record.repeats
    return replace(record, repeats=(first, replace(second, **changes), *rest))


def with_set_aside(*busy_shares: float) -> Record:
    """A sound run, beside whose repeats one more was set aside for each share of the machine that others used."""
    record = sound_record()
    aside = tuple(replace(record.repeats[0], samples=None, cpu_busy_share=share) for share in busy_shares)
    return replace(record, set_aside=aside)


def run_of_many(*series: np.ndarray) -> RecordedRun:
    """A sound run of as many repeats."""
    samples: dict[str, np.ndarray] = {}
    return RecordedRun(replace(sound_record(), repeats=_repeats(series, samples)), samples)


def generating(tokens: int) -> Record:
    """A text generation asked for 32 tokens that brought so many."""
    record = planned(sound_record(), scenario=Scenario("single-stream", prompt_tokens=16, generate_tokens=32))
    return replace(record, summary=Summary(text_generation=TextGeneration(16, tokens, ())))


def saying(*ids: int) -> Record:
    """A text generation whose first prompt gave these tokens."""
    record = planned(sound_record(), scenario=Scenario("single-stream", prompt_tokens=16, generate_tokens=len(ids)))
    return replace(record, summary=Summary(text_generation=TextGeneration(16, len(ids), ids)))


def answering(scenario: Scenario, ids: Sequence[tuple[int, ...]], others: Sequence[tuple[int, ...]]) -> Record:
    """A text generation whose turns or users were answered so, and so without the scenario's conditions."""
    record, checked = planned(sound_record(), scenario=scenario), AnswersChecked(tuple(ids), tuple(others), True)
    return replace(record, summary=Summary(text_generation=TextGeneration(16, 2, (), answers=checked)))


def lost(role: str) -> Record:
    """A sensor that was lost in the repeat's window (energy) or in the pass of its own (power_pass)."""
    reading = ChannelReading("hwmon", "vdd", "board", lost=True)
    return repeats_with(sound_record(), **{role: RepeatEnergy(300, 10**9, channels=(reading,))})


def judged(left_out: tuple[LeftOut, ...] = (), **changes: Any) -> Record:
    """A run whose quality was judged on twelve photographs, on the file and target that were measured."""
    record = planned(sound_record(), model=PlannedModel("m", "tensor", sha256="a" * 64))
    dataset = DatasetFacts("photos", "classification", "d" * 64, 12, left_out)
    return replace(record, quality=replace(Quality(dataset, "a" * 64, "ort:cpu"), **changes))


def offline(converged: bool) -> Record:
    return repeats_with(planned(sound_record(), scenario=Scenario("offline")), converged=converged)


EMULATED = planned(
    sound_record(),
    target=PlannedTarget("qnn:htp-emu", "qnn", "htp-emu", emulated=True),
    rule=emulated_rule(),
)
STEP = np.concatenate([steady(8, 150), (1.15 * steady(9, 150)).astype(np.int64)])
WILD = (1e6 * np.random.default_rng(3).lognormal(0, 0.8, 300)).astype(np.int64)
FRESH = tuple(1_000_000 + 10_000 * i for i in range(-4, 4))
CACHED = tuple(f // 10 + 1_000 * (i % 3 - 1) for i, f in enumerate(FRESH))
FALLBACK = PlacementSummary("HTP", {"HTP": 7, "CPU": 3}, {"HTP": 90, "CPU": 10}, ("Resize a", "Resize b", "Cast c"))


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


def in_words(left: Iterable[LeftOut]) -> tuple[LeftOut, ...]:
    """Samples that were left out, with their reasons as text."""
    return tuple(msgspec.structs.replace(one, reason=str(one.reason)) for one in left)


def on_qemu(record: Record) -> Record:
    """The same, measured on a processor that is emulated."""
    return replace(record, environment=Environment(host={"emulated": True, "emulator": "qemu-user"}))


def told_by_another_tool() -> RecordedRun:
    """A run of which there is only what another benchmark program printed."""
    tool = OtherTool("benchmark_model", "b" * 64, 1_000, inferences=50, mean_ns=249_684_000)
    return RecordedRun(replace(sound_record(), repeats=(), other_tool=tool), {})


def seeded(by_degree: bool, inputs: int = 1) -> Fidelity:
    """A mismatch on made-up inputs."""
    return Fidelity(
        "ort:cpu",
        inputs,
        ok=False,
        rule="bfloat16",
        reason="y: cosine 0.8",
        inputs_source="seeded",
        by_degree=by_degree,
    )


def fed(source: Literal["seeded", "file"]) -> Record:
    """A record of a model whose ``x_lens`` decides how much is done, and came from ``source``."""
    x = FedInput("x", "float32", "seeded", "random, 0 to 1")
    lens = FedInput("x_lens", "int64", source, "random whole numbers, 0 or 1", decides_work=True)
    return planned(sound_record(), inputs=replace(INPUTS, fed=(x, lens)))


def woken(*idle_ms: int) -> RecordedRun:
    """A run that was to idle for 100 ms, and idled for ``idle_ms``, each with a query after it and one before it."""
    pauses = np.array([ms for each in idle_ms for ms in (*[0] * 99, each)]) * 1_000_000
    point, record = (pauses > 0).astype(np.int64), sound_record()
    scenario = Scenario("wake", parameters={"idle_ms": (100,), "wakes": len(idle_ms)})
    arrays = {"point": point, "idle_ns": pauses, "idle_cpu_ns": pauses // 10}
    run = fake_run("r", [steady(i, len(pauses)) for i in range(3)], arrays=[arrays] * 3, scenario=scenario)
    plan = replace(record.plan, scenario=scenario)
    return replace(run, record=replace(record, plan=plan, repeats=run.record.repeats))


DEVICE_PROVOKED: dict[str, tuple[RecordedRun, str]] = {
    "throttled": (
        run_of(repeats_with(sound_record(), throttle_events=3)),
        "The system slowed the processor down because of heat in 1 of 1 repeat (3 events).",
    ),
    "unplugged_midway": (
        run_of(
            replace(
                repeats_with(sound_record(), power_sources=("battery",)), environment=Environment(power_source="ac")
            )
        ),
        "The machine changed from mains to battery during the run: 2 of 3 repeats ran on mains alone.",
    ),
    "idle_overran": (
        woken(101, 140, 180),
        "Longer than asked for: 6 of 9 pauses; the longest took 180 ms instead of 100 ms.",
    ),
}
DEVICE_SILENT: dict[str, RecordedRun] = {
    "throttled": run_of(repeats_with(sound_record(), throttle_events=0)),
    "unplugged_midway": run_of(
        replace(repeats_with(sound_record(), power_sources=("battery", "ac")), environment=Environment())
    ),
    "idle_overran": woken(100, 101, 129),
}
"""Of the checks on the device: runs that have the code, and runs like them that have not."""

_CHAT = Scenario("chat", 8, 2, parameters={"turns": 2, "prefix_cache": "on"})
ANSWERED_OTHERWISE = (
    run_of(answering(_CHAT, [(1, 2), (3, 4)], [(1, 2), (3, 5)])),
    "With the prefix kept in the cache, answers differ from those with the whole history computed again in 1 of 2 "
    "turns: the first is turn 2, from token 2 on.",
)
ANSWERED_ALIKE = run_of(answering(_CHAT, [(1, 2), (3, 4)], [(1, 2), (3, 4)]))
