"""Scenarios in words."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from bench.contracts import Scenario
from bench.scenarios import kind_of, samples_of
from bench.words import units


def scenario_words(task: str, scenario: Scenario) -> str:
    """The scenario in words: ``Single-stream: one query at a time``."""
    cached = "" if scenario.compile_cache == "none" else f", compile cache {scenario.compile_cache}"
    if task == "text_generation":
        return f"Text generation, {scenario.name}{_lengths(scenario)}{cached}"
    said = WORDS.get(scenario.name, _of_plugin)(scenario)
    return f"{said}{cached}"


def _single_stream(scenario: Scenario) -> str:
    return "Single-stream: one query at a time"


def _offline(scenario: Scenario) -> str:
    if scenario.lanes is None:
        return "Offline: the number of queries in flight is the runtime's choice"
    return f"Offline: {units.counted(scenario.lanes, 'query', 'queries')} in flight"


def _multi_stream(scenario: Scenario) -> str:
    return f"Multi-stream: {units.counted(samples_of(scenario), 'sample')} a query, one query at a time"


WORDS: Mapping[str, Callable[[Scenario], str]] = MappingProxyType(
    {"single-stream": _single_stream, "offline": _offline, "multi-stream": _multi_stream}
)
"""Of models of tensors; one for each kind in ``bench.scenarios``."""


def _of_plugin(scenario: Scenario) -> str:
    """The summary of the kind, with its parameters."""
    return units.clean(f"{scenario.name}{_parameters(scenario)}: {kind_of(scenario).summary}")


def _parameters(scenario: Scenario) -> str:
    named = ", ".join(f"{name} {value}" for name, value in scenario.own_parameters.items())
    return f" ({named})" if named else ""


def _lengths(scenario: Scenario) -> str:
    if scenario.generate_tokens is None:
        return ""
    prompt = "the user's prompts"
    if scenario.prompt_tokens is not None:
        prompt = units.counted(scenario.prompt_tokens, "prompt token")
    depth = f" at depth {scenario.depth_tokens}" if scenario.depth_tokens else ""
    return f": {prompt}{depth}, {scenario.generate_tokens} generated"


def scenario_short(task: str, scenario: Scenario) -> str:
    """The same in two or three words, for a sentence."""
    cached = "" if scenario.compile_cache == "none" else f", {scenario.compile_cache} cache"
    if task == "text_generation" and scenario.generate_tokens is not None:
        prompt = "own prompts" if scenario.prompt_tokens is None else str(scenario.prompt_tokens)
        depth = f", depth {scenario.depth_tokens}" if scenario.depth_tokens else ""
        return f"{prompt} + {units.counted(scenario.generate_tokens, 'token')}{depth}{cached}"
    lanes = "" if scenario.lanes is None else f", {units.counted(scenario.lanes, 'lane')}"
    own = "".join(f", {name} {value}" for name, value in scenario.own_parameters.items())
    return units.clean(f"{scenario.name}{lanes}{own}{cached}")
