"""What OpenVINO executes, read from the compiled model's runtime graph.

A node counts as work if it is not an input, output or constant, depends on an input (nodes that depend only on
constants are folded at compile time), and represents at least one node of the model: layout and precision conversions
that the plugin inserted (Reorder and the like) do not name an original node and are left out.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from bench.contracts import NodePlacement, Precisions

FREE = frozenset(("Input", "Output", "Const", "Constant", "Parameter", "Result"))
ARITHMETIC = frozenset(
    (
        *("Convolution", "Deconvolution", "GroupConvolution", "FullyConnected", "MatMul", "GEMM", "Gemm"),
        *("ScaledDotProductAttention", "ScaledDotProductAttentionWithKVCache", "RNNCell", "RNNSeq", "LSTMSequence"),
        *("convolution", "deconvolution", "fully_connected", "gemm", "scaled_dot_product_attention"),
    )
)
OF_TWO_ACTIVATIONS = frozenset(
    (
        *("MatMul", "GEMM", "Gemm", "gemm", "ScaledDotProductAttention", "ScaledDotProductAttentionWithKVCache"),
        "scaled_dot_product_attention",
    )
)
"""Executed products, without weights unless one operand is constant: with weights they are FullyConnected."""
KEYS = frozenset(("layerType", "originalLayersNames", "runtimePrecision"))
NUMPY_NAMES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16", "f64": "float64", "i8": "int8", "u8": "int8"} | {
    "i4": "int4",
    "u4": "int4",
    "i16": "int16",
    "u16": "int16",
}


class ExecutedNode(Struct, frozen=True):
    """One node of the runtime graph. ``originals``: the model's nodes that were fused into it. ``weights``: the type of
    its second input, where that is constant. ``activations``: the type of its first input, where that is not."""

    name: str
    op: str
    precision: str
    originals: tuple[str, ...]
    weights: str = ""
    activations: str = ""


def executed_nodes(runtime_model: Any) -> list[ExecutedNode]:
    """The runtime graph's nodes that do work, in execution order."""
    nodes = []
    live = _live(runtime_model)
    names = {node.get_friendly_name() for node in live}
    for node in live:
        info = {key: str(value.value) for key, value in node.get_rt_info().items() if key in KEYS}
        op, name = info.get("layerType", ""), node.get_friendly_name()
        originals = tuple(part for part in info.get("originalLayersNames", "").split(",") if part)
        if op not in FREE and originals:
            sides = _sides(node, names) if op in ARITHMETIC else ("", "")
            nodes.append(ExecutedNode(name, op, info.get("runtimePrecision", ""), originals, *sides))
    return nodes


def _sides(node: Any, live: Collection[str]) -> tuple[str, str]:
    """The types of a product's weights and activations: its second input, where that hangs on constants alone, and its
    first, where that is ``live``; "" else."""
    inputs = node.input_values()
    weights = [value for value in inputs[1:2] if value.get_node().get_friendly_name() not in live]
    activations = [value for value in inputs[:1] if value.get_node().get_friendly_name() in live]
    kinds = [str(value[0].get_element_type().get_type_name()) if value else "" for value in (weights, activations)]
    return kinds[0], kinds[1]


def _live(model: Any) -> list[Any]:
    """Nodes that depend on an input or on state; what hangs on constants alone is left out."""
    constant: set[str] = set()
    live = []
    for node in model.get_ordered_ops():
        sources = [value.get_node().get_friendly_name() for value in node.input_values()]
        if _kind(node) in ("Const", "Constant") or (sources and all(source in constant for source in sources)):
            constant.add(node.get_friendly_name())
        else:
            live.append(node)
    return live


def _kind(node: Any) -> str:
    """The executed layer's type in a runtime graph, the operator's type in a model."""
    info = node.get_rt_info()
    return str(info["layerType"].value) if "layerType" in info else str(node.get_type_name())


FLOATS = frozenset({"bfloat16", "float16", "float32", "float64"})
BODIES = frozenset({"If", "Loop", "TensorIterator"})


def precision(nodes: Iterable[ExecutedNode], hint: str) -> str:
    """What convolutions and matrix products compute in, most frequent first (``bfloat16+int8``); without them the one
    floating point that the nodes compute in; else ``hint``, as where bodies of loops are not shown."""
    nodes = tuple(nodes)
    own = {numpy_name(node.precision) for node in nodes}.intersection(FLOATS)
    shown = len(own) == 1 and not any(node.op in BODIES for node in nodes)
    return precisions(nodes).name or (own.pop() if shown else numpy_name(hint))


CACHE_BITS = {"u4": 4, "i4": 4, "u8": 8, "i8": 8, "f16": 16, "bf16": 16, "f32": 32}
KEPT_BITS = {numpy_name: CACHE_BITS[name] for name, numpy_name in NUMPY_NAMES.items() if name in CACHE_BITS}


def kv_cache_bits(options: Mapping[str, str], executed: str = "") -> tuple[int, int]:
    """Bits of an element of keys and of one of values: by the type as ``executed`` (``kv_cache_precision``), which may
    be narrower than what was asked for, else by the properties that a compiled model holds; a byte where they name no
    type."""
    if executed:
        kept = executed.split("+")
        return KEPT_BITS.get(kept[0], 8), KEPT_BITS.get(kept[-1], 8)
    both = options.get("KV_CACHE_PRECISION", "")
    keys, values = (options.get(f"{part}_CACHE_PRECISION", both) for part in ("KEY", "VALUE"))
    return CACHE_BITS.get(keys, 8), CACHE_BITS.get(values, 8)


def kv_cache_precision(runtime_model: Any, options: Mapping[str, str]) -> str:
    """The type of keys and values as executed: as attention that is fused with its cache names it, which may differ
    from the property, else that of the state; "" where the plugin reports neither. Of values, whose type attention does
    not name, by the properties in ``options``, where those differ for keys and values."""
    infos = [{key: str(value.value) for key, value in n.get_rt_info().items()} for n in runtime_model.get_ordered_ops()]
    fused = [info["kv_cache_precision"] for info in infos if "kv_cache_precision" in info]
    states = [info.get("outputPrecisions", "") for info in infos if info.get("layerType") == "MemoryInput"]
    found = list(dict.fromkeys(numpy_name(name) for name in fused or states))
    values = options.get("VALUE_CACHE_PRECISION", "")
    if fused and values != options.get("KEY_CACHE_PRECISION", ""):
        found.append(numpy_name(values))
    return "+".join(found) if all(found) else ""


def kv_cache_precision_of(options: Mapping[str, str]) -> str:
    """The same, by a compiled model's properties alone: where its cache is known to follow them."""
    both = options.get("KV_CACHE_PRECISION", "")
    found = [numpy_name(options.get(f"{part}_CACHE_PRECISION", both)) for part in ("KEY", "VALUE")]
    return "+".join(dict.fromkeys(found)) if all(found) else ""


def precisions(nodes: Iterable[ExecutedNode]) -> Precisions:
    """Weights and activations of convolutions and matrix products, most frequent first. Weights in floating point are
    converted to the type that is computed in; quantised ones keep theirs; a product of two activations, as in
    attention, has none. The activations' type is that of the first
    input: for products with compressed weights the runtime gives the weights' as the node's own."""
    counted: Counter[tuple[str, str]] = Counter()
    for node in nodes:
        if node.op in ARITHMETIC and node.precision:
            activations = numpy_name(node.activations) or numpy_name(node.precision)
            weights = numpy_name(node.weights)
            if not weights and node.op in OF_TWO_ACTIVATIONS:
                counted["", activations] += 1
            else:
                counted[weights if weights.startswith("int") else activations, activations] += 1
    pairs = [pair for pair, _ in counted.most_common()]
    return Precisions(*("+".join(dict.fromkeys(pair[side] for pair in pairs if pair[side])) for side in (0, 1)))


def numpy_name(element: str) -> str:
    """OpenVINO's short type name as numpy's; signed and unsigned 8-bit are both ``int8``."""
    return NUMPY_NAMES.get(element, "" if element in ("", "dynamic", "undefined") else element)


def placed(
    nodes: Sequence[ExecutedNode], device: str, weighed: Collection[str], sources: Mapping[str, str]
) -> tuple[NodePlacement, ...]:
    """``nodes`` on one ``device``, each under the name of the original that is ``weighed`` (has MACs in the file).

    Where fusion has forgotten that one (a batch norm folded into a convolution leaves only its own name), ``sources``
    of ``weighed_sources`` leads back to it, unless another node bears its name.
    """
    known = {name for node in nodes for name in node.originals if name in weighed}
    return tuple(NodePlacement(own_name(node, weighed, sources, known), node.op, device) for node in nodes)


def own_name(node: ExecutedNode, weighed: Collection[str], sources: Mapping[str, str], known: set[str]) -> str:
    """The model's node that ``node`` computes. ``known``: weighed nodes that executed ones name."""
    direct = [name for name in node.originals if name in weighed]
    traced = [sources[name] for name in node.originals if name in sources and sources[name] not in known]
    return next(iter(direct or (traced if node.op in ARITHMETIC else [])), node.originals[0])


def weighed_sources(model: Any, weighed: Collection[str]) -> dict[str, str]:
    """For every node of ``model`` the nearest ``weighed`` node up its first input, itself included."""
    sources: dict[str, str] = {}
    for node in model.get_ordered_ops():
        name, inputs = node.get_friendly_name(), node.input_values()
        above = inputs[0].get_node().get_friendly_name() if inputs else ""
        if name in weighed:
            sources[name] = name
        elif above in sources:
            sources[name] = sources[above]
    return sources


def working_nodes(model: Any) -> list[Any]:
    """The model's own nodes that depend on an input."""
    return [node for node in _live(model) if node.get_type_name() not in FREE]


def queried(model: Any, devices: Mapping[str, str]) -> tuple[NodePlacement, ...]:
    """The model's own nodes on the devices that ``Core.query_model`` gave them (HETERO)."""
    return tuple(
        NodePlacement(name=node.get_friendly_name(), op=node.get_type_name(), device=devices[node.get_friendly_name()])
        for node in working_nodes(model)
        if node.get_friendly_name() in devices
    )
