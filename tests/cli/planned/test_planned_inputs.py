"""What a dry run says of prompts, and of inputs that would be made up and decide how much is computed."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

import bench.testing.plugins
from bench.cli.dry_run import input_lines
from bench.cli.group import odb
from bench.execution.foresee import Foreseen
from bench.suite.suite import ModelAsk

PLUGIN = bench.testing.plugins.__file__


@pytest.fixture
def counting(tmp_path: Path) -> Path:
    """A graph that counts to its input ``steps``, and adds ``x``."""
    graph = helper.make_graph(
        [
            helper.make_node("Range", ["zero", "steps", "one"], ["counted"]),
            helper.make_node("Cast", ["counted"], ["real"], to=TensorProto.FLOAT),
            helper.make_node("Add", ["real", "x"], ["y"]),
        ],
        "counting",
        [
            helper.make_tensor_value_info("steps", TensorProto.INT64, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array(n, "int64"), name) for n, name in ((0, "zero"), (1, "one"))],
    )
    path = tmp_path / "counting.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def dry_run(*words: object) -> str:
    arguments = ["run", "--dry-run", "--plugin", PLUGIN, "-t", "null:cpu", *map(str, words)]
    done = CliRunner().invoke(odb, arguments, standalone_mode=False, catch_exceptions=False)
    assert 0 == done.return_value, done.output
    return " ".join(done.output.split())


@pytest.mark.usefixtures("in_process")
def test_inputs_that_decide_the_work_are_named_before_it_is_done(counting: Path, tmp_path: Path) -> None:
    """Once, for each model; not where they are given, and not those that decide nothing."""
    said = "counting: steps would be made up, and decide how much is computed. Give real values with --input"
    assert 1 == dry_run("-m", counting, "-s", "single-stream", "-s", "offline").count(said)
    (row,) = json.loads(dry_run("-m", counting, "--json"))
    assert ["steps"] == row["made_up_work"]
    np.save(tmp_path / "steps.npy", np.array(3, "int64"))
    given = ("-m", counting, "--input", f"steps={tmp_path / 'steps.npy'}")
    assert "made up" not in dry_run(*given)
    assert [] == json.loads(dry_run(*given, "--json"))[0]["made_up_work"]


@pytest.mark.usefixtures("in_process")
def test_prompts_are_named() -> None:
    """By their number, where they are ids; without any, nothing is said."""
    ids = ("-m", "fake-decoder", "--prompt-ids", "1,2,3")
    assert "fake-decoder: a prompt of 3 tokens, given as ids." in dry_run(*ids)
    (row,) = json.loads(dry_run(*ids, "--json"))
    assert (3, None, False) == (row["prompt_ids"], row["prompts"], row["chat"])
    assert "given as ids" not in dry_run("-m", "fake-decoder")


@pytest.mark.parametrize(
    ("chat", "expected"),
    [
        (True, "llm: the prompts of talk.jsonl, in the model's chat template."),
        (False, "llm: the prompts of talk.jsonl, as they are."),
    ],
)
def test_a_file_of_prompts_is_named_once(chat: bool, expected: str) -> None:
    """By its name alone, and whether the template is used."""
    ask = ModelAsk("llm.onnx", prompts="somewhere/talk.jsonl", chat=chat)
    run: Any = SimpleNamespace(model=SimpleNamespace(ask=ask, id="llm"))
    assert [expected] == input_lines([(run, None), (run, None)])


def test_an_engine_whose_tokenizer_decides_is_named() -> None:
    """Once, although it is measured twice; not where lengths are known."""
    ask = ModelAsk("llm.onnx", prompts="talk.txt")
    run: Any = SimpleNamespace(model=SimpleNamespace(ask=ask, id="llm"), target=SimpleNamespace(id="engine:cpu"))
    unknown = Foreseen(tokens_unknown=True)
    told = input_lines([(run, unknown), (run, unknown)])
    assert "llm: only engine:cpu's own tokenizer can make tokens of the texts, so" in told[1]
    assert 2 == len(told)
    assert 1 == len(input_lines([(run, Foreseen())]))
