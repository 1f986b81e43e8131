"""Carries out a suite: plan it, prepare and check every run, then measure them in rounds.

A round is one repeat of every run that needs one, so that changes of the machine affect all runs equally, and the
repeats of one run are spread over time. Untimed passes come before the first round. Each record is written as soon as
its run ends; until then its state is saved after each repeat.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import msgspec

from bench.errors import OdbError
from bench.execution.assemble import assemble
from bench.execution.one_run import Gathering, interrupted
from bench.execution.probe import load_sensors, probe_targets, temporary_workspace
from bench.execution.runner import Memo
from bench.execution.workbench import Bench
from bench.machine.channels import discover, idle_baseline, power_seconds
from bench.machine.lease import ORDER, machine_alone, machine_shared
from bench.plugins import Catalog, PluginRef, load
from bench.record.record import Failure, RecordedRun
from bench.record.runner import FleetDevice
from bench.store.records import save
from bench.store.unfinished import Unfinished, unfinished
from bench.suite.plan import (
    ModelChoice,
    Plan,
    PlannedRun,
    TargetChoice,
    choose_models,
    choose_targets,
    make_plan,
    resolve_targets,
)
from bench.suite.suite import ModelAsk, Suite, TargetAsk, check
from bench.words import Sentence, sentence


class Listener:
    """Told what happens, for progress. Does nothing by itself."""

    def planned(self, plan: Plan) -> None:
        """Before anything runs."""

    def began(self, index: int, run: PlannedRun) -> None:
        """Run number ``index`` (from 0) is prepared and checked."""

    def turn(self, index: int, run: PlannedRun) -> None:
        """A repeat of run number ``index`` begins."""

    def pair(self) -> None:
        """A repeat of two runs that take turns begins."""

    def step(self, text: Sentence | str) -> None:
        """What is running now, in a few words."""

    def written(self, index: int, recorded: RecordedRun) -> None:
        """The run's record is on disk."""


def everything(bench: Bench, plan: Plan) -> Plan:
    """The whole plan is to be measured."""
    return plan


def run_suite(
    suite: Suite,
    catalog: Catalog,
    out: Path,
    *,
    cache: Path,
    listener: Listener | None = None,
    root: Path = Path("/"),
    left: Callable[[Bench, Plan], Plan] = everything,
    fleet: FleetDevice | None = None,
) -> list[RecordedRun]:
    """Measure everything ``suite`` asks for; each record is on disk under ``out`` the moment its run ends. Returns them
    in the order of the plan.

    ``cache`` keeps built models, ``root`` is where sensors and the machine's state are read. ``left``: what of the plan
    is to be measured now. ``fleet``: what the records say of the fleet that ordered them. ``Ctrl-C`` writes what there
    is of every run that had begun and is raised again. Raises ``InputError`` for what cannot be planned, and where an
    order of a fleet is being measured on this machine; such an order waits until no other is."""
    listener = listener or Listener()
    with machine_for(fleet, listener), temporary_workspace() as workspace, unfinished(out) as kept:
        bench = Bench(catalog, suite, workspace, cache, root, fleet=fleet)
        plan = left(bench, plan_suite(bench))
        listener.planned(plan)
        if not plan.runs:
            return []
        rounds = Rounds(with_sensors(bench), out, listener, kept)
        try:
            for index, run in enumerate(plan.runs):
                rounds.prepare(index, run)
            rounds.measure()
        except BaseException as error:
            rounds.abandon(isinstance(error, KeyboardInterrupt))
            raise
        return rounds.recorded()


def machine_for(fleet: FleetDevice | None, listener: Listener) -> AbstractContextManager[None]:
    """The machine, for a run by hand beside others, and for an order of a fleet alone."""
    if fleet is None:
        return machine_shared()
    holder = {"device": fleet.device, ORDER: fleet.order, "pid": str(os.getpid())}
    return machine_alone(holder, listener.step)


class Rounds:
    """The runs of a suite that have begun and not ended, and the records of those that have."""

    def __init__(self, bench: Bench, out: Path, listener: Listener, kept: Unfinished) -> None:
        self._bench, self._out, self._listener, self._kept = bench, out, listener, kept
        self._memo: Memo = {}
        self._begun: dict[int, Gathering] = {}
        self._left_ns = 0  # of the time for repeats, by the runs that have ended
        self._recorded: dict[int, RecordedRun] = {}

    def prepare(self, index: int, run: PlannedRun) -> None:
        """The untimed part of the run. An emulated run, whose times are not used, is also measured here; it ends here,
        and so does a run that fails."""
        self._listener.began(index, run)
        gathering = Gathering(self._bench, run, self._memo, self._listener.step)
        self._begun[index] = gathering
        ready = gathering.prepare()
        while ready and run.target.device.emulated and not gathering.has_ended():
            gathering.measure()
        if gathering.has_ended():
            self._end(index)

    def measure(self) -> None:
        """Repeat by repeat, until no run needs another. A run that has used up its time waits until the others have
        used theirs or ended, and continues in the time that they have left."""
        while self._begun:
            in_time = tuple(index for index, gathering in self._begun.items() if gathering.in_time())
            for index in in_time or tuple(self._begun):
                gathering = self._begun[index]
                if in_time or self._spare_ns() > 0:
                    self._listener.turn(index, gathering.run)
                    gathering.measure(self._minutes_of(gathering))
                if gathering.has_ended(nothing_spare=self._spare_ns() <= 0):
                    self._left_ns += gathering.left_ns()
                    self._end(index)
                else:
                    with suppress(OSError):  # kept or not, the suite goes on
                        self._kept.keep(assemble(*gathering.unfinished()))

    def _minutes_of(self, gathering: Gathering) -> Path | None:
        """Where a long repeat keeps its minutes; ``None`` where it is short, or nothing can be kept."""
        if not gathering.lasts():
            return None
        try:
            return self._kept.minutes(assemble(*gathering.unfinished()))
        except OSError:
            return None

    def _spare_ns(self) -> int:
        """What is left of the time for repeats of all runs together."""
        return self._left_ns + sum(gathering.left_ns() for gathering in self._begun.values())

    def abandon(self, interrupted: bool) -> None:
        """Write what there is of the runs that had begun. What cannot be written is left out: why is known by now."""
        for index, gathering in tuple(self._begun.items()):
            if not gathering.has_ended():
                gathering.fail(how_it_was_abandoned(gathering, interrupted))
            with suppress(OdbError, OSError):
                self._write(index)

    def recorded(self) -> list[RecordedRun]:
        """In the order of the plan."""
        return [self._recorded[index] for index in sorted(self._recorded)]

    def _end(self, index: int) -> None:
        failure = self._begun[index].evidence.failure
        self._write(index)
        if failure is not None and failure.kind == "interrupted":
            raise KeyboardInterrupt

    def _write(self, index: int) -> None:
        result = assemble(*self._begun[index].left())
        result = RecordedRun(save(self._out, result.record, result.samples), result.samples)
        self._kept.drop(result.record.record_id)
        del self._begun[index]
        self._recorded[index] = result
        self._listener.written(index, result)


def how_it_was_abandoned(gathering: Gathering, by_user: bool) -> Failure:
    """Why a run that had begun is not carried on."""
    done = len(gathering.evidence.repeats)
    if by_user:
        return interrupted(done, gathering.run)
    message = sentence("run.suite_ended", done=done)
    return Failure("steady" if done else "start", "unavailable", message, sentence("run.run_again"))


def plan_suite(bench: Bench) -> Plan:
    """Look at what was asked and what this machine has; measure nothing."""
    suite, catalog = bench.suite, bench.catalog
    check(suite, catalog)
    models = [model_choice(ask, ref) for ask, ref in choose_models(suite, catalog)]
    return make_plan(suite, models, chosen_targets(bench), catalog)


def chosen_targets(bench: Bench) -> list[TargetChoice]:
    """The targets that the suite names, with the options that each of them takes."""
    chosen = choose_targets(bench.suite, bench.catalog)
    probed = probe_targets(
        bench.catalog, bench.workspace, {ref.name: _asked_devices(chosen, ref.name) for _, ref, _ in chosen}
    )
    return resolve_targets(chosen, probed, bench.suite, bench.catalog.names("targets"))


def _asked_devices(chosen: Sequence[tuple[TargetAsk, PluginRef, str]], plugin: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(device for _, ref, device in chosen if ref.name == plugin))


def model_choice(ask: ModelAsk, ref: PluginRef) -> ModelChoice:
    """The model with what its plugin says of it."""
    plugin = load(ref)
    return ModelChoice(ask, ref, plugin.task, tuple(plugin.formats))


def with_sensors(bench: Bench) -> Bench:
    """Find what can be read here, and how much the machine draws while nothing runs."""
    sensors, broken = load_sensors(bench.catalog)
    channels = (*discover(sensors, bench.root), *broken)
    idle = idle_baseline(sensors, channels, bench.root, power_seconds(channels))
    return msgspec.structs.replace(bench, channels=channels, idle_watts=idle)
