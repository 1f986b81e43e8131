"""The user's own OpenVINO IR: ``.xml`` with its ``.bin``."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contracts import Artifact, Format, GraphFacts, ModelRequest, Task, TensorSpec
from bench.errors import InputError
from bench.words import sentence

if TYPE_CHECKING:
    from bench.models.files.ir_graph import IrGraph, Layer
    from bench.models.traffic import Execution, Role

# layer -> whether the kernel is applied to each output (else to each input) element, and where its dimensions begin
CONVOLUTIONS = {
    "BinaryConvolution": (True, 1),
    "Convolution": (True, 1),
    "ConvolutionBackpropData": (False, 1),
    "GroupConvolution": (True, 2),
    "GroupConvolutionBackpropData": (False, 2),
}
UNCOUNTED = frozenset(
    {
        "AUGRUCell",
        "AUGRUSequence",
        "DeformableConvolution",
        "Einsum",
        "GRUCell",
        "GRUSequence",
        "LSTMCell",
        "LSTMSequence",
        "PagedAttentionExtension",
        "RNNCell",
        "RNNSequence",
    }
)
ATTENTION = "ScaledDotProductAttention"
PRODUCTS = frozenset({*CONVOLUTIONS, "MatMul", ATTENTION})
BRANCHING = frozenset({"If", "Loop", "TensorIterator"})
IN_PLACE = frozenset(
    "Abs Add Ceiling Clamp Divide Elu Exp FakeQuantize Floor Gelu HSwish Log Maximum Minimum Mish Multiply Negative "
    "PReLU Power ReLU Reshape Select Sigmoid SoftPlus Sqrt Squeeze Subtract Swish Tanh Unsqueeze".split()
)
ROLES: "Mapping[str, Role]" = {
    **dict.fromkeys(("Reshape", "Squeeze", "Unsqueeze"), "view"),
    **dict.fromkeys(("Gather", "GatherElements", "GatherND"), "gather"),
    "FakeQuantize": "quantise",
}
BYTE_LEVELS = 256


class IrFile:
    """An ``.xml`` file with its ``.bin``. The file stores the shapes it was exported with; where these are dynamic they
    are followed from the inputs' (``ir_shapes``), and MACs and activations are unknown where that fails.

    Parameters are as ``ir_parameters`` says. MACs are ``None`` where a layer might multiply matrices and is not
    counted: recurrent layers, paged attention, extensions, branches and loops with products inside. The keys of
    ``node_macs`` are names of layers.

    A stateful language model as ``decoder_ir`` recognises it is measured generating text. Its context length is read
    from ``config.json`` in the same folder, otherwise it is 2048.
    """

    summary = sentence("model.summary.ir")
    task: Task = "tensor"
    formats: Sequence[Format] = ("openvino_ir",)
    precisions: Sequence[str] = ()

    def prepare(self, request: ModelRequest, cache: Path) -> Artifact:
        from bench.models.files.opening import checked_file, reading

        path = checked_file(request, "openvino_ir")
        with reading(path, sentence("model.openvino_ir")):
            return _described(path, request)

    def altered(self, request: ModelRequest, folder: Path, seed: int) -> Path:
        from bench.models.altered.ir_weights import altered_ir
        from bench.models.files.ir_graph import read_ir
        from bench.models.files.ir_parameters import constants_of
        from bench.models.files.opening import checked_file, reading

        path = checked_file(request, "openvino_ir")
        with reading(path, sentence("model.openvino_ir")):
            graph = read_ir(path)
            _weights_file(path, graph)
            outputs = {extent: layer.outputs[0] for extent, layer in constants_of(graph).items()}
            constants = {e: (o.dtype, [n for n in o.shape or () if n is not None]) for e, o in outputs.items()}
            return altered_ir(path, constants, folder, seed)


def _described(path: Path, request: ModelRequest) -> Artifact:
    from msgspec.structs import replace

    from bench.models.demanded_sizes import demanded
    from bench.models.dtypes import weight_precision
    from bench.models.files.decoder_ir import decoder_of_ir
    from bench.models.files.ir_graph import read_ir
    from bench.models.files.ir_parameters import constants_of
    from bench.models.files.ir_roles import role_graph
    from bench.models.files.ir_shapes import with_shapes
    from bench.models.files.opening import file_artifact, stored_precision
    from bench.models.input_roles import roles
    from bench.models.onnx.decoder_layout import refuse_shapes
    from bench.models.shapes import resolve_shapes

    graph = read_ir(path)
    files = (path, *_weights_file(path, graph))
    inputs = graph.specs("Parameter")
    _check_ranks(path, graph)
    decoder = decoder_of_ir(path, graph)
    if decoder is not None:
        refuse_shapes(path.name, request.shapes)
    weights = path.with_suffix(".bin")
    shapes = (
        {}
        if decoder
        else resolve_shapes(
            path.name,
            inputs,
            request.shapes,
            demanded=lambda: demanded(role_graph(graph, weights)),
            side=request.side,
        )
    )
    facts = _facts(with_shapes(graph, shapes, weights), inputs)
    if decoder is None:
        facts = replace(facts, roles=roles(role_graph(graph, weights), shapes))
    by_dtype: Counter[str] = Counter()
    for layer in constants_of(graph).values():
        by_dtype[layer.outputs[0].dtype] += layer.constant_extent[1]
    precision = stored_precision(weight_precision(by_dtype), facts)
    return file_artifact(request, "openvino_ir", files, precision, facts, shapes, decoder, graph.lineage)


def _weights_file(path: Path, graph: "IrGraph") -> tuple[Path, ...]:
    """The ``.bin``, if it exists. Raises ``InputError`` where the graph needs one and it is missing or too short."""
    from bench.models.files.ir_parameters import constants_of

    file = path.with_suffix(".bin")
    extents = constants_of(graph).keys()
    needed = max((offset + size for offset, size in extents), default=0)
    if not file.is_file():
        if not needed:
            return ()
        raise InputError(
            sentence("model.weights_file_missing", file=path.name, location=file.name),
            sentence("model.put_beside", location=file.name, file=path.name),
        )
    if needed > file.stat().st_size or any(offset < 0 or size < 0 for offset, size in extents):
        raise InputError(
            sentence(
                "model.weights_end_beyond",
                file=path.name,
                needed=needed,
                file_name=file.name,
                st_size=file.stat().st_size,
            ),
            sentence("model.copy_both_files", file_name=file.name),
        )
    return (file,)


def _check_ranks(path: Path, graph: "IrGraph") -> None:
    for layer in graph.layers.values():
        if layer.kind == "Parameter" and "..." in layer.data.get("shape", ""):
            raise InputError(
                sentence("model.input_rank_not_fixed", file=path.name, layer_name=layer.name),
                sentence("model.reshape_in_openvino"),
            )


def _facts(graph: "IrGraph", inputs: "tuple[TensorSpec, ...]") -> GraphFacts:
    from bench.models.files.ir_parameters import constants_of, parameters
    from bench.models.random_numbers import drawing
    from bench.models.traffic import bytes_moved, live_bytes

    node_macs = _node_macs(graph)
    execution = _execution(graph)
    extents = constants_of(graph).keys()
    layers = [layer for layer in graph.layers.values() if layer.kind not in ("Const", "Parameter", "Result")]
    return GraphFacts(
        inputs=inputs,
        outputs=graph.specs("Result"),
        operators=dict(sorted(Counter(layer.kind for layer in layers).items())),
        parameters=parameters(graph),
        macs=None if node_macs is None else sum(node_macs.values()),
        weight_bytes=sum(size for _, size in extents),
        peak_activation_bytes=_peak(graph),
        node_macs=node_macs or {},
        live_activation_bytes=None if execution is None else live_bytes(execution),
        bytes_moved=None if execution is None else bytes_moved(execution),
        draws=drawing(layer.kind for part in graph.everywhere() for layer in part.layers.values()),
    )


def _node_macs(graph: "IrGraph") -> dict[str, int] | None:
    counted: Counter[str] = Counter()
    for layer in graph.layers.values():
        if _cannot_be_counted(layer) or any(_multiplies(body) for body in layer.bodies):
            return None
        if layer.kind in PRODUCTS:
            macs = _macs(layer)
            if macs is None:
                return None
            counted[layer.name] += macs
    return dict(counted)


def _cannot_be_counted(layer: "Layer") -> bool:
    bodiless = layer.kind in BRANCHING and not layer.bodies
    return bodiless or layer.kind in UNCOUNTED or not layer.opset.startswith("opset")


def _multiplies(body: "IrGraph") -> bool:
    """Whether a branch or loop might multiply matrices: which runs, and how often, is not in the file."""
    return any(
        _cannot_be_counted(layer) or layer.kind in PRODUCTS
        for part in body.everywhere()
        for layer in part.layers.values()
    )


def _macs(layer: "Layer") -> int | None:
    from bench.models.counting import convolution_macs

    data, weight, output = layer.inputs[0].shape, layer.inputs[1].shape, layer.outputs[0].shape
    if not data or not weight or output is None:
        return None
    if layer.kind == "MatMul":
        transposed = layer.data.get("transpose_a", "false").lower() in ("true", "1") and len(data) > 1
        return math.prod(output) * data[-2 if transposed else -1]
    if layer.kind == ATTENTION:  # scores and mix: each query meets every key, masked or not
        return (math.prod(data) + math.prod(output)) * weight[-2]
    by_output, begin = CONVOLUTIONS[layer.kind]
    return convolution_macs(output if by_output else data, weight[begin:])


def _peak(graph: "IrGraph") -> int | None:
    """Bytes of the widest layer's activations: what depends on an input or a state, so neither weights nor shapes."""
    from bench.models.counting import Operator, Value, widest_bytes

    active = {layer.identifier for layer in graph.layers.values() if layer.kind in ("Parameter", "ReadValue")}
    used = _used(graph)
    operators: list[Operator] = []
    if any(layer.bodies for layer in graph.layers.values()):
        return None
    for layer in graph.layers.values():
        sources = [source for source, _ in layer.sources]
        if layer.kind in ("Result", "ShapeOf") or not active.intersection(sources):
            continue
        active.add(layer.identifier)
        read = {
            f"{source}:{index}": Value(port.dtype, port.shape)
            for (source, index), port in zip(layer.sources, layer.inputs, strict=True)
            if source in active
        }
        made = {
            f"{layer.identifier}:{index}": Value(port.dtype, port.shape)
            for index, port in enumerate(layer.outputs)
            if (layer.identifier, index) in used
        }
        operators.append(Operator(read, made, _in_place(layer)))
    return widest_bytes(operators)


def _execution(graph: "IrGraph") -> "Execution | None":
    """The layers in order; ``None`` where a branch or loop decides what runs."""
    from bench.models.counting import Value
    from bench.models.traffic import Execution, Step

    if any(layer.bodies for layer in graph.layers.values()):
        return None
    active = {layer.identifier for layer in graph.layers.values() if layer.kind in ("Parameter", "ReadValue")}
    used = _used(graph)
    inputs = frozenset(f"{identifier}:0" for identifier in active)
    values: dict[str, Value] = {}
    steps, outputs, constants = [], set(), set()
    for layer in _in_order(graph):
        for index, port in enumerate(layer.outputs):
            values[f"{layer.identifier}:{index}"] = Value(port.dtype, port.shape)
        if layer.kind == "Const":
            constants.add(f"{layer.identifier}:0")
        if layer.kind == "Result":
            outputs.add("{}:{}".format(*layer.sources[0]))
        if layer.kind in ("Const", "Parameter", "ReadValue", "Result", "ShapeOf"):
            continue
        works = not active.isdisjoint(source for source, _ in layer.sources)
        active.update([layer.identifier] if works else [])
        levels = int(layer.data.get("levels", "0")) if layer.kind == "FakeQuantize" else 0
        steps.append(
            Step(
                reads=tuple(f"{source}:{index}" for source, index in layer.sources),
                makes=tuple(
                    f"{layer.identifier}:{index}"
                    for index in range(len(layer.outputs))
                    if (layer.identifier, index) in used
                ),
                role=ROLES.get(layer.kind, "work"),
                in_place=_in_place(layer),
                active=works,
                quantised_dtype="uint8" if 0 < levels <= BYTE_LEVELS else "",
            )
        )
    return Execution(tuple(steps), values, frozenset(constants), inputs, frozenset(outputs))


def _used(graph: "IrGraph") -> "set[tuple[str, int]]":
    """Outputs that some layer reads: of a pooling mostly not the places of its maxima."""
    return {source for layer in graph.layers.values() for source in layer.sources}


def _in_order(graph: "IrGraph") -> "list[Layer]":
    """Layers after those that they read, else in the file's order."""
    from graphlib import TopologicalSorter

    order = TopologicalSorter({key: [s for s, _ in layer.sources] for key, layer in graph.layers.items()})
    return [graph.layers[key] for key in order.static_order()]


def _in_place(layer: "Layer") -> bool:
    """Element-wise layers, and convolutions that keep their channels apart."""
    if layer.kind != "GroupConvolution":
        return layer.kind in IN_PLACE
    return (layer.inputs[1].shape or ())[1:3] == (1, 1)
