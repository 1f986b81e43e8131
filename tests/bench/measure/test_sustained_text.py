"""A sustained run of a language model on an exact clock: generations one after another, and a rate of tokens."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from sustained import MINUTE_NS, MS, Device, noisy, run_of, sustained, text_played

from bench.contracts import Scenario
from bench.errors import RunFailure
from bench.measure.long_run import Begun, LongRun
from bench.record.record import RecordedRun
from bench.record.samples import NEVER
from bench.store.contradictions import refuse
from bench.store.derived import judged
from bench.suite.fitness import refuse_task

TOKENS = 16


class Kept(LongRun):
    """The minutes, and what was said."""

    def __init__(self) -> None:
        self.begun: list[Begun] = []
        self.told: list[str] = []

    def tell(self, what: Callable[[float | None], Any]) -> None:
        self.told.append(str(what(None)))

    def keep(self, begun: Begun) -> None:
        self.begun.append(begun)


def after(level: Callable[[float], float], scenario: Scenario) -> RecordedRun:
    """The record of a model whose generations take so many milliseconds by the minute."""
    return judged(run_of([text_played(Device(noisy(level)), scenario, TOKENS)], scenario))


def figures(run: RecordedRun) -> dict[str, Any]:
    return {name: figure.value for name, figure in run.record.summary.figures.items()}


def test_generations_follow_one_another_and_keep_their_tokens() -> None:
    """Three minutes of two seconds a generation: thirty a minute, each with all of its tokens."""
    kept = Kept()
    steady = text_played(Device(lambda minute, number: 2_000 * MS), sustained(3), TOKENS, kept)
    assert [30, 30, 30] == np.bincount(steady.arrays["point"]).tolist()
    assert (90, TOKENS) == steady.arrays["token_ns"].shape
    assert np.array_equal(steady.arrays["token_ns"][:, -1], steady.arrays["latency_ns"])
    assert len(steady.arrays["prompt_tokens"]) == 90 == steady.energy.queries
    assert [1, 2, 3] == [round(begun.duration_ns / MINUTE_NS) for begun in kept.begun]
    for role in ("latency_ns", "token_ns", "prompt_tokens"):
        assert np.array_equal(np.concatenate([begun.arrays[role] for begun in kept.begun]), steady.arrays[role])
    assert kept.told[0] == "minute 1 of 3, 8.0 tokens/s"


def test_a_throttle_is_one_of_tokens() -> None:
    """A fifth slower from minute seven on: the rate of tokens, what is left of it, and when."""
    run = after(lambda minute: 1_000 if minute < 7 else 1_250, sustained(20))
    found, curves = figures(run), run.record.summary.curves
    assert found["steady_tokens_per_s"] == pytest.approx(TOKENS * 0.8, rel=0.02)
    assert found["retained_fraction"] == pytest.approx(0.8, rel=0.02)
    assert abs(found["time_to_throttle_ns"] - 7 * MINUTE_NS) < MINUTE_NS
    assert found.get("steady_rate_per_s") is None
    rate = curves["tokens_of_minute_per_s"]
    assert ("tokens_per_s", 20) == (rate.unit, len(rate.points))
    assert rate.points[0].value == pytest.approx(TOKENS, rel=0.03)
    assert rate.points[19].value == pytest.approx(TOKENS * 0.8, rel=0.03)
    assert {"ttft_ns", "tpot_ns"} < {*curves}
    assert "rate_of_minute_per_s" not in curves
    refuse(run.record, run.samples, "r")


def test_a_run_of_tensors_has_no_curve_of_tokens() -> None:
    """What only a language model has does not stand there empty."""
    from sustained import played

    run = judged(run_of([played(Device(noisy(lambda minute: 100)), sustained(2))], sustained(2)))
    assert not {"tokens_of_minute_per_s", "ttft_ns", "tpot_ns"} & {*run.record.summary.curves}


def test_tokens_of_generations_that_end_early_count_as_they_came() -> None:
    """Half of the tokens in the same time are half of the rate."""
    scenario = sustained(2)
    steady = text_played(Device(lambda minute, number: 1_000 * MS), scenario, TOKENS)
    token_ns = steady.arrays["token_ns"].copy()
    token_ns[:, TOKENS // 2 :] = NEVER
    half = judged(run_of([replace(steady, arrays={**steady.arrays, "token_ns": token_ns})], scenario))
    assert figures(half)["steady_tokens_per_s"] == pytest.approx(TOKENS / 2, rel=0.01)


def test_filling_a_cache_is_not_part_of_the_rate() -> None:
    """Neither of the figures nor of what is said on the way: half a second of filling before two of generation."""
    kept, scenario = Kept(), sustained(2)
    steady = text_played(Device(lambda minute, number: 2_000 * MS), scenario, TOKENS, kept, fill_ns=500 * MS)
    assert kept.told[0] == "minute 1 of 2, 8.0 tokens/s"
    assert len(steady.arrays["latency_ns"]) == 48
    assert figures(judged(run_of([steady], scenario)))["steady_tokens_per_s"] == pytest.approx(8.0)


def test_a_slow_model_needs_eight_generations() -> None:
    """Ten seconds each, two minutes: twelve of them are enough. Of six nothing is said."""
    assert figures(after(lambda minute: 10_000, sustained(2)))["steady_tokens_per_s"] is not None
    assert figures(after(lambda minute: 20_000, sustained(2)))["steady_tokens_per_s"] is None


def test_a_rate_is_refused_for_text() -> None:
    """Its generations follow one another; a model of tensors may have one."""
    refuse_task("tensor", sustained(2, rate_per_s=10))
    refuse_task("text_generation", sustained(2))
    with pytest.raises(RunFailure, match="of a language model has no rate"):
        refuse_task("text_generation", sustained(2, rate_per_s=10))


def test_so_many_tokens_are_kept_as_queries_may_be() -> None:
    """The bound is one on memory: a generation of sixteen tokens counts sixteen times."""
    steady = text_played(Device(lambda minute, number: 100 * MS), sustained(2), TOKENS, most=16 * 120)
    (every,) = steady.arrays["kept_every"]
    assert every == 10
    assert len(steady.arrays["token_ns"]) == pytest.approx(120, abs=2)
