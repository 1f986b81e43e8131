"""stories260K as folders of several graphs, in the forms that are shipped for NPUs.

``write_split``      the published graph in pieces: embedding, two halves of the layers, head; any number of tokens
``write_windowed``   a graph for a window of the prompt and one for a token, over one buffer in float32, as Microsoft's
``write_slid``       the same over a cache in uint8 that the runtime moves along, as Qualcomm's
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.utils import Extractor
from stories_tokenizer import write_tokenizer

STORIES = Path("llm") / "stories260K"
LAYERS, HEADS, KV_HEADS, HEAD, WIDTH, VOCABULARY = 5, 8, 4, 8, 64, 512
ROOM = 16  # of a head: GroupQueryAttention needs a multiple of 16, so half of it is zeros
Values = Sequence[Any]


def write_split(realdata: Path, folder: Path, cut: int = 3) -> Path:
    """The layers from ``cut`` on are a graph of their own. The stages are in an object, not in the alphabet's order."""
    model = onnx.shape_inference.infer_shapes(onnx.load(realdata / STORIES / "model.onnx"))
    by_output = {node.output[0]: node for node in model.graph.node}
    enters = [_entering(model, by_output, f"l{layer}.att_norm") for layer in (0, cut)]
    leaves = _entering(model, by_output, "final_norm")
    tokens = ["input_ids", "attention_mask", "position_ids"]
    cache = [[f"{{}}.{layer}.{part}" for part in ("key", "value")] for layer in range(LAYERS)]
    halves = [[name for layer in cache[begin:end] for name in layer] for begin, end in ((0, cut), (cut, LAYERS))]
    pasts, presents = (
        [[name.format(word) for name in half] for half in halves] for word in ("past_key_values", "present")
    )
    pieces = {
        "tokens": (["input_ids"], [enters[0]]),
        "layers_0": ([enters[0], *tokens, *pasts[0]], [enters[1], *presents[0]]),
        "layers_1": ([enters[1], *tokens, *pasts[1]], [leaves, *presents[1]]),
        "head": ([leaves], ["logits"]),
    }
    extractor, stages = Extractor(model), {}
    for name, (takes, gives) in pieces.items():
        piece = extractor.extract_model(takes, gives)
        onnx.save(piece, folder / f"{name}.onnx")
        stages[name] = _stage(f"{name}.onnx", piece)
    stages["head"]["is_lm_head"] = True
    write_tokenizer(realdata / STORIES / "tok512.bin", folder)
    return write_config(folder, [stages], context=512)


def _entering(model: onnx.ModelProto, by_output: dict[str, onnx.NodeProto], norm: str) -> str:
    """What is normalised with the weight ``norm``: x of x / rms(x) × norm."""
    scaled = next(node for node in model.graph.node if norm in node.input)
    return str(by_output[scaled.input[0]].input[0])


def _stage(file: str, model: onnx.ModelProto, **fields: Any) -> dict[str, Any]:
    names = {key: [each.name for each in getattr(model.graph, key.removesuffix("s"))] for key in ("inputs", "outputs")}
    return {"filename": file, **names, **fields}


def write_config(folder: Path, pipeline: Any, context: int, **decoder: Any) -> Path:
    """``decoder``: fields of ``model.decoder`` that differ."""
    stated: dict[str, Any] = {
        "head_size": HEAD,
        "hidden_size": WIDTH,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "num_key_value_heads": KV_HEADS,
        "inputs": {"past_key_names": "past_key_values.%d.key", "past_value_names": "past_key_values.%d.value"},
        "outputs": {"present_key_names": "present.%d.key", "present_value_names": "present.%d.value"},
        "session_options": {"log_id": "onnxruntime-genai", "provider_options": []},
        "pipeline": pipeline,
    }
    tokens = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    model = {"type": "decoder-pipeline", "context_length": context, "vocab_size": VOCABULARY, **tokens}
    content = {"model": {**model, "decoder": stated | decoder}, "search": {"max_length": context, "top_k": 1}}
    (folder / "genai_config.json").write_text(json.dumps(content, indent=1))
    return folder


class Weights:
    """The published weights, by name, and what is computed from them."""

    def __init__(self, realdata: Path) -> None:
        graph = onnx.load(realdata / STORIES / "model.onnx").graph
        self.named = {each.name: numpy_helper.to_array(each) for each in graph.initializer}

    def angles(self, context: int) -> Any:
        return np.arange(context)[:, None] * self.named["inv_freq"][None]


class Piece:
    """A graph, node by node."""

    def __init__(self, weights: Weights) -> None:
        self.weights, self.nodes, self.stored = weights, [], {}

    def node(self, op: str, *inputs: str, name: str = "", count: int = 1, domain: str = "", **attributes: Any) -> Any:
        names = [name or f"v{len(self.nodes)}", *(f"v{len(self.nodes)}_{n}" for n in range(1, count))]
        self.nodes.append(helper.make_node(op, list(inputs), names, domain=domain, **attributes))
        return names[0] if count == 1 else names

    def store(self, value: Any, name: str = "") -> str:
        name = name or f"c{len(self.stored)}"
        self.stored[name] = numpy_helper.from_array(np.array(value, order="C"), name)
        return name

    def weight(self, name: str) -> str:
        return self.store(self.weights.named[name], name)

    def normalised(self, value: str, weight: str, name: str = "") -> str:
        mean = self.node("ReduceMean", self.node("Mul", value, value), axes=[-1])
        root = self.node("Sqrt", self.node("Add", mean, self.weight("eps")))
        return str(self.node("Mul", self.node("Div", value, root), self.weight(weight), name=name))

    def fed_forward(self, value: str, layer: int) -> str:
        inner = self.normalised(value, f"l{layer}.ffn_norm")
        gate = self.node("MatMul", inner, self.weight(f"l{layer}.w1"))
        up = self.node("MatMul", inner, self.weight(f"l{layer}.w3"))
        gated = self.node("Mul", self.node("Mul", gate, self.node("Sigmoid", gate)), up)
        return str(self.node("Add", value, self.node("MatMul", gated, self.weight(f"l{layer}.w2"))))

    def save(self, path: Path, inputs: Values, outputs: Values) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, path.stem, inputs, outputs, list(self.stored.values()))
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        onnx.save(model, path)
        return model


def _value(name: str, kind: int, *shape: int | str) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def _ends(weights: Weights, folder: Path, ids: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The stages before and behind the layers."""
    first, last = Piece(weights), Piece(weights)
    first.node("Gather", first.weight("tok_emb"), "input_ids", name="hidden_in")
    hidden = [_value(name, TensorProto.FLOAT, 1, "tokens", WIDTH) for name in ("hidden_in", "hidden_out")]
    begin = first.save(folder / "embeddings.onnx", [_value("input_ids", ids, 1, "tokens")], hidden[:1])
    last.node("MatMul", last.normalised("hidden_out", "final_norm"), last.weight("lm_head"), name="logits")
    end = last.save(folder / "lm_head.onnx", hidden[1:], [_value("logits", TensorProto.FLOAT, 1, "tokens", VOCABULARY)])
    return _stage("embeddings.onnx", begin), _stage("lm_head.onnx", end, is_lm_head=True)


def write_windowed(realdata: Path, folder: Path, window: int = 128, context: int = 512) -> Path:
    """``GroupQueryAttention`` over one buffer of the context's length. Heads have half their width in zeros."""
    weights = Weights(realdata)
    first, last = _ends(weights, folder, TensorProto.INT32)
    pipeline = [{"embeddings": first}]
    for name, tokens in (("context", window), ("iterator", 1)):
        model = _shared_layers(weights, folder / f"{name}.onnx", tokens, context)
        flags = {"run_on_prompt": name == "context", "run_on_token_gen": name == "iterator"}
        pipeline.append({name: _stage(f"{name}.onnx", model, **flags)})
    lengths = {"past_sequence_length": "past_seq_len", "total_sequence_length": "total_seq_len"}
    sliding = {"window_size": window, "pad_value": 0, "alignment": "left", "slide_key_value_cache": False}
    return write_config(
        folder,
        [*pipeline, {"lm_head": last}],
        context,
        head_size=ROOM,
        sliding_window=sliding,
        inputs={
            "input_ids": "input_ids",
            **lengths,
            "past_key_names": "past_keys_%d",
            "past_value_names": "past_values_%d",
        },
        outputs={
            "logits": "logits",
            "present_key_names": "present_keys_%d",
            "present_value_names": "present_values_%d",
        },
    )


def _roomy(weight: Any) -> Any:
    """[n, heads × 8] as [n, heads × 16], the second half of each head zeros."""
    heads = weight.reshape(len(weight), -1, HEAD)
    return np.concatenate([heads, np.zeros_like(heads)], axis=2).reshape(len(weight), -1)


def _shared_layers(weights: Weights, path: Path, tokens: int, context: int) -> onnx.ModelProto:
    piece, angles, value = Piece(weights), weights.angles(context), "hidden_in"
    wider = ((0, 0), (0, (ROOM - HEAD) // 2))
    cos, sin = (piece.store(np.pad(f(angles), wider).astype(np.float32)) for f in (np.cos, np.sin))
    for layer in range(LAYERS):
        inner = piece.normalised(value, f"l{layer}.att_norm")
        stored = [piece.store(_roomy(weights.named[f"l{layer}.w{part}"])) for part in "qkv"]
        mixed = piece.node(
            "GroupQueryAttention",
            *(piece.node("MatMul", inner, each) for each in stored),
            *(f"past_{part}_{layer}" for part in ("keys", "values")),
            *("past_seq_len", "total_seq_len", cos, sin),
            count=3,
            domain="com.microsoft",
            num_heads=HEADS,
            kv_num_heads=KV_HEADS,
            do_rotary=1,
            rotary_interleaved=1,
            scale=HEAD**-0.5,
        )
        piece.nodes[-1].output[1:] = [f"present_{part}_{layer}" for part in ("keys", "values")]
        output = piece.store(_roomy(weights.named[f"l{layer}.wo"].T).T)
        value = piece.fed_forward(piece.node("Add", value, piece.node("MatMul", mixed[0], output)), layer)
    piece.node("Identity", value, name="hidden_out")
    shape = (1, KV_HEADS, context, ROOM)
    ends = [_value(name, TensorProto.FLOAT, 1, tokens, WIDTH) for name in ("hidden_in", "hidden_out")]
    pasts, presents = (
        [_value(f"{end}_{part}_{n}", TensorProto.FLOAT, *shape) for n in range(LAYERS) for part in ("keys", "values")]
        for end in ("past", "present")
    )
    lengths = [_value("past_seq_len", TensorProto.INT32, 1, 1), _value("total_seq_len", TensorProto.INT32, 1)]
    return piece.save(path, [ends[0], *lengths, *pasts], [ends[1], *presents])


def write_slid(realdata: Path, folder: Path, window: int = 32, context: int = 128) -> Path:
    """Keys [heads, 1, width, length] and values [heads, 1, length, width] in uint8. The layers compute nothing."""
    first, last = _ends(Weights(realdata), folder, TensorProto.INT32)
    stages = {"embeddings": first}
    for name, tokens in (("prompt-processor", window), ("token-generator", 1)):
        model = _idle_layers(folder / f"{name}.onnx", tokens, context)
        flags = {"run_on_prompt": tokens != 1, "run_on_token_gen": tokens == 1}
        stages[name] = _stage(f"{name}.onnx", model, **flags)
    return write_config(
        folder,
        [{**stages, "lm_head": last}],
        context,
        sliding_window={"window_size": window, "pad_value": 128},
        inputs={"past_key_names": "past_key_%d_in", "past_value_names": "past_value_%d_in"},
        outputs={"present_key_names": "past_key_%d_out", "present_value_names": "past_value_%d_out"},
    )


def _idle_layers(path: Path, tokens: int, context: int) -> onnx.ModelProto:
    ends = [_value(name, TensorProto.FLOAT, 1, tokens, WIDTH) for name in ("hidden_in", "hidden_out")]
    nodes, cache = [helper.make_node("Identity", ["hidden_in"], ["hidden_out"])], {"in": [], "out": []}
    for name in (f"past_{part}_{n}" for n in range(LAYERS) for part in ("key", "value")):
        for end, length in (("in", context - tokens), ("out", tokens)):
            shape = (HEAD, length) if "key" in name else (length, HEAD)
            cache[end].append(_value(f"{name}_{end}", TensorProto.UINT8, KV_HEADS, 1, *shape))
        value = numpy_helper.from_array(np.zeros((KV_HEADS, 1, *shape), np.uint8))
        nodes.append(helper.make_node("Constant", [], [f"{name}_out"], value=value))
    inputs, outputs = [ends[0], *cache["in"]], [ends[1], *cache["out"]]
    graph = helper.make_graph(nodes, path.stem, inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return model
