"""What a scenario of text generation asks beyond one generation after another: turns of a conversation, and users."""

from collections.abc import Sequence

from bench.contracts import Scenario

CHAT, CONCURRENT = "chat", "concurrent"
KEPT = "on"
"""The prefix cache, of a conversation in which each turn computes only what is new."""


def turns_of(scenario: Scenario) -> int | None:
    """Turns of a conversation; ``None`` of a scenario without."""
    return int(scenario.number("turns")) if scenario.name == CHAT else None


def keeps_prefix(scenario: Scenario) -> bool:
    """Whether a turn finds the history before it in the cache; else all of it is computed again."""
    return scenario.name == CHAT and scenario.own_parameters.get("prefix_cache") == KEPT


def users_of(scenario: Scenario) -> int | None:
    """How many generate at once; ``None`` of a scenario in which one generation follows another."""
    return int(scenario.number("users")) if scenario.name == CONCURRENT else None


def lanes_of(scenario: Scenario) -> int | None:
    """Queries in flight at once, of a scenario where they overlap; ``None``: not known."""
    return users_of(scenario) or scenario.lanes


def most_tokens(scenario: Scenario, prompts: Sequence[int]) -> int:
    """What the cache holds at the most after the last token of the longest query. ``prompts``: tokens of each of the
    user's prompts; none: as many as the scenario says."""
    generated, turns = scenario.generate_tokens or 0, turns_of(scenario)
    if turns is None:
        return (scenario.depth_tokens or 0) + max(prompts, default=scenario.prompt_tokens or 0) + generated
    taken = sum(prompts[turn % len(prompts)] for turn in range(turns)) if prompts else 0
    return (taken or turns * (scenario.prompt_tokens or 0)) + turns * generated
