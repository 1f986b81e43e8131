"""Sustained runs on a scripted clock: the real player, the real figures, and no time that passes."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from msgspec.structs import replace

from bench.contracts import DecoderSpec, Scenario
from bench.inputs.prompts import Lengths
from bench.machine.clocks import CoreClocks
from bench.measure.energy import EnergyMeter
from bench.measure.generation import no_lanes
from bench.measure.long_run import LongRun
from bench.measure.loop import time_queries
from bench.measure.players.sustained import play_minutes
from bench.measure.stage import Stage, Steady, Text, Watched
from bench.measure.text_driver import OpenedText
from bench.record.evidence import RepeatRule
from bench.record.record import PlanPart, RecordedRun, Repeat
from bench.scenarios.lasting import lasting_of
from bench.stats.timeline import Timeline
from bench.suite.presets import PRESETS, lasting_rule, text_generation_rule
from bench.testing import FakeClock
from bench.testing.records import INPUTS, MODEL, TARGET, fake_record, fake_repeat

MINUTE_NS, MS = 60_000_000_000, 1_000_000
READ_NS = 10_000
"""What each reading of the clock takes: one that is read in a loop moves on."""
NOWHERE = Path("/nowhere")
Work = Callable[[float, int], float]
"""How many nanoseconds query number i takes that begins after so many minutes."""


def sustained(minutes: int, **parameters: float) -> Scenario:
    return Scenario("sustained", parameters={"minutes": minutes, **parameters})


class Device:
    """Each call takes what ``work`` says of the minute since the first one, on a clock of its own."""

    def __init__(self, work: Work) -> None:
        self.clock, self._work, self.calls = FakeClock(1_000), work, 0
        self.slept: list[float] = []
        self._first_ns: int | None = None

    def __call__(self) -> None:
        now = self.clock.now_ns
        self._first_ns = now if self._first_ns is None else self._first_ns
        self.clock.advance(round(self._work((now - self._first_ns) / MINUTE_NS, self.calls)))
        self.calls += 1

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(max(1, round(seconds * 1e9)))


def noisy(level: Callable[[float], float], seed: int = 1, spread: float = 0.05) -> Work:
    """Milliseconds by the minute, with noise on every query."""
    draws = np.random.default_rng(seed).lognormal(0, spread, 4_096)
    return lambda minute, number: level(minute) * MS * draws[number % len(draws)]


def played(device: Device, scenario: Scenario, long: LongRun | None = None, most: int | None = None) -> Steady:
    """The player's whole run. ``most``: queries kept."""
    lasting = lasting_of(scenario)
    assert lasting is not None
    rule = lasting_rule(PRESETS["quick"].rule, lasting, 1)
    clock = device.clock

    def now() -> int:
        clock.advance(READ_NS)
        return clock.now_ns

    stage = Stage(
        scenario=scenario,
        rule=rule if most is None else replace(rule, max_queries=most),
        watched=Watched(EnergyMeter({}, (), NOWHERE, {}, clock_ns=clock), CoreClocks(NOWHERE), None),
        run=lambda count, timeline: time_queries(device, count, timeline, clock),
        call=device,
        lanes=no_lanes,
        steady=partial(nullcontext, None),
        long=long or LongRun(),
    )
    return play_minutes(stage, now, device.sleep)


def text_played(
    device: Device,
    scenario: Scenario,
    tokens: int,
    long: LongRun | None = None,
    most: int | None = None,
    fill_ns: int = 0,
) -> Steady:
    """The same of a language model: each call of the device is a generation, whose tokens come at equal times.
    ``fill_ns``: how long filling its cache takes before."""
    lasting, clock = lasting_of(scenario), device.clock
    assert lasting is not None
    rule = text_generation_rule(lasting_rule(PRESETS["quick"].rule, lasting, 1), scenario)

    def run(count: int, timeline: Timeline) -> None:
        for _ in range(count):
            clock.advance(fill_ns)
            begin = clock.now_ns
            device()
            took = clock.now_ns - begin
            timeline.issued_ns.append(begin)
            timeline.token_ns.extend([begin + took * number // tokens for number in range(1, tokens + 1)])
            timeline.done_ns.append(clock.now_ns)
            timeline.prompt_tokens.append(8)

    text = Text(
        session=cast(OpenedText, device),  # the player asks for nothing of it
        decoder=DecoderSpec(1, 1, 1, 100, 4096),
        endless=iter(()),
        tokens=tokens,
        lengths=Lengths(8, 0),
        seed=0,
    )
    stage = Stage(
        scenario=scenario,
        rule=rule if most is None else replace(rule, max_queries=most),
        watched=Watched(EnergyMeter({}, (), NOWHERE, {}, clock_ns=clock), CoreClocks(NOWHERE), None),
        run=run,
        call=device,
        lanes=no_lanes,
        steady=partial(nullcontext, None),
        long=long or LongRun(),
        text=text,
    )
    return play_minutes(stage, clock, device.sleep)


def run_of(steady: Sequence[Steady], scenario: Scenario, **changes: object) -> RecordedRun:
    """A record of one process for each of ``steady``. ``changes``: of every repeat."""
    lasting = lasting_of(scenario)
    assert lasting is not None
    text = [one.arrays["token_ns"].shape[1] for one in steady if "token_ns" in one.arrays]
    rule, repeats, samples = lasting_rule(PRESETS["quick"].rule, lasting, len(steady)), list[Repeat](), {}
    for index, one in enumerate(steady):
        parts = {"duration_ns": one.duration_ns, "energy": one.energy, "warmup": one.warmup, "converged": None}
        latency_ns = one.arrays["latency_ns"]
        repeats.append(fake_repeat(index, latency_ns, samples, one.arrays, **{**parts, **changes}))
    plan = PlanPart(
        model=replace(MODEL, task="text_generation") if text else MODEL,
        target=TARGET,
        scenario=replace(scenario, prompt_tokens=8, generate_tokens=text[0]) if text else scenario,
        preset="quick",
        rule=rule,
        seed=0,
        repeats=len(steady),
        inputs=None if text else INPUTS,
        repeat_rule=RepeatRule(len(steady), len(steady)),
    )
    return RecordedRun(fake_record("r", plan, repeats, repeats_ended="fixed"), samples)
