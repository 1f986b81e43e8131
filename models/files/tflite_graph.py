"""Reads a TFLite flatbuffer into plain values, and refuses what is not one."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import Quantisation, TensorSpec
from bench.errors import InputError
from bench.models.files.opening import DAMAGED, not_a_file_of
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

IDENTIFIER = b"TFL3"
CALLED = {
    "CallOnceOptions": ("InitSubgraphIndex",),
    "CallOptions": ("Subgraph",),
    "IfOptions": ("ThenSubgraphIndex", "ElseSubgraphIndex"),
    "StableHLOCompositeOptions": ("DecompositionSubgraphIndex",),
    "StablehloReduceOptions": ("BodySubgraphIndex",),
    "StablehloReduceWindowOptions": ("BodySubgraphIndex",),
    "StablehloScatterOptions": ("UpdateComputationSubgraphIndex",),
    "StablehloSortOptions": ("ComparatorSubgraphIndex",),
    "StablehloWhileOptions": ("CondSubgraphIndex", "BodySubgraphIndex"),
    "WhileOptions": ("CondSubgraphIndex", "BodySubgraphIndex"),
}
"""Options of an operator -> their fields that hold the number of a subgraph."""
DTYPES = {
    "BFLOAT16": "bfloat16",
    "BOOL": "bool",
    "COMPLEX64": "complex64",
    "COMPLEX128": "complex128",
    "FLOAT16": "float16",
    "FLOAT32": "float32",
    "FLOAT64": "float64",
    "INT4": "int4",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "STRING": "string",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
}


class TfliteTensor(Struct, frozen=True):
    """``shape`` is the one stored, which the converter ran with; ``declared`` has ``None`` where it may change.
    ``buffer`` and its size identify the data of a constant; 0 bytes for activations."""

    name: str
    dtype: str
    shape: tuple[int, ...] | None
    declared: tuple[int | None, ...]
    buffer: int
    buffer_bytes: int
    quantisation: Quantisation | None = None

    @property
    def constant(self) -> bool:
        return self.buffer_bytes > 0

    @property
    def spec(self) -> TensorSpec:
        return TensorSpec(self.name, self.dtype, self.declared, self.quantisation)


class TfliteOperator(Struct, frozen=True):
    """``kind`` is the schema's name (``CONV_2D``), or a custom operator's own. An absent input is ``None``. ``calls``:
    the subgraphs that it runs, by their place in the file. ``axis``: of a gather, from the front."""

    kind: str
    inputs: tuple[int | None, ...]
    outputs: tuple[int, ...]
    calls: tuple[int, ...] = ()
    axis: int = 0


class TfliteGraph(Struct, frozen=True):
    """The main subgraph, and ``nested`` those which its control flow calls. ``weight_bytes`` counts the constants of
    all of them, a shared buffer once. The subgraphs of further signatures do not run with the main one and are left
    out. ``place``: in the file."""

    tensors: tuple[TfliteTensor, ...]
    operators: tuple[TfliteOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    weight_bytes: int
    nested: "tuple[TfliteGraph, ...]" = ()
    place: int = 0


def read_tflite(path: Path) -> TfliteGraph:
    """The graph in ``path``. Raises ``InputError`` if it is not a TFLite file, and one of ``opening.READING_ERRORS`` if
    it is damaged."""
    import tflite

    data = path.read_bytes()
    if data[4:8] != IDENTIFIER:
        raise InputError(not_a_file_of(path, "tflite"), DAMAGED)
    return _graph(tflite.Model.GetRootAs(data, 0), len(data))


def buffers(path: Path) -> "dict[int, np.ndarray[Any, Any]]":
    """The bytes of every constant of the file, by its buffer."""
    import numpy as np
    import tflite

    data = path.read_bytes()
    model, found = tflite.Model.GetRootAs(data, 0), {}
    for index in range(model.BuffersLength()):
        buffer = model.Buffers(index)
        if buffer.Size() > 0:
            found[index] = np.frombuffer(data, np.uint8, buffer.Size(), buffer.Offset())
        elif buffer.DataLength() > 0:
            found[index] = buffer.DataAsNumpy()
    return found


def _graph(model: Any, size: int) -> TfliteGraph:
    sizes = [_buffer_bytes(model.Buffers(index), size) for index in _indices(model.BuffersLength(), size)]
    kinds = [_kind(model.OperatorCodes(index)) for index in _indices(model.OperatorCodesLength(), size)]
    subgraphs = [model.Subgraphs(index) for index in _indices(model.SubgraphsLength(), size)]
    tensors = [
        tuple(_tensor(graph.Tensors(index), index, sizes) for index in _indices(graph.TensorsLength(), size))
        for graph in subgraphs
    ]
    pairs = zip(subgraphs, tensors, strict=True)
    graphs = [replace(_subgraph(graph, own, kinds, size), place=place) for place, (graph, own) in enumerate(pairs)]
    main, *nested = _called(graphs)
    _check_indices(main)
    stored = {tensor.buffer: tensor.buffer_bytes for graph in (main, *nested) for tensor in graph.tensors}
    return replace(main, nested=tuple(nested), weight_bytes=sum(stored.values()))


def _called(graphs: list[TfliteGraph]) -> list[TfliteGraph]:
    """The first of ``graphs``, then those that it calls, those that these call, and so on, in the file's order."""
    reached, open_ends = {0}, [0]
    while open_ends:
        for operator in graphs[open_ends.pop()].operators:
            new = set(operator.calls) - reached
            reached |= new
            open_ends += new
    return [graphs[index] for index in sorted(reached)]


def _subgraph(graph: Any, tensors: tuple[TfliteTensor, ...], kinds: list[str], size: int) -> TfliteGraph:
    operators = []
    for index in _indices(graph.OperatorsLength(), size):
        operator = graph.Operators(index)
        inputs = tuple(None if i < 0 else i for i in _numbers(operator.InputsAsNumpy()))
        outputs = tuple(_numbers(operator.OutputsAsNumpy()))
        kind = kinds[operator.OpcodeIndex()]
        operators.append(TfliteOperator(kind, inputs, outputs, _calls(operator), _axis(operator)))
    return TfliteGraph(
        tensors=tensors,
        operators=tuple(operators),
        inputs=tuple(_numbers(graph.InputsAsNumpy())),
        outputs=tuple(_numbers(graph.OutputsAsNumpy())),
        weight_bytes=0,
    )


def _calls(operator: Any) -> tuple[int, ...]:
    """Subgraphs that an operator's options name."""
    import tflite

    told: list[int] = []
    for unions, number, options in (
        (tflite.BuiltinOptions, operator.BuiltinOptionsType(), operator.BuiltinOptions()),
        (tflite.BuiltinOptions2, operator.BuiltinOptions2Type(), operator.BuiltinOptions2()),
    ):
        name = next((name for name, one in vars(unions).items() if one == number), "")
        if options is None or name not in CALLED:
            continue
        held = getattr(tflite, name)()
        held.Init(options.Bytes, options.Pos)
        told += [int(getattr(held, field)()) for field in CALLED[name]]
    if any(index < 0 for index in told):
        raise ValueError(sentence("model.subgraph_missing"))
    return tuple(told)


def _axis(operator: Any) -> int:
    """Of a gather; 0 where it counts from the back."""
    import tflite

    options = operator.BuiltinOptions()
    if options is None or operator.BuiltinOptionsType() != tflite.BuiltinOptions.GatherOptions:
        return 0
    held = tflite.GatherOptions()
    held.Init(options.Bytes, options.Pos)
    return max(0, int(held.Axis()))


def _check_indices(graph: TfliteGraph) -> None:
    used = [*graph.inputs, *graph.outputs]
    for operator in graph.operators:
        used += [*(index for index in operator.inputs if index is not None), *operator.outputs]
    if not graph.operators or not graph.outputs or any(not 0 <= index < len(graph.tensors) for index in used):
        raise ValueError(sentence("model.tensor_missing"))


def _indices(count: int, size: int) -> Iterator[int]:
    """``range(count)``, unless the file is too small to hold so many offsets of 4 bytes."""
    if not 0 <= count <= size // 4:
        raise ValueError(sentence("model.vector_too_long"))
    return iter(range(count))


def _buffer_bytes(buffer: Any, size: int) -> int:
    if buffer.Size() > 0:  # data behind the flatbuffer, for files over 2 GB
        if buffer.Offset() + buffer.Size() > size:
            raise ValueError(sentence("model.buffer_outside_file"))
        return int(buffer.Size())
    return 0 if buffer.DataLength() == 0 else int(buffer.DataAsNumpy().nbytes)


def _kind(code: Any) -> str:
    import tflite

    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())  # files of before 2020 have only the second
    if number == tflite.BuiltinOperator.CUSTOM:
        return str((code.CustomCode() or b"CUSTOM").decode())
    return _names(tflite.BuiltinOperator).get(number, f"OPERATOR_{number}")


def _tensor(tensor: Any, index: int, sizes: list[int]) -> TfliteTensor:
    import tflite

    stored = tuple(_numbers(tensor.ShapeAsNumpy()))
    signature = tuple(_numbers(tensor.ShapeSignatureAsNumpy())) or stored
    known = bool(stored) or bool(tensor.HasRank())
    return TfliteTensor(
        name=(tensor.Name() or b"").decode() or f"tensor_{index}",
        dtype=DTYPES.get(_names(tflite.TensorType)[tensor.Type()], "undefined"),
        shape=stored if known or sizes[tensor.Buffer()] else None,
        declared=tuple(None if dimension < 0 else dimension for dimension in signature),
        buffer=tensor.Buffer(),
        buffer_bytes=sizes[tensor.Buffer()],
        quantisation=_quantisation(tensor.Quantization()),
    )


def _quantisation(stored: Any) -> Quantisation | None:
    """Scale and zero point of the whole tensor; ``None`` where it has none, or one pair a channel."""
    if stored is None or stored.ScaleLength() != 1 or stored.ZeroPointLength() > 1:
        return None
    scale = float(stored.Scale(0))
    if not (math.isfinite(scale) and scale > 0):
        return None
    return Quantisation(scale, int(stored.ZeroPoint(0)) if stored.ZeroPointLength() else 0)


def _numbers(vector: Any) -> list[int]:
    """A vector of the reader, which is the number 0 when the file has none."""
    return [] if isinstance(vector, int) else [int(number) for number in vector]


def _names(enumeration: Any) -> dict[int, str]:
    return {number: name for name, number in vars(enumeration).items() if name.isupper()}
