"""Types and shapes of every value in an ONNX graph, once the shapes of its inputs are fixed.

ONNX's own shape inference does the work. Two things help it on exported models: arithmetic on shapes is folded into
constants, and operators of ``com.microsoft`` are replaced by the standard operator of the same shape.
"""

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bench.contracts import Shapes
from bench.models.counting import Value
from bench.models.onnx.twins import has_standard_twin, standard_twins

if TYPE_CHECKING:
    import numpy as np
    import onnx

Constants = dict[str, "np.ndarray[Any, Any]"]

MAX_ROUNDS = 12
SMALL_ELEMENTS = 1024  # no larger: may be a shape; larger: a weight, whose data inference never reads
SHAPE_ARITHMETIC = frozenset(
    {
        "Add",
        "And",
        "Cast",
        "Concat",
        "ConstantOfShape",
        "Div",
        "Equal",
        "Expand",
        "Gather",
        "Identity",
        "Max",
        "Min",
        "Mod",
        "Mul",
        "Neg",
        "Not",
        "Or",
        "ReduceProd",
        "Reshape",
        "Shape",
        "Slice",
        "Squeeze",
        "Sub",
        "Unsqueeze",
        "Where",
    }
)


def known_values(model: "onnx.ModelProto", shapes: Shapes) -> dict[str, Value]:
    """Every value of the main graph by name, with the inputs at ``shapes``. ``model`` itself is not changed."""
    from onnx import shape_inference

    slim = _without_weights(model, shapes)
    values: dict[str, Value] = {}
    for _ in range(MAX_ROUNDS):
        try:
            values = _read(shape_inference.infer_shapes(slim, data_prop=True).graph)
        except shape_inference.InferenceError:  # a foreign domain without a version, a graph at odds with itself
            return values or _read(slim.graph)
        outputs = [name for node in slim.graph.node for name in node.output if name]
        if all(name in values and values[name].shape is not None for name in outputs) or not _fold(slim, values):
            break
    return values


def contradicted(model: "onnx.ModelProto", shapes: Shapes) -> bool:
    """Whether shape inference finds the graph at odds with inputs of ``shapes``. What it cannot follow it lets pass."""
    from onnx import shape_inference

    slim = _without_weights(model, shapes)
    try:
        shape_inference.infer_shapes(slim, check_type=True, strict_mode=True, data_prop=True)
    except shape_inference.InferenceError:
        return True
    return False


def dtype_name(elem_type: int) -> str:
    """numpy's name of an ONNX element type; ``string`` where numpy has none, ``undefined`` where ONNX has none."""
    from onnx import TensorProto, helper

    if elem_type == TensorProto.STRING:
        return "string"
    try:
        return str(helper.tensor_dtype_to_np_dtype(elem_type).name)
    except KeyError:
        return "undefined"


def _without_weights(model: "onnx.ModelProto", shapes: Shapes) -> "onnx.ModelProto":
    """A copy for shape inference: fixed inputs, no weight data, standard operators, no remembered shapes."""
    import onnx

    slim = onnx.ModelProto(ir_version=max(model.ir_version, 4), opset_import=model.opset_import)
    slim.graph.name = "shapes"
    slim.graph.output.extend(onnx.ValueInfoProto(name=output.name) for output in model.graph.output)
    slim.graph.initializer.extend(_slim_tensor(tensor) for tensor in model.graph.initializer)
    for sparse in model.graph.sparse_initializer:
        slim.graph.initializer.append(_dense(sparse.values.name, sparse))
    for value in model.graph.input:
        if value.name in shapes:
            slim.graph.input.append(_fixed(value, shapes[value.name]))
    for node in model.graph.node:
        if has_standard_twin(node):
            twins, constants = standard_twins(node)
            slim.graph.node.extend(twins)
            slim.graph.initializer.extend(constants)
        elif node.op_type == "Constant" and not node.domain:
            sparse_values = [a.sparse_tensor for a in node.attribute if a.name == "sparse_value"]
            if sparse_values:
                slim.graph.initializer.append(_dense(node.output[0], sparse_values[0]))
            else:
                slim.graph.node.append(_slim_constant(node))
        else:
            slim.graph.node.append(node)
    return slim


def _slim_tensor(tensor: "onnx.TensorProto") -> "onnx.TensorProto":
    import onnx

    if math.prod(tensor.dims) <= SMALL_ELEMENTS and tensor.data_location != onnx.TensorProto.EXTERNAL:
        return tensor
    return onnx.TensorProto(name=tensor.name, dims=tensor.dims, data_type=tensor.data_type)


def _dense(name: str, sparse: "onnx.SparseTensorProto") -> "onnx.TensorProto":
    """A sparse tensor as the graph's operators see it."""
    import onnx

    return onnx.TensorProto(name=name, dims=sparse.dims, data_type=sparse.values.data_type)


def _slim_constant(node: "onnx.NodeProto") -> "onnx.NodeProto":
    from onnx import NodeProto, helper

    slim = NodeProto(op_type="Constant", name=node.name, output=node.output)
    for attribute in node.attribute:
        if attribute.name == "value":
            slim.attribute.append(helper.make_attribute("value", _slim_tensor(attribute.t)))
        else:
            slim.attribute.append(attribute)
    return slim


def _fixed(value: "onnx.ValueInfoProto", shape: tuple[int, ...]) -> "onnx.ValueInfoProto":
    from onnx import helper

    return helper.make_tensor_value_info(value.name, value.type.tensor_type.elem_type, shape)


def _read(graph: "onnx.GraphProto") -> dict[str, Value]:
    values = {tensor.name: Value(dtype_name(tensor.data_type), tuple(tensor.dims)) for tensor in graph.initializer}
    for info in (*graph.input, *graph.value_info, *graph.output):
        if info.type.HasField("tensor_type"):
            tensor_type = info.type.tensor_type
            dims = [d.dim_value if d.HasField("dim_value") else None for d in tensor_type.shape.dim]
            known = tensor_type.HasField("shape") and None not in dims
            shape = tuple(d for d in dims if d is not None) if known else None
            values[info.name] = Value(dtype_name(tensor_type.elem_type), shape)
    return values


def _fold(slim: "onnx.ModelProto", values: Mapping[str, Value]) -> bool:
    """Replace shape arithmetic on known values by constants, give ``Range`` its length. Whether anything changed."""
    constants = _small_constants(slim.graph)
    kept: list[onnx.NodeProto] = []
    changed = False
    for node in slim.graph.node:
        results = _evaluated(node, constants, values, slim.opset_import)
        if results:
            constants.update(results)
            changed = True
            continue
        kept.append(node)
        changed = _sized_range(slim.graph, node, constants, values) or changed
    if changed:
        from onnx import numpy_helper

        already = {tensor.name for tensor in slim.graph.initializer}
        slim.graph.initializer.extend(
            numpy_helper.from_array(array, name) for name, array in constants.items() if name not in already
        )
        del slim.graph.node[:]
        slim.graph.node.extend(kept)
    return changed


def _small_constants(graph: "onnx.GraphProto") -> Constants:
    from onnx import numpy_helper

    return {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if math.prod(tensor.dims) <= SMALL_ELEMENTS and (tensor.raw_data or _has_typed_data(tensor) or 0 in tensor.dims)
    }


def _has_typed_data(tensor: "onnx.TensorProto") -> bool:
    fields = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data")
    return any(getattr(tensor, field) for field in fields)


def _evaluated(
    node: "onnx.NodeProto",
    constants: Constants,
    values: Mapping[str, Value],
    opsets: "Iterable[onnx.OperatorSetIdProto]",
) -> Constants:
    """The node's output, when it is small and follows from constants or from a known shape; else empty."""
    import numpy as np
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    if node.domain or len(node.output) != 1 or node.op_type not in SHAPE_ARITHMETIC | {"Constant"}:
        return {}
    feeds = {name: constants[name] for name in node.input if name in constants}
    if node.op_type == "Shape":
        source = values.get(node.input[0])
        if source is None or source.shape is None:
            return {}
        feeds = {node.input[0]: np.empty(source.shape, np.bool_)}
    result = values.get(node.output[0])
    if result is None or result.shape is None or math.prod(result.shape) > SMALL_ELEMENTS:
        return {}
    if any(name and name not in feeds for name in node.input):
        return {}
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in feeds.items()
    ]
    output = helper.make_tensor_value_info(node.output[0], TensorProto.UNDEFINED, None)
    graph = helper.make_graph([node], "fold", inputs, [output])
    model = helper.make_model(graph, opset_imports=list(opsets))
    try:
        (array,) = ReferenceEvaluator(model).run(None, feeds)
    except Exception:  # the reference evaluator fails in as many ways as there are operators; the value stays unknown
        return {}
    return {node.output[0]: np.asarray(array)}


def _sized_range(
    graph: "onnx.GraphProto", node: "onnx.NodeProto", constants: Constants, values: Mapping[str, Value]
) -> bool:
    from onnx import helper

    known = values.get(node.output[0]) if node.output else None
    if node.op_type != "Range" or node.domain or known is None or known.shape is not None:
        return False
    if any(name not in constants for name in node.input):
        return False
    start, limit, step = (constants[name].item() for name in node.input)
    if not step:
        return False
    length = max(math.ceil((limit - start) / step), 0)
    elem_type = helper.np_dtype_to_tensor_dtype(constants[node.input[0]].dtype)
    graph.value_info.append(helper.make_tensor_value_info(node.output[0], elem_type, [length]))
    return True
