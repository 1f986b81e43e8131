"""What OpenVINO makes of the forms that our decoder is given: operators of the executed graph, and the same values."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_gguf import PLAIN, made_gguf

from bench.contracts import Artifact, ModelRequest, OpenRequest
from bench.models.files.gguf_file import GgufFile
from bench.plugins import discover, load
from bench.targets.openvino import attention
from bench.testing import no_phase

pytest.importorskip("openvino")
pytestmark = pytest.mark.real

EXACT = {"KV_CACHE_PRECISION": "f32", "INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"}
NARROW = {"INFERENCE_PRECISION_HINT": "bf16"}


def converted(artifact: Artifact, folder: Path, options: dict[str, str], device: str = "CPU") -> Artifact:
    folder.mkdir()
    plugin: Any = load(discover().find("targets", "openvino"))
    made: Artifact = plugin.convert(artifact, folder, device, options)
    return made


def opened(artifact: Artifact) -> Any:
    """In float32, whatever the form is for."""
    plugin: Any = load(discover().find("targets", "openvino"))
    return plugin.open(OpenRequest(artifact, "CPU", EXACT, decode_context=64), no_phase)


def prepared(folder: Path, architecture: str = "llama", kind: str = "F32", **options: Any) -> Artifact:
    made = made_gguf(folder, architecture, kind=kind, **options)
    artifact: Artifact = GgufFile().prepare(ModelRequest(str(made.path)), folder / "cache")
    return artifact


def layers_of(session: Any) -> list[str]:
    graph = session._compiled.model.get_runtime_model()
    return [str(node.get_rt_info()["layerType"].value) for node in graph.get_ordered_ops()]


@pytest.mark.parametrize("architecture", ["llama", "phi3"])
def test_a_rotation_is_one_operator(architecture: str, tmp_path: Path) -> None:
    """Of query and key of both layers; in phi3 a part of a head is rotated."""
    session = opened(converted(prepared(tmp_path, architecture), tmp_path / "ir", {}))
    assert 2 * PLAIN.layers == layers_of(session).count("RoPE")


@pytest.mark.parametrize("kind", ["Q4_1", "Q5_1"])
def test_offsets_of_blocks_become_zero_points(kind: str, tmp_path: Path) -> None:
    """On a CPU that computes in bfloat16: one product for each matrix, the same values, and the work at that product.
    In float32, and on other devices, the second product stays."""
    artifact = prepared(tmp_path, kind=kind)
    forms = {
        name: converted(artifact, tmp_path / name, options, device)
        for name, options, device in (("cpu", NARROW, "CPU"), ("float32", EXACT, "CPU"), ("gpu", NARROW, "GPU"))
    }
    text = {name: made.path.read_text("utf-8") for name, made in forms.items()}
    second = '.offsets" type="MatMul"'
    assert second not in text["cpu"]
    assert 7 * PLAIN.layers <= text["cpu"].count('.zero_point" type="Const"') == text["float32"].count(second)
    assert text["float32"] == text["gpu"]
    assert artifact.facts.macs == sum(forms["cpu"].facts.node_macs.values())
    narrow, exact = opened(forms["cpu"]), opened(forms["float32"])
    ids = np.arange(40) % PLAIN.vocab
    one, other = exact.logits(ids), narrow.logits(ids)
    assert np.abs(one - other).max() <= 1e-5 * np.abs(one).max()
    weights = layers_of(narrow).count("FullyConnected")
    assert weights < layers_of(exact).count("FullyConnected")


def test_the_work_stays_where_the_second_product_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where another OpenVINO reads blocks in a form that is left as it is."""
    artifact = prepared(tmp_path, kind="Q4_1")
    monkeypatch.setattr(attention, "_move_into_zero_points", lambda shifted, named: False)
    left = converted(artifact, tmp_path / "left", NARROW)
    assert '.offsets" type="MatMul"' in left.path.read_text("utf-8")
    assert converted(artifact, tmp_path / "exact", EXACT).facts.node_macs == left.facts.node_macs


def test_blocks_of_equal_numbers_keep_them(tmp_path: Path) -> None:
    """Their scale is 0, which no zero point could be divided by."""
    rows = np.random.default_rng(3).normal(size=(PLAIN.heads * PLAIN.head_dim, PLAIN.dim)).astype(np.float32)
    rows[::2, :32] = 0.25
    rows[1::4, 32:] = 0
    artifact = prepared(tmp_path, kind="Q4_1", tensors={"blk.0.attn_output.weight": rows})
    narrow, exact = (
        opened(converted(artifact, tmp_path / name, options)) for name, options in (("a", NARROW), ("b", EXACT))
    )
    ids = np.arange(40) % PLAIN.vocab
    one, other = exact.logits(ids), narrow.logits(ids)
    assert np.isfinite(other).all()
    assert np.abs(one - other).max() <= 1e-5 * np.abs(one).max()
