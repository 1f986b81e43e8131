"""What the flags of ``odb run`` ask for."""

import re
from pathlib import Path

import pytest

from bench.cli.asked import (
    Grid,
    asked_scenarios,
    meant_for,
    models_of_scenarios,
    numbers,
    with_precisions,
    with_prompts,
    with_tensors,
)
from bench.contracts import Scenario
from bench.errors import InputError, UnknownName
from bench.suite.suite import ModelAsk, Suite, load_suite


def test_a_grid_is_every_combination() -> None:
    """-p 128,512 -n 128 -d 0,1024, in the words of llama-bench: four scenarios."""
    found = asked_scenarios(Suite(), (), Grid("128,512", "128", "0,1024"))
    assert [(128, 128, 0), (128, 128, 1024), (512, 128, 0), (512, 128, 1024)] == [
        (s.prompt_tokens, s.generate_tokens, s.depth_tokens) for s in found
    ]


def test_a_grid_multiplies_the_scenarios_of_a_suite() -> None:
    """What the suite says stays where the flags say nothing."""
    suite = Suite(scenarios=(Scenario("single-stream", prompt_tokens=7),))
    found = asked_scenarios(suite, (), Grid(compile_cache="cold,warm"))
    assert [(7, "cold"), (7, "warm")] == [(s.prompt_tokens, s.compile_cache) for s in found]


def test_a_grid_keeps_the_models_of_a_scenario() -> None:
    """In every cell; scenarios of the command line are for all models."""
    suite = Suite(
        scenarios=(Scenario("single-stream"), Scenario("offline")), scenario_models=(("a.onnx",), ("b.onnx",))
    )
    grid = Grid(compile_cache="cold,warm")
    assert models_of_scenarios(suite, (), grid) == (("a.onnx",), ("a.onnx",), ("b.onnx",), ("b.onnx",))
    assert models_of_scenarios(suite, ("offline",), grid) == ()


def test_without_flags_there_is_one_scenario() -> None:
    """The default."""
    assert (Scenario(),) == asked_scenarios(Suite(), (), Grid())


@pytest.mark.parametrize("text", ["", "a", "1,,2", "-3", "1.5", "0"])
def test_bad_numbers_name_the_flag(text: str) -> None:
    """Whole numbers of the least or more, with commas between them; nothing else."""
    with pytest.raises(InputError, match="--prompt-tokens"):
        numbers("--prompt-tokens", text, 1)


def test_an_unknown_cache_gets_a_suggestion() -> None:
    """The nearest word that is known."""
    with pytest.raises(UnknownName, match="warn") as caught:
        asked_scenarios(Suite(), (), Grid(compile_cache="warn"))
    assert "warm" in caught.value.remedy


def test_precisions_multiply_models_that_are_made(tmp_path: Path) -> None:
    """Built-in ones, and those made from weights. A graph has the precision it has."""
    folders = [tmp_path / name for name in ("weights", "graph")]
    for folder, file in zip(folders, ("model.safetensors", "model.onnx"), strict=True):
        folder.mkdir()
        (folder / file).touch()
    weights, graph = map(str, folders)
    asks = [ModelAsk(source) for source in ("llama-15M", "net.onnx", "net.Q4_1.gguf", weights, graph)]
    assert [
        *(("llama-15M", "float32"), ("llama-15M", "int4"), ("net.onnx", None)),
        *(("net.Q4_1.gguf", "float32"), ("net.Q4_1.gguf", "int4")),
        *((weights, "float32"), (weights, "int4"), (graph, None)),
    ] == [(m.source, m.precision) for m in with_precisions(asks, "float32,int4")]


def test_prompts_are_every_models() -> None:
    """Token ids or a file of prompts go to each model asked for."""
    models = [ModelAsk("a.onnx"), ModelAsk("b.onnx")]
    assert [(1, 403)] * 2 == [model.prompt_ids for model in with_prompts(models, "1,403", None)]
    assert ["p.jsonl"] * 2 == [model.prompts for model in with_prompts(models, None, Path("p.jsonl"))]


def test_two_prompts_of_two_flags_are_refused(tmp_path: Path) -> None:
    """Neither is left out in silence, nor are they measured as one set; likewise of a suite's model."""
    with pytest.raises(InputError, match=r"^--prompts and --prompt-ids: both give the prompt") as caught:
        with_prompts([ModelAsk("a.onnx")], "1", Path("p.jsonl"))
    assert '{"ids": [1, 2, 3]}' in caught.value.remedy
    (tmp_path / "p.txt").write_text("x")
    suite = tmp_path / "suite.toml"
    suite.write_text('[[models]]\nsource = "llama-15M"\nprompts = "p.txt"\nprompt_ids = [1]\n')
    with pytest.raises(InputError, match=r"suite\.toml: model llama-15M: prompts and prompt_ids both give the prompt"):
        load_suite(suite)


@pytest.mark.parametrize(
    ("text", "of_net", "of_other"),
    [
        ("x=1,2", ["x=1,2"], ["x=1,2"]),
        ("net:x=1,2", ["x=1,2"], []),
        ("a/net.onnx:x=1,2", ["x=1,2"], []),
        ("other:C:/photos", [], ["C:/photos"]),
        ("C:/photos", ["C:/photos"], ["C:/photos"]),
        ("a:b:x=1", [], ["x=1"]),
        ("network:x=1", ["network:x=1"], ["network:x=1"]),
        ("net:", [""], []),
    ],
)
def test_what_is_meant_for_one_model(text: str, of_net: list[str], of_other: list[str]) -> None:
    """By its id or its path, also where a name holds a colon; what names no model is for each of them."""
    net, other = {"net", "a/net.onnx"}, {"other", "a", "a:b"}
    assert (of_net, of_other) == (meant_for([text], net, other), meant_for([text], other, net))


def test_prompts_of_the_command_line_replace_those_of_a_suite() -> None:
    """All of them: ids given by a flag do not stand beside a file that the suite names, nor the other way round."""
    suite = [ModelAsk("a.onnx", prompts="p.jsonl"), ModelAsk("b.onnx", prompt_ids=(7,))]
    assert [((1, 2), "")] * 2 == [(m.prompt_ids, m.prompts) for m in with_prompts(suite, "1,2", None)]
    assert [((), "q.txt")] * 2 == [(m.prompt_ids, m.prompts) for m in with_prompts(suite, None, Path("q.txt"))]


@pytest.mark.parametrize(("first", "second"), [("x=a.npy", "x=b.npy"), ("a.npz", "b.npz")])
def test_an_input_given_twice_is_refused(first: str, second: str) -> None:
    """The second would replace the first, and nothing would say so. One for each of two models is none given twice."""
    models = (ModelAsk("one.onnx"), ModelAsk("two.onnx"))
    with pytest.raises(InputError, match=re.escape(f"--input {second}: this input was given before")):
        with_tensors(models, [], [first, second], None)
    found = with_tensors(models, [], [f"one:{first}", f"two:{second}"], None)
    assert [1, 1] == [len(model.inputs) for model in found]
