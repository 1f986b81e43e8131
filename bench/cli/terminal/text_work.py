"""How many tokens a run of a language model computes at the least: what its time depends on, before any is seen."""

from msgspec import Struct

from bench.contracts import Scenario
from bench.measure.staged.overlapped import FILLING
from bench.measure.staged.queries import passes_rule
from bench.record.record import StoppingRule
from bench.scenarios.kinds import kind_of
from bench.scenarios.text import keeps_prefix, turns_of, users_of
from bench.suite.plan import PlannedRun, settle_scenario
from bench.suite.presets import emulated_generation_rule, text_generation_rule

TWICE_AND_OTHERWISE = 3
"""How often the check has each turn, or each user, answered."""
TWICE, CHECK_CONTEXTS = 2, 1
"""How often the check asks the first query, and has its context computed where the engine goes back to it."""


class TextWork(Struct, frozen=True):
    """Tokens of all processes of a run and of its check. ``prompt_tokens``: to be computed before first tokens;
    ``None`` of the user's own prompts. ``context_tokens``: of a depth, which fill the cache once in a process;
    ``refilled_tokens``: on an engine that computes the context before each query."""

    generated_tokens: int
    prompt_tokens: int | None
    context_tokens: int = 0
    refilled_tokens: int = 0


def least_work(run: PlannedRun, lines: int = 1) -> TextWork:
    """With the minimum of repeats, each with the minimum of queries. Other untimed passes are left out. ``lines``: that
    a pass of a pipeline takes, each of which is answered with all its tokens unless a sequence ends before."""
    ask, emulated = run.model.ask, run.target.device.emulated
    own = bool(ask.prompts or ask.prompt_ids) or kind_of(run.scenario).staged
    scenario = settle_scenario(run.scenario, "text_generation", emulated, own)
    rule = emulated_generation_rule() if emulated else text_generation_rule(run.rule, scenario, run.repeats)
    warmup = max(rule.warmup_min_queries, 2 * (users_of(scenario) or 0))
    checked = TWICE_AND_OTHERWISE * (users_of(scenario) or 1)
    each = _through_stages(run, rule, lines) if kind_of(scenario).staged else warmup + rule.min_queries
    queries = run.repeats * each + checked
    one = _of_query(scenario)
    prompt = None if own else queries * (one.prompt_tokens or 0)
    depth, first = scenario.depth_tokens or 0, 1
    contexts, refills = run.repeats + CHECK_CONTEXTS, run.repeats * (first + each) + TWICE
    return TextWork(queries * one.generated_tokens, prompt, contexts * depth, refills * depth)


def _through_stages(run: PlannedRun, rule: StoppingRule, lines: int) -> int:
    """Generations of one process: one as the pipeline is opened and whole passes; then, unless sides take turns, the
    network alone and the overlapped queries."""
    passes = passes_rule(rule, lines)
    queries = 1 + lines * (passes.warmup_min_queries + passes.min_queries)
    if run.alternation is not None:
        return queries
    return queries + rule.min_queries + FILLING + max(rule.min_queries, 1 + lines)


def _of_query(scenario: Scenario) -> TextWork:
    """Of a generation; of a whole conversation where turns follow one another."""
    prompt, generated = scenario.prompt_tokens or 0, scenario.generate_tokens or 0
    turns = turns_of(scenario)
    if turns is None:
        return TextWork(generated, prompt)
    if keeps_prefix(scenario):
        return TextWork(turns * generated, turns * prompt)
    history = sum(turn * (prompt + generated) for turn in range(turns))
    return TextWork(turns * generated, turns * prompt + history)
