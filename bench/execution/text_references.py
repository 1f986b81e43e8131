"""The runs that a language model's tokens are compared with: the same file, unoptimised in float32, and the float32
weights of the same model. Each runs in a separate process, once for the same ids."""

from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from bench.contracts import Artifact, SessionFacts
from bench.execution.references import no_reference, reference_for, why_not_run
from bench.execution.twins import float32_twin, named_twin
from bench.inputs.prompts import Prompt, save_prompts
from bench.jobs import Failed, Runner
from bench.passes.check import CheckJob
from bench.passes.evidence import Checked, Evidence, TextChecked, known
from bench.record.record import Fidelity
from bench.record.text import Agreement
from bench.words import sentence

if TYPE_CHECKING:
    from bench.analysis.outputs.agreement import Said


def compare_with_engine(so_far: Evidence, jobs: Runner) -> Evidence:
    """Adds the fidelity of a language model's tokens, and their agreement with those of the same file on another
    engine."""
    text = known(so_far.checked).text
    if text is None:
        return so_far
    jobs.say(sentence("run.checking_against_reference"))
    agreement, fidelity = _compare("engine", known(so_far.prepared).artifact, so_far, text, jobs)
    return replace(so_far, fidelity=fidelity, agreement=(agreement,))


def compare_with_weights(so_far: Evidence, jobs: Runner) -> Evidence:
    """Adds the agreement with the model's float32 weights, where there are such.

    It is also the fidelity of a decoder that only one runtime can drive, where the weights have the same precision."""
    text, artifact, run = known(so_far.checked).text, known(so_far.prepared).artifact, so_far.run
    if text is None:
        return so_far
    twin = named_twin(run, artifact, jobs) or float32_twin(run, artifact, jobs)
    if twin is None:
        return so_far
    agreement, fidelity = _compare("model", twin, so_far, text, jobs)
    if artifact.decoder is None or not artifact.decoder.runtime or twin.precision != artifact.precision:
        fidelity = known(so_far.fidelity)
    return replace(so_far, fidelity=fidelity, agreement=(*so_far.agreement, agreement))


def _compare(
    of: Literal["engine", "model"], artifact: Artifact, so_far: Evidence, text: TextChecked, jobs: Runner
) -> tuple[Agreement, Fidelity]:
    """What was checked, against a reference run of ``artifact``. When none can run, says why instead."""
    from bench.analysis.outputs.agreement import agreement, judged

    checked = known(so_far.checked)
    name, reference = _reference(artifact, so_far, text, jobs)
    said = f"{artifact.model_id} {artifact.precision} on {name}" if name != "none" else name
    if isinstance(reference, Failed):
        why = why_not_run(reference.failure)
        return Agreement(of, said, reason=why), Fidelity(said, reason=why)
    if not text.comparable:
        depth = sentence("run.own_token_at_depth")
        return Agreement(of, said, reason=depth), Fidelity(said, reason=depth)
    theirs, ours = _said(reference), _said(checked)
    found = replace(agreement(of, said, theirs, ours), reference_types=_types(reference.facts, artifact))
    return found, judged(found, theirs, ours, checked.facts.executed_precision)


def _types(facts: SessionFacts, artifact: Artifact) -> dict[str, str]:
    """What a reference's tokens were computed in, as far as it is known."""
    precisions = facts.precisions
    types = {
        "weights": (precisions.weights if precisions is not None else "") or artifact.precision,
        "activations": (precisions.activations if precisions is not None else "") or facts.executed_precision,
        "kv_cache": facts.kv_cache_precision,
    }
    return {what: name for what, name in types.items() if name}


def _reference(artifact: Artifact, so_far: Evidence, text: TextChecked, jobs: Runner) -> tuple[str, Checked | Failed]:
    """What the reference is called, and what ``artifact`` says on it: once a suite for the same ids."""
    scenario, seed = known(so_far.scenario), so_far.run.seed
    found = reference_for(artifact, artifact, jobs.catalog)
    if found is None:
        return "none", no_reference(artifact)

    def job() -> CheckJob:
        prompts = jobs.folder() / "prompts.json"
        save_prompts(prompts, [Prompt(ids=text.prompt)])
        return CheckJob(
            found.plugin,
            request=found.request(known(so_far.opening).request, artifact),
            scenario=scenario,
            feeds=(),
            seed=seed,
            prompts=prompts,
            forced=text.forced,
            again=False,
        )

    forced = sha256(text.forced.read_bytes()).hexdigest()
    key = "text", artifact.sha256, text.prompt, forced, scenario, seed
    return found.name, jobs.once(CheckJob, key, job, says=sentence("run.checking_against_reference")).answer


def _said(checked: Checked) -> "Said":
    import numpy as np

    from bench.analysis.outputs.agreement import Said, tokens_of

    text = known(checked.text)
    forced = tokens_of(np.load(text.forced, allow_pickle=False).tolist())
    logits = None if text.logits is None else np.load(text.logits, allow_pickle=False)
    return Said(checked.token_ids, forced, logits, text.whole)
