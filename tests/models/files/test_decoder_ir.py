"""Stateful language models among OpenVINO IRs."""

import re
import shutil
from collections.abc import Callable
from math import prod
from pathlib import Path

import pytest
from genai_folders import write_paged_decoder

from bench.contracts import DecoderSpec, ModelRequest
from bench.errors import InputError
from bench.models.files.ir_file import IrFile

pytestmark = pytest.mark.real


@pytest.fixture
def decoder(tmp_path: Path) -> Path:
    pytest.importorskip("openvino")
    return write_paged_decoder(tmp_path)


@pytest.fixture
def changed(decoder: Path) -> Callable[[str, str], Path]:
    """``changed(pattern, text)``: the decoder with its XML rewritten."""

    def rewrite(pattern: str, text: str) -> Path:
        content, times = re.subn(pattern, text, decoder.read_text())
        assert times
        decoder.write_text(content)
        return decoder

    return rewrite


def test_a_decoder_is_recognised_by_its_state(decoder: Path) -> None:
    """Layers, heads and sizes come from its variables, the vocabulary from its logits."""
    artifact = IrFile().prepare(ModelRequest(str(decoder)), decoder.parent)
    assert DecoderSpec(1, 4, 8, 64, 256, "float32", True, stateful=True) == artifact.decoder
    assert "text_generation" == artifact.task


def test_without_a_configuration_the_context_is_the_default(decoder: Path) -> None:
    """2048 tokens, as for an ONNX file."""
    (decoder.parent / "config.json").unlink()
    artifact = IrFile().prepare(ModelRequest(str(decoder)), decoder.parent)
    assert artifact.decoder is not None
    assert 2048 == artifact.decoder.context_length


def test_a_wrong_context_length_is_named(decoder: Path) -> None:
    """Field and value."""
    (decoder.parent / "config.json").write_text('{"max_position_embeddings": "long"}')
    with pytest.raises(InputError, match=r'config\.json: max_position_embeddings is "long"'):
        IrFile().prepare(ModelRequest(str(decoder)), decoder.parent)


@pytest.mark.parametrize(
    ("pattern", "text", "why"),
    [
        ('"beam_idx"', '"order"', "its inputs are attention_mask, input_ids, order, position_ids"),
        ('"logits"', '"hidden"', "its outputs are hidden"),
    ],
)
def test_another_layout_is_described(changed: Callable[[str, str], Path], pattern: str, text: str, why: str) -> None:
    """What was found, and what is understood."""
    path = changed(pattern, text)
    with pytest.raises(InputError, match=f"looks like a language model, but {why}") as caught:
        IrFile().prepare(ModelRequest(str(path)), path.parent)
    assert "beam_idx" in caught.value.remedy


@pytest.mark.parametrize(
    ("shape", "tensor"),
    [
        ("?,?,32", ((1, 0, 32), 1, 0)),
        ("2,?,4,?,8", ((2, 1, 4, 0, 8), 3, 1)),
        ("1,4,?,8", ((1, 4, 0, 8), 2, 0)),
        ("?,4..8,8", ((1, 0, 8), 1, 0)),
        ("?,16,3", ((1, 16, 3), None, 0)),
        ("-1,4,8,8", ((1, 4, 8, 8), None, 0)),
        ("1,16,3", ((1, 16, 3), None, 0)),
    ],
)
def test_variables_of_any_shape_are_followed(
    changed: Callable[[str, str], Path], shape: str, tensor: tuple[tuple[int, ...], int | None, int]
) -> None:
    """The first open dimension is the batch, the second the length; one alone is the batch where it comes first."""
    path = changed(r'variable_shape="[^"]*"', f'variable_shape="{shape}"')
    decoder = IrFile().prepare(ModelRequest(str(path)), path.parent).decoder
    assert decoder is not None
    assert {tensor} == {(each.shape, each.length_axis, each.batch_axis) for each in decoder.cache_tensors()}
    grown = 2 * 4 * prod(size for axis, size in enumerate(tensor[0]) if axis != tensor[1])
    assert (0 if tensor[1] is None else grown) == decoder.kv_cache_bytes_per_token


@pytest.mark.parametrize(("attribute", "value"), [("variable_shape", "?,?,?,8"), ("variable_type", "i64")])
def test_a_variable_that_does_not_show_how_it_grows_leaves_the_cache_unknown(
    changed: Callable[[str, str], Path], attribute: str, value: str
) -> None:
    """The runtime keeps it all the same."""
    path = changed(f'{attribute}="[^"]*"', f'{attribute}="{value}"')
    decoder = IrFile().prepare(ModelRequest(str(path)), path.parent).decoder
    assert decoder is not None
    assert (None, "", 0) == (decoder.kv_cache_bytes_per_token, decoder.runtime, decoder.layers)
    assert "it has 2 variables of [" in str(decoder.unknown)


def test_the_vocabulary_may_be_stated_by_the_configuration(changed: Callable[[str, str], Path]) -> None:
    """Where the graph leaves the width of the logits open; else it is refused."""
    pattern = r'(names="logits"[^>]*>\s*<dim>-1</dim>\s*<dim>-1</dim>\s*)<dim>64</dim>'
    path = changed(pattern, r"\1<dim>-1</dim>")
    with pytest.raises(InputError, match="vocabulary"):
        IrFile().prepare(ModelRequest(str(path)), path.parent)
    (path.parent / "config.json").write_text('{"vocab_size": 64}')
    decoder = IrFile().prepare(ModelRequest(str(path)), path.parent).decoder
    assert decoder is not None
    assert 64 == decoder.vocab_size


def test_a_cache_in_inputs_is_described(realdata: Path, tmp_path: Path) -> None:
    """An IR converted without its state."""
    openvino = pytest.importorskip("openvino")
    source = shutil.copy(realdata / "llm" / "stories260K" / "model.onnx", tmp_path)
    openvino.save_model(openvino.Core().read_model(source), tmp_path / "plain.xml")
    with pytest.raises(InputError, match="its KV cache is in 10 inputs"):
        IrFile().prepare(ModelRequest(str(tmp_path / "plain.xml")), tmp_path)


def test_shapes_are_refused(decoder: Path) -> None:
    """The scenario chooses lengths."""
    request = ModelRequest(str(decoder), shapes={"input_ids": (1, 8)})
    with pytest.raises(InputError, match="does not apply to a decoder"):
        IrFile().prepare(request, decoder.parent)
