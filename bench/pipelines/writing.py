"""Text that a language model writes: a line becomes a prompt's tokens, and the answer's tokens become text."""

from array import array
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import Artifact, Tokenizer
from bench.entry_points import versions
from bench.errors import InputError, RunFailure, problem_of
from bench.inputs.chat import chatted, compiled, template_beside
from bench.inputs.prompts import Message, Prompt, encode
from bench.inputs.tokenizer_file import LIBRARY, tokenizer_beside, tokenizer_of
from bench.measure.conversation import no_token
from bench.measure.staged.queries import Staged
from bench.measure.text_driver import OpenedText
from bench.pipelines.asked import AUTO, PipelineAsk, PipelineOpening, evenly, files_of
from bench.pipelines.lines import lines_of, read_line
from bench.pipelines.named import Stages, facts_of
from bench.record.inputs import NotTaken, TemplateUsed
from bench.record.samples import NEVER
from bench.scenarios.staged import TEXT, refuse_hop
from bench.stats.timeline import Timeline
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Ids = np.ndarray[Any, Any]

JINJA = "jinja2"


class Lines(Struct, frozen=True):
    """``prompts``: of the lines that a pass takes, in order. ``files``: those that can be used; ``not_taken``: the
    others. ``template``: what the lines were put into."""

    prompts: tuple[Prompt, ...]
    files: tuple[Path, ...]
    not_taken: tuple[NotTaken, ...]
    template: TemplateUsed | None


class Answer(Struct, frozen=True):
    """``prompt_tokens``: of the prompt that was fed. ``came_ns``: the clock as each of ``tokens`` came."""

    prompt_tokens: int
    tokens: "array[int]"
    came_ns: "array[int]"


def of_text(ask: PipelineAsk, model_id: str) -> PipelineAsk:
    """``ask`` of a language model. Raises ``InputError`` for another kind than ``text``, without files of its own, and
    for a ``hop_ms``."""
    if ask.kind not in (AUTO, TEXT):
        raise InputError(
            sentence("pipeline.writes_text", model_id=model_id, kind=ask.kind), sentence("pipeline.say_text")
        )
    refuse_hop(TEXT, ask.hop_ms)
    if ask.labelled:
        raise InputError(sentence("pipeline.lines_of_dataset", model_id=model_id), sentence("pipeline.give_inputs"))
    return replace(ask, kind=TEXT)


def tried_lines(ask: PipelineAsk, artifact: Artifact) -> Lines:
    """Read the lines, and put each into the model's chat template where that is asked for. Raises ``InputError`` where
    no file can be used, and as ``bench.inputs.chat.chatted`` does."""
    ask = of_text(ask, artifact.model_id)
    files: list[Path] = []
    left: list[NotTaken] = []
    for file in files_of(ask):
        try:
            for line in lines_of([file]):
                read_line(line)
        except InputError as error:
            left.append(NotTaken(file.name, problem_of(error)))
            continue
        files.append(file)
    if not files:
        raise InputError(
            sentence("pipeline.no_input_left", folder=ask.folder.name, file=left[0].file, why=left[0].reason),
            sentence("pipeline.give_inputs"),
        )
    texts = [Prompt(prompt=read_line(line)) for line in evenly(lines_of(files), ask.most)]
    if not ask.chat:
        return Lines(tuple(texts), tuple(files), tuple(left), None)
    template = template_beside(artifact.path)
    if template is None:
        raise InputError(
            sentence("input.no_template", model_id=artifact.model_id), sentence("input.put_template_beside")
        )
    return Lines(chatted(texts, template), tuple(files), tuple(left), template.used)


def open_writing(asked: PipelineOpening, session: OpenedText) -> Staged:
    """The stages around ``session``: its own tokenizer, or that of the model's ``tokenizer.json``. One line has been
    answered. Raises ``RunFailure`` without a tokenizer."""
    artifact, tokens = asked.artifact, asked.tokens
    asked = replace(asked, ask=of_text(asked.ask, artifact.model_id))
    tokenizer, used = tokenizer_of(session.tokenizer(), tokenizer_beside(artifact.path), artifact.source)
    if tokenizer is None or used is None:
        raise RunFailure(
            "bad_input", sentence("input.no_tokenizer"), sentence("input.use_engine_with_tokenizer"), "prepare"
        )
    every = lines_of(asked.files)
    items = evenly(every, asked.ask.most)
    whose, library = used.source, {} if used.source == "engine" else versions((LIBRARY,))
    prompt, infer = _prompts(asked, tokenizer), _writes(session, tokens)
    steps = (read_line, prompt, infer, _texts(tokenizer))
    stages = Stages(
        decode=(sentence("pipeline.does.read_line"), {}),
        preprocess=(
            sentence(f"pipeline.does.prompt.{whose}.{'chat' if asked.ask.chat else 'plain'}"),
            library | (versions((JINJA,)) if asked.ask.chat else {}),
        ),
        postprocess=(sentence(f"pipeline.does.answer.{whose}"), library),
        infer=(sentence("pipeline.does.generate", tokens=tokens), {}),
    )
    value: Any = items[0]
    for step in steps:
        value = step(value)
    first = prompt(read_line(items[0]))

    def network() -> None:
        infer(first)

    facts = facts_of(asked, TEXT, stages, items, len(every))
    return Staged(items, steps, facts, network, _keeps(tokens, shared=session.keeps_prefixes))


def _prompts(asked: PipelineOpening, tokenizer: Tokenizer) -> "Callable[[str], Ids]":
    """A line's text -> the ids of its prompt. Every line has gone through the template before, within its limits."""
    if not asked.ask.chat:
        return tokenizer.encode
    template = template_beside(asked.artifact.path)
    assert template is not None  # as it was when lines were tried
    write = compiled(template)

    def prompt(text: str) -> "Ids":
        return encode(tokenizer, Prompt(prompt=write([Message("user", text)]), templated=True))

    return prompt


def _writes(session: OpenedText, tokens: int) -> "Callable[[Ids], Answer]":
    """The cache emptied, then a generation. Raises ``RunFailure`` if the engine gives no token."""
    import numpy as np

    nothing = np.zeros(0, np.int64)

    def infer(ids: "Ids") -> Answer:
        told_tokens, came_ns = array("q"), array("q")
        told, came, clock = told_tokens.append, came_ns.append, perf_counter_ns

        def on_token(token: int) -> None:
            came(clock())
            told(token)

        session.fill(nothing)
        session.generate(ids, tokens, on_token)
        if not came_ns:
            raise no_token("steady")
        return Answer(len(ids), told_tokens, came_ns)

    return infer


def _texts(tokenizer: Tokenizer) -> Callable[[Answer], tuple[Answer, str]]:
    """The text token by token, as an application shows it."""

    def postprocess(answer: Answer) -> tuple[Answer, str]:
        decode = tokenizer.stream()
        return answer, "".join([decode(token) for token in answer.tokens])

    return postprocess


def _keeps(tokens: int, *, shared: bool) -> Callable[[tuple[Answer, str], Timeline], None]:
    """Keeps when each token of an answer came. ``shared``: the engine may find a prompt among earlier ones, and each
    line comes again in every pass."""

    def keep(answered: tuple[Answer, str], timeline: Timeline) -> None:
        answer = answered[0]
        given = len(answer.came_ns)
        timeline.token_ns.extend(answer.came_ns)
        timeline.token_ns.extend([NEVER] * (tokens - given))
        timeline.prompt_tokens.append(answer.prompt_tokens)
        if shared:
            timeline.shared_tokens.append(answer.prompt_tokens)

    return keep
