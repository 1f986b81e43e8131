"""Decoders with a packed cache, states of a fixed size, and several graphs: what comes out of each runtime is what
``ort:cpu`` computes step by step, from the inputs and outputs of the graph alone."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hybrid_decoders import (
    VOCABULARY,
    Kind,
    write_folder,
    write_ir,
    write_pipeline,
    write_renamed,
    write_seeing,
)

from bench.contracts import Artifact, ModelRequest, OpenRequest, Phase, StreamSession, TokenSession
from bench.errors import RunFailure
from bench.models.files.folder import ModelFolder
from bench.plugins import discover, load

pytestmark = pytest.mark.real

PROMPT, TOKENS = (9, 1, 33, 60, 7, 7), 12
KINDS: tuple[Kind, ...] = ("packed", "convolution", "recurrent")
F32: Mapping[str, str] = MappingProxyType({"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"})
WRITERS: Mapping[str, tuple[Callable[[Path], Path], Kind]] = MappingProxyType(
    {
        "renamed": (write_renamed, "convolution"),
        "pipeline": (write_pipeline, "packed"),
        "seeing": (write_seeing, "packed"),
    }
)
"""Folders that only onnxruntime-genai drives, and which of the others computes the same."""


def prepared(folder: Path) -> Artifact:
    return ModelFolder().prepare(ModelRequest(str(folder)), folder)


def opened(target: str, artifact: Artifact, phase: Phase, folder: Path) -> Any:
    plugin, _, device = target.partition(":")
    found = load(discover(()).find("targets", plugin))
    for distribution in found.requires:
        pytest.importorskip(distribution.replace("-", "_"))
    options = dict(F32) if plugin.startswith("openvino") else {}
    found.check(artifact, device, options)
    if hasattr(found, "convert"):
        folder.mkdir()
        artifact = found.convert(artifact, folder, device, options)
    request = OpenRequest(artifact, device, options, prompt_tokens=len(PROMPT), decode_context=128)
    return found.open(request, phase)


def generated(session: TokenSession | StreamSession, prompt: tuple[int, ...] = PROMPT) -> list[int]:
    """From an empty cache."""
    found: list[int] = []
    if isinstance(session, StreamSession):
        session.fill(np.zeros(0, np.int64))
        session.generate(np.array(prompt), TOKENS, found.append)
        return found
    session.reset()
    return [session.prefill(np.array(prompt)), *(session.decode() for _ in range(TOKENS - 1))]


@pytest.fixture
def expected(phase: Phase, tmp_path: Path) -> Callable[..., list[int]]:
    """``expected(kind, prompt)``: the tokens of ONNX Runtime, driven by the graph's own inputs and outputs."""

    def tokens(kind: Kind, prompt: tuple[int, ...] = PROMPT) -> list[int]:
        folder = tmp_path / f"plain-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return generated(opened("ort:cpu", prepared(write_folder(kind, folder)), phase, folder / "made"), prompt)

    return tokens


def rounds(session: TokenSession | StreamSession) -> list[list[int]]:
    """The same prompt twice, with another between: nothing of an earlier prompt is left."""
    return [generated(session), generated(session, (3, 2, 1)), generated(session)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_layout_of_other_states_runs_on_its_own_runtime(
    kind: Kind, expected: Callable[..., list[int]], phase: Phase, tmp_path: Path
) -> None:
    """GPT-2's packed past, LFM2's convolutions, Qwen3.5's linear attention, by the folder's own configuration."""
    session = opened("ort-genai:cpu", prepared(write_folder(kind, tmp_path)), phase, tmp_path / "made")
    tokens = expected(kind)
    assert len(set(tokens)) > 4
    assert [tokens, expected(kind, (3, 2, 1)), tokens] == rounds(session)
    assert "float32" == session.facts().kv_cache_precision


@pytest.mark.parametrize("form", list(WRITERS))
def test_a_folder_that_only_its_runtime_drives_runs_there(
    form: str, expected: Callable[..., list[int]], phase: Phase, tmp_path: Path
) -> None:
    """Other names, several graphs, a decoder that could be shown pictures: unchanged, from text alone. The cache of
    several graphs is in the files that are checked."""
    write, kind = WRITERS[form]
    session = opened("ort-genai:cpu", prepared(write(tmp_path)), phase, tmp_path / "made")
    tokens = expected(kind)
    assert [tokens, expected(kind, (3, 2, 1)), tokens] == rounds(session)
    assert session.facts().kv_cache_precision == ("float32" if form == "pipeline" else "")
    logits = session.logits(np.array([*PROMPT, *tokens]))
    assert (len(PROMPT) + TOKENS, VOCABULARY) == logits.shape
    assert tokens == list(logits[len(PROMPT) - 1 : -1].argmax(axis=1))


def test_nothing_follows_what_cannot_be_taken_back(phase: Phase, tmp_path: Path) -> None:
    """A second prompt behind tokens that came out: the runtime would take back the sequence, not the cache."""
    session = opened("ort-genai:cpu", prepared(write_pipeline(tmp_path)), phase, tmp_path / "made")
    generated(session)
    with pytest.raises(RunFailure) as caught:
        session.prefill(np.array([1, 2]))
    assert "unsupported_scenario" == caught.value.kind


@pytest.mark.parametrize("target", ["openvino:CPU", "openvino-genai:CPU"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_ir_with_other_states_runs_on_openvino(
    kind: Kind, target: str, expected: Callable[..., list[int]], phase: Phase, tmp_path: Path
) -> None:
    """As Optimum exports hybrid models: variables of a fixed size beside those that grow."""
    pytest.importorskip("openvino")
    artifact = prepared(write_ir(kind, tmp_path).parent)
    session = opened(target, artifact, phase, tmp_path / "made")
    tokens = expected(kind)
    assert [tokens, expected(kind, (3, 2, 1)), tokens] == rounds(session)
    if target == "openvino-genai:CPU":
        assert "SDPA" == session.facts().options_effective["ATTENTION_BACKEND"]


@pytest.mark.parametrize("target", ["openvino:CPU", "openvino-genai:CPU"])
def test_an_ir_with_a_second_output_runs_on_openvino(
    target: str, expected: Callable[..., list[int]], phase: Phase, tmp_path: Path
) -> None:
    """The runtime computes it at every step, and the logits are found by their name."""
    openvino = pytest.importorskip("openvino")
    path = write_ir("convolution", tmp_path)
    model = openvino.Core().read_model(path)
    (second,) = model.add_outputs(next(op for op in model.get_ops() if op.get_type_name() == "Softmax").output(0))
    second.get_tensor().set_names({"attended"})
    openvino.save_model(model, path.with_name("both.xml"), compress_to_fp16=False)
    del model
    for ending in (".xml", ".bin"):
        path.with_name(f"both{ending}").replace(path.with_suffix(ending))
    session = opened(target, prepared(tmp_path), phase, tmp_path / "made")
    assert expected("convolution") == generated(session)


def test_a_folder_of_several_graphs_is_not_run_on_qnn(tmp_path: Path) -> None:
    """Before anything is opened: graphs with session options of their own would stay on the CPU."""
    target = load(discover(()).find("targets", "ort-genai"))
    with pytest.raises(RunFailure, match="may leave graphs on the CPU") as caught:
        target.check(prepared(write_pipeline(tmp_path)), "qnn", {})
    assert ("unsupported_format", "plan") == (caught.value.kind, caught.value.phase)
    one = tmp_path / "one"
    one.mkdir()
    target.check(prepared(write_folder("packed", one)), "qnn", {})
