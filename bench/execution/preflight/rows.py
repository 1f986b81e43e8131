"""What was found of one variant, as a row."""

from collections import Counter

from msgspec.structs import replace

from bench.contracts import Artifact, GraphFacts, Placement, Variant
from bench.execution.assemble import placement_summary
from bench.execution.preflight.jobs import Built
from bench.preflight.bound import bound
from bench.preflight.found import Row, Subject
from bench.record.record import Failure, Fidelity, PlacementSummary
from bench.words import sentence


def subject(artifact: Artifact, source: str) -> Subject:
    """The model as its file has it."""
    facts = artifact.facts
    return Subject(
        id=artifact.model_id,
        source=source,
        format=artifact.format,
        precision=artifact.precision,
        sha256=artifact.sha256,
        size_bytes=artifact.size_bytes,
        task=artifact.task,
        macs=facts.macs,
        parameters=facts.parameters,
        weight_bytes=facts.weight_bytes,
        inputs={spec.name: artifact.shapes.get(spec.name, spec.shape) for spec in facts.inputs},
    )


def refused(variant: Variant, failure: Failure) -> Row:
    """A variant that does not take the model: known before compiling, or by an error of the compiler."""
    known_before = failure.phase in ("plan", "prepare", "convert")
    return Row(
        variant=variant,
        status="refused" if known_before else "failed",
        kind=failure.kind,
        reason=failure.sentence,
        remedy=failure.advice,
    )


def broke(row: Row, failure: Failure) -> Row:
    """``row``, compiled, whose program did not run to its end."""
    return replace(row, status="failed", kind=failure.kind, reason=failure.sentence, remedy=failure.advice)


def interrupted(row: Row) -> Row:
    """A variant that was not come to, with what was found of it until then."""
    reason, remedy = sentence("preflight.interrupted"), sentence("run.run_again")
    return replace(row, status="interrupted", kind="interrupted", reason=reason, remedy=remedy)


def compiled(variant: Variant, built: Built, artifact: Artifact, frames_per_s: float | None) -> Row:
    """A variant that was compiled for, before it is run."""
    row = Row(
        variant=variant,
        status="interrupted",
        precision=built.facts.executed_precision,
        compiled=built.compiled,
        compile_ns=built.compile_ns,
    )
    row = placed(row, built.placement, artifact)
    return bounded(row, artifact, built.compiled.constant_bytes, frames_per_s)


def placed(row: Row, placement: Placement | None, artifact: Artifact) -> Row:
    """``row`` with where its nodes run, as far as that is known."""
    summary = placement_summary(placement, artifact)
    if placement is None or summary is None:
        return row
    left = Counter(node.op for node in placement.nodes if node.device != placement.requested)
    total = sum(summary.nodes.values())
    return replace(
        row,
        placement=summary,
        nodes=summary.nodes.get(summary.requested, 0) / total if total else None,
        macs=_fraction(summary),
        left=dict(left.most_common()),
    )


def _fraction(summary: PlacementSummary) -> float | None:
    if not summary.macs or not (total := sum(summary.macs.values())):
        return None
    return summary.macs.get(summary.requested, 0) / total


def bounded(row: Row, artifact: Artifact, constant_bytes: int | None, frames_per_s: float | None) -> Row:
    """``row`` with its bound: by the MACs that the accelerator computes, all where it is not known which those are."""
    summary = row.placement
    macs = artifact.facts.macs
    if summary is not None and summary.macs is not None:
        macs = summary.macs.get(summary.requested, 0)
    elif summary is not None:
        macs = None
    return replace(row, bound=bound(row.variant.peaks, macs, _read(constant_bytes, artifact.facts), frames_per_s))


def _read(constant_bytes: int | None, facts: GraphFacts) -> int | None:
    """What one query reads of the weights as compiled: the same part as of those in the file. Of a table that words are
    looked up in, that is a few rows."""
    moved, widest, stored = facts.bytes_moved, facts.peak_activation_bytes or 0, facts.weight_bytes
    if constant_bytes is None or moved is None or not stored:
        return constant_bytes
    return int(constant_bytes * min(1.0, max(0, moved - widest) / stored))


def ran(row: Row, fidelity: Fidelity | None, same_run_as: str) -> Row:
    """``row`` once its program has run."""
    return replace(row, status="ran", fidelity=fidelity, same_run_as=same_run_as)
