"""The tokenizer of a GGUF file, written as the files that engines read."""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import InputError
from bench.inputs.tokenizer_file import FileTokenizer, tokenizer_beside
from bench.models.checkpoints.pre_tokenizers import CUTS
from bench.models.checkpoints.tokenizer_files import REFUSED, end_tokens, tokenizer_files

pytest.importorskip("tokenizers")

UNKNOWN, BEGIN, END, BYTES = 0, 1, 2, 3
TEXTS = (
    "The capital of France is",
    "안녕하세요, 세계! 한국어 문장입니다. " + unicodedata.normalize("NFD", "한국 é"),
    "👩‍👩‍👧 🇰🇷 naïve café ﷽ 日本語",
    "  two  spaces\t\ttabs\n\n\nnew \n lines   ",
    "a\x00b\x01\x02\x1b[0m\x7f \u00a0\u2003x\u200b\r\n\r\nx\r",
    "def f(x):\n    return x**2  # 1234567 ½ Ⅷ ² ٣\n\nclass A:\n\tpass",
    "don't WE'LL I'M <|im_start|>user\nhi<|im_end|>\n !!!???... " + "x" * 300,
)


class Fields:
    """A header with these values and lists, all without their prefix."""

    def __init__(self, **values: Any) -> None:
        named = {name: value for name, value in values.items() if name not in ("name", "chat_template")}
        self.values: Mapping[str, Any] = {f"tokenizer.ggml.{name}": value for name, value in named.items()}
        if "name" in values:
            self.values = {**self.values, "general.name": values["name"]}
        if "chat_template" in values:
            self.values = {**self.values, "tokenizer.chat_template": values["chat_template"]}

    def texts(self, field: str) -> Sequence[str]:
        found: Sequence[str] = self.values[field]
        return found

    def numbers(self, field: str) -> "np.ndarray[Any, Any]":
        return np.array(self.values[field])


class Stored(Fields):
    """The header of a file, as the library gguf reads it."""

    def __init__(self, path: Path) -> None:
        import gguf

        read = gguf.GGUFReader(path).fields
        self.values = {name: field.contents() for name, field in read.items()}


def sentencepiece(**more: Any) -> Fields:
    """Bytes, four letters, and pieces of them with scores."""
    pieces = {"▁": -9.0, "a": -9.0, "b": -9.0, "c": -9.0, "bc": -0.5, "ab": -1.0, "▁a": -2.0, "abc": -3.0, "▁▁": -4.0}
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *pieces]
    scores = [0.0] * (BYTES + 256) + list(pieces.values())
    types = [2, 3, 3, *[6] * 256, *[1] * len(pieces)]
    known = {"model": "llama", "tokens": tokens, "scores": scores, "token_type": types}
    return Fields(**{**known, "bos_token_id": 1, "eos_token_id": 2, "unknown_token_id": 0, **more})


def written(fields: Fields, folder: Path) -> FileTokenizer:
    for name, contents in tokenizer_files(fields).items():
        (folder / name).write_bytes(contents())
    found = tokenizer_beside(folder / "model.onnx")
    assert found is not None
    return FileTokenizer(found)


def pieces_of(fields: Fields, ids: Any) -> list[str]:
    tokens = fields.texts("tokenizer.ggml.tokens")
    return [tokens[int(i)] for i in ids]


@pytest.mark.parametrize(
    ("text", "more", "expected"),
    [
        ("abc", {}, ["<s>", "▁a", "bc"]),  # bc has the best score, then a joins the space
        ("abc", {"add_space_prefix": False}, ["<s>", "abc"]),
        ("abc", {"add_bos_token": False, "add_eos_token": True}, ["▁a", "bc", "</s>"]),
        (" ab", {}, ["<s>", "▁▁", "ab"]),  # ab first; what is left joins to ▁▁
        ("é", {}, ["<s>", "▁", "<0xC3>", "<0xA9>"]),
        ("b</s>b", {}, ["<s>", "▁", "b", "</s>", "▁", "b"]),  # behind a special token a text begins anew
        ("<0x41>", {"add_bos_token": False}, ["▁", *(f"<0x{ord(c):02X}>" for c in "<0x41>")]),
    ],
)
def test_pieces_by_score(tmp_path: Path, text: str, more: dict[str, Any], expected: list[str]) -> None:
    """Found by hand: of all neighbours that make a piece, the pair with the best score is merged first."""
    fields = sentencepiece(**more)
    tokenizer = written(fields, tmp_path)
    ids = tokenizer.encode(text)
    assert expected == pieces_of(fields, ids)
    plain = tokenizer.encode(text, special=False)
    decode = tokenizer.stream()
    told = "".join(decode(int(i)) for i in plain)
    assert (
        text.replace("</s>", "</s> " if fields.values.get("tokenizer.ggml.add_space_prefix", True) else "</s>") == told
    )


def test_the_makers_own_tokens_come_before_the_spaces(tmp_path: Path) -> None:
    """Gemma: runs of spaces and tags are tokens as they stand in the text, and nothing is put before it."""
    base = sentencepiece().values
    tokens = [*base["tokenizer.ggml.tokens"], "  ", "<tag>"]
    fields = sentencepiece(
        tokens=tokens,
        scores=[*base["tokenizer.ggml.scores"], 0.0, 0.0],
        token_type=[*base["tokenizer.ggml.token_type"], 4, 4],
        add_space_prefix=False,
    )
    tokenizer = written(fields, tmp_path)
    assert ["<s>", "a", "  ", "▁", "bc", "<tag>", "▁", "b"] == pieces_of(fields, tokenizer.encode("a   bc<tag> b"))


def test_phi_3_takes_the_spaces_behind_its_tags(tmp_path: Path) -> None:
    """As its own tokenizer does; the file does not say it, its name does."""
    base = sentencepiece().values
    more = {"tokens": [*base["tokenizer.ggml.tokens"], "<|user|>"], "scores": [*base["tokenizer.ggml.scores"], 0.0]}
    kinds = [*base["tokenizer.ggml.token_type"], 3]
    for name, expected in (("Phi-3 mini", ["▁", "b"]), ("another", ["▁▁", "▁", "b"])):
        fields = sentencepiece(**more, token_type=kinds, name=name, add_bos_token=False)
        ids = written(fields, tmp_path).encode("<|user|>  b")
        assert ["<|user|>", *expected] == pieces_of(fields, ids)


def bytewise(pre: str, *merges: str, **more: Any) -> Fields:
    """Every byte as GPT-2's letter, and what is merged of them."""
    from tokenizers.pre_tokenizers import ByteLevel

    made = [merge.replace(" ", "") for merge in merges]
    tokens = [*sorted(ByteLevel.alphabet()), *made, "<|end|>"]
    known = {"model": "gpt2", "pre": pre, "tokens": tokens, "merges": list(merges)}
    types = [*[1] * (len(tokens) - 1), 3]
    return Fields(**{**known, "token_type": types, "eos_token_id": len(tokens) - 1, **more})


@pytest.mark.parametrize("pre", CUTS)
def test_bytes_of_every_cut_come_back(tmp_path: Path, pre: str) -> None:
    """Whatever the cut, a text is the text of its tokens (in its composed form where the model was trained on it)."""
    fields = bytewise(pre, "l l", "Ġ Ġ", bos_token_id=256)
    tokenizer = written(fields, tmp_path)
    for text in TEXTS:
        decode = tokenizer.stream()
        told = "".join(decode(int(i)) for i in tokenizer.encode(text, special=False))
        assert told == (unicodedata.normalize("NFC", text) if CUTS[pre].composed else text)


@pytest.mark.parametrize(
    ("pre", "text", "expected"),
    [
        ("gpt-2", "1234 we'LL", ["12", "34", "Ġ", "we", "'", "L", "L"]),
        ("smollm", "1234 we'll", ["1", "2", "3", "4", "Ġ", "we", "'", "ll"]),
        ("qwen2", "1234we", ["1", "2", "3", "4", "we"]),
        ("llama-bpe", "1234we", ["12", "3", "4", "we"]),
        ("gpt-4o", "weWE", ["we", "W", "E"]),
        ("default", "1234", ["12", "3", "4"]),
        ("dbrx", "!we", ["!we"]),
        ("deepseek-r1-qwen", "1234we", ["1", "2", "3", "4", "we"]),
        ("deepseek-coder", "12we!we", ["1", "2", "we", "!", "we"]),
        ("midm-2.0", "1234we", ["12", "3", "4", "we"]),
    ],
)
def test_where_each_cut_cuts(tmp_path: Path, pre: str, text: str, expected: list[str]) -> None:
    """By hand from the expressions: a pair is merged only within one word."""
    fields = bytewise(pre, "1 2", "3 4", "w e", "l l", "! we", bos_token_id=256)
    assert expected == pieces_of(fields, written(fields, tmp_path).encode(text, special=False))


def test_a_whole_word_that_is_a_token_is_not_merged(tmp_path: Path) -> None:
    """Llama 3 takes it as it is; GPT-2 only what its merges make."""
    for pre, expected in (("llama-bpe", ["abc"]), ("gpt-2", ["ab", "c"])):
        fields = bytewise(pre, "a b", "c d", bos_token_id=256)
        tokens = [*fields.texts("tokenizer.ggml.tokens"), "abc"]
        more = {"tokens": tokens, "token_type": [*fields.numbers("tokenizer.ggml.token_type").tolist(), 1]}
        fields = Fields(model="gpt2", pre=pre, merges=["a b", "c d"], bos_token_id=256, **more)
        assert expected == pieces_of(fields, written(fields, tmp_path).encode("abc", special=False))


def test_what_stands_beside_the_tokenizer(tmp_path: Path) -> None:
    """Template, special tokens, and every token that ends a generation."""
    fields = bytewise("llama-bpe", "a b", bos_token_id=256, chat_template="{{ messages }}", add_bos_token=True)
    files = {name: json.loads(contents()) for name, contents in tokenizer_files(fields).items()}
    config = files["tokenizer_config.json"]
    assert ("{{ messages }}", "<|end|>", True) == (
        config["chat_template"],
        config["eos_token"],
        config["add_bos_token"],
    )
    assert {"bos_token_id": 256, "eos_token_id": [257]} == files["generation_config.json"]
    assert (257,) == end_tokens(fields)


def test_tokens_that_end_a_text_by_their_text() -> None:
    """Llama 3 and Gemma 3 end at two or three tokens, and a converter states one; Gemma's tag of HTML is no end."""
    base = bytewise("llama-bpe")
    more = ["<eos>", "<|end_of_text|>", "</s>", "<end_of_turn>", "<|eom_id|>", "<|eot_id|>"]
    tokens = [*base.texts("tokenizer.ggml.tokens"), *more]
    fields = bytewise("llama-bpe", tokens=tokens, token_type=[1] * len(tokens), eos_token_id=len(tokens) - 1)
    ends = ["<|eot_id|>", "<|end|>", "<eos>", "<|end_of_text|>", "<end_of_turn>", "<|eom_id|>"]
    assert ends == pieces_of(fields, end_tokens(fields))
    control = [3 if token == "</s>" else 1 for token in tokens]
    fields = bytewise("llama-bpe", tokens=tokens, token_type=control, eos_token_id=len(tokens) - 1)
    assert "</s>" in pieces_of(fields, end_tokens(fields)), "a control token of a model of Llama 2 trained further"


@pytest.mark.parametrize("fields", [Fields(), Fields(model="none"), Fields(model="no_vocab")])
def test_a_file_without_a_tokenizer_ends_at_no_token(fields: Fields) -> None:
    """Nothing is made up."""
    assert ([REFUSED], ()) == ([*tokenizer_files(fields)], end_tokens(fields))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (Fields(), "the GGUF file holds no tokenizer: tokenizer.ggml.model is missing"),
        (Fields(model="no_vocab"), "the GGUF file holds no tokenizer"),
        (Fields(model="t5"), 'tokenizer.ggml.model is "t5"'),
        (Fields(model="gpt2"), "tokenizer.ggml.pre is missing"),
        (Fields(model="gpt2", pre="made-up"), 'tokenizer.ggml.pre is "made-up"'),
    ],
)
def test_a_tokenizer_that_is_not_known_is_refused(tmp_path: Path, fields: Fields, why: str) -> None:
    """Never written as another; what lies in its place says why, wherever text is to be read."""
    with pytest.raises(InputError, match=why) as caught:
        written(fields, tmp_path)
    assert "--prompt-ids" in caught.value.remedy


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (sentencepiece(scores=[1.0]), "tokenizer.ggml.scores has 1 items for 268 tokens"),
        (sentencepiece(bos_token_id=9999), "tokenizer.ggml.bos_token_id: 9999 is no token; there are 268"),
        (sentencepiece(bos_token_id=None), "tokenizer.ggml.bos_token_id is missing"),
        (sentencepiece(add_bos_token="yes"), "tokenizer.ggml.add_bos_token: yes is neither"),
        (sentencepiece(tokens=["a"] * 268), 'has the token "a" twice'),
        (bytewise("gpt-2", "a b", merges=["a zz"]), '"a zz" merges or makes what is no token'),
    ],
)
def test_lists_that_contradict_each_other(tmp_path: Path, fields: Fields, why: str) -> None:
    """The field is named."""
    with pytest.raises(InputError, match=why):
        written(fields, tmp_path)


@pytest.mark.real
def test_smollm2_as_openvino_genai_has_it(realdata: Path, tmp_path: Path) -> None:
    """The same ids for code, Korean, emoji, spaces and control characters, and for the prompt of golden.json."""
    pytest.importorskip("gguf")
    genai = pytest.importorskip("openvino_genai")
    folder = realdata / "llm" / "smollm2-135m"
    file = folder / "SmolLM2-135M-Instruct.Q4_1.gguf"
    fields = Stored(file)
    tokenizer, theirs = written(fields, tmp_path), genai.Tokenizer(str(file))
    golden = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
    assert golden["prompt_ids"] == tokenizer.encode(golden["prompt_text"]).tolist()
    for text in (*TEXTS, (folder / "text.txt").read_text(encoding="utf-8")):
        assert np.array(theirs.encode(text).input_ids.data).reshape(-1).tolist() == tokenizer.encode(text).tolist()
    assert (2, 0) == end_tokens(fields)
