"""Runs of open loops on an exact clock: the real players on calls whose durations are given."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

from judged_runs import sound_record
from msgspec.structs import replace

from bench.contracts import Scenario
from bench.machine.clocks import CoreClocks
from bench.measure.energy import EnergyMeter
from bench.measure.loop import time_queries
from bench.measure.players.fixed_rate import play_fixed_rate
from bench.measure.players.server import play_server
from bench.measure.stage import Stage, Steady, Watched
from bench.record.record import PlanPart, RecordedRun, StoppingRule, Verdict
from bench.scenarios.kinds import KINDS, parse_scenario, settled
from bench.suite.presets import PRESETS
from bench.testing import FakeClock
from bench.testing.records import INPUTS, MODEL, TARGET, fake_record, fake_repeat

MS, SECOND = 1_000_000, 1_000_000_000
QUICK = PRESETS["quick"].rule
QUIET = replace(QUICK, max_duration_ns=2 * SECOND, warmup_max_duration_ns=SECOND // 20, warmup_min_queries=2)


def scenario_of(text: str) -> Scenario:
    """As ``-s`` takes it, with the defaults of its kind."""
    kind = KINDS[text.partition(":")[0]]
    return settled(parse_scenario(text, kind), kind)


class Device:
    """One lane of which each query takes the next of ``services_ns``, over and over, on an exact clock. ``late_ns``:
    how late a wait ends."""

    def __init__(self, services_ns: Iterable[int], late_ns: int = 0) -> None:
        self.clock, self._services, self._late_ns = FakeClock(), cycle(services_ns), late_ns

    def call(self) -> None:
        self.clock.advance(next(self._services))

    def wait(self, due_ns: int) -> None:
        if self.clock.now_ns < due_ns:
            self.clock.now_ns = due_ns + self._late_ns


def stage_of(device: Device, scenario: Scenario, rule: StoppingRule = QUIET, seed: int = 0) -> Stage:
    """A stage with the device as its only lane."""

    @contextmanager
    def steady() -> Iterator[None]:
        yield

    nowhere = Path("/nowhere")
    meter = EnergyMeter({}, (), nowhere, {}, clock_ns=device.clock, cpu_clock=lambda: 0.0)
    return Stage(
        scenario=scenario,
        rule=rule,
        watched=Watched(meter, CoreClocks(nowhere), None),
        run=partial(time_queries, device.call, clock=device.clock),
        call=device.call,
        lanes=lambda count: [device.call] * (count or 1),
        steady=steady,
        seed=seed,
    )


PLAYERS: dict[str, Callable[..., Steady]] = {"server": play_server, "fixed-rate": play_fixed_rate}


def played(device: Device, text: str, rule: StoppingRule = QUIET, seed: int = 0) -> Steady:
    """What the scenario of ``text`` leaves of the device."""
    scenario = scenario_of(text)
    return PLAYERS[scenario.name](stage_of(device, scenario, rule, seed), clock=device.clock, wait=device.wait)


def run_of_devices(
    text: str, devices: Iterable[Device], rule: StoppingRule = QUIET, seed: int = 0, **plan: Any
) -> RecordedRun:
    """A run with one process a device, not judged yet. ``seed``: of the first; that of each further one is 1 more."""
    samples: dict[str, Any] = {}
    repeats = []
    for index, device in enumerate(devices):
        steady = played(device, text, rule, seed=seed + index)
        arrays = dict(steady.arrays)
        latency = arrays.pop("latency_ns")
        repeats.append(
            fake_repeat(
                index,
                latency,
                samples,
                arrays,
                cpu_busy_share=0.0,
                duration_ns=steady.duration_ns,
                converged=steady.converged,
                warmup=steady.warmup,
                energy=steady.energy,
            )
        )
    scenario = replace(scenario_of(text), lanes=1)
    fields = {"model": MODEL, "target": TARGET, "scenario": scenario, "inputs": INPUTS, "rule": rule, **plan}
    asked = PlanPart(preset="quick", seed=seed, repeats=len(repeats), command="odb run -m fake", **fields)
    return RecordedRun(fake_record("open-loop", asked, repeats, verdict=Verdict(True, False)), samples)


def sound_run(text: str, device: Callable[[], Device]) -> RecordedRun:
    """A run of three such devices in which nothing but its times could be doubted."""
    run, sound = run_of_devices(text, [device() for _ in range(3)]), sound_record()
    plan = replace(sound.plan, scenario=run.record.plan.scenario, rule=run.record.plan.rule)
    return RecordedRun(replace(sound, plan=plan, repeats=run.record.repeats), run.samples)


SOON, NEVER = "server:rate=10,latency=20ms,percentile=90", "server:rate=10,latency=4ms,percentile=90"
PROVOKED_LOOPS = {
    "load_not_generated": (
        sound_run("fixed-rate:rate=50", lambda: Device([5 * MS], late_ns=3 * MS)),
        "300 of 300 queries (100 %) began more than 2.00 ms after they were due although a lane was free, by up to "
        "3.00 ms.",
    ),
    "deadline_missed": (
        sound_run(NEVER, lambda: Device([5 * MS])),
        "At 10 queries/s, 192 of 192 queries took longer than 4.00 ms; the p90 is 5.0",
    ),
}
"""A run for each code of open loops that has this reason and no other, and what it says."""
SILENT_LOOPS = {
    "load_not_generated": sound_run("fixed-rate:rate=50", lambda: Device([5 * MS], late_ns=MS)),
    "deadline_missed": sound_run(SOON, lambda: Device([5 * MS])),
}
"""Runs that come close to them."""
