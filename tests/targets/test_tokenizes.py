"""What a target says of its sessions' tokenizer before it opens them is what they have."""

from pathlib import Path
from typing import Any

import pytest
from made_gguf import made_gguf

from bench.contracts import ModelRequest, OpenRequest, TokenizingSession, TokenizingTarget
from bench.models.files.folder import ModelFolder
from bench.models.files.gguf_file import GgufFile
from bench.plugins import discover, load
from bench.testing import no_phase

pytestmark = pytest.mark.real


def tokenizes(target: str, artifact: Any, folder: Path) -> tuple[bool, bool]:
    """As said before, and as found."""
    name, device = target.split(":")
    plugin: Any = load(discover().find("targets", name))
    pytest.importorskip(plugin.requires[0].replace("-", "_"))
    assert isinstance(plugin, TokenizingTarget)
    said = plugin.tokenizes(artifact, {})
    folder.mkdir(parents=True)
    converted = plugin.convert(artifact, folder, device, {})
    session = plugin.open(OpenRequest(converted, device, {}, decode_context=32), no_phase)
    return said, isinstance(session, TokenizingSession) and session.tokenizer() is not None


@pytest.mark.parametrize(
    ("target", "with_file"),
    [("ort:cpu", False), ("openvino:CPU", False), ("openvino-genai:CPU", False), ("ort-genai:cpu", True)],
)
def test_a_decoder_of_this_project(target: str, with_file: bool, tmp_path: Path) -> None:
    """Made of a GGUF file, with its tokenizer beside it, and of one without a tokenizer."""
    for number, tokens in enumerate(({}, {"tokenizer.ggml.model": None})):
        folder = tmp_path / str(number)
        folder.mkdir()
        request = ModelRequest(str(made_gguf(folder, values=tokens).path))
        artifact = GgufFile().prepare(request, folder / "cache")
        expected = with_file and not tokens
        assert (expected, expected) == tokenizes(target, artifact, folder / "converted")


@pytest.mark.parametrize("target", ["openvino:CPU", "openvino-genai:CPU"])
def test_a_folder_of_openvino_genai(target: str, openvino_genai_folder: Path, tmp_path: Path) -> None:
    """Its tokenizer is the pipeline's."""
    artifact = ModelFolder().prepare(ModelRequest(str(openvino_genai_folder)), tmp_path / "cache")
    expected = target == "openvino-genai:CPU"
    assert (expected, expected) == tokenizes(target, artifact, tmp_path / "converted")


def test_a_folder_of_onnxruntime_genai(ort_genai_folder: Path, tmp_path: Path) -> None:
    """Its tokenizer is the engine's, if there is one."""
    artifact = ModelFolder().prepare(ModelRequest(str(ort_genai_folder)), tmp_path / "cache")
    said, found = tokenizes("ort-genai:cpu", artifact, tmp_path / "converted")
    assert said == found
