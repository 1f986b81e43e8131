"""Decoders of several graphs, as the configuration of onnxruntime-genai names them: read, counted and checked."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from hybrid_decoders import CONTEXT, VOCABULARY, WIDTH, write_config, write_pipeline

from bench.contracts import Artifact, DecoderSpec, ModelRequest
from bench.errors import InputError
from bench.models.files.folder import ModelFolder

Change = Callable[[dict[str, Any], Path], None]


def prepared(folder: Path) -> Artifact:
    return ModelFolder().prepare(ModelRequest(str(folder)), folder)


def decoder_of(artifact: Artifact) -> DecoderSpec:
    assert artifact.decoder is not None
    return artifact.decoder


def changed(folder: Path, change: Change) -> Path:
    """The pipeline of ``write_pipeline`` with ``change`` made to the object of its stages."""
    write_pipeline(folder)
    content = json.loads((folder / "genai_config.json").read_text())
    change(content["model"], folder)
    return write_config(folder, content)


def stages_of(model: dict[str, Any]) -> dict[str, Any]:
    stages: dict[str, Any] = model["decoder"]["pipeline"][0]
    return stages


def test_its_graphs_are_named_with_what_each_is(tmp_path: Path) -> None:
    """In their order, with their own checksums and sizes."""
    from bench.digest import sha256_of

    stages = decoder_of(prepared(write_pipeline(tmp_path))).stages
    files = [tmp_path / f"{name}.onnx" for name in ("embedding", "layers")]
    assert [("embedding", "embedding.onnx"), ("layers", "layers.onnx")] == [(each.name, each.file) for each in stages]
    assert [(sha256_of([f]), f.stat().st_size) for f in files] == [(each.sha256, each.size_bytes) for each in stages]
    assert {(True, True, "", "")} == {(each.on_prompt, each.on_token, each.provider, each.compiled) for each in stages}


def test_its_cache_and_its_work_are_known(tmp_path: Path) -> None:
    """Keys and values of both layers, and the products of one token on an empty cache."""
    artifact = prepared(write_pipeline(tmp_path))
    decoder = decoder_of(artifact)
    assert (2, 2, 8, "float32") == (decoder.layers, decoder.kv_heads, decoder.head_dim, decoder.kv_cache_precision)
    assert 2 * 2 * WIDTH * 4 == decoder.kv_cache_bytes_per_token
    weights = 2 * 4 * WIDTH * WIDTH + WIDTH * VOCABULARY
    attention = 2 * 2 * WIDTH  # a token meets itself, twice a layer
    assert weights + attention == artifact.facts.macs
    assert artifact.facts.peak_activation_bytes is not None
    assert artifact.facts.bytes_moved is not None


def test_a_graph_for_prompts_only_is_no_more_parameters(tmp_path: Path) -> None:
    """It has the weights of the graph for tokens once more; the size on the disk counts both."""

    def twice(model: dict[str, Any], folder: Path) -> None:
        (folder / "prompt.onnx").write_bytes((folder / "layers.onnx").read_bytes())
        stages = stages_of(model)
        again = {**stages["layers"], "filename": "prompt.onnx", "run_on_token_gen": False}
        stages["layers"]["run_on_prompt"] = False
        model["decoder"]["pipeline"] = [
            {"embedding": stages["embedding"]},
            {"prompt": again, "layers": stages["layers"]},
        ]

    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = prepared(write_pipeline(tmp_path / "one")), prepared(changed(tmp_path / "two", twice))
    assert (one.facts.parameters, one.facts.macs) == (two.facts.parameters, two.facts.macs)
    assert two.size_bytes - one.size_bytes > (tmp_path / "one" / "layers.onnx").stat().st_size
    assert [(True, True), (True, False), (False, True)] == [(s.on_prompt, s.on_token) for s in decoder_of(two).stages]


def test_a_compiled_graph_says_for_what(tmp_path: Path) -> None:
    """Its operators are the provider's own, so its work and weights are not known."""

    def compiled(model: dict[str, Any], folder: Path) -> None:
        graph = onnx.load(folder / "layers.onnx")
        node = onnx.helper.make_node(
            "EPContext",
            [each.name for each in graph.graph.input],
            [each.name for each in graph.graph.output],
            domain="com.microsoft",
            source="Qnn",
            ep_cache_context=b"context",
            embed_mode=1,
        )
        del graph.graph.node[:], graph.graph.initializer[:]
        graph.graph.node.append(node)
        graph.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
        onnx.save(graph, folder / "layers.onnx")
        stages_of(model)["layers"]["session_options"] = {"provider_options": [{"qnn": {"backend_path": "QnnHtp.dll"}}]}

    artifact = prepared(changed(tmp_path, compiled))
    assert ("Qnn", "qnn") == (decoder_of(artifact).stages[1].compiled, decoder_of(artifact).stages[1].provider)
    assert (None, None) == (artifact.facts.macs, artifact.facts.parameters)
    assert 2 * 2 * WIDTH * 4 == decoder_of(artifact).kv_cache_bytes_per_token


def put(stage: str, key: str, value: object) -> Change:
    def change(model: dict[str, Any], folder: Path) -> None:
        stages_of(model)[stage][key] = value

    return change


def drop(stage: str, key: str, name: str) -> Change:
    return lambda model, folder: stages_of(model)[stage][key].remove(name)


def window(**fields: object) -> Change:
    def change(model: dict[str, Any], folder: Path) -> None:
        model["decoder"]["sliding_window"] = fields

    return change


def of_model(**fields: object) -> Change:
    return lambda model, folder: model.update(fields)


def of_decoder(**fields: object) -> Change:
    return lambda model, folder: model["decoder"].update(fields)


def narrowed(model: dict[str, Any], folder: Path) -> None:
    """The embedding gives half the width that the layers take."""
    graph = onnx.load(folder / "embedding.onnx")
    graph.graph.output[0].type.tensor_type.shape.dim[2].dim_value = 8
    onnx.save(graph, folder / "embedding.onnx")


def fixed(model: dict[str, Any], folder: Path) -> None:
    """The embedding takes eight tokens at a time."""
    graph = onnx.load(folder / "embedding.onnx")
    graph.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 8
    onnx.save(graph, folder / "embedding.onnx")


def fixed_and_cut(**fields: object) -> Change:
    def change(model: dict[str, Any], folder: Path) -> None:
        fixed(model, folder)
        window(**fields)(model, folder)

    return change


def twice_named(model: dict[str, Any], folder: Path) -> None:
    model["decoder"]["pipeline"].append({"layers": stages_of(model)["layers"]})


P = "model.decoder.pipeline[0]"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("layers", "run_on_promt", True), f"{P}.layers.run_on_promt is not known here; known are filename, inputs"),
        (put("layers", "is_lm_head", "yes"), f"{P}.layers.is_lm_head must be true or false"),
        (put("layers", "inputs", "input_ids"), f"{P}.layers.inputs must be a list of names of tensors"),
        (put("layers", "session_options", []), f"{P}.layers.session_options must be an object"),
        (put("layers", "output_names_forwarder", {"logits": 1}), f"{P}.layers.output_names_forwarder must be the name"),
        (twice_named, "model.decoder.pipeline[1].layers is a second stage of the name layers"),
        (of_model(type="llama"), "model.type is llama, and only decoder-pipeline runs a pipeline of several graphs"),
        (
            of_decoder(head_size=16),
            "model.decoder.head_size is 16, and past_key_values.0.key of layers.onnx is float32 ",
        ),
        (of_decoder(num_hidden_layers=0), "model.decoder.num_hidden_layers must be a whole number of 1 or more"),
        (of_decoder(inputs=[]), "model.decoder.inputs must be an object"),
        (of_decoder(outputs={"logits": 3}), "model.decoder.outputs.logits must be the name of a tensor"),
        (drop("layers", "inputs", "embedded"), f"{P}.layers.inputs leaves out embedded, an input of layers.onnx"),
        (
            drop("layers", "outputs", "logits"),
            "model.decoder.outputs.logits is logits, which no stage returns when a pr",
        ),
        (
            drop("layers", "outputs", "present.1.key"),
            f"{P}.layers.outputs lacks present.1.key: the stage takes past_key",
        ),
        (
            put("embedding", "outputs", ["hidden"]),
            f"{P}.embedding.outputs names hidden, which is not an output of embed",
        ),
        (
            put("embedding", "inputs", ["ids"]),
            f"{P}.embedding.inputs names ids, which is not an input of embedding.onnx",
        ),
        (
            put("embedding", "run_on_prompt", False),
            f"{P}.layers.inputs names embedded, which nothing gives when a prompt",
        ),
        (
            put("embedding", "run_on_token_gen", False),
            f"{P}.layers.inputs names embedded, which nothing gives when a tok",
        ),
        (
            put("embedding", "output_names_forwarder", {"embedded": "renamed"}),
            f"{P}.layers.inputs names embedded, which nothing gives when a prompt is processed",
        ),
        (
            narrowed,
            f"{P}.layers.inputs names embedded, which does not fit: embedding.onnx gives float32 [?,?,8], layers",
        ),
        (fixed, "model.decoder.sliding_window is missing or does not slide inputs, and embedding.onnx of the stage em"),
        (
            window(window_size=8, pad_value=0, size=8),
            "model.decoder.sliding_window.size is not known here; known are wi",
        ),
        (window(window_size=0), "model.decoder.sliding_window.window_size must be a whole number of 1 or more"),
        (
            window(window_size=8),
            "model.decoder.sliding_window.slide_key_value_cache is true, for which onnxruntime-gen",
        ),
        (
            fixed_and_cut(window_size=16, slide_key_value_cache=False),
            "window_size is 16, and embedding.onnx takes 8 tok",
        ),
    ],
)
def test_what_is_wrong_is_named_with_file_and_field(change: Change, said: str, tmp_path: Path) -> None:
    """And the remedy names the field again."""
    folder = changed(tmp_path, change)
    with pytest.raises(InputError) as caught:
        prepared(folder)
    assert caught.value.message.startswith("genai_config.json: ")
    assert said in caught.value.message
    assert "in genai_config.json, or export the folder again." in caught.value.remedy


def test_a_stage_that_never_runs_is_refused(tmp_path: Path) -> None:
    """Neither on a prompt nor on a token."""
    folder = changed(
        tmp_path, lambda model, _: stages_of(model)["layers"].update(run_on_prompt=False, run_on_token_gen=False)
    )
    with pytest.raises(InputError, match="layers runs neither on a prompt nor on a generated token"):
        prepared(folder)


def test_a_stage_without_a_file_is_named(tmp_path: Path) -> None:
    """Its files are what the runtime opens."""
    folder = changed(tmp_path, lambda model, _: stages_of(model)["embedding"].pop("filename"))
    with pytest.raises(InputError, match=r"pipeline\[0\]\.embedding\.filename is missing"):
        prepared(folder)


def test_a_number_of_layers_that_no_model_has_costs_nothing(tmp_path: Path) -> None:
    """Names are made for as many as there could be."""
    assert 2 == decoder_of(prepared(changed(tmp_path, of_decoder(num_hidden_layers=2**40)))).layers


def test_a_window_is_kept_with_the_padding_token(tmp_path: Path) -> None:
    """Which the runtime fills prompts up with."""
    decoder = decoder_of(prepared(changed(tmp_path, fixed_and_cut(window_size=8, slide_key_value_cache=False))))
    assert (8, 0, CONTEXT) == (decoder.window, decoder.pad_token_id, decoder.context_length)


def test_an_object_of_stages_is_read_as_a_list_of_them(tmp_path: Path) -> None:
    """onnxruntime-genai takes both."""
    folder = changed(tmp_path, lambda model, _: model["decoder"].update(pipeline=stages_of(model)))
    assert ["embedding", "layers"] == [stage.name for stage in decoder_of(prepared(folder)).stages]
