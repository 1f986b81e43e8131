"""The user's own TFLite files, good and bad."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from tflite_files import Tensor, one_operator, subgraphs

from bench.contracts import Artifact, ModelRequest
from bench.errors import InputError
from bench.models.files import tflite_graph
from bench.models.files.tflite_file import EDGE_TPU, TfliteFile
from bench.models.files.tflite_graph import read_tflite

# name, precision, MACs, parameters
KNOWN = [
    ("mlperf_tiny_resnet", "float32", 12_501_632, 77_706),
    ("mlperf_tiny_resnet_int8", "int8", 12_501_632, 77_706),
    ("mlperf_tiny_kws_int8", "int8", 2_656_768, 22_604),
    ("mobilenet_v2_int8", "int8", 300_775_552, 3_489_097),
]


def opened(path: Path, **fields: Any) -> Artifact:
    return TfliteFile().prepare(ModelRequest(str(path), **fields), path.parent / "cache")


def refusal(path: Path, **fields: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        opened(path, **fields)
    assert path.name in caught.value.message
    return caught.value


def weight(*shape: int, name: str = "w", dtype: str = "INT8", size: int = 1) -> Tensor:
    return name, shape, dtype, b"\1" * (int(np.prod(shape)) * size)


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[bytes], Path]:
    """Write bytes to a ``.tflite`` file."""

    def save(data: bytes) -> Path:
        path = tmp_path / "m.tflite"
        path.write_bytes(data)
        return path

    return save


DENSE = one_operator(
    "FULLY_CONNECTED",
    [("x", (2, 7), "INT8", b""), weight(5, 7), weight(5, name="b", dtype="INT32", size=4), ("y", (2, 5), "INT8", b"")],
)


@pytest.mark.parametrize(
    ("kind", "inputs", "output", "macs"),
    [
        ("CONV_2D", [("x", (1, 6, 6, 4), "INT8", b""), weight(8, 3, 3, 4)], (1, 6, 6, 8), 6 * 6 * 8 * 3 * 3 * 4),
        ("CONV_2D", [("x", (1, 6, 6, 4), "INT8", b""), weight(8, 3, 3, 2)], (1, 6, 6, 8), 6 * 6 * 8 * 3 * 3 * 2),
        ("DEPTHWISE_CONV_2D", [("x", (1, 6, 6, 4), "INT8", b""), weight(1, 3, 3, 8)], (1, 6, 6, 8), 6 * 6 * 8 * 9),
        (
            "TRANSPOSE_CONV",
            [weight(4, name="shape", dtype="INT32", size=4), weight(8, 2, 2, 4), ("x", (1, 3, 3, 4), "INT8", b"")],
            (1, 6, 6, 8),
            3 * 3 * 4 * 2 * 2 * 8,
        ),
        ("FULLY_CONNECTED", [("x", (2, 7), "INT8", b""), weight(5, 7)], (2, 5), 2 * 5 * 7),
        ("BATCH_MATMUL", [("x", (3, 2, 7), "INT8", b""), ("z", (3, 7, 5), "INT8", b"")], (3, 2, 5), 3 * 2 * 5 * 7),
        ("BATCH_MATMUL", [("x", (3, 7, 2), "INT8", b""), ("z", (3, 7, 5), "INT8", b"")], (3, 2, 5), 3 * 2 * 5 * 7),
        (
            "CONV_3D",
            [("x", (1, 4, 6, 6, 2), "FLOAT32", b""), weight(3, 3, 3, 2, 5, dtype="FLOAT32", size=4)],
            (1, 4, 6, 6, 5),
            4 * 6 * 6 * 5 * 27 * 2,
        ),
        ("ADD", [("x", (1, 4), "INT8", b""), ("z", (1, 4), "INT8", b"")], (1, 4), 0),
    ],
)
def test_macs_by_hand(
    kind: str, inputs: list[Tensor], output: tuple[int, ...], macs: int, saved: Callable[[bytes], Path]
) -> None:
    """Each counted operator, with its own order of weight dimensions; a product with its first matrix transposed."""
    path = saved(one_operator(kind, [*inputs, ("y", output, "INT8", b"")]))
    assert macs == opened(path).facts.macs


def test_facts_of_a_dense_layer(saved: Callable[[bytes], Path]) -> None:
    """Bias counts as parameters, not as precision; operators go by their output's name."""
    artifact = opened(saved(DENSE))
    facts = artifact.facts
    assert ({"y": 70}, 40, 35 + 20, 14 + 10) == (
        facts.node_macs,
        facts.parameters,
        facts.weight_bytes,
        facts.peak_activation_bytes,
    )
    assert ("int8", "tflite", {"x": (2, 7)}) == (artifact.precision, artifact.format, artifact.shapes)


@pytest.mark.parametrize(
    ("kind", "custom"), [("UNIDIRECTIONAL_SEQUENCE_LSTM", ""), ("SVDF", ""), ("CUSTOM", "MyOp"), ("WHILE", "")]
)
def test_what_cannot_be_counted_is_none(kind: str, custom: str, saved: Callable[[bytes], Path]) -> None:
    """Recurrent and custom operators and loops make the sum None, never 0."""
    tensors = [("x", (1, 4), "INT8", b""), weight(4, 4), ("y", (1, 4), "INT8", b"")]
    facts = opened(saved(one_operator(kind, tensors, custom=custom))).facts
    assert (None, {}, {custom or kind: 1}) == (facts.macs, facts.node_macs, facts.operators)


def test_dynamic_batch(saved: Callable[[bytes], Path]) -> None:
    """The default is the shape it was converted with; at another, what would need inference is unknown."""
    tensors = [("x", (1, 7), "INT8", b""), weight(5, 7), ("y", (1, 5), "INT8", b"")]
    path = saved(one_operator("FULLY_CONNECTED", tensors, signature=(-1, 7)))
    artifact = opened(path)
    assert ((None, 7), {"x": (1, 7)}, 35) == (artifact.facts.inputs[0].shape, artifact.shapes, artifact.facts.macs)
    larger = opened(path, shapes={"x": (4, 7)})
    assert ({"x": (4, 7)}, None, None) == (larger.shapes, larger.facts.macs, larger.facts.peak_activation_bytes)


@pytest.mark.parametrize(
    ("shapes", "part"), [({"x": (3, 7)}, "does not fit"), ({"z": (1, 7)}, "unknown input"), ({"x": (7,)}, "dimensions")]
)
def test_shapes_that_do_not_fit(shapes: dict[str, tuple[int, ...]], part: str, saved: Callable[[bytes], Path]) -> None:
    """A conflict with a fixed dimension, an unknown input and a wrong rank."""
    with pytest.raises(InputError, match=part):
        opened(saved(DENSE), shapes=shapes)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "is empty"),
        (b"\x1c\0\0\0", "is not a TFLite file"),
        (b"\x1c\0\0\0ONNX" + b"\0" * 64, "is not a TFLite file"),
        (b"\xff\xff\xff\xffTFL3" + b"\0" * 64, "is a damaged TFLite file"),
    ],
)
def test_other_contents_are_refused(content: bytes, part: str, saved: Callable[[bytes], Path]) -> None:
    """Empty, too short, another format, and offsets out of the file."""
    assert part in refusal(saved(content)).message


def test_no_truncation_passes(saved: Callable[[bytes], Path]) -> None:
    """A file cut anywhere is refused, never taken for a smaller model."""
    for length in range(1, len(DENSE)):
        try:
            artifact = opened(saved(DENSE[:length]))
        except InputError:
            continue
        assert (70, 40) == (artifact.facts.macs, artifact.facts.parameters)  # only padding at the end was lost


@pytest.mark.long
def test_damage_never_escapes_as_another_error(saved: Callable[[bytes], Path]) -> None:
    """Whatever bytes are changed, the file is read or refused."""
    dice = random.Random(0)
    refused = 0
    for _ in range(800):
        data = bytearray(DENSE)
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(8, len(data))] = dice.randrange(256)
        try:
            opened(saved(bytes(data)))
        except InputError:
            refused += 1
    assert refused > 0


@pytest.mark.real
@pytest.mark.parametrize(("name", "precision", "macs", "parameters"), KNOWN)
def test_real_models(name: str, precision: str, macs: int, parameters: int, realdata: Path) -> None:
    """MLPerf Tiny's published 12.5 and 2.7 MMACs, MobileNetV2's 0.30 GMACs."""
    artifact = opened(realdata / "models" / f"{name}.tflite")
    assert (precision, macs, parameters) == (artifact.precision, artifact.facts.macs, artifact.facts.parameters)


@pytest.mark.real
def test_activations_of_mobilenet(realdata: Path) -> None:
    """The known figure in int8: the first expansion reads 112 × 112 × 16 and makes 112 × 112 × 96 bytes. The depthwise
    convolution after it writes over what it reads."""
    facts = opened(realdata / "models" / "mobilenet_v2_int8.tflite").facts
    assert 1_404_928 == 112 * 112 * (16 + 96) == facts.peak_activation_bytes


@pytest.mark.real
def test_openvino_names_inputs_alike(realdata: Path) -> None:
    """The names in the facts are those a runtime goes by."""
    ov = pytest.importorskip("openvino")
    path = realdata / "models" / "mlperf_tiny_resnet_int8.tflite"
    model = ov.Core().read_model(path)
    facts = opened(path).facts
    assert [i.any_name for i in model.inputs] == [spec.name for spec in facts.inputs]
    assert [o.any_name for o in model.outputs] == [spec.name for spec in facts.outputs]


def test_an_edge_tpu_file_tells_nothing_of_its_weights(saved: Callable[[bytes], Path]) -> None:
    """What edgetpu_compiler made of the graph is one operator; what it holds is null, not 0."""
    path = saved(one_operator("CUSTOM", [("x", (1, 4), "INT8", b""), ("y", (1, 4), "INT8", b"")], custom=EDGE_TPU))
    artifact = opened(path)
    facts = artifact.facts
    assert {EDGE_TPU: 1} == facts.operators
    assert ("", None, None, None, None) == (
        artifact.precision,
        facts.parameters,
        facts.weight_bytes,
        facts.macs,
        facts.peak_activation_bytes,
    )


def test_bytes_moved_and_alive_by_hand(saved: Callable[[bytes], Path]) -> None:
    """A dense layer in int8: 35 weights, 5 biases of 4 bytes, 14 bytes in and 10 out."""
    facts = opened(saved(DENSE)).facts
    assert (35 + 20 + 14 + 10, 14 + 10) == (facts.bytes_moved, facts.live_activation_bytes)


def test_rows_are_moved_and_not_the_table(saved: Callable[[bytes], Path]) -> None:
    """Two of 1,000 rows of 8 bytes."""
    table, ids, rows = weight(1000, 8, name="t"), ("i", (2,), "INT32", b""), ("y", (2, 8), "INT8", b"")
    facts = opened(saved(one_operator("GATHER", [table, ids, rows]))).facts
    assert (16 + 8 + 16, 8000) == (facts.bytes_moved, facts.weight_bytes)


def dense(rows: int, columns: int) -> tuple[str, Sequence[Tensor], Sequence[int]]:
    """A subgraph of one product with ``rows`` times ``columns`` weights."""
    tensors = [("x", (1, columns), "INT8", b""), weight(rows, columns), ("y", (1, rows), "INT8", b"")]
    return "FULLY_CONNECTED", tensors, ()


def test_a_second_signature_is_another_model(saved: Callable[[bytes], Path]) -> None:
    """The first subgraph is what a runtime opens: weights of a signature beside it are not its own."""
    facts = opened(saved(subgraphs([dense(5, 7), dense(300, 200)]))).facts
    assert (35, 35, 35) == (facts.parameters, facts.weight_bytes, facts.macs)


def test_the_branches_of_an_if_belong_to_it(saved: Callable[[bytes], Path]) -> None:
    """Both are called; a further signature is not. Which of them runs is not in the file."""
    tensors = [("c", (1,), "BOOL", b""), ("x", (1, 7), "INT8", b""), ("y", (1, 5), "INT8", b"")]
    facts = opened(saved(subgraphs([("IF", tensors, (2, 3)), dense(300, 200), dense(5, 7), dense(5, 7)]))).facts
    assert (70, 70, None) == (facts.parameters, facts.weight_bytes, facts.macs)


def test_weights_in_the_body_of_a_loop_are_parameters(
    saved: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its biases. How often it runs is not in the file, so the rest is not told."""
    body = read_tflite(saved(DENSE))
    around = read_tflite(saved(one_operator("WHILE", [("x", (2, 7), "INT8", b""), ("y", (2, 5), "INT8", b"")])))
    monkeypatch.setattr(tflite_graph, "read_tflite", lambda path: replace(around, nested=(body,)))
    facts = opened(saved(DENSE)).facts
    assert (35 + 5, None, None, None) == (
        facts.parameters,
        facts.macs,
        facts.bytes_moved,
        facts.live_activation_bytes,
    )
