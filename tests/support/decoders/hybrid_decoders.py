"""Tiny decoders with seeded weights in folders as onnxruntime-genai opens them, in the shapes that it runs itself.

Width 16, 2 heads of 8, vocabulary 64, context 128. Layer 0 is a convolution over the last tokens, a linear attention
with a state, or attention; layer 1 is attention with keys and values. Chunks of any length give the same logits.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Kind = Literal["packed", "convolution", "recurrent"]
WIDTH, HEADS, HEAD, VOCABULARY, CONTEXT, KERNEL = 16, 2, 8, 64, 128, 3
END = 5
TYPES: Mapping[str, str] = {"packed": "gpt2", "convolution": "lfm2", "recurrent": "qwen3_5_text"}


class Graph:
    """Nodes and weights of a decoder, one layer after another. Weights depend on the seed and their order only."""

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name, **attributes))
        return name

    def constant(self, value: Any, kind: Any = np.int64) -> str:
        name = f"c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def weight(self, *shape: int) -> str:
        return self.constant(self._random.standard_normal(shape) / np.sqrt(shape[-1]), np.float32)

    def takes(self, name: str, shape: Sequence[int | str], kind: int = TensorProto.FLOAT) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def returns(self, value: str, name: str, shape: Sequence[int | str]) -> None:
        self.nodes.append(helper.make_node("Identity", [value], [name], f"as_{name}"))
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def save(self, path: Path) -> None:
        graph = helper.make_graph(self.nodes, path.stem, self.inputs, self.outputs, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        onnx.save(model, path)


def tokens(graph: Graph) -> str:
    """The embedded tokens [B, S, width], with their places."""
    ids = graph.takes("input_ids", ("batch", "tokens"), TensorProto.INT64)
    graph.takes("attention_mask", ("batch", "total"), TensorProto.INT64)
    places = graph.takes("position_ids", ("batch", "tokens"), TensorProto.INT64)
    return graph.node(
        "Add",
        graph.node("Gather", graph.weight(VOCABULARY, WIDTH), ids),
        graph.node("Gather", graph.weight(CONTEXT, WIDTH), places),
    )


def by_head(graph: Graph, value: str) -> str:
    """[B, S, width] times a matrix, as [B, heads, S, head]."""
    product = graph.node("MatMul", value, graph.weight(WIDTH, WIDTH))
    split = graph.node("Reshape", product, graph.constant([0, 0, HEADS, HEAD]))
    return graph.node("Transpose", split, perm=[0, 2, 1, 3])


def added(graph: Graph, value: str, mixed: str) -> str:
    """``mixed`` [B, heads, S, head] times a matrix, on top of ``value``."""
    flat = graph.node("Reshape", graph.node("Transpose", mixed, perm=[0, 2, 1, 3]), graph.constant([0, 0, WIDTH]))
    return graph.node("Add", value, graph.node("MatMul", flat, graph.weight(WIDTH, WIDTH)))


def earlier(graph: Graph, mask: str, value: str) -> str:
    """[S, T]: which of all T tokens each of the S new ones sees."""
    total = graph.node("Gather", graph.node("Shape", mask), graph.constant(1))
    new = graph.node("Gather", graph.node("Shape", value), graph.constant(1))
    slots = graph.node("Range", graph.constant(0), total, graph.constant(1))
    queries = graph.node("Range", graph.node("Sub", total, new), total, graph.constant(1))
    return graph.node("LessOrEqual", slots, graph.node("Unsqueeze", queries, graph.constant([1])))


def attention(graph: Graph, value: str, mask: str, past: Sequence[str]) -> tuple[str, str, str]:
    """The value after attention, and all keys and values, with those of ``past`` in front."""
    query, key, content = (by_head(graph, value) for _ in range(3))
    keys = graph.node("Concat", past[0], key, axis=2)
    values = graph.node("Concat", past[1], content, axis=2)
    scores = graph.node("MatMul", query, graph.node("Transpose", keys, perm=[0, 1, 3, 2]))
    scaled = graph.node("Mul", scores, graph.constant(HEAD**-0.5, np.float32))
    hidden = graph.node("Where", earlier(graph, mask, value), scaled, graph.constant(-1e9, np.float32))
    mixed = graph.node("MatMul", graph.node("Softmax", hidden, axis=-1), values)
    return added(graph, value, mixed), keys, values


def keyed(graph: Graph, value: str, layer: int, past: str = "past_key_values", present: str = "present") -> str:
    """Attention whose keys and values are two inputs."""
    shapes = [("batch", HEADS, f"{length}", HEAD) for length in ("past", "total")]
    names = [graph.takes(f"{past}.{layer}.{part}", shapes[0]) for part in ("key", "value")]
    value, *kept = attention(graph, value, "attention_mask", names)
    for part, each in zip(("key", "value"), kept, strict=True):
        graph.returns(each, f"{present}.{layer}.{part}", shapes[1])
    return value


def packed(graph: Graph, value: str, layer: int) -> str:
    """Attention whose keys and values are one input, as in exports of GPT-2."""
    past = graph.takes(f"past_{layer}", (2, "batch", HEADS, "past", HEAD))
    names = [graph.node("Gather", past, graph.constant(part)) for part in (0, 1)]
    value, *kept = attention(graph, value, "attention_mask", names)
    both = [graph.node("Unsqueeze", each, graph.constant([0])) for each in kept]
    graph.returns(graph.node("Concat", *both, axis=0), f"present_{layer}", (2, "batch", HEADS, "total", HEAD))
    return value


def convolution(graph: Graph, value: str, layer: int) -> str:
    """A convolution over each channel's last tokens, as in LFM2; its state are those tokens."""
    shape = ("batch", WIDTH, KERNEL)
    past = graph.takes(f"past_conv.{layer}", shape)
    all_tokens = graph.node("Concat", past, graph.node("Transpose", value, perm=[0, 2, 1]), axis=2)
    mixed = graph.node("Conv", all_tokens, graph.weight(WIDTH, 1, KERNEL + 1), group=WIDTH)
    ends = graph.constant([-KERNEL]), graph.constant([np.iinfo(np.int64).max]), graph.constant([2])
    graph.returns(graph.node("Slice", all_tokens, *ends), f"present_conv.{layer}", shape)
    return graph.node("Add", value, graph.node("Transpose", mixed, perm=[0, 2, 1]))


def recurrent(graph: Graph, value: str, layer: int) -> str:
    """Linear attention behind a convolution, as in Qwen3.5: both have a state of fixed size."""
    shape = ("batch", HEADS, HEAD, HEAD)
    start, past = len(graph.inputs), graph.takes(f"past_key_values.{layer}.recurrent_state", shape)
    value = convolution(graph, value, layer)
    for kept, end in ((graph.inputs, "past_key_values"), (graph.outputs, "present")):
        rename(graph, kept[-1], f"{end}.{layer}.conv_state")
    graph.inputs[start:] = reversed(graph.inputs[start:])
    query, key, content = (by_head(graph, value) for _ in range(3))
    turned = graph.node("Transpose", key, perm=[0, 1, 3, 2])
    grown = graph.node("Add", past, graph.node("MatMul", turned, content))
    graph.returns(grown, f"present.{layer}.recurrent_state", shape)
    among = graph.node("Trilu", graph.node("MatMul", query, turned), upper=0)
    mixed = graph.node("Add", graph.node("MatMul", query, past), graph.node("MatMul", among, content))
    return added(graph, value, mixed)


def rename(graph: Graph, value: Any, name: str) -> None:
    """An input or output, and where it is used."""
    old, value.name = value.name, name
    for node in graph.nodes:
        node.input[:] = [name if each == old else each for each in node.input]
        node.output[:] = [name if each == old else each for each in node.output]


def logits(graph: Graph, value: str) -> None:
    graph.returns(
        graph.node("MatMul", value, graph.weight(WIDTH, VOCABULARY)), "logits", ("batch", "tokens", VOCABULARY)
    )


def decoder(kind: Kind) -> Graph:
    """The whole decoder in one graph."""
    graph = Graph()
    value = tokens(graph)
    if kind == "packed":
        value = packed(graph, packed(graph, value, 0), 1)
    else:
        value = keyed(graph, {"convolution": convolution, "recurrent": recurrent}[kind](graph, value, 0), 1)
    logits(graph, value)
    return graph


def configuration(kind: Kind, **fields: Any) -> dict[str, Any]:
    """``genai_config.json``; ``fields`` are added to those of the decoder."""
    given: dict[str, Any] = {
        "filename": "decoder.onnx",
        "head_size": HEAD,
        "num_hidden_layers": 2,
        "num_key_value_heads": HEADS,
        "inputs": {},
        "outputs": {},
    }
    if kind == "packed":
        given |= {"inputs": {"past_names": "past_%d"}, "outputs": {"present_names": "present_%d"}}
    if kind == "convolution":
        given |= {"layer_types": ["conv", "full_attention"], "conv_cache_size": KERNEL}
        given |= {"inputs": {"past_conv_names": "past_conv.%d"}, "outputs": {"present_conv_names": "present_conv.%d"}}
    model = {"type": TYPES[kind], "vocab_size": VOCABULARY, "context_length": CONTEXT}
    return {
        "model": {**model, "bos_token_id": 1, "eos_token_id": END, "pad_token_id": 0, "decoder": {**given, **fields}}
    }


def write_config(folder: Path, content: Mapping[str, Any]) -> Path:
    (folder / "genai_config.json").write_text(json.dumps(content))
    return folder


def write_folder(kind: Kind, folder: Path) -> Path:
    """A folder whose graph is in one of the layouts that every engine here drives, or knows why not."""
    decoder(kind).save(folder / "decoder.onnx")
    return write_config(folder, configuration(kind))


def write_renamed(folder: Path) -> Path:
    """A decoder of convolution and attention whose inputs and outputs have names of their own, with a second output."""
    graph = decoder("convolution")
    graph.outputs.append(helper.make_tensor_value_info("entropy", TensorProto.FLOAT, ("batch", "tokens")))
    graph.nodes.append(helper.make_node("ReduceLogSumExp", ["logits"], ["entropy"], axes=[-1], keepdims=0))
    new = {"input_ids": "tokens", "attention_mask": "mask", "position_ids": "places", "logits": "scores"}
    for value in (*graph.inputs, *graph.outputs):
        rename(graph, value, new.get(value.name, value.name))
    graph.save(folder / "decoder.onnx")
    content = configuration("convolution")
    given = content["model"]["decoder"]
    given["inputs"] |= {name: new[name] for name in ("input_ids", "attention_mask", "position_ids")}
    given["outputs"] |= {"logits": "scores"}
    return write_config(folder, content)


KEYED = (
    {"past_key_names": "past_key_values.%d.key", "past_value_names": "past_key_values.%d.value"},
    {"present_key_names": "present.%d.key", "present_value_names": "present.%d.value"},
)


def of_attention() -> Graph:
    """The decoder of attention with keys and values apart: what ``packed`` computes."""
    graph = Graph()
    logits(graph, keyed(graph, keyed(graph, tokens(graph), 0), 1))
    return graph


def split(graph: Graph, operator: str, name: str) -> tuple[Graph, Graph]:
    """``graph`` in two, behind its first node ``operator``; ``name``: the value that leads from one to the other."""
    end = next(index for index, node in enumerate(graph.nodes) if node.op_type == operator) + 1
    first, second = Graph(), Graph()
    first.nodes, second.nodes = graph.nodes[:end], graph.nodes[end:]
    between = helper.make_tensor_value_info(first.nodes[-1].output[0], TensorProto.FLOAT, ("batch", "tokens", WIDTH))
    first.outputs, second.outputs = [between], graph.outputs
    for part in (first, second):
        made = {each for node in part.nodes for each in node.output}
        used = {each for node in part.nodes for each in node.input} - made
        part.inputs = [each for each in (between, *graph.inputs) if each.name in used]
        part.weights = [each for each in graph.weights if each.name in used]
    whole = Graph()
    whole.nodes = graph.nodes
    rename(whole, between, name)
    return first, second


def write_pipeline(folder: Path) -> Path:
    """``of_attention`` as a pipeline of two graphs: the embedding of tokens and places, then all else."""
    parts = dict(zip(("embedding", "layers"), split(of_attention(), "Add", "embedded"), strict=True))
    content = configuration("packed", inputs=KEYED[0], outputs=KEYED[1])
    content["model"]["type"] = "decoder-pipeline"
    given = content["model"]["decoder"]
    del given["filename"]
    given["pipeline"] = [{}]
    for name, graph in parts.items():
        graph.save(folder / f"{name}.onnx")
        names = {key: [each.name for each in getattr(graph, key)] for key in ("inputs", "outputs")}
        given["pipeline"][0][name] = {"filename": f"{name}.onnx", **names}
    return write_config(folder, content)


def write_seeing(folder: Path) -> Path:
    """``of_attention`` as a model that could also be shown pictures: embedding, picture encoder and decoder apart."""
    embedding, layers = split(of_attention(), "Gather", "inputs_embeds")
    features = helper.make_tensor_value_info("image_features", TensorProto.FLOAT, ("pictures", WIDTH))
    embedding.inputs.append(features)
    embedding.nodes.append(helper.make_node("Identity", ["image_features"], ["unused"], "unused"))
    vision = Graph()
    pixels = vision.takes("pixel_values", ("pictures", 1, 4))
    vision.takes("image_sizes", ("pictures", 2), TensorProto.INT64)
    vision.returns(vision.node("MatMul", pixels, vision.weight(4, WIDTH)), "image_features", ("pictures", 1, WIDTH))
    for name, graph in (("embedding", embedding), ("layers", layers), ("vision", vision)):
        graph.save(folder / f"{name}.onnx")
    content = configuration("packed", filename="layers.onnx", inputs=KEYED[0], outputs=KEYED[1], hidden_size=WIDTH)
    content["model"] |= {
        "type": "phi3v",
        "embedding": {"filename": "embedding.onnx", "inputs": {"image_features": "image_features"}, "outputs": {}},
        "vision": {"filename": "vision.onnx", "inputs": {"pixel_values": "pixel_values"}, "outputs": {}},
    }
    return write_config(folder, content)


def write_ir(kind: Kind, folder: Path) -> Path:
    """The decoder as Optimum exports one with states of several kinds: each past is a variable, whose rows ``beam_idx``
    picks. Returns its ``openvino_model.xml``."""
    import openvino
    from openvino import opset13 as op
    from openvino._offline_transformations import apply_make_stateful_transformation

    decoder(kind).save(folder / "decoder.onnx")
    model = openvino.Core().read_model(folder / "decoder.onnx")
    beam = op.parameter([-1], openvino.Type.i32, name="beam_idx")
    beam.output(0).get_tensor().add_names({"beam_idx"})
    model.add_parameters([beam])
    batch_axis = 1 if kind == "packed" else 0
    returned = {}
    for port in [port for port in model.inputs if "past" in port.get_any_name()]:
        name = port.get_any_name()
        returned[name] = name.replace("past_key_values", "past").replace("past", "present")
        consumers = port.get_target_inputs()
        picked = op.gather(port, beam, op.constant(batch_axis))
        for consumer in consumers:
            consumer.replace_source_output(picked.output(0))
    model.validate_nodes_and_infer_types()
    apply_make_stateful_transformation(model, returned)
    rows = op.gather(op.shape_of(model.input("input_ids"), output_type="i64"), op.constant([0]), op.constant(0))
    for node in model.get_ops():
        if node.get_type_name() == "ReadValue":
            least = [op.constant(np.array([size.min_length])) for size in node.get_output_partial_shape(0)]
            least[batch_axis] = rows
            node.set_arguments([op.broadcast(op.constant(np.float32(0)), op.concat(least, 0))])
    model.validate_nodes_and_infer_types()
    openvino.save_model(model, folder / "openvino_model.xml", compress_to_fp16=False)
    (folder / "decoder.onnx").unlink()
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": CONTEXT, "eos_token_id": END}))
    return folder / "openvino_model.xml"
