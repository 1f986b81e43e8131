"""Folders as GenAI runtimes take them, made of stories260K on the spot; and a decoder written node by node."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from stories_tokenizer import BEGIN, END, write_tokenizer

STORIES = Path("llm") / "stories260K"


def write_ort_genai_folder(realdata: Path, folder: Path, **model: Any) -> Path:
    """A ``genai_config.json`` written by hand, with the graph and a tokenizer; ``model`` changes fields of it."""
    shutil.copy(realdata / STORIES / "model.onnx", folder / "decoder.onnx")
    write_tokenizer(realdata / STORIES / "tok512.bin", folder)
    config = {
        "type": "llama",
        "bos_token_id": BEGIN,
        "eos_token_id": END,
        "pad_token_id": 0,
        "context_length": 512,
        "vocab_size": 512,
        "decoder": {
            "filename": "decoder.onnx",
            "head_size": 8,
            "hidden_size": 64,
            "num_attention_heads": 8,
            "num_hidden_layers": 5,
            "num_key_value_heads": 4,
            "session_options": {"provider_options": []},
            "inputs": {
                "input_ids": "input_ids",
                "attention_mask": "attention_mask",
                "position_ids": "position_ids",
                "past_key_names": "past_key_values.%d.key",
                "past_value_names": "past_key_values.%d.value",
            },
            "outputs": {
                "logits": "logits",
                "present_key_names": "present.%d.key",
                "present_value_names": "present.%d.value",
            },
        },
    }
    search = {"max_length": 512, "do_sample": True, "top_k": 50, "temperature": 2.0, "repetition_penalty": 1.3}
    (folder / "genai_config.json").write_text(json.dumps({"model": config | model, "search": search}))
    return folder


def write_int32_mask(source: Path, path: Path) -> None:
    """The decoder ``source`` with an ``attention_mask`` in int32, as the builder of onnxruntime-genai writes some."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load(source)
    for node in model.graph.node:
        node.input[:] = ["mask64" if name == "attention_mask" else name for name in node.input]
    next(i for i in model.graph.input if i.name == "attention_mask").type.tensor_type.elem_type = TensorProto.INT32
    model.graph.node.insert(0, helper.make_node("Cast", ["attention_mask"], ["mask64"], to=TensorProto.INT64))
    onnx.save(model, path)


def write_openvino_folder(realdata: Path, folder: Path) -> Path:
    """A stateful IR with its configurations and both graphs of a tokenizer."""
    import openvino
    from stories_tokenizer_ir import write_tokenizer_ir

    from bench.contracts import DecoderSpec
    from bench.targets.openvino.stateful import keep_cache_inside

    model = openvino.Core().read_model(realdata / STORIES / "model.onnx")
    keep_cache_inside(model, DecoderSpec(layers=5, kv_heads=4, head_dim=8, vocab_size=512, context_length=512))
    openvino.save_model(model, folder / "openvino_model.xml", compress_to_fp16=False)
    config = {"model_type": "llama", "max_position_embeddings": 512, "bos_token_id": BEGIN, "eos_token_id": END}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": END, "do_sample": True}))
    write_tokenizer_ir(realdata / STORIES / "tok512.bin", folder)
    return folder


def write_paged_decoder(folder: Path) -> Path:
    """A decoder of one layer with ScaledDotProductAttention, as Optimum exports it: it can be rewritten for paged
    attention. Vocabulary 64, 4 heads of 8, context 256, random weights. Returns its ``openvino_model.xml``."""
    import openvino
    from openvino import Model, PartialShape, Type
    from openvino import opset13 as op
    from openvino.op import assign, read_value
    from openvino.op.util import Variable, VariableInfo

    width, heads, vocabulary, head = 32, 4, 64, 8
    random = np.random.default_rng(0)

    def weight(*shape: int) -> Any:
        return op.constant(random.standard_normal(shape).astype(np.float32) * 0.3)

    def whole(*values: int) -> Any:
        return op.constant(np.array(values, np.int64))

    def parameter(name: str, kind: Any, rank: int) -> Any:
        made = op.parameter([-1] * rank, kind, name=name)
        made.output(0).get_tensor().set_names({name})
        return made

    zero, one = op.constant(0, Type.i64), op.constant(1, Type.i64)
    ids, mask, positions = (parameter(n, Type.i64, 2) for n in ("input_ids", "attention_mask", "position_ids"))
    beam = parameter("beam_idx", Type.i32, 1)
    embedding = weight(vocabulary, width)
    value = op.add(op.gather(embedding, ids, zero), op.gather(weight(256, width), positions, zero))

    def by_head() -> Any:
        product = op.matmul(value, weight(width, width), False, True)
        return op.transpose(op.reshape(product, whole(0, 0, heads, head), True), whole(0, 2, 1, 3))

    query, key, content = by_head(), by_head(), by_head()
    batch = op.gather(op.shape_of(ids, output_type="i64"), whole(0), zero)
    empty = op.broadcast(op.constant(np.float32(0)), op.concat([batch, whole(heads), whole(0), whole(head)], 0))
    sinks, cached = [], []
    for name, new in (("key", key), ("value", content)):
        info = VariableInfo()
        info.data_shape, info.data_type = PartialShape([-1, heads, -1, head]), Type.f32
        info.variable_id = f"past_key_values.0.{name}present.0.{name}"
        variable = Variable(info)
        grown = op.concat([op.gather(read_value(empty, variable), beam, zero), new], 2)
        sinks.append(assign(grown, variable))
        cached.append(grown)
    total = op.gather(op.shape_of(mask, output_type="i64"), one, zero)
    past = op.subtract(total, op.gather(op.shape_of(ids, output_type="i64"), one, zero))
    slots, queries = op.range(zero, total, one, Type.i64), op.range(past, total, one, Type.i64)
    seen = op.less_equal(op.unsqueeze(slots, whole(0)), op.unsqueeze(queries, whole(1)))
    causal = op.select(seen, op.constant(np.float32(0)), op.constant(np.float32(-1e9)))
    causal = op.unsqueeze(op.unsqueeze(causal, whole(0)), whole(0))
    mixed = op.scaled_dot_product_attention(query, cached[0], cached[1], causal, causal=False)
    mixed = op.reshape(op.transpose(mixed, whole(0, 2, 1, 3)), whole(0, 0, width), True)
    value = op.add(value, op.matmul(mixed, weight(width, width), False, True))
    logits = op.matmul(value, embedding, False, True)
    logits.output(0).get_tensor().set_names({"logits"})
    model = Model([op.result(logits)], sinks, [ids, mask, positions, beam], "paged")
    openvino.save_model(model, folder / "openvino_model.xml", compress_to_fp16=False)
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 256}))
    return folder / "openvino_model.xml"
