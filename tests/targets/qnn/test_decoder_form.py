"""The plain decoder in the form that QNN opens: everything on the HTP, and the values of the file."""

import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from made_checkpoint import made_checkpoint
from msgspec.structs import replace
from onnx import numpy_helper

from bench.contracts import Artifact, ModelRequest, OpenRequest
from bench.errors import RunFailure
from bench.models.checkpoints.gguf.opening import open_gguf
from bench.models.checkpoints.prepared import prepare_checkpoint
from bench.models.sllm.config import DecoderConfig
from bench.targets.ort.cpu import OnnxRuntimeCpu
from bench.targets.qnn.target import OnnxRuntimeQnn
from bench.testing import no_phase

TIED = DecoderConfig(dim=64, layers=2, heads=4, kv_heads=2, hidden=96, vocab=70, context=64)
UNTIED = replace(TIED, tied=False, qkv_bias=True)
LOUD = replace(TIED, embedding_scale=2000.0)
"""Numbers between the layers whose squares are no float16."""
NORMED = replace(TIED, query_key_norm=True)
EXACT = {"session.qdq_matmulnbits_accuracy_level": "1", "attention": "plain"}
STORED = [
    *[("Q4_1", None), ("Q4_0", None), ("Q8_0", None), ("Q4_1", "int8")],
    *[("F32", "int8"), ("F32", "int4"), ("F32", "float16"), ("F32", "float32")],
]


def prepared(config: DecoderConfig, stored_as: str, precision: str | None, folder: Path) -> Artifact:
    checkpoint = made_checkpoint(config, folder / "m.gguf", stored_as)
    return prepare_checkpoint(
        lambda: checkpoint, ModelRequest(str(checkpoint.files[0]), precision=precision), folder / "cache"
    )


def emulated(artifact: Artifact, folder: Path, prompt: int) -> Any:
    pytest.importorskip("onnxruntime_qnn")
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("the HTP's emulator exists only for x86-64")
    target = OnnxRuntimeQnn()
    assert target.converts(artifact, "htp-emu", {})
    folder.mkdir()
    converted = target.convert(artifact, folder, "htp-emu", {})
    return target.open(
        OpenRequest(converted, "htp-emu", prompt_tokens=prompt, decode_context=16, inspect=True), no_phase
    )


def demand_agreement(artifact: Artifact, ids: "np.ndarray[Any, Any]", folder: Path) -> None:
    """All nodes on the HTP, in float16; logits within 1 % of the largest, and the tokens of ONNX Runtime."""
    session = emulated(artifact, folder, len(ids))
    plain: Any = OnnxRuntimeCpu().open(OpenRequest(artifact, "cpu", EXACT), no_phase)
    assert {node.device for node in session.placement().nodes} == {"HTP"}
    assert (session.facts().precisions.weights, session.facts().executed_precision) == ("float16", "float16")
    found, expected = session.logits(ids), plain.logits(ids)
    assert np.abs(found - expected).max() <= 0.01 * np.abs(expected).max()
    for each in (session, plain):
        each.reset()
    tokens = [[each.prefill(ids), each.decode(), each.decode()] for each in (session, plain)]
    assert tokens[0] == tokens[1]


@pytest.mark.parametrize(("stored_as", "precision"), STORED)
def test_a_chip_without_floating_point_is_refused_before_anything_is_made(
    stored_as: str, precision: str | None, tmp_path: Path
) -> None:
    """Whatever the weights are stored in, the decoder computes in floating point."""
    artifact = prepared(TIED, stored_as, precision, tmp_path)
    with pytest.raises(RunFailure, match="the HTP of Dragonwing QCS6490 has no floating point") as caught:
        OnnxRuntimeQnn().check(artifact, "htp-emu", {"soc": "qcs6490"})
    assert ("unsupported_precision", "plan") == (caught.value.kind, caught.value.phase)
    OnnxRuntimeQnn().check(artifact, "htp-emu", {"soc": "qcs8550"})


@pytest.mark.real
@pytest.mark.parametrize(("stored_as", "precision"), STORED)
def test_every_precision_is_placed_and_agrees(stored_as: str, precision: str | None, tmp_path: Path) -> None:
    """Blocks with and without offsets, one scale a channel, and floating-point weights."""
    artifact = prepared(TIED, stored_as, precision, tmp_path)
    demand_agreement(artifact, np.arange(5) * 7 % 70, tmp_path / "converted")


@pytest.mark.real
@pytest.mark.parametrize("config", [UNTIED, LOUD, NORMED], ids=["untied", "loud", "normed heads"])
@pytest.mark.parametrize("precision", [None, "float32"])
def test_other_outputs_large_numbers_and_norms_of_heads_agree(
    config: DecoderConfig, precision: str | None, tmp_path: Path
) -> None:
    """The output has a matrix of its own; squares overflow float16; each head of each token is normed."""
    artifact = prepared(config, "Q4_1", precision, tmp_path)
    demand_agreement(artifact, np.arange(12) * 7 % 70, tmp_path / "converted")


@pytest.mark.parametrize("stored_as", ["Q4_1", "Q8_0"])
@pytest.mark.parametrize("config", [TIED, UNTIED], ids=["tied", "untied"])
def test_weights_are_the_files_own(config: DecoderConfig, stored_as: str, tmp_path: Path) -> None:
    """Exactly, offsets included; without integers, and with the precision of the user's file."""
    artifact = prepared(config, stored_as, None, tmp_path)
    folder = tmp_path / "converted"
    folder.mkdir()
    converted = OnnxRuntimeQnn().convert(artifact, folder, "htp-emu", {})
    stored = made_checkpoint(config, tmp_path / "again.gguf", stored_as).tensors
    made = {t.name: numpy_helper.to_array(t) for t in onnx.load(converted.path).graph.initializer}
    for name in ("layers.0.attention.query.weight", "layers.1.feed_forward.down.weight"):
        rows = stored[name].rows(0, stored[name].shape[0])
        np.testing.assert_array_equal(made[f"{name}.dequantised"].T, rows)
    np.testing.assert_array_equal(made["embedding.weight.rows"], stored["embedding.weight"].rows(0, config.vocab))
    assert "DequantizeLinear" not in converted.facts.operators
    assert (artifact.precision, artifact.decoder) == (converted.precision, converted.decoder)


def test_other_graphs_stay_as_they_are(float_net: Path, artifact_of: Callable[..., Artifact], tmp_path: Path) -> None:
    artifact = artifact_of(float_net)
    assert not OnnxRuntimeQnn().converts(artifact, "htp-emu", {})
    assert OnnxRuntimeQnn().convert(artifact, tmp_path, "htp-emu", {}) is artifact


@pytest.mark.real
@pytest.mark.long
def test_the_first_layers_of_a_real_file(realdata: Path, tmp_path: Path) -> None:
    """Two layers of SmolLM2 with its own blocks and its own large numbers; a prompt and two tokens."""
    path = realdata / "llm" / "smollm2-135m" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    whole = open_gguf(path)
    first = replace(whole, config=replace(whole.config, layers=2))
    artifact = prepare_checkpoint(lambda: first, ModelRequest(str(path)), tmp_path / "cache")
    demand_agreement(artifact, np.array([504, 3575, 282, 4649, 314]), tmp_path / "converted")
