"""Puts a record together from what the plan, the passes and the repeats left. Pure but for the clock of its id."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from bench import __version__
from bench.analysis.energy import energy_summary
from bench.analysis.rules import rules_digest
from bench.contracts import Artifact, GraphFacts, Placement, Scenario, SessionFacts, Tensors
from bench.passes.evidence import Evidence
from bench.record.inputs import ModelGraph, ModelSource, PipelineFacts, PlannedModel
from bench.record.record import (
    SCHEMA_VERSION,
    Environment,
    Failure,
    OpenedArtifact,
    PlacementSummary,
    PlannedTarget,
    PlanPart,
    Record,
    RecordedRun,
    Repeat,
    SampleArrays,
    Tool,
)
from bench.record.shown.redact import option_without_paths, without_paths
from bench.record.summary import Summary
from bench.record.text import TextGeneration
from bench.store.derived import judged
from bench.store.records import new_record_id
from bench.suite.asked import asked_of
from bench.suite.command_line import rerun_command
from bench.suite.plan import PlannedRun

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def assemble(evidence: Evidence, samples: Sequence[Tensors]) -> RecordedRun:
    """The finished record with its samples. ``samples``: role -> array, one mapping a repeat, in order."""
    run, facts = evidence.run, _session_facts(evidence)
    every, flat = _repeats(evidence, samples)
    repeats = tuple(repeat for index, repeat in enumerate(every) if index not in evidence.set_aside)
    if evidence.judgement is not None:
        flat.update(evidence.judgement.arrays)
    status = status_of(evidence.failure)
    record = Record(
        schema_version=SCHEMA_VERSION,
        record_id=evidence.record_id or new_record_id(run.model.id, run.target.id, evidence.began_utc),
        created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        status=status,
        tool=Tool("ondevice-bench", __version__, rules_digest()),
        plan=_plan_part(evidence, facts),
        environment=_environment(evidence),
        failure=evidence.failure,
        repeats=repeats,
        summary=_known_only_here(evidence) if repeats else Summary(),
        placement=placement_summary(evidence.checked.placement, _artifact(evidence)) if evidence.checked else None,
        fidelity=evidence.fidelity,
        quality=evidence.judgement.quality if evidence.judgement else None,
        determinism=evidence.checked.determinism if evidence.checked else None,
        repeated_input=evidence.repeated_input,
        operators=evidence.operators,
        other_tool=evidence.other_tool,
        fleet=evidence.fleet,
        log_tail=evidence.log_tail,
        set_aside=tuple(every[index] for index in evidence.set_aside),
        repeats_ended=evidence.repeats_ended if evidence.failure is None else None,
    )
    return RecordedRun(judged(RecordedRun(record, flat)).record, flat)


def status_of(failure: Failure | None) -> Literal["ok", "failed", "skipped"]:
    """``skipped``: known before anything ran that the pair cannot be measured here."""
    if failure is None:
        return "ok"
    return "skipped" if failure.phase == "plan" else "failed"


def placement_summary(placement: Placement | None, artifact: Artifact | None) -> PlacementSummary | None:
    """Nodes and MACs by device. MACs are null unless every node of the file that has any is found by name and they add
    up to the file's, or all nodes share one device."""
    if placement is None:
        return None
    nodes: dict[str, int] = {}
    for node in placement.nodes:
        nodes[node.device] = nodes.get(node.device, 0) + 1
    fallback = tuple(f"{n.op} {n.name}".strip() for n in placement.nodes if n.device != placement.requested)
    macs = _macs_by_device(placement, artifact.facts) if artifact else None
    return PlacementSummary(placement.requested, nodes, macs, fallback, placement.source, placement.remedies)


def _artifact(evidence: Evidence) -> Artifact | None:
    return evidence.prepared.artifact if evidence.prepared is not None else None


def _macs_by_device(placement: Placement, facts: GraphFacts) -> dict[str, int] | None:
    devices = {n.device for n in placement.nodes}
    if facts.macs is None or not devices:
        return None
    if len(devices) == 1:
        return {devices.pop(): facts.macs}
    device_of = {n.name: n.device for n in placement.nodes if n.name}
    if not set(facts.node_macs) <= set(device_of) or sum(facts.node_macs.values()) != facts.macs:
        return None
    macs = dict.fromkeys(sorted(devices), 0)
    for name, count in facts.node_macs.items():
        macs[device_of[name]] += count
    return macs


def _session_facts(evidence: Evidence) -> SessionFacts | None:
    """As the last repeat's session told them, but precisions as the check's did, which could look at the graph."""
    checked = evidence.checked.facts if evidence.checked else None
    if not evidence.repeats:
        return checked
    facts = evidence.repeats[-1].facts
    if checked is None:
        return facts
    cache = checked.kv_cache_precision or facts.kv_cache_precision
    facts = msgspec.structs.replace(facts, kv_cache_precision=cache)
    if not checked.precisions.activations:
        return facts
    return msgspec.structs.replace(facts, executed_precision=checked.executed_precision, precisions=checked.precisions)


def _plan_part(evidence: Evidence, facts: SessionFacts | None) -> PlanPart:
    run = evidence.run
    plan = PlanPart(
        model=_planned_model(run, _artifact(evidence)),
        target=PlannedTarget(
            run.target.id,
            run.target.plugin.name,
            run.target.device.name,
            (facts.device_name if facts else evidence.device_name) or None,
            run.target.device.emulated,
            _without_paths(run.target.options),
            _without_paths(facts.options_effective) if facts else {},
            (facts.executed_precision if facts else "") or None,
            OpenedArtifact(evidence.opened.format, evidence.opened.sha256, evidence.opened.size_bytes)
            if evidence.opened
            else None,
            (facts.precisions.weights if facts else "") or None,
            (facts.precisions.activations if facts else "") or None,
            (facts.kv_cache_precision if facts else "") or None,
            (facts.imported_by if facts else "") or None,
        ),
        scenario=_scenario(evidence),
        preset=run.preset,
        rule=run.rule,
        seed=run.seed,
        repeats=run.repeats,
        strict_placement=run.strict_placement,
        inputs=evidence.prepared.inputs if evidence.prepared is not None else None,
        alternation=run.alternation,
        asked=asked_of(run),
        repeat_rule=run.repeat_rule,
        pipeline=_pipeline(evidence),
    )
    return msgspec.structs.replace(plan, command=without_paths(rerun_command(plan)))


def _pipeline(evidence: Evidence) -> PipelineFacts | None:
    """The stages, as the first repeat opened them."""
    facts = evidence.repeats[0].pipeline if evidence.repeats else None
    left = evidence.prepared.not_taken if evidence.prepared is not None else ()
    return None if facts is None else msgspec.structs.replace(facts, not_taken=left)


def _without_paths(options: Mapping[str, str]) -> dict[str, str]:
    return {key: option_without_paths(value) for key, value in options.items()}


def _scenario(evidence: Evidence) -> Scenario:
    """As it was carried out: with the number of lanes that the runtime thought best, where none was asked for."""
    scenario = evidence.scenario or evidence.run.scenario
    lanes = evidence.repeats[0].lanes if evidence.repeats else None
    return msgspec.structs.replace(scenario, lanes=lanes) if lanes is not None else scenario


def _planned_model(run: PlannedRun, artifact: Artifact | None) -> PlannedModel:
    if artifact is None:
        return PlannedModel(run.model.id, run.model.task, run.model.ask.format, run.model.ask.precision)
    facts = artifact.facts
    return PlannedModel(
        artifact.model_id,
        artifact.task,
        artifact.format,
        artifact.precision or None,
        artifact.sha256,
        artifact.size_bytes,
        facts.parameters,
        facts.macs,
        facts.weight_bytes,
        facts.peak_activation_bytes,
        facts.inputs,
        facts.outputs,
        facts.live_activation_bytes,
        _bytes_moved(facts),
        _source(artifact),
        _graphs(artifact),
        artifact.lineage,
    )


def _graphs(artifact: Artifact) -> tuple[ModelGraph, ...]:
    stages = () if artifact.decoder is None else artifact.decoder.stages
    return tuple(msgspec.convert(stage, ModelGraph, from_attributes=True) for stage in stages)


def _source(artifact: Artifact) -> ModelSource | None:
    made_from = artifact.source
    if made_from is None:
        return None
    return ModelSource(
        format=made_from.format,
        name=made_from.path.name,
        files=tuple(file.name for file in made_from.files),
        sha256=made_from.sha256,
        size_bytes=made_from.size_bytes,
        stored_as=made_from.stored_as,
        kept=made_from.kept,
    )


def _environment(evidence: Evidence) -> Environment:
    checked = evidence.checked
    if checked is None:
        return evidence.environment
    name = checked.facts.device_name
    return msgspec.structs.replace(
        evidence.environment,
        runtime={**evidence.environment.runtime, **checked.facts.versions},
        accelerator={evidence.run.target.device.name: name} if name else {},
    )


def _repeats(
    evidence: Evidence, samples: Sequence[Tensors]
) -> "tuple[tuple[Repeat, ...], dict[str, NDArray[np.generic]]]":
    """The repeats with the parent's own figures filled in, and all arrays under keys unique in the record."""
    repeats: list[Repeat] = []
    flat: dict[str, NDArray[np.generic]] = {}
    for index, (measured, arrays) in enumerate(zip(evidence.repeats, samples, strict=True)):
        keys = {role: f"{role}_{index}" for role in arrays}
        flat.update({keys[role]: array for role, array in arrays.items()})
        before = measured.repeat.samples
        repeats.append(
            msgspec.structs.replace(
                measured.repeat,
                samples=SampleArrays(before.queries if before else 0, keys),
                harness_ns=evidence.harness_ns[index],
                cpu_busy_share=evidence.cpu_busy_share[index],
            )
        )
    return tuple(repeats), flat


def _known_only_here(evidence: Evidence) -> Summary:
    """What of a summary does not follow from repeats and samples; ``bench.store.derived`` computes the rest."""
    artifact = _artifact(evidence)
    facts = artifact.facts if artifact is not None else GraphFacts((), ())
    energies = [e for m in evidence.repeats for e in (m.repeat.energy, m.repeat.power_pass) if e is not None]
    text = TextGeneration(
        0,
        0,
        tuple(int(token) for token in evidence.repeats[0].token_ids),
        kv_cache=evidence.kv_cache,
        agreement=evidence.agreement,
        stop_token_ids=evidence.opening.request.stop_tokens if evidence.opening else (),
        tokenizer=evidence.checked.text.tokenizer if evidence.checked and evidence.checked.text else None,
        answers=evidence.checked.text.answers if evidence.checked and evidence.checked.text else None,
        cache_state="filled" if (evidence.scenario or evidence.run.scenario).depth_tokens else "empty",
    )
    return Summary(energy=energy_summary(energies, facts.macs, None, evidence.channels), text_generation=text)


def _bytes_moved(facts: GraphFacts) -> int | None:
    """An estimate of one query's traffic: constants that are read, and the widest operator's activations."""
    if facts.bytes_moved is not None:
        return facts.bytes_moved
    if facts.weight_bytes is None or facts.peak_activation_bytes is None:
        return None
    return facts.weight_bytes + facts.peak_activation_bytes
