"""The user's own OpenVINO IR, good and bad."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.contracts import Artifact, ModelRequest
from bench.errors import InputError
from bench.models.files.ir_file import IrFile

Save = Callable[..., Path]


def port(index: int, *dims: int, precision: str = "FP32", names: str = "") -> str:
    sizes = "".join(f"<dim>{dim}</dim>" for dim in dims)
    attribute = f' names="{names}"' if names else ""
    return f'<port id="{index}" precision="{precision}"{attribute}>{sizes}</port>'


def layer(index: int, kind: str, ins: str = "", outs: str = "", data: str = "", opset: str = "opset1") -> str:
    sides = (f"<input>{ins}</input>" if ins else "") + (f"<output>{outs}</output>" if outs else "")
    return f'<layer id="{index}" name="{kind}_{index}" type="{kind}" version="{opset}"><data {data}/>{sides}</layer>'


def network(
    kind: str,
    data_dims: tuple[int, ...],
    weight_dims: tuple[int, ...],
    out_dims: tuple[int, ...],
    attributes: str = "",
    opset: str = "opset1",
    size: int = 240,
) -> str:
    """An IR of one layer that takes the input and a float32 constant of ``size`` bytes."""
    shape = ",".join("?" if dim < 0 else str(dim) for dim in data_dims)
    parameter = f'shape="{shape}" element_type="f32"'
    constant = f'element_type="f32" offset="0" size="{size}" shape="{",".join(map(str, weight_dims))}"'
    layers = [
        layer(0, "Parameter", outs=port(0, *data_dims, names="x"), data=parameter),
        layer(1, "Const", outs=port(0, *weight_dims), data=constant),
        layer(
            2,
            kind,
            port(0, *data_dims) + port(1, *weight_dims),
            port(2, *out_dims, names="z,y"),
            attributes,
            opset,
        ),
        layer(3, "Result", port(0, *out_dims)),
    ]
    pairs = [((0, 0), (2, 0)), ((1, 0), (2, 1)), ((2, 2), (3, 0))]
    edges = "".join(
        f'<edge from-layer="{a}" from-port="{p}" to-layer="{b}" to-port="{q}"/>' for (a, p), (b, q) in pairs
    )
    return (
        '<?xml version="1.0"?><net name="n" version="11">'
        f"<layers>{''.join(layers)}</layers><edges>{edges}</edges></net>"
    )


DENSE = network("MatMul", (2, 4), (4, 15), (2, 15))


@pytest.fixture
def saved(tmp_path: Path) -> Save:
    """Write an XML, and 240 bytes of weights unless told otherwise."""

    def save(xml: str | bytes, weights: int | None = 240) -> Path:
        path = tmp_path / "net.xml"
        path.write_bytes(xml.encode() if isinstance(xml, str) else xml)
        if weights is not None:
            path.with_suffix(".bin").write_bytes(b"\0" * weights)
        return path

    return save


def opened(path: Path, **fields: Any) -> Artifact:
    return IrFile().prepare(ModelRequest(str(path), **fields), path.parent / "cache")


def refusal(path: Path, **fields: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        opened(path, **fields)
    assert path.name in caught.value.message
    return caught.value


def test_a_plain_network(saved: Save) -> None:
    """Both files belong to it; inputs and outputs have the framework's names; counts are those of the layer."""
    path = saved(DENSE)
    weights = path.with_suffix(".bin")
    artifact = opened(path)
    assert ("net", "openvino_ir", "float32") == (artifact.model_id, artifact.format, artifact.precision)
    assert hashlib.sha256(path.read_bytes() + weights.read_bytes()).hexdigest() == artifact.sha256
    assert ((path, weights), path.stat().st_size + 240) == (artifact.files, artifact.size_bytes)
    facts = artifact.facts
    assert ([("x", (2, 4))], [("y", (2, 15))]) == (
        [(spec.name, spec.shape) for spec in facts.inputs],
        [(spec.name, spec.shape) for spec in facts.outputs],
    )
    assert ({"MatMul_2": 2 * 15 * 4}, 60, 240, (8 + 30) * 4, {"MatMul": 1}) == (
        facts.node_macs,
        facts.parameters,
        facts.weight_bytes,
        facts.peak_activation_bytes,
        facts.operators,
    )


@pytest.mark.parametrize(
    ("kind", "data", "weight", "out", "attributes", "macs"),
    [
        ("Convolution", (1, 4, 6, 6), (8, 4, 3, 3), (1, 8, 6, 6), "", 8 * 36 * 4 * 9),
        ("GroupConvolution", (1, 4, 6, 6), (2, 3, 2, 3, 3), (1, 6, 6, 6), "", 6 * 36 * 2 * 9),
        ("ConvolutionBackpropData", (1, 4, 3, 3), (4, 8, 2, 2), (1, 8, 6, 6), "", 4 * 9 * 8 * 4),
        ("GroupConvolutionBackpropData", (1, 4, 3, 3), (2, 2, 3, 2, 2), (1, 6, 6, 6), "", 4 * 9 * 3 * 4),
        ("MatMul", (4, 2), (4, 15), (2, 15), 'transpose_a="true"', 2 * 15 * 4),
        ("MatMul", (3, 2, 4), (4, 15), (3, 2, 15), 'transpose_a="false"', 3 * 2 * 15 * 4),
        ("Add", (1, 4), (1, 4), (1, 4), "", 0),
    ],
)
def test_macs_by_hand(
    kind: str,
    data: tuple[int, ...],
    weight: tuple[int, ...],
    out: tuple[int, ...],
    attributes: str,
    macs: int,
    saved: Save,
) -> None:
    """Each counted layer with its own order of weight dimensions."""
    assert macs == opened(saved(network(kind, data, weight, out, attributes))).facts.macs


@pytest.mark.parametrize(("kind", "opset"), [("LSTMSequence", "opset5"), ("Loop", "opset5"), ("MyOp", "extension")])
def test_what_cannot_be_counted_is_none(kind: str, opset: str, saved: Save) -> None:
    """Recurrent layers, loops and extensions make the sum None, never 0."""
    facts = opened(saved(network(kind, (1, 4), (4, 15), (1, 15), opset=opset))).facts
    assert (None, {}) == (facts.macs, facts.node_macs)


def test_dynamic_batch(saved: Save) -> None:
    """The batch becomes 1, and what follows from it is counted."""
    artifact = opened(saved(network("MatMul", (-1, 4), (4, 15), (-1, 15))))
    assert ({"x": (1, 4)}, (None, 4)) == (artifact.shapes, artifact.facts.inputs[0].shape)
    assert (60, (4 + 15) * 4, 60) == (
        artifact.facts.macs,
        artifact.facts.peak_activation_bytes,
        artifact.facts.parameters,
    )


def test_dynamic_dimensions_must_be_given(saved: Save) -> None:
    """As for every format."""
    path = saved(network("MatMul", (-1, -1, 4), (4, 15), (-1, -1, 15)))
    assert "--shape x=1,128,4" in refusal(path).remedy
    assert {"x": (2, 9, 4)} == opened(path, shapes={"x": (2, 9, 4)}).shapes


def test_dynamic_rank_is_refused(saved: Save) -> None:
    """An input without a fixed number of dimensions cannot be shaped from outside."""
    path = saved(network("MatMul", (), (4, 15), (15,)).replace('shape=""', 'shape="..."'))
    assert "no fixed number of dimensions" in refusal(path).message


def test_a_missing_bin_is_named(saved: Save) -> None:
    """The remedy says where to put it."""
    error = refusal(saved(DENSE, weights=None))
    assert ("net.xml: its weights file net.bin is missing", "Put net.bin next to net.xml.") == (
        error.message,
        error.remedy,
    )


def test_a_short_bin_is_refused(saved: Save) -> None:
    """Weights cut short are noticed before a runtime reads past their end."""
    assert "its weights end at byte 240, but net.bin ends at 239" in refusal(saved(DENSE, weights=239)).message


@pytest.mark.parametrize(
    ("xml", "part"),
    [
        (b"", "is empty"),
        (b"\x08\x07binary", "is not XML"),
        (DENSE[: len(DENSE) // 2], "is not XML, or only a part"),
        ("<html><body/></html>", "not an OpenVINO IR"),
        ('<net name="n" version="7"/>', "IR version 7"),
        ('<net name="n"/>', "IR version missing"),
        ('<net name="n" version="11"><layers/><edges/></net>', "it has no result"),
        (DENSE.replace('from-layer="1"', 'from-layer="9"'), "damaged"),
        (DENSE.replace("<dim>15</dim>", "<dim>many</dim>"), "damaged"),
        (DENSE.replace('type="MatMul"', ""), "damaged"),
        (DENSE.replace("<output>", "<outputs>").replace("</output>", "</outputs>"), "damaged"),
        (DENSE.replace('offset="0"', ""), "damaged"),
    ],
)
def test_other_contents_are_refused(xml: str | bytes, part: str, saved: Save) -> None:
    """Empty, not XML, cut short, other XML, too old, without results, with dangling edges."""
    assert part in refusal(saved(xml)).message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_document_types_are_refused_before_their_entities(encoding: str, saved: Save) -> None:
    """A billion laughs is refused at its first line, whatever the encoding."""
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "ha"}">' for i in range(12))
    xml = (
        f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE net [{entities}]><net name="n" version="11">&e11;</net>'
    )
    assert "document type" in refusal(saved(xml.encode(encoding))).message


@pytest.mark.real
def test_real_model(realdata: Path) -> None:
    """road-segmentation-adas-0001: 0.184 M parameters and, of its published 4.77 GFLOPs, 2 × 2.21 G in products.
    The two factors of an Interpolate are no parameters."""
    artifact = opened(realdata / "models" / "road-segmentation-adas-0001.xml")
    facts = artifact.facts
    assert (184_284, 2_214_912_000, 737_192) == (facts.parameters, facts.macs, facts.weight_bytes)
    assert 2 * (32 * 256 * 448) * 4 == facts.peak_activation_bytes  # from 32 channels to 32


@pytest.mark.real
def test_openvino_reads_back_the_same(tmp_path: Path) -> None:
    """A network saved by OpenVINO itself: names, shapes, precision and counts agree with what it was built from."""
    ov = pytest.importorskip("openvino")
    import numpy as np

    ops = ov.opset13
    x = ops.parameter([1, 3, 8, 8], np.float32, name="x")
    weights = ops.constant(np.ones((6, 3, 3, 3), np.float32))
    y = ops.relu(ops.convolution(x, weights, [1, 1], [1, 1], [1, 1], [1, 1]))
    model = ov.Model([y], [x], "net")
    model.inputs[0].tensor.set_names({"x", "also,x"})
    model.outputs[0].tensor.set_names({"y", "b"})
    ov.save_model(model, tmp_path / "net.xml", compress_to_fp16=True)
    artifact = opened(tmp_path / "net.xml")
    read = ov.Core().read_model(tmp_path / "net.xml")
    assert [i.any_name for i in read.inputs] == [spec.name for spec in artifact.facts.inputs]
    assert [o.any_name for o in read.outputs] == [spec.name for spec in artifact.facts.outputs]
    assert ("float16", 162, 324, 6 * 64 * 27) == (
        artifact.precision,
        artifact.facts.parameters,
        artifact.facts.weight_bytes,
        artifact.facts.macs,
    )
    assert (3 * 64 + 6 * 64) * 4 == artifact.facts.peak_activation_bytes
