"""Carries out a suite: plan it, gather the evidence for each run in turn, write each record the moment its run ends."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.assemble import assemble
from bench.gather import Bench, Gathering, Shared
from bench.measure.energy import discover, idle_baseline, power_seconds
from bench.plan import ModelChoice, Plan, PlannedRun, choose_models, choose_targets, make_plan, resolve_targets
from bench.plugins import Catalog, PluginRef, load
from bench.probe import load_sensors, probe_targets, temporary_workspace
from bench.record import RecordedRun
from bench.store import save
from bench.suite import Suite, check


class Listener:
    """Told what happens, for progress. Does nothing by itself."""

    def planned(self, plan: Plan) -> None:
        """Before anything runs."""

    def began(self, index: int, run: PlannedRun) -> None:
        """Run number ``index`` (from 0) begins."""

    def step(self, text: str) -> None:
        """What is running now, in a few words."""

    def written(self, index: int, recorded: RecordedRun) -> None:
        """The run's record is on disk."""


def run_suite(
    suite: Suite,
    catalog: Catalog,
    out: Path,
    *,
    cache: Path,
    listener: Listener | None = None,
    root: Path = Path("/"),
) -> list[RecordedRun]:
    """Measure everything ``suite`` asks for; each record is on disk under ``out`` the moment its run ends.

    ``cache`` keeps built models, ``root`` is where sensors and the machine's state are read. ``Ctrl-C`` writes what the
    current run has and is raised again. Raises ``InputError`` for what cannot be planned.
    """
    listener = listener or Listener()
    with temporary_workspace() as workspace:
        bench = Bench(catalog, suite, workspace, cache, root)
        plan = plan_suite(bench)
        listener.planned(plan)
        bench = with_sensors(bench)
        shared = Shared(catalog)
        recorded = []
        for index, run in enumerate(plan.runs):
            listener.began(index, run)
            carried_out, evidence, samples = Gathering(bench, run, shared, listener.step).gather()
            result = assemble(carried_out, evidence, samples)
            result = RecordedRun(save(out, result.record, result.samples), result.samples)
            recorded.append(result)
            listener.written(index, result)
            if evidence.failure is not None and evidence.failure.kind == "interrupted":
                raise KeyboardInterrupt
        return recorded


def plan_suite(bench: Bench) -> Plan:
    """Look at what was asked and what this machine has; measure nothing."""
    suite, catalog = bench.suite, bench.catalog
    check(suite)
    models = [_model_choice(ask, ref) for ask, ref in choose_models(suite, catalog)]
    chosen = choose_targets(suite, catalog)
    probed = probe_targets(
        catalog, bench.workspace, {ref.name: _asked_devices(chosen, ref.name) for _, ref, _ in chosen}
    )
    return make_plan(suite, models, resolve_targets(chosen, probed, suite))


def _asked_devices(chosen: Sequence[tuple[Any, PluginRef, str]], plugin: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(device for _, ref, device in chosen if ref.name == plugin))


def _model_choice(ask: Any, ref: PluginRef) -> ModelChoice:
    plugin = load(ref)
    return ModelChoice(ask, ref, plugin.task, tuple(plugin.formats))


def with_sensors(bench: Bench) -> Bench:
    """Find what can be read here, and how much the machine draws while nothing runs."""
    sensors, broken = load_sensors(bench.catalog)
    channels = (*discover(sensors, bench.root), *broken)
    idle = idle_baseline(sensors, channels, bench.root, power_seconds(channels))
    return msgspec.structs.replace(bench, channels=channels, idle_watts=idle)
