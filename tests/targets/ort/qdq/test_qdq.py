"""ONNX Runtime's quantisation tool on small graphs: what comes out is whole, the same every time, and says of what it
was made."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.contracts import Artifact, LineageStep, Method, ModelRequest, QuantiseRequest
from bench.contracts.quantising.stated import encoded_steps
from bench.errors import InputError
from bench.inputs.tensor_files import save_feeds
from bench.models.files.onnx_file import OnnxFile
from bench.targets.ort.qdq.methods import METHODS
from bench.targets.ort.qdq.quantiser import OnnxRuntimeQdq
from bench.targets.qnn.floats import float_nodes

pytestmark = pytest.mark.real
STEPS = (LineageStep(kind="quantised", tool="a test"),)
BY_CHANNEL = METHODS["int8"][1]


def net(path: Path, opset: int = 17, half: bool = False, batch: int | str = 1) -> Path:
    """Convolution, Relu, global mean, product: 4 × 3 × 3 × 3 and 4 × 2 weights, channels of very different sizes."""
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    generator = np.random.default_rng(0)
    weights = {
        "w": generator.normal(size=(4, 3, 3, 3)) * np.array([0.01, 0.1, 1, 3])[:, None, None, None],
        "b": generator.normal(size=4),
        "m": generator.normal(size=(4, 2)),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("GlobalAveragePool", ["r"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("MatMul", ["f", "m"], ["y"], name="product"),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", kind, [batch, 3, 8, 8])],
        [helper.make_tensor_value_info("y", kind, [batch, 2])],
        [numpy_helper.from_array(v.astype(np.float16 if half else np.float32), k) for k, v in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


def artifact(path: Path, **shapes: tuple[int, ...]) -> Artifact:
    return OnnxFile().prepare(ModelRequest(str(path), shapes=shapes), path.parent)


def requested(tmp_path: Path, source: Artifact, method: Method = BY_CHANNEL, scheme: str = "int8") -> QuantiseRequest:
    generator = np.random.default_rng(1)
    paths = [tmp_path / f"sample-{n}.npz" for n in range(4)]
    for path in paths:
        dtype = source.facts.inputs[0].dtype
        save_feeds(path, {"x": generator.normal(size=source.shapes["x"]).astype(dtype)})
    folders = [tmp_path / name for name in ("out", "kept")]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    return QuantiseRequest(
        artifact=source,
        scheme=scheme,
        method=method,
        samples=tuple(paths),
        lineage=encoded_steps(STEPS),
        folder=folders[0],
        kept=folders[1],
    )


def outputs(path: Path, feeds: Path) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    wanted = np.float16 if session.get_inputs()[0].type == "tensor(float16)" else np.float32
    found: list[np.ndarray] = session.run(None, {"x": np.load(feeds)["x"].astype(wanted)})
    return np.asarray(found[0], np.float64)


@pytest.mark.parametrize(("scheme", "method"), [(s, m) for s, ms in METHODS.items() for m in ms], ids=str)
def test_every_method_gives_a_whole_graph(tmp_path: Path, scheme: str, method: Method) -> None:
    """No operator is left in floating point, inputs and outputs are as they were, and the values are close."""
    source = artifact(net(tmp_path / "net.onnx"))
    request = requested(tmp_path, source, method, scheme)
    made = artifact(OnnxRuntimeQdq().quantise(request))
    assert () == float_nodes(made.path)
    assert [(s.name, s.dtype, s.shape) for s in source.facts.inputs] == [
        (s.name, s.dtype, s.shape) for s in made.facts.inputs
    ]
    assert "float32" == made.facts.outputs[0].dtype
    exact, rounded = (outputs(path, request.samples[0]) for path in (source.path, made.path))
    assert np.abs(exact - rounded).max() < (0.2 if scheme == "w4a16" else 0.1) * np.abs(exact).max()


def test_the_same_request_gives_the_same_bytes(tmp_path: Path) -> None:
    """Whatever was kept from an earlier try."""
    source = artifact(net(tmp_path / "net.onnx"))
    found = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        request = requested(tmp_path / folder, source)
        found += [OnnxRuntimeQdq().quantise(request).read_bytes() for _ in range(2)]
    assert 1 == len(set(found))


def test_the_file_says_of_what_it_was_made(tmp_path: Path) -> None:
    """The lineage is in the metadata, and comes back with the artifact; nothing else of the tool stays there."""
    made = artifact(OnnxRuntimeQdq().quantise(requested(tmp_path, artifact(net(tmp_path / "net.onnx")))))
    assert made.lineage is not None
    assert (STEPS, None) == (made.lineage.steps, made.lineage.confirmed)
    model = onnx.load(made.path)
    assert ["ondevice_bench.lineage"] == [prop.key for prop in model.metadata_props]
    assert [""] == [one.domain for one in model.opset_import]


def test_old_opsets_are_converted(tmp_path: Path) -> None:
    """Quantisation by channel needs opset 13."""
    made = OnnxRuntimeQdq().quantise(requested(tmp_path, artifact(net(tmp_path / "net.onnx", opset=11))))
    model = onnx.load(made)
    assert [13] == [one.version for one in model.opset_import]
    assert any(a.name == "axis" for node in model.graph.node for a in node.attribute), "a scale for each channel"


def test_nodes_may_be_unsorted(tmp_path: Path) -> None:
    """As the runtime takes them, whose tools do not."""
    model = onnx.load(net(tmp_path / "net.onnx"))
    nodes = [*model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes[::-1])
    onnx.save(model, tmp_path / "net.onnx")
    source = artifact(tmp_path / "net.onnx")
    made = artifact(OnnxRuntimeQdq().quantise(requested(tmp_path, source)))
    assert (("x",), source.facts.macs) == (tuple(spec.name for spec in made.facts.inputs), made.facts.macs)


def test_weights_that_old_files_list_as_inputs(tmp_path: Path) -> None:
    """They become constants, and are quantised."""
    path = net(tmp_path / "net.onnx", opset=11)
    model = onnx.load(path)
    model.ir_version = 3
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    onnx.save(model, path)
    made = artifact(OnnxRuntimeQdq().quantise(requested(tmp_path, artifact(path))))
    assert () == float_nodes(made.path)
    assert ["x"] == [spec.name for spec in made.facts.inputs]


def test_half_precision_is_widened_first(tmp_path: Path) -> None:
    """The result takes and gives float32."""
    source = artifact(net(tmp_path / "half.onnx", half=True))
    request = requested(tmp_path, source)
    made = artifact(OnnxRuntimeQdq().quantise(request))
    assert ("float32", "float32") == (made.facts.inputs[0].dtype, made.facts.outputs[0].dtype)
    assert () == float_nodes(made.path)
    exact, rounded = (outputs(path, request.samples[0]) for path in (source.path, made.path))
    assert np.abs(exact - rounded).max() < 0.1 * np.abs(exact).max()


def test_shapes_are_fixed(tmp_path: Path) -> None:
    """To those that were asked for, since QNN takes no others."""
    source = artifact(net(tmp_path / "net.onnx", batch="batch"), x=(2, 3, 8, 8))
    made = artifact(OnnxRuntimeQdq().quantise(requested(tmp_path, source)))
    assert ((2, 3, 8, 8), (2, 2)) == (made.facts.inputs[0].shape, made.facts.outputs[0].shape)


def test_layers_with_coarse_weights_come_first(tmp_path: Path) -> None:
    """Those with weights of 4 bits before those that only round to 16; a convolution is one with its Relu."""
    source = artifact(net(tmp_path / "net.onnx"))
    quantiser, request = OnnxRuntimeQdq(), requested(tmp_path, source, METHODS["w4a16"][0], "w4a16")
    layers = quantiser.layer_errors(request, quantiser.quantise(request))
    own = {(one.name, one.op): one.own_sqnr_db for one in layers}
    assert [*own][:2] == sorted([("Conv_c", "Conv+Relu"), ("product", "MatMul")], key=lambda one: own[one] or 0)
    assert all((own[one] or 0) < 30 for one in [*own][:2])
    assert {"GlobalAveragePool", "Flatten"} == {op for _, op in [*own][2:]}
    assert all((own[one] or 0) > 80 for one in [*own][2:])


def test_the_own_error_of_a_layer_is_that_of_its_rounding(tmp_path: Path) -> None:
    """Computed again from the file: weights by their scales, and the float output to its steps."""
    source = artifact(net(tmp_path / "net.onnx"))
    quantiser, request = OnnxRuntimeQdq(), requested(tmp_path, source)
    path = quantiser.quantise(request)
    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    w = numpy_helper.to_array(next(t for t in onnx.load(source.path).graph.initializer if t.name == "w"))
    back = stored["w_quantized"].astype(float) * stored["w_scale"][:, None, None, None]
    relative = ((w - back) ** 2).sum() / (w.astype(float) ** 2).sum()
    r = np.concatenate([relu_of(source.path, one).ravel() for one in request.samples])
    steps = np.clip(np.rint(r / stored["r_scale"]), 0, 255) * stored["r_scale"]
    expected = -10 * np.log10(relative + ((r - steps) ** 2).sum() / (r**2).sum())
    found = {one.name: one.own_sqnr_db for one in quantiser.layer_errors(request, path)}
    assert found["Conv_c"] == pytest.approx(expected, abs=0.01)


def relu_of(path: Path, feeds: Path) -> np.ndarray:
    """What the Relu of ``net`` gives."""
    import onnxruntime

    model = onnx.load(path)
    model.graph.output.append(helper.make_tensor_value_info("r", TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["r"], {"x": np.load(feeds)["x"]})[0], np.float64)


def test_layers_can_keep_sixteen_bits(tmp_path: Path) -> None:
    """The values around them are converted, and no more of them than needed."""
    source = artifact(net(tmp_path / "net.onnx"))
    quantiser = OnnxRuntimeQdq()
    method = quantiser.widening(BY_CHANNEL, ["Conv_c"], "int8")
    assert method is not None
    path = quantiser.quantise(requested(tmp_path, source, method))
    assert () == float_nodes(path)
    graph = onnx.load(path).graph
    stored = {t.name: onnx.helper.tensor_dtype_to_np_dtype(t.data_type).name for t in graph.initializer}
    types = Counter(stored[n.input[2]] for n in graph.node if n.op_type == "QuantizeLinear")
    assert types["uint16"] >= 1
    assert types["uint8"] >= 1
    assert quantiser.widening(BY_CHANNEL, ["Conv_c"], "w8a16") is None


def test_what_is_not_quantised(tmp_path: Path) -> None:
    """A model that is quantised already, with the operators that show it."""
    made = artifact(OnnxRuntimeQdq().quantise(requested(tmp_path, artifact(net(tmp_path / "net.onnx")))))
    with pytest.raises(InputError, match="is quantised already: it contains DequantizeLinear and QuantizeLinear"):
        OnnxRuntimeQdq().refuse(made, "int8")


def with_bias(path: Path, alpha: float, beta: float | None, *, computed: bool = True) -> Path:
    """Two products of the same input. The second has a bias, which is the first, or a constant: by a Gemm with these
    factors, or by an Add, which the tool joins with the product to a Gemm."""
    generator = np.random.default_rng(0)
    weights = {name: generator.normal(size=(8, 4)).astype(np.float32) for name in ("v", "w")}
    weights["c"] = generator.normal(size=4).astype(np.float32) * 5
    bias = "b" if computed else "c"
    nodes = [helper.make_node("MatMul", ["x", "v"], ["b"], "first")]
    if beta is None:
        nodes += [helper.make_node("MatMul", ["x", "w"], ["p"], "second"), helper.make_node("Add", ["p", bias], ["s"])]
    else:
        nodes.append(helper.make_node("Gemm", ["x", "w", bias], ["s"], "second", alpha=alpha, beta=beta))
    nodes.append(helper.make_node("Concat", ["b", "s"], ["y"], axis=1))
    graph = helper.make_graph(
        nodes,
        "sum",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def gemms_quantised(tmp_path: Path, source: Artifact) -> list[dict[str, float]]:
    """The factors of each Gemm after quantisation, which changes no value by more than it rounds."""
    request = requested(tmp_path, source)
    made = artifact(OnnxRuntimeQdq().quantise(request))
    assert () == float_nodes(made.path)
    exact, prepared, rounded = (
        outputs(path, request.samples[0]) for path in (source.path, request.kept / "prepared.onnx", made.path)
    )
    assert np.abs(exact - prepared).max() < 1e-5
    assert np.abs(exact - rounded).max() < 0.05 * np.abs(exact).max()
    graph = onnx.load(made.path).graph
    assert 2 == sum(node.op_type in ("Gemm", "MatMul") for node in graph.node)
    gemms = [node for node in graph.node if node.op_type == "Gemm"]
    return [{one.name: one.f for one in node.attribute} | {"inputs": len(node.input)} for node in gemms]


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (1.0, 0.5), (0.25, 3.0), (1.0, None)])
def test_a_bias_that_is_computed_is_added_apart(tmp_path: Path, alpha: float, beta: float | None) -> None:
    """QNN would leave the product to the CPU. No value changes, and every Gemm has a constant bias, or none, and no
    factor."""
    found = gemms_quantised(tmp_path, artifact(with_bias(tmp_path / "sum.onnx", alpha, beta)))
    assert all(2 == one["inputs"] and "beta" not in one and 1 == one.get("alpha", 1) for one in found)


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.5), (0.25, 1.0), (3.0, 0.1)])
def test_factors_of_a_gemm_are_kept(tmp_path: Path, alpha: float, beta: float) -> None:
    """In its constants: the tool alone would drop ``beta`` of a bias that it quantises."""
    (found,) = gemms_quantised(tmp_path, artifact(with_bias(tmp_path / "sum.onnx", alpha, beta, computed=False)))
    assert (3, 1, 1) == (found["inputs"], found.get("alpha", 1), found.get("beta", 1))
