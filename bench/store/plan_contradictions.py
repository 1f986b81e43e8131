"""Contradictions in a record's plan: fields that state the same fact twice, and differ."""

import shlex
from collections.abc import Collection, Iterator
from itertools import pairwise

from bench.record.inputs import InputFacts
from bench.record.part import Correction
from bench.record.record import PlanPart, StoppingRule
from bench.scenarios.kinds import scenario_text
from bench.scenarios.lasting import lasting_of
from bench.suite.presets import PRESETS, emulated_generation_rule, emulated_rule, lasting_rule, text_generation_rule
from bench.words import Sentence, sentence

BY_SECONDS = ("min_duration_ns", "max_duration_ns")
"""The fields of a rule that --max-seconds and turns change."""


def plan_contradictions(plan: PlanPart) -> Iterator[Sentence | str]:
    """Each in a few words that name the fields."""
    target, rule = plan.target, plan.repeat_rule
    if target.id != f"{target.plugin}:{target.device}":
        yield sentence(
            "store.plan_target_id_plugin_device", target_id=target.id, plugin=target.plugin, device=target.device
        )
    if plan.inputs is not None and plan.inputs.fed:
        yield from _inputs(plan, plan.inputs)
    if rule is not None and (
        not plan.repeats == rule.fewest <= rule.most
        or (rule.budget_ns is None and rule.fewest != rule.most and not _until(plan))
    ):
        yield sentence("store.plan_repeats_plan_repeat_rule", repeats=plan.repeats, fewest=rule.fewest, most=rule.most)


def _until(plan: PlanPart) -> bool:
    """Whether a comparison decided the number of pairs."""
    return plan.alternation is not None and plan.alternation.until is not None


def _inputs(plan: PlanPart, inputs: InputFacts) -> Iterator[Sentence | str]:
    sources = _sources({one.source for one in inputs.fed})
    if inputs.source not in sources:
        yield sentence("store.plan_inputs_source_parts", source=inputs.source, sources=sources)
    if sorted(one.name for one in inputs.fed) != sorted(inputs.shapes):
        yield sentence("store.plan_inputs_fed_plan_inputs")
    if [(one.name, one.dtype) for one in inputs.fed] != [(spec.name, spec.dtype) for spec in plan.model.inputs]:
        yield sentence("store.plan_inputs_fed_plan_model")


def _sources(parts: Collection[str]) -> tuple[str, ...]:
    """The possible sources of all inputs together, where each comes from one of ``parts``."""
    if "seeded" not in parts:
        return "file", "image"
    return ("partly seeded",) if len(parts) > 1 else ("seeded", "partly seeded")


def untrue(plan: PlanPart) -> Iterator[Correction]:
    """Of a record that follows this version's rules: where its rule is not that of the preset, since a wider precision
    makes any run valid, and where its command asks for something else than the plan says."""
    if plan.preset not in PRESETS:
        yield Correction("plan.preset", plan.preset, ", ".join(PRESETS), True, sentence("store.presets"))
        return
    wanted, giver = _rule(plan), sentence("store.preset_named", name=plan.preset)
    for name in StoppingRule.__struct_fields__:
        stated, known = getattr(plan.rule, name), getattr(wanted, name)
        if stated != known and name not in BY_SECONDS:
            yield Correction(f"plan.rule.{name}", f"{stated:g}", f"{known:g}", True, giver)
    repeats, known = plan.repeat_rule, PRESETS[plan.preset].repeats
    if repeats is not None and repeats.budget_ns is not None and repeats != known:
        stated = sentence(
            "store.repeats_in_budget", fewest=repeats.fewest, most=repeats.most, budget_ns=repeats.budget_ns
        )
        found = sentence("store.repeats_in_budget", fewest=known.fewest, most=known.most, budget_ns=known.budget_ns)
        yield Correction("plan.repeat_rule", stated, found, True, giver)
    if plan.command:
        yield from _command(plan)


def _rule(plan: PlanPart) -> StoppingRule:
    text, rule = plan.model.task == "text_generation", PRESETS[plan.preset].rule
    if plan.target.emulated:
        return emulated_generation_rule() if text else emulated_rule()
    lasting = lasting_of(plan.scenario)
    if lasting is not None:
        rule = lasting_rule(rule, lasting, plan.repeats if plan.repeat_rule is None else plan.repeat_rule.most)
    return text_generation_rule(rule, plan.scenario, plan.repeats) if text else rule


def _command(plan: PlanPart) -> Iterator[Correction]:
    try:
        words = shlex.split(plan.command)
    except ValueError:
        yield Correction("plan.command", plan.command, sentence("store.no_command"), True, sentence("store.found"))
        return
    scenario, given = plan.scenario, dict(pairwise(words))
    cache = None if scenario.compile_cache == "none" else scenario.compile_cache
    for field, flag, value in (
        ("target.id", "-t", plan.target.id),
        ("scenario.name", "-s", scenario_text(scenario)),
        ("preset", "--preset", plan.preset),
        ("seed", "--seed", plan.seed),
        ("scenario.prompt_tokens", "--prompt-tokens", scenario.prompt_tokens),
        ("scenario.generate_tokens", "--generate-tokens", scenario.generate_tokens),
        ("scenario.depth_tokens", "--depth", scenario.depth_tokens or None),
        ("scenario.compile_cache", "--compile-cache", cache),
        ("scenario.lanes", "--lanes", scenario.lanes),
    ):
        if given.get(flag) != (None if value is None else str(value)):
            said: Sentence | str = f"{flag} {given[flag]}" if flag in given else sentence("store.no_flag", flag=flag)
            yield Correction(f"plan.{field}", str(value), said, True, sentence("store.in_its_command"))
    asked = plan.asked
    for field, flag, stated in (
        ("strict_placement", "--strict-placement", plan.strict_placement),
        ("asked.chat", "--chat", asked is not None and asked.chat),
        ("asked.stop", "--stop", asked is not None and asked.stop),
        ("asked.profile", "--profile", asked is not None and asked.profile),
    ):
        if (flag in words) != stated:
            said = sentence("store.no_flag", flag=flag) if stated else flag
            yield Correction(f"plan.{field}", str(stated), said, True, sentence("store.in_its_command"))
