"""A scenario in words states only the lengths that were decided."""

import re
from typing import get_args

import pytest

from bench.contracts import Scenario, Task
from bench.reports.words.scenarios import scenario_short, scenario_words
from bench.scenarios.kinds import KINDS, parse_scenario, settled
from bench.words import speaking


def _text(scenario: Scenario) -> tuple[str, str]:
    return scenario_words("text_generation", scenario), scenario_short("text_generation", scenario)


def test_a_run_that_failed_before_its_lengths_were_decided_is_not_said_to_use_the_users_prompts() -> None:
    asked = Scenario(name="single-stream", generate_tokens=8)
    assert ("Text generation, single-stream: 8 tokens generated", "8 tokens generated") == _text(asked)
    with speaking("ko"):
        assert ("텍스트 생성, 단일 스트림: 생성 토큰 8개", "토큰 8개 생성") == _text(asked)


def test_the_users_prompts_and_prompts_of_one_length_are_named() -> None:
    own = Scenario(name="single-stream", generate_tokens=8, depth_tokens=0)
    made = Scenario(name="single-stream", prompt_tokens=16, generate_tokens=8, depth_tokens=512)
    assert ("Text generation, single-stream: the user's prompts, 8 generated", "own prompts + 8 tokens") == _text(own)
    assert "16 prompt tokens at depth 512, 8 generated" in _text(made)[0]
    assert "16 + 8 tokens, depth 512" == _text(made)[1]


def test_a_length_that_stops_may_undercut_is_the_most() -> None:
    """With --stop a generation may end before; the lengths of the prompt and of the depth stay as they are."""
    scenario = Scenario(name="single-stream", prompt_tokens=16, generate_tokens=48, depth_tokens=512)
    assert "16 prompt tokens at depth 512, up to 48 generated" in scenario_words("text_generation", scenario, True)
    assert "16 + up to 48 tokens, depth 512" == scenario_short("text_generation", scenario, True)
    with speaking("ko"):
        assert "생성 토큰 최대 48개" in scenario_words("text_generation", scenario, True)
        assert "16 + 최대 48토큰, 깊이 512" == scenario_short("text_generation", scenario, True)


FOREIGN = re.compile(r"[A-Za-z]{3,}")
NAMES = ("drop", "auto")
"""Values of parameters, as they are written."""
ASKED = ("", "server:rate=200", "sustained:minutes=2,rate=30", "offline:lanes=4", "chat:cache=on", "chat:cache=off")


def _every() -> list[tuple[Task, Scenario]]:
    """Each kind of scenario for each task, by its defaults and as further asked."""
    texts = [*KINDS, *filter(None, ASKED)]
    kinds = [(text, KINDS[text.partition(":")[0]]) for text in texts]
    found = [(kind, settled(parse_scenario(text, kind), kind)) for text, kind in kinds]
    return [(task, scenario) for kind, scenario in found for task in get_args(Task) if task in kind.tasks]


@pytest.mark.parametrize(("task", "scenario"), _every(), ids=lambda part: getattr(part, "name", part))
def test_the_korean_title_of_every_scenario_is_korean(task: Task, scenario: Scenario) -> None:
    """No English word is left in it: neither its name nor what it says of its parameters."""
    with speaking("ko"):
        said = scenario_words(task, scenario)
    assert [word for word in FOREIGN.findall(said) if word not in NAMES] == [], said
