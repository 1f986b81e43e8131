"""TFLite files with one operator in each subgraph, written by hand."""

from collections.abc import Sequence

import flatbuffers
import numpy as np
import tflite

Tensor = tuple[str, Sequence[int], str, bytes]  # name, shape, type, data ("" for activations)


def numbers(builder: flatbuffers.Builder, values: Sequence[int]) -> int:
    return int(builder.CreateNumpyVector(np.array(values, np.int32)))


def offsets(builder: flatbuffers.Builder, values: Sequence[int]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependUOffsetTRelative(value)
    return int(builder.EndVector())


def one_operator(kind: str, tensors: Sequence[Tensor], signature: Sequence[int] = (), custom: str = "") -> bytes:
    """A TFLite file with one operator: the last tensor is its output, the others its inputs, those without data the
    graph's. ``signature`` is stored for the first."""
    return subgraphs([(kind, tensors, ())], signature, custom)


def subgraphs(
    graphs: Sequence[tuple[str, Sequence[Tensor], Sequence[int]]], signature: Sequence[int] = (), custom: str = ""
) -> bytes:
    """A TFLite file of subgraphs with one operator each, as for ``one_operator``; an If also with the numbers of the
    two subgraphs that it calls."""
    b = flatbuffers.Builder(1024)
    buffers = []
    for data in (b"", *(tensor[3] for _, tensors, _ in graphs for tensor in tensors)):
        vector = b.CreateByteVector(data)
        tflite.BufferStart(b)
        tflite.BufferAddData(b, vector)
        buffers.append(tflite.BufferEnd(b))
    built, codes, first = [], [], 1
    for number, (kind, tensors, called) in enumerate(graphs):
        built.append(subgraph(b, number, tensors, first, called, signature))
        codes.append(operator_code(b, kind, custom))
        first += len(tensors)
    graph_vector, code_vector, buffer_vector = offsets(b, built), offsets(b, codes), offsets(b, buffers)
    tflite.ModelStart(b)
    tflite.ModelAddVersion(b, 3)
    tflite.ModelAddOperatorCodes(b, code_vector)
    tflite.ModelAddSubgraphs(b, graph_vector)
    tflite.ModelAddBuffers(b, buffer_vector)
    b.Finish(tflite.ModelEnd(b), b"TFL3")
    return bytes(b.Output())


def subgraph(
    b: flatbuffers.Builder,
    code: int,
    tensors: Sequence[Tensor],
    first: int,
    called: Sequence[int],
    signature: Sequence[int],
) -> int:
    """``code``: the operator's. ``first``: the buffer of the first tensor."""
    built = []
    for index, (name, shape, dtype, _) in enumerate(tensors):
        label, sizes = b.CreateString(name), numbers(b, shape)
        declared = numbers(b, signature) if index == 0 and signature else None
        tflite.TensorStart(b)
        tflite.TensorAddName(b, label)
        tflite.TensorAddShape(b, sizes)
        tflite.TensorAddType(b, getattr(tflite.TensorType, dtype))
        tflite.TensorAddBuffer(b, first + index)
        if declared is not None:
            tflite.TensorAddShapeSignature(b, declared)
        built.append(tflite.TensorEnd(b))
    last = len(tensors) - 1
    ins, outs = numbers(b, range(last)), numbers(b, [last])
    options = None
    if called:
        tflite.IfOptionsStart(b)
        tflite.IfOptionsAddThenSubgraphIndex(b, called[0])
        tflite.IfOptionsAddElseSubgraphIndex(b, called[1])
        options = tflite.IfOptionsEnd(b)
    tflite.OperatorStart(b)
    tflite.OperatorAddOpcodeIndex(b, code)
    tflite.OperatorAddInputs(b, ins)
    tflite.OperatorAddOutputs(b, outs)
    if options is not None:
        tflite.OperatorAddBuiltinOptionsType(b, tflite.BuiltinOptions.IfOptions)
        tflite.OperatorAddBuiltinOptions(b, options)
    operators = offsets(b, [tflite.OperatorEnd(b)])
    tensor_vector = offsets(b, built)
    graph_ins = numbers(b, [i for i in range(last) if not tensors[i][3]])
    tflite.SubGraphStart(b)
    tflite.SubGraphAddTensors(b, tensor_vector)
    tflite.SubGraphAddInputs(b, graph_ins)
    tflite.SubGraphAddOutputs(b, outs)
    tflite.SubGraphAddOperators(b, operators)
    return int(tflite.SubGraphEnd(b))


def operator_code(b: flatbuffers.Builder, kind: str, custom: str) -> int:
    label = b.CreateString(custom) if custom else None
    number = getattr(tflite.BuiltinOperator, kind)
    tflite.OperatorCodeStart(b)
    tflite.OperatorCodeAddBuiltinCode(b, number)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(number, 127))
    if label is not None:
        tflite.OperatorCodeAddCustomCode(b, label)
    return int(tflite.OperatorCodeEnd(b))
