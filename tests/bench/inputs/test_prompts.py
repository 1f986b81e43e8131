"""What a language model is asked."""

import json
from collections.abc import Callable
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.contracts import DecoderSpec
from bench.errors import InputError, RunFailure
from bench.inputs.prompts import (
    Lengths,
    Message,
    Prompt,
    behind_one_context,
    check_ids,
    encoded,
    load_prompts,
    numbered_prompts,
    prompt_facts,
    queries,
    read_prompts,
    save_prompts,
)

DECODER = DecoderSpec(layers=1, kv_heads=1, head_dim=2, vocab_size=300, context_length=64)


class Bytes:
    """A tokenizer: one token a byte, after token 1."""

    def encode(self, text: str, special: bool = True) -> "np.ndarray[Any, Any]":
        return np.array([*([1] if special else []), *text.encode()], np.int64)

    def stream(self) -> Callable[[int], str]:
        return chr


def test_it_is_known_what_an_earlier_prompt_began_with() -> None:
    """A prompt's common beginning with those before it; all of it from the second time on; nothing behind a context."""
    given = [np.array(ids) for ids in ([1, 7, 8], [1, 7, 9, 9], [2], [1, 7, 9])]
    found = [q.shared_tokens for q in islice(queries(given, DECODER, Lengths(4, 0), 3), 8)]
    assert [0, 2, 0, 3, 3, 4, 1, 3] == found
    deep = islice(queries(given, DECODER, Lengths(4, 5), 3), 8)
    assert {0} == {query.shared_tokens for query in deep}


def test_seeded_prompts_never_repeat() -> None:
    """No prefix cache can help: of 200 prompts no two begin alike, and the first is the same for the same seed."""
    found = list(islice(queries((), DECODER, Lengths(16, 0), 3), 200))
    again = next(queries((), DECODER, Lengths(16, 0), 3))
    assert 200 == len({tuple(q.prompt[:4].tolist()) for q in found})
    assert found[0].prompt.tolist() == again.prompt.tolist()


def test_depth_comes_before_the_prompt() -> None:
    """Context and prompt have the lengths asked for, and hold ids of the vocabulary but 0."""
    query = next(queries((), DECODER, Lengths(5, 20), 0))
    assert (20, 5) == (len(query.context), len(query.prompt))
    assert 1 <= min(query.context.min(), query.prompt.min()) <= max(query.context.max(), query.prompt.max()) < 300


def test_prompts_may_follow_one_context() -> None:
    """That of the first query, which is the same as without."""
    endless = queries((), DECODER, Lengths(3, 4), 0)
    first, second = islice(endless, 2)
    one, other = islice(behind_one_context(queries((), DECODER, Lengths(3, 4), 0)), 2)
    found = [query.tolist() for query in (one.context, one.prompt, other.context, other.prompt)]
    assert [query.tolist() for query in (first.context, first.prompt, first.context, second.prompt)] == found


def test_own_prompts_go_round() -> None:
    """Ids as they are, text as the tokenizer has it, over and over."""
    given = (Prompt(ids=(1, 2)), Prompt(prompt="ab"))
    found = [q.prompt.tolist() for q in islice(queries(encoded(given, DECODER, Bytes()), DECODER, Lengths(9, 0), 0), 3)]
    assert [[1, 2], [1, 97, 98], [1, 2]] == found


def test_text_needs_a_tokenizer() -> None:
    """An engine without one says which have one."""
    with pytest.raises(RunFailure, match="has no tokenizer for this model") as caught:
        encoded((Prompt(prompt="ab"),), DECODER, None)
    assert ("bad_input", True) == (caught.value.kind, "--prompt-ids" in caught.value.remedy)


def test_a_tokenizer_of_another_model_is_said() -> None:
    """Ids beyond the vocabulary are not fed."""
    small = DecoderSpec(layers=1, kv_heads=1, head_dim=2, vocab_size=50, context_length=64)
    with pytest.raises(RunFailure, match="vocabulary has 50"):
        encoded((Prompt(prompt="ab"),), small, Bytes())


def test_files_of_prompts(tmp_path: Path) -> None:
    """A text file is one prompt; JSON lines are one each."""
    (tmp_path / "a.txt").write_text("Once\nupon", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"prompt": "x"}\n\n{"ids": [4, 5]}\n', encoding="utf-8")
    assert (Prompt(prompt="Once\nupon"),) == read_prompts((), str(tmp_path / "a.txt"), "m")
    both = read_prompts((7,), str(tmp_path / "b.jsonl"), "m")
    assert (Prompt(ids=(7,)), Prompt(prompt="x"), Prompt(ids=(4, 5))) == both


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"The capital of France is\n", "The capital of France is"),
        (b"The capital of France is\r\n", "The capital of France is"),
        (b"\xef\xbb\xbfHello\r\n", "Hello"),
        ("Hello\r\n".encode("utf-16"), "Hello"),
        (b"Hello\n\n", "Hello\n"),
        (b"Hello \r", "Hello \r"),
        (b" Hello\n there", " Hello\n there"),
    ],
)
def test_the_line_end_of_an_editor_is_no_part_of_a_prompt(tmp_path: Path, content: bytes, expected: str) -> None:
    """One, and no other space; the hash is that of the prompt. A text to be judged is taken whole."""
    file = tmp_path / "p.txt"
    file.write_bytes(content)
    found = read_prompts((), str(file), "m")
    assert (Prompt(prompt=expected),) == found
    assert prompt_facts((Prompt(prompt=expected),)).sha256 == prompt_facts(found).sha256
    ((_, whole),) = numbered_prompts(file, "m", whole=True)
    assert expected + (whole.prompt or "").removeprefix(expected) == whole.prompt


def test_conversations_in_a_file(tmp_path: Path) -> None:
    """One a line; they need the template."""
    line = {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]}
    (tmp_path / "c.jsonl").write_text(json.dumps(line))
    (found,) = read_prompts((), str(tmp_path / "c.jsonl"), "m")
    assert (Message("system", "s"), Message("user", "u")) == found.messages
    with pytest.raises(RunFailure, match="needs the model's chat template"):
        encoded((found,), DECODER, Bytes())


def test_a_templated_text_has_its_special_tokens_already() -> None:
    """A tokenizer is told to add none."""
    assert [[97], [1, 97]] == [
        one.tolist() for one in encoded((Prompt(prompt="a", templated=True), Prompt(prompt="a")), DECODER, Bytes())
    ]


def test_hashes_of_prompts_are_those_of_older_records() -> None:
    """Ids and texts are hashed as ever."""
    expected = sha256(b'[{"ids":[1,2],"prompt":null},{"ids":null,"prompt":"a"}]').hexdigest()
    assert expected == prompt_facts((Prompt(ids=(1, 2)), Prompt(prompt="a"))).sha256


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", b" \n", "a.txt: is empty"),
        ("a.txt", b"ok\n\xff\xfe", "a.txt: line 2: not UTF-8: byte 0xff"),
        ("a.jsonl", b"\n", "a.jsonl: holds no prompt"),
        ("a.jsonl", b'{"prompt": "x"}\n{"prompt"', "a.jsonl: line 2"),
        ("a.jsonl", b'{"text": "x"}', "a.jsonl: line 1: Object contains unknown field `text`"),
        ("a.txt", "two\nwords".encode("utf-16-le"), "a.txt: line 1: contains a NUL character"),
        ("a.txt", "x".encode("utf-32"), "a.txt: line 1: contains a NUL character"),
        ("a.jsonl", '{"prompt": "x"}'.encode("utf-16-le"), "a.jsonl: line 1: contains a NUL character"),
        ("a.jsonl", b'{"prompt": "x", "ids": [1]}', "line 1: must have one of prompt, ids and messages"),
        ("a.jsonl", b"{}", "line 1: must have one of prompt, ids and messages"),
        ("a.jsonl", b'{"prompt": null}', "line 1: must have one of prompt, ids and messages"),
        ("a.jsonl", b'{"prompt": "x", "ids": []}', "line 1: must have one of prompt, ids and messages"),
        ("a.jsonl", b'{"prompt": ""}', "line 1: prompt is empty"),
        ("a.jsonl", b'{"ids": [4]}\n\n{"ids": []}', "line 3: ids is empty"),
        ("a.jsonl", b'{"messages": []}', "line 1: messages is empty"),
        ("a.jsonl", rb'{"prompt": "a\ud800b"}', r"line 1: \\ud800 is half of a surrogate pair"),
        ("a.jsonl", rb'{"prompt": "a\udc00"}', r"line 1: \\udc00 is half of a surrogate pair"),
        ("a.jsonl", rb'{"prompt": "a\u0000b"}', "line 1: contains a NUL character"),
        ("a.jsonl", rb'{"messages": [{"role": "user", "content": "\u0000"}]}', "line 1: contains a NUL character"),
        ("a.jsonl", b'{"messages": [{"role": "", "content": "x"}]}', "line 1: a message has an empty role"),
        ("a.jsonl", b'{"messages": {"role": "user", "content": "x"}}', r"Expected `array \| null`, got `object`"),
        ("a.jsonl", b'{"ids": [3, -1]}', "line 1: -1 is not a token id"),
        ("a.jsonl", b'{"ids": [1.5]}', "line 1: Expected `int`, got `float`"),
        ("a.jsonl", b'{"ids": [true]}', "line 1: Expected `int`, got `bool`"),
        ("a.jsonl", b'{"ids": 1}', r"line 1: Expected `array \| null`, got `int`"),
        ("a.jsonl", b'{"prompt": "x", "templated": true}', "line 1: Object contains unknown field `templated`"),
        ("a.jsonl", b'{"messages": [{"role": "user"}]}', "line 1: Object missing required field `content`"),
        ("a.jsonl", b'{"messages": [{"role": "user", "content": []}]}', r"line 1: Expected `str`, got `array`"),
    ],
)
def test_bad_files_of_prompts(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    """The file and the line are named, and what to write instead."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        read_prompts((), str(tmp_path / name), "m")
    assert caught.value.message.startswith(f"--prompts {name}: ")
    assert any(word in caught.value.remedy for word in ("Give", "Save", "Write"))


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
def test_lines_end_as_in_files(tmp_path: Path, ending: bytes, mark: bytes) -> None:
    """Blank lines are left out. Other separators of Unicode may be part of a text, as ``json`` writes it."""
    texts = ["one", "a\u2028b\u2029c\x85d", "안녕 \U0001f600"]
    lines = [json.dumps({"prompt": text}, ensure_ascii=False).encode() for text in texts]
    (tmp_path / "p.jsonl").write_bytes(mark + (ending + b" " + ending).join(lines) + ending)
    assert tuple(Prompt(prompt=text) for text in texts) == read_prompts((), str(tmp_path / "p.jsonl"), "m")
    wide = (mark + ending.join(lines)).decode("utf-8-sig").encode("utf-16")
    (tmp_path / "w.jsonl").write_bytes(wide)
    assert tuple(Prompt(prompt=text) for text in texts) == read_prompts((), str(tmp_path / "w.jsonl"), "m")


def test_a_missing_file_of_prompts(tmp_path: Path) -> None:
    """It is named, without its folder."""
    with pytest.raises(InputError, match=r"^--prompts none\.txt: no such file"):
        read_prompts((), str(tmp_path / "none.txt"), "m")


def test_ids_outside_the_vocabulary() -> None:
    """The prompt, the id and the range are named, whatever the size of the id."""
    with pytest.raises(InputError, match=r"^token id 300 is outside the vocabulary") as caught:
        check_ids((Prompt(ids=(1, 300)),), DECODER)
    assert "Ids run from 0 to 299." == caught.value.remedy
    with pytest.raises(InputError, match=f"^prompt 2: token id {2**70} is outside"):
        check_ids((Prompt(ids=(299,)), Prompt(ids=(2**70,))), DECODER)


def test_saved_prompts_come_back(tmp_path: Path) -> None:
    """As they were; nothing where there was no file."""
    given = (Prompt(ids=(1,)), Prompt(prompt="é"))
    save_prompts(tmp_path / "p.json", given)
    assert (given, ()) == (load_prompts(tmp_path / "p.json"), load_prompts(None))


def test_the_record_says_where_prompts_come_from() -> None:
    """Ids or text, with a hash that tells two sets apart."""
    ids, text = prompt_facts((Prompt(ids=(1, 2)),)), prompt_facts((Prompt(prompt="a"),))
    assert ("prompt_ids", {"input_ids": (1, 2)}) == (ids.source, ids.shapes)
    assert ("prompt_text", {}, False) == (text.source, text.shapes, ids.sha256 == text.sha256)
