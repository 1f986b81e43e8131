"""A scenario in words states only the lengths that were decided."""

from bench.contracts import Scenario
from bench.reports.words.scenarios import scenario_short, scenario_words
from bench.words import speaking


def _text(scenario: Scenario) -> tuple[str, str]:
    return scenario_words("text_generation", scenario), scenario_short("text_generation", scenario)


def test_a_run_that_failed_before_its_lengths_were_decided_is_not_said_to_use_the_users_prompts() -> None:
    asked = Scenario(name="single-stream", generate_tokens=8)
    assert ("Text generation, single-stream: 8 tokens generated", "8 tokens generated") == _text(asked)
    with speaking("ko"):
        assert ("텍스트 생성, single-stream: 생성 토큰 8개", "토큰 8개 생성") == _text(asked)


def test_the_users_prompts_and_prompts_of_one_length_are_named() -> None:
    own = Scenario(name="single-stream", generate_tokens=8, depth_tokens=0)
    made = Scenario(name="single-stream", prompt_tokens=16, generate_tokens=8, depth_tokens=512)
    assert ("Text generation, single-stream: the user's prompts, 8 generated", "own prompts + 8 tokens") == _text(own)
    assert "16 prompt tokens at depth 512, 8 generated" in _text(made)[0]
    assert "16 + 8 tokens, depth 512" == _text(made)[1]
