"""Scenarios in words."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from bench.contracts import Scenario
from bench.record.record import PlanPart
from bench.scenarios.kinds import DROP, kind_of, samples_of
from bench.scenarios.lasting import lasting_of
from bench.scenarios.open_loops import bound_ns, bound_percentile, rate_of
from bench.scenarios.parameters import shown_of
from bench.scenarios.text import keeps_prefix, turns_of, users_of
from bench.words import say, units


def scenario_of_plan(plan: PlanPart) -> str:
    """The scenario of a run in words."""
    return scenario_words(plan.model.task, plan.scenario, stops=may_stop(plan))


def may_stop(plan: PlanPart) -> bool:
    """Whether generations end at an end-of-sequence token, before they have the length that was asked for."""
    return plan.asked is not None and plan.asked.stop


def scenario_words(task: str, scenario: Scenario, stops: bool = False) -> str:
    """The scenario in words: ``Single-stream: one query at a time``. ``stops``: as ``may_stop`` says."""
    said = _text(scenario, stops) if task == "text_generation" else WORDS.get(scenario.name, _of_plugin)(scenario)
    if scenario.compile_cache == "none":
        return said
    return say("report.scenario.cached", scenario=said, cache=say(f"report.compile_cache.{scenario.compile_cache}"))


def _single_stream(scenario: Scenario) -> str:
    return say("report.scenario.single_stream")


def _offline(scenario: Scenario) -> str:
    if scenario.lanes is None:
        return say("report.scenario.offline")
    return say("report.scenario.offline_lanes", lanes=scenario.lanes)


def _multi_stream(scenario: Scenario) -> str:
    return say("report.scenario.multi_stream", streams=samples_of(scenario))


def _wake(scenario: Scenario) -> str:
    idle = [units.duration(1e6 * idle_ms) for idle_ms in scenario.numbers("idle_ms")]
    return say("report.scenario.wake", idle=idle, wakes=int(scenario.number("wakes")))


def _end_to_end(scenario: Scenario) -> str:
    return say("report.scenario.end_to_end", pipeline=scenario.own_parameters.get("pipeline", "auto"))


def _server(scenario: Scenario) -> str:
    rate, bound, percentile = rate_of(scenario), bound_ns(scenario), bound_percentile(scenario)
    if rate is None:
        return say("report.scenario.server_searched", bound_ns=bound, percentile=percentile)
    return say("report.scenario.server", rate=rate, bound_ns=bound, percentile=percentile)


def _fixed_rate(scenario: Scenario) -> str:
    drop = say(f"report.scenario.drop.{scenario.own_parameters[DROP.name]}")
    return say("report.scenario.fixed_rate", rate=rate_of(scenario), bound_ns=bound_ns(scenario), drop=drop)


def _batch(scenario: Scenario) -> str:
    told = say("report.scenario.batch", samples=[units.grouped(int(size)) for size in scenario.numbers("sizes")])
    sides = scenario.numbers("sides") if "sides" in scenario.own_parameters else ()
    return told if not sides else say("report.scenario.batch.sides", told=told, sides=[f"{side:g}" for side in sides])


def _sustained(scenario: Scenario) -> str:
    lasting = lasting_of(scenario)
    if lasting is None or lasting.rate_per_s is None:
        return say("report.scenario.sustained", minutes=0 if lasting is None else lasting.minutes)
    return say("report.scenario.sustained_rate", minutes=lasting.minutes, rate=f"{lasting.rate_per_s:g}")


def _sustained_text(scenario: Scenario) -> str:
    lasting = lasting_of(scenario)
    return say("report.scenario.sustained_text", minutes=0 if lasting is None else lasting.minutes)


def _chat(scenario: Scenario) -> str:
    return say(f"report.scenario.chat.{'on' if keeps_prefix(scenario) else 'off'}", turns=turns_of(scenario))


def _concurrent(scenario: Scenario) -> str:
    return say("report.scenario.concurrent", users=users_of(scenario))


WORDS: Mapping[str, Callable[[Scenario], str]] = MappingProxyType(
    {
        "single-stream": _single_stream,
        "offline": _offline,
        "multi-stream": _multi_stream,
        "end-to-end": _end_to_end,
        "server": _server,
        "fixed-rate": _fixed_rate,
        "wake": _wake,
        "batch": _batch,
        "sustained": _sustained,
        "chat": _chat,
        "concurrent": _concurrent,
    }
)
"""One for each kind in ``bench.scenarios.kinds``."""


def _of_plugin(scenario: Scenario) -> str:
    """The summary of the kind, with its parameters."""
    return units.clean(f"{scenario.name}{_parameters(scenario)}: {kind_of(scenario).summary}")


def _parameters(scenario: Scenario) -> str:
    named = ", ".join(shown_of(kind_of(scenario).parameters, scenario.own_parameters))
    return f" ({named})" if named else ""


def _telling(scenario: Scenario) -> Sequence[str]:
    """The parameters without those that have their default, except for the first of the kind."""
    parameters = kind_of(scenario).parameters
    usual = {one.name: one.default for one in parameters[1:]}
    own = {name: value for name, value in scenario.own_parameters.items() if usual.get(name) != value}
    return shown_of(parameters, own)


OF_TEXT: Mapping[str, Callable[[Scenario], str]] = MappingProxyType(
    {
        "single-stream": lambda scenario: say("report.scenario.name.single_stream"),
        "end-to-end": lambda scenario: say("report.scenario.name.end_to_end"),
        "chat": _chat,
        "concurrent": _concurrent,
        "sustained": _sustained_text,
    }
)
"""What begins a title of text generation; else the name of the scenario."""


def _text(scenario: Scenario, stops: bool) -> str:
    """``Text generation, single-stream: 16 prompt tokens at depth 512, 32 generated``, or ``up to 32``."""
    name = OF_TEXT[scenario.name](scenario) if scenario.name in OF_TEXT else scenario.name
    if scenario.generate_tokens is None:
        return say("report.scenario.text", name=name)
    if _lengths_unknown(scenario):
        return say("report.scenario.text_generated", name=name, generated=scenario.generate_tokens)
    prompt = say("report.scenario.own_prompts")
    if scenario.prompt_tokens is not None:
        prompt = units.counted(scenario.prompt_tokens, "prompt token")
    tokens = scenario.generate_tokens
    generated = say("report.scenario.at_most", tokens=tokens) if stops else str(tokens)
    work = {"name": name, "prompt": prompt, "generated": generated}
    if scenario.depth_tokens:
        return say("report.scenario.text_deep", **work, depth=scenario.depth_tokens)
    return say("report.scenario.text_lengths", **work)


def _lengths_unknown(scenario: Scenario) -> bool:
    """Whether the run ended before its lengths were decided. With the user's prompts the depth is known."""
    return scenario.prompt_tokens is None and scenario.depth_tokens is None


def _own_short(scenario: Scenario) -> list[str]:
    if (turns := turns_of(scenario)) is not None:
        return [say(f"report.scenario.short_chat.{'on' if keeps_prefix(scenario) else 'off'}", turns=turns)]
    if (lasting := lasting_of(scenario)) is not None:
        return [say("report.scenario.short_sustained", minutes=lasting.minutes)]
    users = users_of(scenario)
    return [] if users is None else [say("report.scenario.short_concurrent", users=users)]


def scenario_short(task: str, scenario: Scenario, stops: bool = False) -> str:
    """The same in two or three words, for a sentence."""
    parts = []
    if task == "text_generation" and scenario.generate_tokens is not None and _lengths_unknown(scenario):
        parts.append(say("report.scenario.short_generated", generated=scenario.generate_tokens))
    elif task == "text_generation" and scenario.generate_tokens is not None:
        prompt: str | int | None = scenario.prompt_tokens
        prompt = say("report.scenario.short_own_prompts") if prompt is None else str(prompt)
        code = "report.scenario.short_text_at_most" if stops else "report.scenario.short_text"
        parts.append(say(code, prompt=prompt, generated=scenario.generate_tokens))
        parts += [say("report.scenario.short_depth", depth=scenario.depth_tokens)] if scenario.depth_tokens else []
        parts += _own_short(scenario)
    else:
        parts.append(scenario.name)
        parts += [] if scenario.lanes is None else [units.counted(scenario.lanes, "lane")]
        parts += _telling(scenario)
    if scenario.compile_cache != "none":
        cache = say(f"report.compile_cache.{scenario.compile_cache}")
        parts.append(say("report.scenario.short_cached", cache=cache))
    return units.clean(", ".join(parts))
