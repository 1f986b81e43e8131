"""Makes of the user's graph the one that is quantised: fixed shapes, float32, fused as QNN takes it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts import Artifact
from bench.errors import RunFailure
from bench.words import sentence

if TYPE_CHECKING:
    import onnx

PREPARED = "prepared.onnx"
SINGLE, HALF = 1, 10  # of onnx.TensorProto.DataType
LEAST_OPSET = 13
"""The first in which weights can be quantised by channel."""
LEAST_IR = 8
"""Of the file format: since version 4 a weight need not be an input."""


def prepared(artifact: Artifact, kept: Path) -> Path:
    """The graph to quantise, in the folder that all tries share. Raises ``RunFailure`` where ONNX Runtime's tool
    cannot read the graph."""
    import onnx
    from onnxruntime.quantization.execution_providers.qnn import qnn_preprocess_model

    path = kept / PREPARED
    if path.is_file():
        return path
    model = onnx.load_model(artifact.path)
    in_order(model)
    with_own_constants(model)
    model = with_opset(model, LEAST_OPSET)
    fix_shapes(model.graph, artifact)
    in_single_precision(model.graph)
    name_nodes(model.graph)
    being_made = kept / f"new-{PREPARED}"
    onnx.save_model(model, being_made)  # the tool replaces it, where it changes anything
    shapes = [(name, ",".join(map(str, shape))) for name, shape in artifact.shapes.items() if shape]
    try:
        qnn_preprocess_model(model, being_made, dynamic_input_shapes=shapes)
    except Exception as error:  # of the tool, ONNX Runtime and onnx
        raise RunFailure(
            "unsupported_operator",
            sentence("qdq.not_prepared", file=artifact.path.name, error=_first_line(error)),
            sentence("qdq.not_prepared.remedy"),
            "prepare",
        ) from error
    made = onnx.load_model(being_made)
    fold_factors(made.graph)
    add_computed_biases(made.graph)
    onnx.save_model(made, being_made)
    being_made.replace(path)
    return path


def in_order(model: "onnx.ModelProto") -> None:
    """Put nodes that an exporter left unsorted in order: the runtime does so itself, its tools do not."""
    from onnxruntime.quantization.onnx_model import ONNXModel

    graph = model.graph
    made = {"", *(value.name for value in graph.input), *(tensor.name for tensor in graph.initializer)}
    for node in graph.node:
        if not made.issuperset(node.input):
            ONNXModel(model).topological_sort()
            return
        made.update(node.output)


def with_own_constants(model: "onnx.ModelProto") -> None:
    """Make weights constants, which old files list among the inputs as well, so that they could be replaced."""
    model.ir_version = max(model.ir_version, LEAST_IR)
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in stored]
    del model.graph.input[:]
    model.graph.input.extend(inputs)


def with_opset(model: "onnx.ModelProto", least: int) -> "onnx.ModelProto":
    """The model in an opset of at least ``least``; as it is where onnx cannot convert it, and then the tool says of
    each method whether it can be used."""
    import onnx

    stated = [one.version for one in model.opset_import if one.domain in ("", "ai.onnx")]
    if not stated or stated[0] >= least:
        return model
    try:
        return onnx.version_converter.convert_version(model, least)
    except Exception:  # onnx raises RuntimeError and its own errors for operators that it has no rule for
        return model


def name_nodes(graph: "onnx.GraphProto") -> None:
    """Give every node a name that shows which one of the file it is: ``Conv_274`` of the one that gives ``274``."""
    taken = {node.name for node in graph.node}
    for node in graph.node:
        name = f"{node.op_type}_{next((output for output in node.output if output), '')}"
        if not node.name and name not in taken:
            node.name = name
            taken.add(name)


FACTORS = {"alpha": (1, 0), "beta": (2,)}
"""Of a Gemm, the inputs that each of its factors multiplies: one of them."""


def fold_factors(graph: "onnx.GraphProto") -> None:
    """Multiply constants of a Gemm by its factors, which are 1 then. The tool forgets ``beta`` when it quantises a
    bias, gives the bias a scale in which ``alpha`` is missing, and QNN takes neither."""
    from onnx import numpy_helper

    stored = {tensor.name: tensor for tensor in graph.initializer}
    constants = [node for node in graph.node if node.op_type == "Constant"]
    stored |= {node.output[0]: one.t for node in constants for one in node.attribute if one.name == "value"}
    for node in graph.node:
        if node.op_type != "Gemm" or node.domain:
            continue
        for factor in [one for one in node.attribute if one.name in FACTORS and one.f != 1]:
            constant = [i for i in FACTORS[factor.name] if i < len(node.input) and node.input[i] in stored]
            name = f"{node.output[0]}_{factor.name}"
            if not constant or name in stored:
                continue
            array = numpy_helper.to_array(stored[node.input[constant[0]]])
            graph.initializer.append(numpy_helper.from_array((array * factor.f).astype(array.dtype), name))
            node.input[constant[0]], factor.f = name, 1.0


def add_computed_biases(graph: "onnx.GraphProto") -> None:
    """Split a Gemm whose bias is no constant into one without a bias, and its addition. The tool makes such of a MatMul
    and an Add; QNN takes a bias only as int32 of the scale of inputs and weights, which what is computed does not have,
    and leaves the whole node to the CPU."""
    from onnx import helper

    constants = {tensor.name for tensor in graph.initializer}
    constants |= {output for node in graph.node if node.op_type == "Constant" for output in node.output}
    names = {name for node in graph.node for name in (*node.input, *node.output)}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes.append(node)
        bias = node.input[2] if node.op_type == "Gemm" and not node.domain and len(node.input) > 2 else ""
        if not bias or bias in constants:
            continue
        attributes = [one for one in node.attribute if one.name != "beta"]
        (beta,) = [one.f for one in node.attribute if one.name == "beta"] or [1.0]
        result, product, scaled = node.output[0], f"{node.output[0]}_without_bias", f"{node.output[0]}_bias"
        if {product, scaled} & names:
            continue  # whoever uses these names; then it stays as it was
        del node.input[2:], node.attribute[:]
        node.attribute.extend(attributes)
        node.output[0] = product
        if beta != 1:
            graph.initializer.append(helper.make_tensor(f"{scaled}_factor", SINGLE, [], [beta]))
            nodes.append(helper.make_node("Mul", [bias, f"{scaled}_factor"], [scaled], f"{node.name}_bias_scaled"))
        nodes.append(
            helper.make_node("Add", [product, bias if beta == 1 else scaled], [result], f"{node.name}_bias_added")
        )
    del graph.node[:]
    graph.node.extend(nodes)


def fix_shapes(graph: "onnx.GraphProto", artifact: Artifact) -> None:
    """Write the artifact's shapes into the inputs, and leave those of all other values to be inferred."""
    inputs = {value.name: value for value in graph.input}
    dynamic = False
    for name, shape in artifact.shapes.items():
        dims = inputs[name].type.tensor_type.shape.dim
        dynamic |= [dim.dim_value for dim in dims] != list(shape)
        for dim, size in zip(dims, shape, strict=True):
            dim.dim_value = size
    if dynamic:
        del graph.value_info[:]
        for value in graph.output:
            value.type.tensor_type.ClearField("shape")


def in_single_precision(graph: "onnx.GraphProto") -> None:
    """Turn every float16 into float32, inputs and outputs as well: the tool quantises float32, and no value changes."""
    for tensor in graph.initializer:
        _widen(tensor)
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.tensor_type.elem_type == HALF:
            value.type.tensor_type.elem_type = SINGLE
    for node in graph.node:
        for attribute in node.attribute:
            _widen_attribute(node.op_type, attribute)


def _widen_attribute(operator: str, attribute: Any) -> None:
    if attribute.HasField("t"):
        _widen(attribute.t)
    if attribute.HasField("g"):
        in_single_precision(attribute.g)
    for graph in attribute.graphs:
        in_single_precision(graph)
    if (operator, attribute.name) in (("Cast", "to"), ("EyeLike", "dtype")) and attribute.i == HALF:
        attribute.i = SINGLE


def _widen(tensor: "onnx.TensorProto") -> None:
    from onnx import numpy_helper

    if tensor.data_type == HALF:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype("float32"), tensor.name))


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
