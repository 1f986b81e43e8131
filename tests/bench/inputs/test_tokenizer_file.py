"""The tokenizer of a model's tokenizer.json, where the engine has none."""

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stories_tokenizer import write_tokenizer

from bench.contracts import DecoderSpec, Scenario, Source
from bench.errors import InputError, RunFailure
from bench.inputs.prompts import Prompt
from bench.inputs.tokenizer_file import FileTokenizer, counted, longest, tokenizer_beside, tokenizer_of
from bench.record.record import RecordedRun
from bench.record.text import TokenizerUsed
from bench.reports.runs.html import HtmlReport
from bench.suite.suite import ModelAsk, TargetAsk
from bench.words import sentence

pytest.importorskip("tokenizers")

TEXT = "안녕하세요, 세계! 👩‍👩‍👧 naïve\t\x00\r\n  two  spaces \u200b�."


def byte_level(folder: Path, **more: Any) -> Path:
    """A tokenizer of bytes, and of a few pieces that end within a letter, written into ``folder``."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("ì", "ķ"), ("ë", "ħ"), ("ðŁ", "ĳ"), ("ð", "Ł"), ("t", "w"), ("Ġ", "Ġ")]
    known = [*alphabet, *(a + b for a, b in merges)]
    ordered = [pair for pair in merges if all(part in known for part in pair)]
    made = Tokenizer(models.BPE({text: i for i, text in enumerate(known)}, ordered))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    content = json.loads(made.to_str()) | more
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def bytewise(tmp_path_factory: pytest.TempPathFactory) -> FileTokenizer:
    return FileTokenizer(byte_level(tmp_path_factory.mktemp("bytes")))


def streamed(tokenizer: FileTokenizer, ids: Any) -> list[str]:
    decode = tokenizer.stream()
    return [decode(int(token)) for token in ids]


def test_text_in_tokens_is_the_text_of_all(bytewise: FileTokenizer) -> None:
    """Letters of several tokens come when they are whole, and no piece holds half a one."""
    ids = bytewise.encode(TEXT)
    pieces = streamed(bytewise, ids)
    assert TEXT == "".join(pieces)
    assert np.int64 == ids.dtype
    assert len(ids) > len([piece for piece in pieces if piece]) > 20


@given(st.text())
def test_any_text_comes_back(bytewise: FileTokenizer, text: str) -> None:
    """A text that ends in U+FFFD itself waits for one more token."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    ids = bytewise.encode(text + ".")
    assert text + "." == "".join(streamed(bytewise, ids))


def test_bytes_that_are_no_letter_are_told_when_the_next_is_whole(bytewise: FileTokenizer) -> None:
    """As the tokens decoded together; what is not whole at the end stays open."""
    half = [*bytewise.encode("세")[:1], *bytewise.encode("a세")]
    assert bytewise._decode([int(i) for i in half]) == "".join(streamed(bytewise, half)) == "\ufffda세"
    assert ["a", ""] == streamed(bytewise, [*bytewise.encode("a"), *bytewise.encode("세")[:1]])


@pytest.mark.real
def test_bytes_of_a_sentencepiece_tokenizer(realdata: Path, tmp_path: Path) -> None:
    """Letters that the vocabulary lacks are bytes; the space in front of the text is taken off once."""
    write_tokenizer(realdata / "llm" / "stories260K" / "tok512.bin", tmp_path)
    tokenizer = FileTokenizer(tmp_path / "tokenizer.json")
    for text in ("Once upon  a time", "김치 👩‍👩‍👧 kimchi\n", " a"):
        ids = tokenizer.encode(text, special=False)
        assert text == "".join(streamed(tokenizer, ids))
    assert [1] == [i for i in tokenizer.encode("a").tolist() if i not in tokenizer.encode("a", special=False)]


def test_a_file_does_not_cut_or_fill(tmp_path: Path) -> None:
    """Whatever length the file asks for, the prompt is the text."""
    truncation = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    padding = {"strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": None}
    padding |= {"pad_id": 0, "pad_type_id": 0, "pad_token": "!"}
    tokenizer = FileTokenizer(byte_level(tmp_path, truncation=truncation, padding=padding))
    assert 9 == len(tokenizer.encode("no tokens"))


@pytest.mark.parametrize(
    ("config", "around"),
    [
        ({"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": True, "bos_token": {"content": "ìķ"}}, ("ìķ", "")),
        ({"tokenizer_class": "LlamaTokenizer", "add_bos_token": False, "add_eos_token": True}, ("", "ëħ")),
        ({"tokenizer_class": "GemmaTokenizer", "add_bos_token": False}, ("", "")),
        ({"tokenizer_class": "GPTNeoXTokenizer", "add_bos_token": False, "add_eos_token": False}, ("", "")),
        ({"tokenizer_class": "LlamaTokenizerFast"}, ("tw", "")),
        ({"tokenizer_class": "Qwen2Tokenizer", "add_bos_token": True}, ("tw", "")),
    ],
)
def test_what_is_put_around_a_text(config: dict[str, Any], around: tuple[str, str], tmp_path: Path) -> None:
    """The configuration beside the file decides in the classes in which it does in transformers, else the file."""
    one = {"SpecialToken": {"id": "tw", "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    names = {"tw": {"id": "tw", "ids": [260], "tokens": ["tw"]}}
    template = {"type": "TemplateProcessing", "single": [one, text], "pair": [one, text, text], "special_tokens": names}
    file = byte_level(tmp_path, post_processor=template)
    ids = json.loads(file.read_text(encoding="utf-8"))["model"]["vocab"]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"bos_token": "ìķ", "eos_token": "ëħ", **config}))
    tokenizer = FileTokenizer(file)
    before, after = ([ids[name]] if name else [] for name in around)
    before = [260] if around[0] == "tw" else before
    assert [*before, ids["x"], *after] == tokenizer.encode("x").tolist()
    assert [ids["x"]] == tokenizer.encode("x", special=False).tolist()
    put = {"bos": before, "eos": after}
    decides = around[0] != "tw"
    assert ({name: found[0] for name, found in put.items() if found} if decides else None) == tokenizer.used.around


def test_a_token_to_put_in_front_that_is_none(tmp_path: Path) -> None:
    """The field of the configuration is named, once a text is to have it: a template writes its own."""
    config = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "bos_token": "<s>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer = FileTokenizer(byte_level(tmp_path))
    with pytest.raises(RunFailure, match=r'tokenizer_config.json: add_bos_token is true, and "<s>" is no token'):
        tokenizer.encode("x")
    assert 1 == len(tokenizer.encode("x", special=False))


def test_prompts_are_counted(tmp_path: Path) -> None:
    """By the file's tokenizer; without one, or with one that cannot be used, it is known why, and a text has at most a
    token a byte and two around it."""
    decoder = DecoderSpec(layers=1, kv_heads=1, head_dim=2, vocab_size=300, context_length=64)
    prompts = (Prompt(ids=(1, 2, 3)), Prompt(prompt="twé"))

    def found(prompts: Sequence[Prompt], file: Path | None, decoder: DecoderSpec = decoder) -> tuple[Any, ...]:
        known = counted(prompts, decoder, file)
        return longest(prompts, known), known.lengths, known.failure and known.failure.message

    none = str(sentence("input.no_tokenizer"))
    assert [(3, (3,), None), (6, (), none)] == [found(prompts[:1], None), found(prompts, None)]
    file = byte_level(tmp_path)
    assert (3, (3, 3), None) == found(prompts, file)
    of_another_model = found(prompts, file, msgspec.structs.replace(decoder, vocab_size=4))
    assert (6, (), True) == (*of_another_model[:2], "vocabulary has 4" in of_another_model[2])
    (tmp_path / "tokenizer.json").write_text("{}")
    assert (6, (), True) == (*found(prompts, file)[:2], "is not a tokenizer" in found(prompts, file)[2])


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"model": {"type": "None"}}'])
def test_a_file_that_is_no_tokenizer(tmp_path: Path, content: bytes) -> None:
    """Its name and the library's reason; never its folder."""
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(InputError, match=r"^tokenizer\.json is not a tokenizer"):
        FileTokenizer(tmp_path / "tokenizer.json")


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra that brings it is named."""
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(InputError, match="library tokenizers is not installed") as caught:
        FileTokenizer(tmp_path / "tokenizer.json")
    assert "ondevice-bench[text]" in caught.value.remedy


def test_where_it_lies(tmp_path: Path) -> None:
    """Beside the model, or above the folder ``onnx`` that Optimum writes."""
    (tmp_path / "onnx").mkdir()
    (tmp_path / "tokenizer.json").touch()
    found = [tokenizer_beside(tmp_path / place) for place in ("model.onnx", "onnx/model.onnx", "other/model.onnx")]
    assert [tmp_path / "tokenizer.json", tmp_path / "tokenizer.json", None] == found


def test_the_engines_own_comes_first(tmp_path: Path, bytewise: FileTokenizer) -> None:
    """The file is not read then; without either there is none."""
    missing = tmp_path / "tokenizer.json"
    assert (bytewise, TokenizerUsed("engine")) == tokenizer_of(bytewise, missing)
    assert (None, None) == tokenizer_of(None, None)
    read, used = tokenizer_of(None, byte_level(tmp_path))
    assert used is not None
    assert isinstance(read, FileTokenizer)
    assert ("file", 64, True) == (used.source, len(used.sha256 or ""), bool(used.version))


@pytest.fixture(scope="module")
def stories(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """stories260K with its tokenizer.json beside it."""
    folder, source = tmp_path_factory.mktemp("stories"), realdata / "llm" / "stories260K"
    for file in source.glob("model.onnx*"):
        (folder / file.name).symlink_to(file)
    write_tokenizer(source / "tok512.bin", folder)
    (folder / "text").mkdir()
    (folder / "text" / "story.txt").write_text(json.loads((source / "golden.json").read_text())["text"], "utf-8")
    return folder


@pytest.mark.real
@pytest.mark.process
def test_a_conversation_that_ends(
    run: Callable[..., list[RecordedRun]], stories: Path, golden_ids: list[int], tmp_path: Path
) -> None:
    """The template begins the text itself, and the answer ends at the token that is declared to be the end."""
    folder = Path(shutil.copytree(stories, tmp_path / "stories", symlinks=True))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    template = "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}"
    special = {"bos_token": "<s>", "chat_template": template}
    (folder / "tokenizer_config.json").write_text(json.dumps(config | special))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [golden_ids[9]]}))
    (tmp_path / "prompts.jsonl").write_text('{"messages": [{"role": "user", "content": "Once upon a time"}]}')
    ask = ModelAsk(str(folder / "model.onnx"), prompts=str(tmp_path / "prompts.jsonl"), chat=True, stop=True)
    (found,) = run([ask], ["ort:cpu"], scenarios=(Scenario(generate_tokens=16),), max_seconds=0.1)
    text, plan = found.record.summary.text_generation, found.record.plan
    assert text is not None
    assert plan.inputs is not None
    assert plan.inputs.template is not None
    ended = golden_ids[5 : golden_ids.index(golden_ids[9], 5) + 1]
    assert (ended, len(ended)) == (list(text.token_ids), text.generated_tokens)
    assert ((golden_ids[9],), 5) == (text.stop_token_ids, text.prompt_tokens)
    assert "tokenizer_config.json" == plan.inputs.template.file
    assert "--chat --stop" in plan.command
    assert found.record.fidelity is not None
    assert found.record.fidelity.ok
    assert found.record.verdict is not None
    assert "short_generation" not in [reason.code for reason in found.record.verdict.reasons]
    assert "text, with the model" in HtmlReport().render([found]).decode()


@pytest.mark.real
@pytest.mark.process
@pytest.mark.parametrize("target", ["ort:cpu", "openvino:CPU"])
def test_text_on_an_engine_without_a_tokenizer(
    run: Callable[..., list[RecordedRun]], stories: Path, golden_ids: list[int], tmp_path: Path, target: str
) -> None:
    """The answer is that of the ids; perplexity of texts is judged; the record says whose tokenizer it was."""
    (tmp_path / "prompt.txt").write_text("Once upon a time")
    ask = ModelAsk(str(stories / "model.onnx"), prompts=str(tmp_path / "prompt.txt"), dataset=str(stories / "text"))
    options = {"INFERENCE_PRECISION_HINT": "f32"} if target.startswith("openvino") else {}
    (found,) = run([ask], [TargetAsk(target, options)], scenarios=(Scenario(generate_tokens=16),), max_seconds=0.1)
    text, quality = found.record.summary.text_generation, found.record.quality
    assert text is not None
    assert quality is not None
    assert golden_ids[5:21] == list(text.token_ids)
    assert text.tokenized is not None
    assert text.tokenizer is not None
    assert ("file", text.tokenizer) == (text.tokenizer.source, quality.dataset.tokenizer)
    assert 1 < quality.metrics[0].value < 10


def test_errors_name_the_file_that_the_model_was_made_of(tmp_path: Path) -> None:
    """Its tokenizer is part of it; the user has never seen another file."""
    source = Source("gguf", Path("models/tiny.gguf"), (), "", 0, "Q4_1")
    (tmp_path / "tokenizer_refused.json").write_text('{"code": "model.tokenizer_cut_missing", "figures": {}}')
    (tmp_path / "tokenizer.json").write_text("{}")
    for name in ("tokenizer_refused.json", "tokenizer.json"):
        with pytest.raises(InputError, match=r"^tiny\.gguf: ") as caught:
            tokenizer_of(None, tmp_path / name, source)
        assert caught.value.remedy
        known = counted((Prompt(prompt="a"),), DecoderSpec(1, 1, 2, 300, 64), tmp_path / name, source)
        assert known.failure is not None
        assert known.failure.message == caught.value.message
