"""The prompts of a conversation, with a chat template and without, and how long it is."""

import pytest

from bench.contracts import DecoderSpec, Scenario
from bench.errors import InputError, RunFailure
from bench.inputs.chat import Template, rendered
from bench.inputs.conversations import continued, refuse_depth, refuse_long_conversation, talked
from bench.inputs.prompts import Message, Prompt
from bench.scenarios.text import most_tokens

CHATML = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content | trim }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
FORGETFUL = (
    "{% for message in messages %}<|{{ message.role }}|>"
    "{% if message.role == 'assistant' and not loop.last %}…{% else %}{{ message.content }}{% endif %}{% endfor %}"
)
DECODER = DecoderSpec(layers=1, kv_heads=1, head_dim=4, vocab_size=512, context_length=100)


def of(source: str) -> Template:
    return Template(source, "chat_template.jinja")


def chat(turns: int, **fields: object) -> Scenario:
    return Scenario("chat", parameters={"turns": turns, "prefix_cache": "on"}, depth_tokens=0, **fields)  # type: ignore[arg-type]


def test_the_turns_and_the_answers_are_the_conversation_that_the_template_writes() -> None:
    """Whatever the model answers, and with the system's message before the first."""
    prompts = [Prompt(messages=(Message("system", "Be brief."), Message("user", "Hi"))), Prompt(prompt="Why?")]
    made = [prompt.prompt or "" for prompt in talked(prompts, of(CHATML), 3)]
    assert ["<|system|>Be brief.<|end|><|user|>Hi<|end|><|assistant|>"] == made[:1]
    assert ["<|end|><|user|>Why?<|end|><|assistant|>", "<|end|><|user|>Hi<|end|><|assistant|>"] == made[1:]
    said = [
        Message("system", "Be brief."),
        Message("user", "Hi"),
        Message("assistant", "Hello."),
        Message("user", "Why?"),
    ]
    assert rendered(of(CHATML), said) == made[0] + "Hello." + made[1]


def test_answers_that_a_conversation_holds_are_left_out() -> None:
    """The model gives its own; what the user says is kept in order."""
    whole = Prompt(messages=(Message("user", "a"), Message("assistant", "b"), Message("user", "c")))
    made = [prompt.prompt for prompt in talked([whole], of(CHATML), 2)]
    assert ["<|user|>a<|end|><|assistant|>", "<|end|><|user|>c<|end|><|assistant|>"] == made


def test_a_template_that_rewrites_earlier_turns_is_refused() -> None:
    """No cache can keep a prefix that changes."""
    with pytest.raises(InputError, match="writes an earlier turn otherwise"):
        talked([Prompt(prompt="a")], of(FORGETFUL), 3)


def test_a_conversation_without_a_user_is_refused() -> None:
    with pytest.raises(InputError, match="no message of a user"):
        talked([Prompt(messages=(Message("system", "a"),))], of(CHATML), 2)


def test_plain_turns_get_special_tokens_once() -> None:
    """Only the first text stands at the beginning; ids are as they are."""
    made = continued([Prompt(prompt="a"), Prompt(ids=(1, 2))], 4)
    assert [("a", False), (None, False), ("a", True), (None, False)] == [(one.prompt, one.templated) for one in made]
    assert (1, 2) == made[3].ids


@pytest.mark.parametrize(("turns", "fits"), [(5, True), (6, False)])
def test_a_conversation_longer_than_the_context_is_refused_with_its_figures(turns: int, fits: bool) -> None:
    """12 prompt and 8 generated tokens a turn, in a context of 100."""
    scenario = chat(turns, prompt_tokens=12, generate_tokens=8)
    assert 20 * turns == most_tokens(scenario, ())
    if fits:
        refuse_long_conversation("m", DECODER, scenario, ())
        return
    with pytest.raises(RunFailure) as refused:
        refuse_long_conversation("m", DECODER, scenario, ())
    assert refused.value.message == (
        "6 turns with 72 prompt and 48 generated tokens are 120 in all, which do not fit m's context of 100"
    )
    assert "at most 5 turns (-s chat:turns=5)" in refused.value.remedy
    assert "bad_input" == refused.value.kind


def test_own_prompts_count_with_their_own_lengths() -> None:
    """30, 10 and 30 tokens with 8 generated after each fit; one turn more does not."""
    refuse_long_conversation("m", DECODER, chat(3, generate_tokens=8), (30, 10))
    with pytest.raises(RunFailure, match="4 turns with 80 prompt and 32 generated tokens are 112"):
        refuse_long_conversation("m", DECODER, chat(4, generate_tokens=8), (30, 10))


@pytest.mark.parametrize("name", ["chat", "concurrent"])
def test_a_depth_is_refused(name: str) -> None:
    """The caches of these scenarios begin empty."""
    parameters = {"turns": 3} if name == "chat" else {"users": 3}
    with pytest.raises(RunFailure, match=f"the scenario {name} begins with an empty cache"):
        refuse_depth(Scenario(name, depth_tokens=512, parameters=parameters))
    refuse_depth(Scenario("single-stream", depth_tokens=512))
