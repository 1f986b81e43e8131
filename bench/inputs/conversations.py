"""What a conversation is made of, and whether it fits: the prompts of its turns, in the model's chat template.

The template is rendered with marks in place of the answers. What it writes between two of them is the prompt of a turn,
and is the same whatever the model answers. A template that writes an earlier turn otherwise once there is a later one
is refused: its prefix changes with each turn, and no cache could keep it.
"""

from collections.abc import Sequence

from bench.contracts import DecoderSpec, Scenario
from bench.errors import InputError, RunFailure
from bench.inputs.chat import Template, rendered
from bench.inputs.prompts import Message, Prompt, demand_room
from bench.scenarios.kinds import kind_of
from bench.scenarios.text import turns_of, users_of
from bench.words import sentence

ANSWER = "assistant"


def talked(prompts: Sequence[Prompt], template: Template, turns: int) -> tuple[Prompt, ...]:
    """The prompts of ``turns`` turns: texts are what the user says one after another, over and over; of a conversation
    the answers are left out, since the model gives its own. Raises ``InputError`` for ids, and for a template that
    cannot be continued."""
    begin, said = _messages(prompts)
    messages = [*begin, said[0]]
    text = rendered(template, messages)
    found = [text]
    for turn in range(1, turns):
        mark = f"answer-{turn}-of-the-model"
        messages += [Message(ANSWER, mark), said[turn % len(said)]]
        longer = rendered(template, messages)
        if not longer.startswith(text + mark):
            raise InputError(
                sentence("input.template_rewrites_turns", file=template.file),
                sentence("input.leave_chat_out"),
            )
        found.append(longer[len(text + mark) :])
        text = longer
    return tuple(Prompt(prompt=one, templated=True) for one in found)


def _messages(prompts: Sequence[Prompt]) -> tuple[list[Message], list[Message]]:
    """What stands before the first turn, and what the user says."""
    if any(prompt.ids for prompt in prompts):
        raise InputError(sentence("input.chat_of_ids"), sentence("input.give_text_or_no_chat"))
    every = [one for prompt in prompts for one in prompt.messages or (Message("user", prompt.prompt or ""),)]
    begin = [one for one in every if one.role in ("system", "developer")]
    said = [one for one in every if one.role == "user"]
    if not said:
        raise InputError(sentence("input.no_user_speaks"), sentence("input.give_user_message"))
    return begin, said


def continued(prompts: Sequence[Prompt], turns: int) -> tuple[Prompt, ...]:
    """The prompts of ``turns`` turns without a template, one after another, over and over. Only the first gets the
    tokens that a tokenizer puts before a text."""
    found = [prompts[turn % len(prompts)] for turn in range(turns)]
    return (found[0], *(Prompt(one.ids, one.prompt, None, templated=one.ids is None) for one in found[1:]))


def demand_lengths(lengths: Sequence[int], decoder: DecoderSpec, scenario: Scenario) -> None:
    """Raises ``RunFailure`` for the user's prompts that do not fit into the context, each with its answer."""
    if turns_of(scenario) is None:
        demand_room(lengths, decoder, (scenario.depth_tokens or 0) + (scenario.generate_tokens or 1))


def refuse_long_conversation(model_id: str, decoder: DecoderSpec, scenario: Scenario, lengths: Sequence[int]) -> None:
    """Raises ``RunFailure`` for a conversation that does not fit into the context. ``lengths``: of the user's own
    prompts, where they are known."""
    turns, generate, context = turns_of(scenario), scenario.generate_tokens or 0, decoder.context_length
    known = lengths or ((scenario.prompt_tokens or 0),)
    if turns is None or not any(known):
        return
    held = [0]
    for turn in range(turns):
        held.append(held[-1] + known[turn % len(known)] + generate)
    if held[-1] <= context:
        return
    most = max(turn for turn, tokens in enumerate(held) if tokens <= context)
    raise RunFailure(
        "bad_input",
        sentence(
            "input.conversation_too_long",
            turns=turns,
            prompt=sum(known[turn % len(known)] for turn in range(turns)),
            generate=turns * generate,
            tokens=held[-1],
            context_length=context,
            model_id=model_id,
        ),
        sentence("input.fewer_turns", most=most) if most >= 2 else sentence("input.shorter_turns"),
        "prepare",
    )


def refuse_depth(scenario: Scenario) -> None:
    """Raises ``RunFailure`` for a depth in a scenario whose caches begin empty."""
    if scenario.depth_tokens and (turns_of(scenario) or users_of(scenario) or kind_of(scenario).staged):
        raise RunFailure(
            "unsupported_scenario",
            sentence("input.depth_of_scenario", scenario=scenario.name),
            sentence("input.leave_depth_out"),
            "plan",
        )


def refuse_padding(padded: int | None, decoder: DecoderSpec) -> None:
    """Raises ``RunFailure`` where the user's prompt number ``padded``, from 0, has the token in it that the runtime
    fills windows with: it would take that for the prompt's end."""
    padding = decoder.padding
    if padded is None or padding is None:
        return
    raise RunFailure(
        "bad_input",
        sentence("input.padding_in_prompt", number=padded + 1, padding=padding, window=decoder.window),
        sentence("input.give_prompt_without_padding", padding=padding),
        "prepare",
    )
