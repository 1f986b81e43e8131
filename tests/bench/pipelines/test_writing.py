"""Text that a language model writes: lines, the chat template, tokens and when they came, text."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import field

from bench.contracts import STAGES, Scenario
from bench.errors import InputError, RunFailure
from bench.inputs.chat import Template, compiled, rendered
from bench.inputs.prompts import Message
from bench.measure.players.single_stream import token_times
from bench.measure.staged.queries import Staged, time_passes
from bench.measure.text_driver import OpenedText
from bench.pipelines.asked import PipelineAsk, PipelineOpening
from bench.pipelines.opening import open_staged
from bench.pipelines.writing import tried_lines
from bench.plugins import PluginRef
from bench.record.samples import NEVER
from bench.stats.timeline import Timeline
from bench.suite.plan import settle_scenario
from bench.testing import FakeTokenSession, fake_artifact

pytest.importorskip("tokenizers", reason="the extra text is not installed")

WORDS = {"[UNK]": 0, "one": 1, "two": 2, "three": 3, "say": 4}
TOKENIZER = {
    "version": "1.0",
    "pre_tokenizer": {"type": "Whitespace"},
    "model": {"type": "WordLevel", "vocab": WORDS, "unk_token": "[UNK]"},
}
TEMPLATE = "{% for m in messages %}say {{ m.content }}{% endfor %}"
MODEL = PluginRef("models", "fake", "bench.testing.plugins:FakeDecoder", "tests")


class Listening(FakeTokenSession):
    """Remembers its prompts, and how often its cache was emptied."""

    heard: list[list[int]] = field(default_factory=list)
    resets: list[None] = field(default_factory=list)

    def prefill(self, ids: Any) -> int:
        self.heard.append(ids.tolist())
        return super().prefill(ids)

    def reset(self) -> None:
        self.resets.append(None)
        super().reset()


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A model with its tokenizer and template, and a folder with two texts and one that is not UTF-8."""
    (tmp_path / "m.onnx").write_bytes(b"fake\n")
    (tmp_path / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE}))
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("one two\n\nthree\n")
    (folder / "b.txt").write_text("two\n")
    (folder / "c.txt").write_bytes(b"one\ncaf\xe9\n")
    (folder / "photo.jpg").write_bytes(b"no text")
    return tmp_path


def asked(room: Path, **more: Any) -> PipelineAsk:
    return PipelineAsk(**{"kind": "auto", "folder": room / "texts", **more})


def opened(room: Path, session: FakeTokenSession, tokens: int = 3, **more: Any) -> Staged:
    artifact, ask = fake_artifact(room / "m.onnx", "text_generation"), asked(room, **more)
    files = tried_lines(ask, artifact).files
    opening = PipelineOpening(ask=ask, model=MODEL, artifact=artifact, files=files, tokens=tokens)
    return open_staged(opening, OpenedText(session))


def test_lines_are_prompts_in_the_template_where_it_is_asked_for(room: Path) -> None:
    """Photographs beside them are none; a file with bytes of another encoding, on whichever line, is left out."""
    artifact = fake_artifact(room / "m.onnx", "text_generation")
    plain, chat = (tried_lines(asked(room, chat=chat), artifact) for chat in (False, True))
    assert ["one two", "three", "two"] == [one.prompt for one in plain.prompts]
    assert (["a.txt", "b.txt"], ["c.txt"]) == ([one.name for one in plain.files], [one.file for one in plain.not_taken])
    assert ["say one two", "say three", "say two"] == [one.prompt for one in chat.prompts]
    assert (None, "tokenizer_config.json") == (plain.template, chat.template and chat.template.file)
    assert 2 == len(tried_lines(asked(room, most=2), artifact).prompts)


def test_a_line_becomes_tokens_and_the_answers_tokens_text(room: Path) -> None:
    """Each from an empty cache; what the stages do is said, with the libraries."""
    session = Listening({})
    staged = opened(room, session, tokens=4, chat=True)
    session.heard.clear(), session.resets.clear()
    answers = []
    for item in staged.items:
        value: Any = item
        for step in staged.steps:
            value = step(value)
        answers.append(value[1])
    assert [[4, 1, 2], [4, 3], [4, 2]] == session.heard
    assert ["one two three one"] * 3 == answers
    assert 3 == len(session.resets)
    facts = staged.facts
    assert ("text", 3, 2, ["a.txt :1", "a.txt :3", "b.txt :1"]) == (
        facts.kind,
        facts.inputs,
        facts.files,
        [one.name for one in facts.each],
    )
    assert [*STAGES] == [stage.name for stage in facts.stages]
    assert {"tokenizers", "jinja2"} == {*{name.lower() for name in facts.stages[1].by}}
    assert "up to 4 tokens" in str(facts.stages[2].does)


def test_when_each_token_came_is_kept_of_every_query(room: Path) -> None:
    """From the moment that its line was begun to be read; the stages add up to the latency, and tokens come within
    ``infer``."""
    staged = opened(room, Listening({}), tokens=3)
    timeline = Timeline()
    time_passes(staged, 2, timeline)
    times = token_times(timeline)
    parts = {role: np.array(found) for role, found in timeline.of_parts.items()}
    assert (6, 3) == times.shape
    assert [2, 1, 1] * 2 == timeline.prompt_tokens.tolist()
    before = parts["stage_decode_ns"] + parts["stage_preprocess_ns"]
    assert (before <= times[:, 0]).all()
    assert (np.diff(times, axis=1) >= 0).all()
    assert (times[:, -1] <= before + parts["stage_infer_ns"]).all()
    assert not timeline.shared_tokens


def test_an_answer_that_ends_early_lacks_the_rest(room: Path) -> None:
    """At a token that ends it, where that is asked for."""
    artifact = fake_artifact(room / "m.onnx", "text_generation")
    ask = asked(room)
    opening = PipelineOpening(ask=ask, model=MODEL, artifact=artifact, files=(room / "texts/a.txt",), tokens=4)
    staged = open_staged(opening, OpenedText(FakeTokenSession({}), stop_tokens=(2,)))
    timeline = Timeline()
    time_passes(staged, 1, timeline)
    assert [[False, False, True, True]] * 2 == (token_times(timeline) == NEVER).tolist()


def test_what_a_language_model_cannot_take_is_said(room: Path) -> None:
    artifact = fake_artifact(room / "m.onnx", "text_generation")
    with pytest.raises(InputError, match="generates text, which is the pipeline text; detection"):
        tried_lines(asked(room, kind="detection"), artifact)
    with pytest.raises(InputError, match="hop_ms"):
        tried_lines(asked(room, hop_ms=20.0), artifact)
    with pytest.raises(InputError, match="not a dataset"):
        tried_lines(asked(room, labelled=True), artifact)
    (room / "tokenizer_config.json").unlink()
    with pytest.raises(InputError, match="chat template"):
        tried_lines(asked(room, chat=True), artifact)
    (room / "tokenizer.json").unlink()
    with pytest.raises(RunFailure, match="tokenizer"):
        opened(room, FakeTokenSession({}))


def test_a_template_that_is_read_once_writes_the_same() -> None:
    template = Template(TEMPLATE, "tokenizer_config.json")
    messages = (Message("user", "two three"),)
    assert rendered(template, messages) == compiled(template)(messages)


@pytest.mark.parametrize("prompt_tokens", [None, 64])
def test_lines_decide_how_long_prompts_are(prompt_tokens: int | None) -> None:
    """Whatever was asked for of other scenarios; the answer's length stays."""
    asked_for = Scenario("end-to-end", prompt_tokens=prompt_tokens, generate_tokens=8)
    settled = settle_scenario(asked_for, "text_generation", emulated=False)
    assert (None, 8) == (settled.prompt_tokens, settled.generate_tokens)
