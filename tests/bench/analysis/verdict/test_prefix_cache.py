"""What the verdict says of a prefix cache."""

import pytest
from judged_runs import CACHED, FRESH, run_of, sound_record
from msgspec.structs import replace

from bench.analysis.verdict.judge import judge
from bench.record.evidence import RepeatedInput
from bench.record.inputs import InputFacts
from bench.record.text import CachedPrefix, TextGeneration


def test_a_prompt_from_the_prefix_cache_is_told_without_a_test_of_times() -> None:
    """The engine keeps prefixes, and prompts were used again: whatever the times say."""
    text = TextGeneration(16, 8, (1, 2), cached=CachedPrefix(5, 10, 20))
    sound = sound_record()
    found = judge(run_of(replace(sound, summary=replace(sound.summary, text_generation=text))))
    (told,) = [reason for reason in found.reasons if reason.code == "cached_results"]
    assert (5, True) == (told.figures["cached_queries"], told.invalidates)
    assert "TTFT is reported as `cached`" in told.message


@pytest.mark.parametrize(("depth", "invalid"), [(0, True), (64, False)])
def test_a_prefix_cache_is_only_noted_where_no_beginning_comes_twice(depth: int, invalid: bool) -> None:
    """The user's own prompts come again, but not behind a context, which is another one each time."""
    record = sound_record()
    plan = replace(
        record.plan,
        model=replace(record.plan.model, task="text_generation"),
        scenario=replace(record.plan.scenario, depth_tokens=depth),
        inputs=InputFacts("prompt_ids", "00", {}),
    )
    found = judge(run_of(replace(record, plan=plan, repeated_input=RepeatedInput(FRESH, CACHED, FRESH))))
    (told,) = [reason for reason in found.reasons if reason.code == "cached_results"]
    assert invalid == told.invalidates
