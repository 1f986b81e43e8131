"""Power proxies a token."""

from collections.abc import Sequence

import numpy as np
import pytest

from bench.analysis.metrics import METRICS
from bench.analysis.power.tokens import token_energy
from bench.analysis.run_processes import Processes, processes_of
from bench.record.energy import ChannelReading, RepeatEnergy
from bench.record.record import Phases, Repeat, SampleArrays, Scenario

CHAT = Scenario("single-stream", 10, 5, depth_tokens=0)


def energy(cpu: float, joules: float | None = None, queries: int = 2) -> RepeatEnergy:
    channels = () if joules is None else (ChannelReading("rapl", "package-0", "package", joules + 1, 1.0, joules),)
    return RepeatEnergy(queries, 1_000_000_000, cpu, channels)


def processes(
    *pairs: tuple[RepeatEnergy, RepeatEnergy | None],
    scenario: Scenario = CHAT,
    lengths: Sequence[int] = (),
    reused: Sequence[bool | None] = (None, None, None),
) -> Processes:
    """Of each pair a process of two generations of five tokens. ``reused``: whether it computed its context once."""
    tokens = np.tile(np.arange(1, 6), (2, 1)) * 1_000_000
    roles = {"token_ns": "t", "latency_ns": "l", **({"prompt_tokens": "p"} if lengths else {})}
    arrays = {"t": tokens, "l": tokens[:, -1], "p": np.array(lengths, np.int64)}
    repeats = [
        Repeat(Phases(), energy=w, prefill_energy=p, samples=SampleArrays(2, roles), context_reused=one)
        for (w, p), one in zip(pairs, reused, strict=False)
    ]
    return processes_of(repeats, arrays, scenario)


def figure(name: str, run: Processes) -> tuple[float | None, tuple[float, float] | None]:
    """Value and interval of a metric."""
    rule = next(metric.rule for metric in METRICS if metric.name == name)
    assert rule.interval is not None
    return rule.pooled(run, rule.of(run)), rule.interval(run)


def test_by_hand() -> None:
    """Two prompts of 10 tokens take 2 s: 0.1 s a token. Whole answers take 6 s: 4 s more for 2 × 4 tokens."""
    found = token_energy(processes((energy(6.0, 60.0), energy(2.0, 20.0))))
    assert found is not None
    assert (0.1, 0.5) == pytest.approx((found.cpu_seconds_per_prompt_token, found.cpu_seconds_per_generated_token))
    assert (1.0, 5.0) == pytest.approx((found.joules_per_prompt_token, found.joules_per_generated_token))
    assert "rapl/package-0" == found.sensor_channel


def test_depth_is_taken_in_too() -> None:
    """Tokens that fill the cache cost as prompt tokens do, and a generated token's share is free of them."""
    deep = Scenario("single-stream", 10, 5, depth_tokens=30)
    found = token_energy(processes((energy(6.0), energy(2.0)), scenario=deep))
    assert found is not None
    assert (0.025, 0.5) == pytest.approx((found.cpu_seconds_per_prompt_token, found.cpu_seconds_per_generated_token))


@pytest.mark.parametrize(("reused", "tokens"), [(None, 40), (False, 40), (True, 10)])
def test_a_context_that_was_computed_before_the_pass_is_not_in_its_cost(reused: bool | None, tokens: int) -> None:
    """A second a query of one token: over the 30 tokens of its context, too, where it computed them."""
    deep = Scenario("single-stream", 10, 5, depth_tokens=30)
    found = token_energy(processes((energy(6.0), energy(2.0)), scenario=deep, reused=(reused,)))
    assert found is not None
    assert (1 / tokens, 0.5) == pytest.approx(
        (found.cpu_seconds_per_prompt_token, found.cpu_seconds_per_generated_token)
    )


def test_processes_of_both_kinds_have_no_cost_in_common() -> None:
    deep = Scenario("single-stream", 10, 5, depth_tokens=30)
    pair = energy(6.0), energy(2.0)
    assert None is token_energy(processes(pair, pair, scenario=deep, reused=(True, False)))


def test_without_a_sensor_there_is_no_energy() -> None:
    """CPU time alone is never turned into joules."""
    found = token_energy(processes((energy(6.0), energy(2.0))))
    assert found is not None
    assert (None, None, None) == (found.joules_per_prompt_token, found.joules_per_generated_token, found.sensor_channel)


def test_noise_is_null() -> None:
    """Whole generations cheaper than their prompts say nothing of a generated token."""
    found = token_energy(processes((energy(1.0), energy(2.0))))
    assert found is not None
    assert None is found.cpu_seconds_per_generated_token


def test_without_a_prefill_pass_nothing_is_said() -> None:
    """Records of the first schema have none."""
    assert None is token_energy(processes((energy(6.0), None)))


def test_prefill_and_decode_apart_with_idle_and_without() -> None:
    """Above idle 60 J and 20 J, with idle 61 J and 21 J, of two queries: as metrics, each with its interval."""
    run = processes(*[(energy(6.0, 60.0 + d), energy(2.0, 20.0)) for d in (-4.0, 0.0, 4.0)])
    assert figure("joules_per_prompt_token", run) == (pytest.approx(1.0), pytest.approx((1.0, 1.0)))
    value, between = figure("joules_per_generated_token", run)
    assert value == pytest.approx(5.0)
    logs = np.log([4.5, 5.0, 5.5])
    reach = 4.303 * logs.std(ddof=1) / 3**0.5
    assert between == pytest.approx(tuple(np.exp([logs.mean() - reach, logs.mean() + reach])), abs=1e-3)
    assert figure("total_joules_per_prompt_token", run)[0] == pytest.approx(1.05)
    assert figure("total_joules_per_generated_token", run)[0] == pytest.approx(5.0)


def test_prompts_of_several_lengths_say_nothing() -> None:
    """What a token costs cannot be told from what a longer prompt does."""
    pair = energy(6.0, 60.0), energy(2.0, 20.0)
    assert token_energy(processes(pair, lengths=(10, 11))) is None
    assert token_energy(processes(pair, lengths=(20, 20))).joules_per_prompt_token == pytest.approx(0.5)
