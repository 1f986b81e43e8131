"""Where the quantised model runs on a target, node by node, and what it gives there."""

from pathlib import Path

from msgspec.structs import replace

from bench.contracts import Artifact, OpenRequest, PlacementCheck
from bench.errors import OdbError
from bench.execution.assemble import placement_summary
from bench.execution.probe import probe_targets
from bench.execution.runner import JobRunner
from bench.passes.check import CheckJob
from bench.quantising.asked import QuantisePlan
from bench.quantising.comparing import SCENARIO, Comparing
from bench.quantising.outcome import Placed
from bench.words import sentence

SAMPLES = 1
"""That run there: an emulator takes seconds for one."""
OPEN_SECONDS = 300.0


def placed_on(
    check: PlacementCheck, plan: QuantisePlan, artifact: Artifact, jobs: JobRunner, comparing: Comparing
) -> Placed:
    """Open ``artifact`` on the target with inspection on, and run a sample. What keeps it from running is told."""
    jobs.say(sentence("quantise.step.placing", target=check.target))
    told = Placed(target=check.target, options=check.options)
    plugin, _, device = check.target.partition(":")
    if plugin not in jobs.catalog.names("targets"):
        return replace(told, failure=sentence("quantise.no_such_target", target=check.target))
    found = probe_targets(jobs.catalog, Path(jobs.folder()), {plugin: (device,)})[plugin]
    facts = next((one for one in found.devices if one.name == device), None)
    if facts is None or not facts.usable:
        reason = facts.reason if facts is not None else sentence("quantise.no_such_target", target=check.target)
        return replace(told, failure=reason, remedy=facts.remedy if facts is not None else "")
    try:
        return _seen(replace(told, emulated=facts.emulated), device, artifact, jobs, comparing)
    except OdbError as error:
        return replace(told, failure=error.sentence, remedy=error.advice)


def _seen(told: Placed, device: str, artifact: Artifact, jobs: JobRunner, comparing: Comparing) -> Placed:
    ref = jobs.catalog.find("targets", told.target.partition(":")[0])
    request = OpenRequest(artifact, device, told.options)
    feeds = comparing.fitting(artifact, most=SAMPLES)
    job = CheckJob(ref, request=request, scenario=SCENARIO, feeds=feeds, seed=0, emulated=True)
    checked = jobs.run(job, OPEN_SECONDS)
    summary = placement_summary(checked.placement, artifact)
    precision = checked.facts.executed_precision
    told = replace(
        told,
        device_name=checked.facts.device_name,
        versions=checked.facts.versions,
        agreement=comparing.agreeing(told.target, checked.outputs, artifact, precision),
    )
    if summary is None:
        return told
    return replace(
        told, requested=summary.requested, nodes=summary.nodes, macs=summary.macs, elsewhere=summary.fallback
    )
