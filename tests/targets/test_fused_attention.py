"""Each engine's fused form of our plain decoder: it says what the plain graph says, and no other graph is changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from msgspec.structs import replace

from bench.contracts import Artifact, ModelRequest, OpenRequest
from bench.errors import InputError
from bench.measure.text_driver import OpenedText
from bench.models.sllm.config import DecoderConfig
from bench.models.sllm.llama import prepare_decoder
from bench.plugins import discover, load
from bench.targets.plain_decoder import plain_decoder
from bench.testing import no_phase

pytestmark = pytest.mark.real

SIZES = DecoderConfig(dim=64, layers=2, heads=4, kv_heads=4, hidden=96, vocab=97, context=96, epsilon=1e-5)
KINDS = {
    "one head a key": SIZES,
    "grouped heads": replace(SIZES, kv_heads=2),
    "biases, one key for all": replace(SIZES, kv_heads=1, qkv_bias=True, output_bias=True, feed_forward_bias=True),
    "sliding layers, their own rotation": replace(
        SIZES, kv_heads=2, layer_kinds=("sliding", "full"), sliding_window=7, local_rope_theta=100.0
    ),
    "normed query and key": replace(SIZES, kv_heads=2, query_key_norm=True, head_width=32, output_norms=True),
    "rotation of a part": replace(SIZES, heads=2, kv_heads=1, rotated=16, rope_magnitude=1.1, attention_scale=0.3),
    "layer without rotation": replace(SIZES, layer_kinds=("full", "unrotated")),
    "rotation that no kernel takes": replace(SIZES, dim=96, heads=4, kv_heads=2),  # 12 pairs a head
}
OPERATORS = dict.fromkeys(("ort", "ort-genai"), "GroupQueryAttention") | dict.fromkeys(
    ("openvino", "openvino-genai"), "ScaledDotProductAttention"
)
FUSING = ("ort:cpu", "ort-genai:cpu", "openvino:CPU", "openvino-genai:CPU")
EXACT = {"KV_CACHE_PRECISION": "f32", "INFERENCE_PRECISION_HINT": "f32"}
PROMPT, NEW = np.arange(3, 20), 24


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Artifact]:
    cache = tmp_path_factory.mktemp("decoders")

    def prepare(kind: str, precision: str = "float32") -> Artifact:
        return prepare_decoder(
            kind.split(",")[0].replace(" ", "-"), KINDS[kind], ModelRequest(kind, precision=precision), cache
        )

    return prepare


def opened(target: str, artifact: Artifact, folder: Path, room: int = 0, **options: str) -> Any:
    name, device = target.split(":")
    plugin: Any = load(discover().find("targets", name))
    pytest.importorskip(plugin.requires[0].replace("-", "_"))
    folder.mkdir()
    converted = plugin.convert(artifact, folder, device, options)
    return plugin.open(OpenRequest(converted, device, options, decode_context=room), no_phase)


def said(session: Any) -> list[int]:
    """A prompt, some tokens, a second prompt behind them, and more tokens."""
    found: list[int] = []
    if hasattr(session, "prefill"):
        session.reset()
        for prompt in (PROMPT, PROMPT[:5]):
            found.append(session.prefill(prompt))
            found.extend(session.decode() for _ in range(NEW))
        return found
    session.fill(np.zeros(0, np.int64))
    session.generate(PROMPT, NEW + 1, found.append)
    return found


@pytest.mark.parametrize("target", FUSING)
@pytest.mark.parametrize("kind", KINDS)
def test_the_fused_form_says_what_the_plain_graph_says(
    made: Callable[..., Artifact], kind: str, target: str, tmp_path: Path
) -> None:
    """The greedy tokens are the same; logits differ by no more than 1e-4 of the largest."""
    artifact = made(kind)
    plain = opened("ort:cpu", artifact, tmp_path / "plain", attention="plain")
    exact = EXACT if target.startswith("openvino") else {}
    fused = opened(target, artifact, tmp_path / "fused", room=96, **exact)
    assert plain.facts().options_effective["attention"] == "plain"
    windowed = (
        KINDS[kind].sliding_window is not None and target == "openvino-genai:CPU"
    )  # paged attention has no window
    assert fused.facts().options_effective["attention"] == ("plain" if windowed else OPERATORS[target.split(":")[0]])
    tokens = said(fused)
    assert said(plain)[: len(tokens)] == tokens
    if hasattr(fused, "logits"):
        ids = np.arange(90) % 97
        one, other = plain.logits(ids), fused.logits(ids)
        assert np.abs(one - other).max() <= 1e-4 * np.abs(one).max()


def test_openvino_picks_rotations_by_position(tmp_path: Path) -> None:
    """Angles are not computed while it runs: in bfloat16 positions above 256 would be rounded."""
    config = replace(KINDS["sliding layers, their own rotation"], context=600)
    artifact = prepare_decoder("long", config, ModelRequest("long"), tmp_path)
    plain = opened("ort:cpu", artifact, tmp_path / "plain", attention="plain")
    fused = opened("openvino:CPU", artifact, tmp_path / "fused", room=600, **EXACT)
    ids = np.arange(600) % 97
    one, other = plain.logits(ids), fused.logits(ids)
    assert np.abs(one - other).max() <= 1e-4 * np.abs(one).max()
    layers = (tmp_path / "fused" / "openvino_model.xml").read_text("utf-8")
    assert 'type="Gather"' in layers
    assert 'type="Cos"' not in layers
    assert 'type="Sin"' not in layers


@pytest.mark.parametrize("kind", KINDS)
def test_the_operator_rotates_where_its_kernel_can(made: Callable[..., Artifact], kind: str, tmp_path: Path) -> None:
    """Positions are then no input any more. 12 pairs a head are rotated in front of it."""
    converted = load(discover().find("targets", "ort")).convert(made(kind), tmp_path, "cpu", {})
    assert converted.decoder.shared_cache
    assert converted.decoder.has_position_ids == (kind == "rotation that no kernel takes")


@pytest.mark.parametrize("precision", ["float16", "int8", "int4"])
def test_narrow_weights_keep_their_tokens(made: Callable[..., Artifact], precision: str, tmp_path: Path) -> None:
    """Products are computed alike on both sides; only what is around them is fused."""
    artifact = made("grouped heads", precision)
    exact = {"session.qdq_matmulnbits_accuracy_level": "1"}
    plain = opened("ort:cpu", artifact, tmp_path / "plain", attention="plain", **exact)
    fused = opened("ort:cpu", artifact, tmp_path / "fused", **exact)
    one, other = plain.logits(PROMPT), fused.logits(PROMPT)
    assert np.abs(one - other).max() <= (5e-3 if precision == "float16" else 1e-4) * np.abs(one).max()


def test_a_shared_cache_grows_where_it_was_made_too_short(made: Callable[..., Artifact], tmp_path: Path) -> None:
    """What it holds moves to the longer buffer; and after a reset nothing of before is read."""
    artifact = made("grouped heads")
    short, long = (opened("ort:cpu", artifact, tmp_path / str(n), room=n) for n in (4, 96))
    assert said(short) == said(long) == said(short)


@pytest.mark.parametrize("target", ["ort:cpu", "ort-genai:cpu"])
@pytest.mark.parametrize("kind", ["grouped heads", "sliding layers, their own rotation"])
def test_behind_a_context_that_was_cut_back_to_the_tokens_are_the_same(
    made: Callable[..., Artifact], kind: str, target: str, tmp_path: Path
) -> None:
    """As in a session that computes it: after other tokens, and on ONNX Runtime after the buffer has grown."""
    narrow = 45 if target == "ort:cpu" else 0
    context, prompts = np.arange(40) % 89, [np.arange(3, 12), np.arange(20, 23)]
    session, fresh = (
        OpenedText(opened(target, made(kind), tmp_path / name, room=room)) for name, room in (("a", narrow), ("b", 0))
    )
    assert session.rewinds
    for prompt in (*prompts, prompts[0]):
        fresh.forget()
        assert fresh.greedy(context, prompt, 12) == session.greedy(context, prompt, 12)


@pytest.mark.parametrize("target", ["ort:cpu", "openvino:CPU"])
def test_a_plain_cache_is_not_cut_back(made: Callable[..., Artifact], target: str, tmp_path: Path) -> None:
    """Its parts are other tensors after each step."""
    assert not OpenedText(opened(target, made("grouped heads"), tmp_path / "plain", attention="plain")).rewinds


def test_a_graph_that_merely_looks_like_ours_is_left_alone(made: Callable[..., Artifact], tmp_path: Path) -> None:
    """Another producer; another mask; another order of the halves; a second reader of the scores."""
    artifact = made("grouped heads")
    assert plain_decoder(artifact) is not None

    def changed(change: Callable[[onnx.ModelProto], None]) -> Artifact:
        model = onnx.load(str(artifact.path))
        change(model)
        path = tmp_path / "changed.onnx"
        path.write_bytes(model.SerializeToString())
        return replace(artifact, path=path, files=(path,))

    def node(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
        return next(node for node in model.graph.node if node.name == name)

    def producer(model: onnx.ModelProto) -> None:
        model.producer_name = "another"

    def mask(model: onnx.ModelProto) -> None:
        node(model, "mask.causal").op_type = "Less"

    def masked(model: onnx.ModelProto) -> None:
        value = next(tensor for tensor in model.graph.initializer if tensor.name == "masked")
        value.CopyFrom(onnx.numpy_helper.from_array(np.array(-1.0, np.float32), "masked"))

    def softmax(model: onnx.ModelProto) -> None:
        node(model, "layers.1.attention.softmax").op_type = "Sigmoid"
        del node(model, "layers.1.attention.softmax").attribute[:]

    def reader(model: onnx.ModelProto) -> None:
        scores = node(model, "layers.1.attention.scores_masked").output[0]
        model.graph.node.append(onnx.helper.make_node("Identity", [scores], ["peek"], "peek"))

    assert plain_decoder(changed(lambda model: None)) is not None
    for change in (producer, mask, masked, softmax, reader):
        assert plain_decoder(changed(change)) is None, change.__name__


@pytest.mark.parametrize("target", FUSING)
def test_a_fused_form_is_the_same_each_time(made: Callable[..., Artifact], target: str, tmp_path: Path) -> None:
    """Byte for byte, with the products' work at the operators that do it, and the cache's size unchanged."""
    artifact, (name, device), sums = made("grouped heads"), target.split(":"), []
    plugin: Any = load(discover().find("targets", name))
    for index in range(2):
        place = tmp_path / str(index)
        place.mkdir()
        converted = plugin.convert(artifact, place, device, {})
        sums.append(converted.sha256)
        assert sum(converted.facts.node_macs.values()) == artifact.facts.macs
        assert converted.decoder.kv_cache_bytes_per_token == artifact.decoder.kv_cache_bytes_per_token
    assert sums[0] == sums[1] != artifact.sha256


def test_an_unknown_form_is_refused(made: Callable[..., Artifact]) -> None:
    plugin: Any = load(discover().find("targets", "ort"))
    with pytest.raises(InputError, match="attention=fast"):
        plugin.check(made("grouped heads"), "cpu", {"attention": "fast"})
