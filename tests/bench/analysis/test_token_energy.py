"""Power proxies a token."""

import pytest

from bench.analysis.token_energy import token_energy
from bench.record.energy import ChannelReading, RepeatEnergy
from bench.record.record import Phases, Repeat, Scenario
from bench.record.text import TextGeneration

TEXT = TextGeneration(prompt_tokens=10, generated_tokens=5, token_ids=())
CHAT = Scenario("single-stream", 10, 5, depth_tokens=0)


def energy(cpu: float, joules: float | None = None, queries: int = 2) -> RepeatEnergy:
    channels = () if joules is None else (ChannelReading("rapl", "package-0", "package", joules + 1, 1.0, joules),)
    return RepeatEnergy(queries, 1_000_000_000, cpu, channels)


def repeat(whole: RepeatEnergy, prefill: RepeatEnergy | None) -> Repeat:
    return Repeat(Phases(), energy=whole, prefill_energy=prefill)


def test_by_hand() -> None:
    """Two prompts of 10 tokens take 2 s: 0.1 s a token. Whole answers take 6 s: 4 s more for 2 × 4 tokens."""
    found = token_energy([repeat(energy(6.0, 60.0), energy(2.0, 20.0))], TEXT, CHAT)
    assert found is not None
    assert (0.1, 0.5) == pytest.approx((found.cpu_seconds_per_prompt_token, found.cpu_seconds_per_generated_token))
    assert (1.0, 5.0) == pytest.approx((found.joules_per_prompt_token, found.joules_per_generated_token))
    assert "rapl/package-0" == found.sensor_channel


def test_depth_is_taken_in_too() -> None:
    """Tokens that fill the cache cost as prompt tokens do, and a generated token's share is free of them."""
    deep = Scenario("single-stream", 10, 5, depth_tokens=30)
    found = token_energy([repeat(energy(6.0), energy(2.0))], TEXT, deep)
    assert found is not None
    assert (0.025, 0.5) == pytest.approx((found.cpu_seconds_per_prompt_token, found.cpu_seconds_per_generated_token))


def test_without_a_sensor_there_is_no_energy() -> None:
    """CPU time alone is never turned into joules."""
    found = token_energy([repeat(energy(6.0), energy(2.0))], TEXT, CHAT)
    assert found is not None
    assert (None, None, None) == (found.joules_per_prompt_token, found.joules_per_generated_token, found.sensor_channel)


def test_noise_is_null() -> None:
    """Whole generations cheaper than their prompts say nothing of a generated token."""
    found = token_energy([repeat(energy(1.0), energy(2.0))], TEXT, CHAT)
    assert found is not None
    assert None is found.cpu_seconds_per_generated_token


def test_without_a_prefill_pass_nothing_is_said() -> None:
    """Records of the first schema have none."""
    assert None is token_energy([repeat(energy(6.0), None)], TEXT, CHAT)
