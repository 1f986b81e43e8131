"""Questions with choices: how they are read, and the set that ships."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from bench.contracts import Artifact, DecoderSpec, GraphFacts, OpenRequest
from bench.errors import InputError, RunFailure
from bench.passes.judge import judged_request
from bench.quality.text.files import foreseen_texts, samples_at_most
from bench.quality.text.limits import EMULATED, TextLimits
from bench.quality.text.questions import holds_questions, items_of, longest_question, read_questions
from bench.suite.built_in_datasets import FOLDER, dataset_folder

DECODER = DecoderSpec(1, 1, 4, 256, 64)


class Bytes:
    """A tokenizer that makes a token of each byte, and puts 1 in front."""

    def encode(self, text: str) -> np.ndarray:
        return np.array([1, *text.encode()], np.int64)


def bytes_of() -> tuple[Bytes, None]:
    return Bytes(), None


def none() -> tuple[None, None]:
    return None, None


def written(path: Path, *questions: object) -> Path:
    path.write_text("\n".join(map(json.dumps, questions)))
    return path


def test_a_question_is_put_with_each_of_its_choices(tmp_path: Path) -> None:
    """ "Question: …", "Answer:" and the choice behind a space; scored from where the choice begins."""
    file = written(tmp_path / "q.jsonl", {"question": "Up?", "choices": ["yes", "no way"], "answer": 1, "id": "q1"})
    (item,) = items_of(file, DECODER, bytes_of)  # type: ignore[arg-type]
    head = b"Question: Up?\nAnswer:"
    assert [head + b" yes", head + b" no way"] == [bytes(ids[1:].tolist()) for ids in item.choices]
    assert ((1 + len(head),) * 2, (3, 6), 1) == (item.begins, item.sizes, item.answer)


def test_a_prompt_is_taken_as_it_is_and_ids_need_no_tokenizer(tmp_path: Path) -> None:
    """A space at the end of a prompt goes to the choice."""
    file = written(tmp_path / "p.jsonl", {"prompt": "2 + 2 = ", "choices": ["4", "5"], "answer": 0})
    (item,) = items_of(file, DECODER, bytes_of)  # type: ignore[arg-type]
    assert b"2 + 2 = 5" == bytes(item.choices[1][1:].tolist())
    file = written(tmp_path / "i.jsonl", {"ids": [7, 8], "choices": [[9], [10, 11]], "answer": 0})
    (item,) = items_of(file, DECODER, none)
    assert ([7, 8, 10, 11], (2, 2), (1, 2)) == (item.choices[1].tolist(), item.begins, item.sizes)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ({"choices": ["a", "b"], "answer": 0}, "needs one of question, prompt and ids"),
        ({"question": "?", "choices": ["a"], "answer": 0}, "needs two choices or more, not 1"),
        (
            {"question": "?", "choices": ["a", "b"], "answer": 2},
            "answer is 2; it is the index of the right choice, 0 to 1",
        ),
        ({"question": "?", "choices": ["a", "b"], "answer": -1}, "answer is -1"),
        ({"question": "?", "choices": ["a", [1]], "answer": 0}, "choices[1]: choices are texts"),
        ({"question": "?", "choices": ["a", ""], "answer": 0}, "none may be empty"),
        ({"question": "?", "choices": ["a", " \t"], "answer": 0}, "none may be empty"),
        ({"ids": [7], "choices": [[9], [256]], "answer": 0}, "token id 256 is outside the vocabulary"),
        ({"question": "?", "choices": ["a", "b"], "answer": "A"}, "Expected `int`, got `str` - at `$.answer`"),
        ({"question": "?" * 60, "choices": ["a", "b"], "answer": 0}, "and the model's context is 64"),
        ([1], "Expected `object`"),
        ({"ids": [], "choices": [[1], [2]], "answer": 0}, "ids is empty"),
        ({"prompt": " ", "choices": ["a", "b"], "answer": 0}, "prompt is empty"),
        ({"question": "", "choices": ["a", "b"], "answer": 0}, "question is empty"),
        ({"question": "a\0", "choices": ["a", "b"], "answer": 0}, "contains a NUL character"),
        ({"question": "?", "choices": ["a", "b\0"], "answer": 0}, "contains a NUL character"),
        ({"question": "?", "choices": ["a", "\ud800"], "answer": 0}, "is half of a surrogate pair"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, line: object, wrong: str) -> None:
    """File, line and field."""
    file = written(tmp_path / "q.jsonl", {"question": "?", "choices": ["a", "b"], "answer": 0}, line)
    with pytest.raises(InputError, match=r"q\.jsonl: line 2: ") as caught:
        list(items_of(file, DECODER, bytes_of))  # type: ignore[arg-type]
    assert wrong in caught.value.message


def test_a_text_without_a_tokenizer_is_told_with_its_line(tmp_path: Path) -> None:
    """A question as ids before it needs none."""
    given = [{"ids": [7], "choices": [[8], [9]], "answer": 0}, {"question": "?", "choices": ["a", "b"], "answer": 0}]
    with pytest.raises(RunFailure, match=r"q\.jsonl: line 2: the prompt is text, but this engine has no tokenizer"):
        list(items_of(written(tmp_path / "q.jsonl", *given), DECODER, none))


def test_a_graph_of_fixed_length_is_named_as_the_limit(tmp_path: Path) -> None:
    """Not the context that the model was trained for."""
    file = written(tmp_path / "q.jsonl", {"ids": [7] * 63, "choices": [[8], [8, 9]], "answer": 0})
    with pytest.raises(InputError, match="65 tokens long with its choice, and the graph is fixed to a cache of 64"):
        list(items_of(file, replace(DECODER, past_length=64), none))


def question(letters: int) -> dict[str, object]:
    """Of that many tokens with its longest choice and the 1 in front."""
    return {"prompt": "?" * (letters - 4), "choices": ["a", "bc"], "answer": 0}


class Counting(Bytes):
    """Two letters a token; counts what it is asked for."""

    def __init__(self) -> None:
        self.texts = 0

    def encode(self, text: str) -> np.ndarray:
        self.texts += 1
        return super().encode(text)[::2]


def test_the_longest_question_is_found_among_few_texts(tmp_path: Path) -> None:
    """Nothing is made tokens of that cannot be longer than a window, or than the longest so far, but the first."""
    sizes = [20, 90, 130, 200, 110, 260, 120, 90]
    file, wide = written(tmp_path / "q.jsonl", *map(question, sizes)), replace(DECODER, context_length=1024)
    counting = Counting()
    found = longest_question(file, wide, lambda: (counting, None), 100)  # type: ignore[arg-type,return-value]
    items = list(items_of(file, wide, lambda: (Counting(), None)))  # type: ignore[arg-type,return-value]
    assert max(len(ids) for item in items for ids in item.choices) == found == 130
    assert 3 * 5 == counting.texts  # of 20, 130, 200, 110 and 260, with two choices each


def test_the_evaluation_has_room_for_every_question_that_fits_the_context(tmp_path: Path) -> None:
    """Also where how long it is in tokens is not known; a folder where all are longer is refused before."""
    wide = replace(DECODER, context_length=1024)
    artifact = Artifact("m", "text_generation", "onnx", "", tmp_path, (), "", 0, GraphFacts((), ()), {}, wide)
    request = OpenRequest(artifact, "cpu", prompt_tokens=4, decode_context=8)

    def room(limits: TextLimits, *sizes: int, tokenizer: object = bytes_of) -> int:
        written(tmp_path / "q.jsonl", *map(question, sizes))
        foreseen = foreseen_texts(tmp_path, wide, tokenizer)  # type: ignore[arg-type]
        return judged_request(request, artifact, limits, foreseen.question_tokens).decode_context

    assert (512, 128) == (room(TextLimits(), 20, 90), room(EMULATED, 20, 90))
    assert (768, 704) == (room(TextLimits(), 20, 700), room(EMULATED, 20, 700))  # 256 and 16 tokens at once
    assert (768, 720) == (room(TextLimits(), 768), room(EMULATED, 705))
    assert 768 == room(TextLimits(), 20, 512, tokenizer=none)  # one more, as a tokenizer may put another behind it
    assert 1024 == room(TextLimits(), 1024)
    assert 1024 == room(TextLimits(), 1050, tokenizer=none)
    with pytest.raises(InputError, match=r"q\.jsonl: line 2: it is 1025 tokens long with its choice"):
        room(TextLimits(), 20, 1025)


class WithoutBeginning(Bytes):
    """Its configuration puts a token before a text that is none."""

    def encode(self, text: str, special: bool = True) -> np.ndarray:
        raise RunFailure("bad_input", "no such token", "", "prepare")


def test_a_tokenizer_that_makes_no_tokens_is_left_to_the_engines_own(tmp_path: Path) -> None:
    """With why, as the reason of a run that has no other."""
    written(tmp_path / "q.jsonl", question(20))
    found = foreseen_texts(tmp_path, replace(DECODER, context_length=1024), lambda: (WithoutBeginning(), None))  # type: ignore[arg-type,return-value]
    assert found.failure is not None
    assert "no such token" in str(found.failure.sentence)


def test_the_time_that_questions_may_take_grows_with_their_choices(tmp_path: Path) -> None:
    """Each choice goes through the model with the whole question: 1,000 of them are not the few windows that the file
    would be as a text. A file that is no questions is counted by its bytes."""
    limits = TextLimits(window=500, prompts=0)
    written(tmp_path / "q.jsonl", {"prompt": "?" * 490, "choices": ["1234567"] * 1000, "answer": 0})
    assert 1000 + 1 == samples_at_most(tmp_path, limits)
    written(tmp_path / "q.jsonl", {"prompt": "?" * 490, "choices": ["1234567"] * 2})
    assert 2 == samples_at_most(tmp_path, limits)
    (tmp_path / "q.jsonl").write_bytes(b"\xff" * 600)
    assert 2 == samples_at_most(tmp_path, limits)


def test_a_folder_is_foreseen_with_few_texts(tmp_path: Path) -> None:
    """None that fits the smallest window is made tokens of but the first. Where the context is smaller than that
    window, what does not fit it is refused all the same."""
    written(tmp_path / "q.jsonl", *map(question, (20, 100, 110)))
    counting, wide = Counting(), replace(DECODER, context_length=1024)
    assert 0 <= foreseen_texts(tmp_path, wide, lambda: (counting, None)).question_tokens <= EMULATED.window  # type: ignore[arg-type,return-value]
    few = counting.texts
    with pytest.raises(InputError, match=r"q\.jsonl: line 2: it is 100 tokens long with its choice"):
        foreseen_texts(tmp_path, replace(DECODER, context_length=64), bytes_of)  # type: ignore[arg-type]
    written(tmp_path / "q.jsonl", question(20))
    foreseen_texts(tmp_path, wide, lambda: (counting, None))  # type: ignore[arg-type,return-value]
    assert 2 * few == counting.texts


@pytest.mark.parametrize("line", ['{"question": "\\ud800?", "choices": ["a"]}', "{question: 1, choices: []}"])
def test_a_first_line_that_cannot_be_read_is_told_as_a_question(tmp_path: Path, line: str) -> None:
    """By its choices: the advice is not that of prompts."""
    file = tmp_path / "q.jsonl"
    file.write_text(line)
    assert holds_questions(file)
    with pytest.raises(InputError) as caught:
        read_questions(file)
    assert "one question a line" in str(caught.value.advice)


def test_prompts_are_no_questions(tmp_path: Path) -> None:
    """By the first line alone."""
    (tmp_path / "t.jsonl").write_text('{"prompt": "They had no choices left."')
    assert not holds_questions(tmp_path / "t.jsonl")
    (tmp_path / "b.jsonl").write_text('{"prompt": "?", "choices": ["a", "b"')
    assert holds_questions(tmp_path / "b.jsonl")
    assert not holds_questions(written(tmp_path / "p.jsonl", {"prompt": "choices"}))
    assert holds_questions(written(tmp_path / "q.jsonl", {"question": "?", "choices": []}))
    assert not holds_questions(written(tmp_path / "n.jsonl", "choices"))


def test_the_set_that_ships_is_small_and_even() -> None:
    """40 questions in two languages, four different choices each, the right one as often at every place."""
    files = {path.name: read_questions(path) for path in sorted((FOLDER / "choices-small").iterdir())}
    assert {"en.jsonl": 24, "ko.jsonl": 16} == {name: len(found) for name, found in files.items()}
    every = [question for found in files.values() for question in found]
    assert {4} == {len({*question.choices}) for question in every}
    assert {0: 10, 1: 10, 2: 10, 3: 10} == Counter(question.answer for question in every)
    assert 40 == len({question.question for question in every})


def test_a_folder_of_the_users_comes_before_the_built_in_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name means the built-in one only where there is no such folder."""
    monkeypatch.chdir(tmp_path)
    assert FOLDER / "choices-small" == dataset_folder("choices-small")
    (tmp_path / "choices-small").mkdir()
    assert Path("choices-small") == dataset_folder("choices-small")
