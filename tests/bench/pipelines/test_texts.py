"""Text: lines, tokens of a tokenizer.json, classes or a vector."""

import json
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from bench.contracts import Artifact, TensorSpec
from bench.errors import InputError
from bench.pipelines.asked import PipelineAsk
from bench.pipelines.texts import TextPipeline
from bench.testing import fake_artifact

pytest.importorskip("tokenizers", reason="the extra text is not installed")

WORDS = {"[UNK]": 0, "one": 1, "two": 2, "three": 3}
TOKENIZER = {
    "version": "1.0",
    "pre_tokenizer": {"type": "Whitespace"},
    "model": {"type": "WordLevel", "vocab": WORDS, "unk_token": "[UNK]"},
}


def artifact_of(tmp_path: Path, names: tuple[str, ...] = ("input_ids", "attention_mask"), length: int = 4) -> Artifact:
    path = tmp_path / "text.onnx"
    path.write_bytes(b"fake\n")
    made = fake_artifact(path)
    specs = tuple(TensorSpec(name, "int64", (1, length)) for name in names)
    return replace(made, facts=replace(made.facts, inputs=specs), shapes=dict.fromkeys(names, (1, length)))


def pipeline(tmp_path: Path, artifact: Artifact | None = None) -> TextPipeline:
    (tmp_path / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    return TextPipeline(PipelineAsk(kind="text", folder=tmp_path), artifact or artifact_of(tmp_path))


def test_each_line_is_an_input(tmp_path: Path) -> None:
    """Empty ones are none; tokens are cut and filled up to the model's length, and the mask says which count."""
    (tmp_path / "a.txt").write_bytes(b"one two\n\n  \nthree zwei one two three\r\n")
    made = pipeline(tmp_path)
    lines = [made.decode(item) for item in made.inputs([tmp_path / "a.txt"])]
    assert ["one two", "three zwei one two three"] == [line.text for line in lines]
    first, second = (made.preprocess(line) for line in lines)
    assert [[1, 2, 0, 0]] == first["input_ids"].tolist()
    assert [[1, 1, 0, 0]] == first["attention_mask"].tolist()
    assert [[3, 0, 1, 2]] == second["input_ids"].tolist()
    assert {"input_ids", "attention_mask"} == set(first)


def test_scores_are_classes_and_vectors_have_a_mean(tmp_path: Path) -> None:
    """Of the tokens that count alone, of length 1."""
    (tmp_path / "a.txt").write_text("one two")
    made = pipeline(tmp_path)
    line = made.decode(made.inputs([tmp_path / "a.txt"])[0])
    made.preprocess(line)
    assert [1, 2, 0] == made.postprocess({"y": np.array([[0.1, 0.7, 0.2]])}, line).tolist()
    vectors = np.array([[[3.0, 0.0], [3.0, 8.0], [100.0, 100.0], [100.0, 100.0]]])
    assert pytest.approx([0.6, 0.8]) == made.postprocess({"y": vectors}, line).tolist()
    with pytest.raises(InputError, match=r"stage postprocess: wanted scores.*found y \[2, 2\]"):
        made.postprocess({"y": np.ones((2, 2))}, line)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """The tokenizer, the inputs, lines, and UTF-8."""
    with pytest.raises(InputError, match=r"no tokenizer\.json"):
        TextPipeline(PipelineAsk(kind="text", folder=tmp_path), artifact_of(tmp_path))
    with pytest.raises(InputError, match=r"stage preprocess: wanted .*input_ids.*found x \[1, 4\]"):
        pipeline(tmp_path, artifact_of(tmp_path, ("x",)))
    made = pipeline(tmp_path)
    (tmp_path / "empty.txt").write_text("\n\n")
    with pytest.raises(InputError, match="no line"):
        made.inputs([tmp_path / "empty.txt"])
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(InputError, match=r"latin\.txt is not UTF-8"):
        made.decode(made.inputs([tmp_path / "latin.txt"])[0])
