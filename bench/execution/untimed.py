"""All of a run that comes before its first timed repeat: the passes, and what is concluded between them, in order."""

from msgspec.structs import replace

from bench.contracts import Artifact, OpenRequest, Placement, Scenario, ScenarioCheckingTarget, TokenizingTarget
from bench.errors import RunFailure
from bench.execution.assemble import placement_summary
from bench.execution.quality import compare_quality
from bench.execution.references import compare_tensors
from bench.execution.text_references import compare_with_engine, compare_with_weights
from bench.inputs.conversations import demand_lengths, refuse_depth, refuse_long_conversation, refuse_padding
from bench.inputs.prepared import Prepared
from bench.inputs.tokenizer_file import ADDED_TOKENS
from bench.jobs import Runner
from bench.passes import cached_results, check, convert, foresee, judge, kv_cache, prepare, profile
from bench.passes.compile_caches import CompileCaches
from bench.passes.evidence import Evidence, Opening, Step, known
from bench.plugins import load
from bench.scenarios.kinds import kind_of
from bench.scenarios.text import keeps_prefix, most_tokens, turns_of, users_of
from bench.suite.fitness import refuse_unfit
from bench.suite.plan import PlannedRun, settle_scenario
from bench.suite.presets import emulated_generation_rule, text_generation_rule
from bench.words import sentence


def settle(so_far: Evidence, jobs: Runner) -> Evidence:
    """The scenario with all its parameters, now that the model's task is known."""
    return replace(so_far, scenario=settled_scenario(so_far.run, known(so_far.prepared)))


def settled_scenario(run: PlannedRun, prepared: Prepared) -> Scenario:
    """The run's scenario for the model that was read."""
    emulated, own_prompts = run.target.device.emulated, prepared.prompts is not None
    return settle_scenario(run.scenario, prepared.artifact.task, emulated, own_prompts)


def fit(so_far: Evidence, jobs: Runner) -> Evidence:
    """What will be opened. Raises ``RunFailure`` for a model that the target does not open, or not in the scenario, and
    for prompts that do not fit."""
    prepared, scenario = known(so_far.prepared), known(so_far.scenario)
    refuse_unfit(prepared.artifact, so_far.run.target, scenario)
    demand_prompts(so_far.run, prepared, scenario)
    request = open_request(prepared.artifact, so_far.run, scenario, prepared)
    return replace(so_far, opening=Opening(request, CompileCaches(scenario.compile_cache, jobs.folder)))


def demand_prompts(run: PlannedRun, prepared: Prepared, scenario: Scenario) -> None:
    """Raises ``RunFailure`` for the user's prompts, and for the texts of a dataset, where it is known before anything
    is opened that they do not fit the context, or cannot be turned into tokens. A tokenizer of the engine's own is
    known only once the model is open: the check asks again."""
    decoder, known = prepared.artifact.decoder, prepared.counted
    if decoder is None:
        return
    demand_lengths(known.lengths, decoder, scenario)
    refuse_padding(known.padded, decoder)
    target, failure = load(run.target.plugin), known.failure or prepared.no_texts
    if failure is None or not isinstance(target, TokenizingTarget):
        return
    if not target.tokenizes(prepared.artifact, run.target.options):
        raise RunFailure(failure.kind, failure.sentence, failure.advice, failure.phase)


def open_request(
    artifact: Artifact, run: PlannedRun, scenario: Scenario, prepared: Prepared | None = None
) -> OpenRequest:
    """What the target is asked to open, the same in every pass of a run. Raises ``RunFailure`` for what does not fit
    the model, and for what no session of the target can do."""
    own = prepared.prompt_tokens if prepared is not None else None
    prompt, generate = scenario.prompt_tokens or own or 0, scenario.generate_tokens or 0
    depth, decoder, turns = scenario.depth_tokens or 0, artifact.decoder, turns_of(scenario)
    own_lengths = prepared.counted.lengths if prepared is not None else ()
    most = most_tokens(replace(scenario, prompt_tokens=prompt), own_lengths if turns else ())
    if decoder is not None:
        refuse_depth(scenario)
        refuse_long_conversation(artifact.model_id, decoder, scenario, own_lengths)
    text = prepared is not None and prepared.inputs is not None and prepared.inputs.source == "prompt_text"
    if decoder is not None and turns is None and depth + prompt + generate > decoder.context_length and not text:
        code = "run.context_exceeded_at_depth" if depth else "run.context_exceeded"
        raise RunFailure(
            "bad_input",
            sentence(
                code,
                depth=depth,
                prompt=prompt,
                generate=generate,
                context_length=decoder.context_length,
                model_id=artifact.model_id,
            ),
            sentence("run.ask_for_fewer_tokens"),
            "prepare",
        )
    request = OpenRequest(
        artifact,
        run.target.device.name,
        run.target.options,
        kind_of(scenario).intent,
        prompt,
        min(most + (ADDED_TOKENS if text else 0), decoder.context_length) if decoder else 0,
        strict=run.strict_placement,
        depth_tokens=depth if decoder is not None else 0,
        stop_tokens=_stop_tokens(artifact, run),
        converses=keeps_prefix(scenario),
        users=users_of(scenario) or 0,
    )
    target = load(run.target.plugin)
    if isinstance(target, ScenarioCheckingTarget):
        target.check_scenario(request)
    return request


def _stop_tokens(artifact: Artifact, run: PlannedRun) -> tuple[int, ...]:
    """The end-of-sequence tokens, where generations end at them. Raises ``RunFailure`` where the model states none that
    it can generate."""
    if not run.model.ask.stop:
        return ()
    if artifact.decoder is None:
        raise RunFailure(
            "bad_input",
            sentence("run.stop_of_tensor_model", model_id=artifact.model_id),
            sentence("run.leave_stop_out"),
            "prepare",
        )
    ends = tuple(token for token in artifact.decoder.eos_token_ids if token < artifact.decoder.vocab_size)
    if not ends:
        raise RunFailure(
            "bad_input",
            sentence("run.no_end_of_sequence", model_id=artifact.model_id),
            sentence("run.state_end_of_sequence"),
            "prepare",
        )
    return ends


def demand_placement(so_far: Evidence, jobs: Runner) -> Evidence:
    """Raises ``RunFailure`` where the user asked for strict placement, and it is not so."""
    if so_far.run.strict_placement:
        refuse_fallback(known(so_far.checked).placement, known(so_far.opening).request.artifact)
    return so_far


def refuse_fallback(placement: Placement | None, artifact: Artifact) -> None:
    """Raise ``RunFailure`` if a node was not placed as requested, or the placement is unknown."""
    summary = placement_summary(placement, artifact)
    if summary is None:
        raise RunFailure(
            "fallback",
            sentence("run.strict_placement_unknown"),
            sentence("run.drop_strict_placement"),
            "check",
        )
    if summary.fallback:
        nodes = sum(summary.nodes.values())
        shown = ", ".join(summary.fallback[:5]) + (" …" if len(summary.fallback) > 5 else "")
        raise RunFailure(
            "fallback",
            sentence("run.strict_placement_failed", n_fallback=len(summary.fallback), nodes=nodes, shown=shown),
            sentence("text.sentences", parts=summary.remedies)
            if summary.remedies
            else sentence("run.replace_operators"),
            "check",
        )


def demand_cache(so_far: Evidence, jobs: Runner) -> Evidence:
    """Raises ``RunFailure`` where a compile cache was asked for, and the check found that the target keeps none."""
    known(so_far.opening).caches.demand(known(so_far.checked).facts.compile_cache, so_far.run.target.id)
    return so_far


def settle_rule(so_far: Evidence, jobs: Runner) -> Evidence:
    """The rule of a language model's repeats, which are whole generations."""
    run = so_far.run
    if known(so_far.prepared).artifact.task != "text_generation":
        return so_far
    emulated = run.target.device.emulated
    rule = emulated_generation_rule() if emulated else text_generation_rule(run.rule, run.scenario, run.repeats)
    return replace(so_far, run=replace(run, rule=rule))


UNTIMED: tuple[Step, ...] = (
    prepare.evidence,
    settle,
    fit,
    foresee.evidence,
    convert.evidence,
    check.evidence,
    demand_placement,
    compare_tensors,
    compare_with_engine,
    compare_with_weights,
    demand_cache,
    judge.evidence,
    compare_quality,
    settle_rule,
    cached_results.evidence,
    kv_cache.evidence,
    profile.evidence,
)
"""In this order. What a run lacks, a step leaves out; one that fails ends the run, and what was found before stays."""
