"""One decoder in the layouts that exporters give it: each file computes what the original does."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WRONG = 1e4
"""Added to the logit of token 0 where a steering input has the wrong value."""


def write(name: str, source: Path, folder: Path) -> Path:
    """``source`` laid out as ``name`` says, in a file of that name."""
    model = onnx.load(source)
    VARIANTS[name](model.graph)
    path = folder / f"{name}.onnx"
    onnx.save(model, path)
    return path


def numbers(graph: Any, **values: int) -> list[str]:
    """Constants [1] of these names."""
    return [constant(graph, name, np.array([value])) for name, value in values.items()]


def constant(graph: Any, name: str, value: Any) -> str:
    graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return name


def value_of(values: Any, name: str) -> Any:
    return next(value for value in values if value.name == name)


def rename_output(graph: Any, old: str, new: str) -> None:
    """The value ``old``, which is an output, becomes an inner one called ``new``."""
    for node in graph.node:
        node.output[:] = [new if name == old else name for name in node.output]
        node.input[:] = [new if name == old else name for name in node.input]


def rename_input(graph: Any, old: str, new: str) -> None:
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]


def set_shape(value: Any, shape: tuple[int | str, ...]) -> None:
    kind = value.type.tensor_type.elem_type
    value.CopyFrom(helper.make_tensor_value_info(value.name, kind, shape))


def caches(values: Any, start: str) -> list[Any]:
    return [value for value in values if value.name.startswith(start)]


def keep_last_logits(graph: Any) -> None:
    """Logits [B,1,V], as a pruned head gives them."""
    rename_output(graph, "logits", "all_logits")
    first, last, axis = (
        constant(graph, n, np.array([v])) for n, v in (("pl_first", -1), ("pl_last", 2**31), ("pl_axis", 1))
    )
    graph.node.append(helper.make_node("Slice", ["all_logits", first, last, axis], ["logits"]))
    set_shape(value_of(graph.output, "logits"), ("batch_size", 1, 512))


def drop_sequence(graph: Any) -> None:
    """Logits [B,V]."""
    rename_output(graph, "logits", "all_logits")
    last = constant(graph, "ds_last", np.array(-1))
    graph.node.append(helper.make_node("Gather", ["all_logits", last], ["logits"], axis=1))
    set_shape(value_of(graph.output, "logits"), ("batch_size", 512))


def keep_so_many_logits(graph: Any) -> None:
    """As many logits as ``num_logits_to_keep`` says."""
    rename_output(graph, "logits", "all_logits")
    graph.input.append(helper.make_tensor_value_info("num_logits_to_keep", TensorProto.INT64, []))
    last, axis, one = (
        constant(graph, n, np.array([v])) for n, v in (("nk_last", 2**31), ("nk_axis", 1), ("nk_one", -1))
    )
    graph.node.append(
        helper.make_node("Reshape", ["num_logits_to_keep", constant(graph, "nk_shape", np.array([1]))], ["nk"])
    )
    graph.node.append(helper.make_node("Mul", ["nk", one], ["nk_first"]))
    graph.node.append(helper.make_node("Slice", ["all_logits", "nk_first", last, axis], ["logits"]))
    set_shape(value_of(graph.output, "logits"), ("batch_size", "kept", 512))


def keep_so_many_logits_in_int32(graph: Any) -> None:
    """The same in int32 and [1]."""
    keep_so_many_logits(graph)
    value = value_of(graph.input, "num_logits_to_keep")
    value.CopyFrom(helper.make_tensor_value_info("num_logits_to_keep", TensorProto.INT32, [1]))
    rename_input(graph, "num_logits_to_keep", "nk_wide")
    graph.node.insert(0, helper.make_node("Cast", ["num_logits_to_keep"], ["nk_wide"], to=TensorProto.INT64))


def branch_on_the_cache(graph: Any) -> None:
    """Right logits only where ``use_cache_branch`` says whether the past holds something."""
    rename_output(graph, "logits", "all_logits")
    graph.input.append(helper.make_tensor_value_info("use_cache_branch", TensorProto.BOOL, [1]))
    two, three, axis, none = (
        constant(graph, n, np.array([v])) for n, v in (("uc_2", 2), ("uc_3", 3), ("uc_0", 0), ("uc_none", 0))
    )
    graph.node.extend(
        [
            helper.make_node("Shape", ["past_key_values.0.key"], ["uc_shape"]),
            helper.make_node("Slice", ["uc_shape", two, three, axis], ["uc_past"]),
            helper.make_node("Greater", ["uc_past", none], ["uc_holds"]),
            helper.make_node("Xor", ["uc_holds", "use_cache_branch"], ["uc_wrong"]),
            helper.make_node("Cast", ["uc_wrong"], ["uc_penalty"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["uc_penalty", constant(graph, "uc_row", first_only())], ["uc_added"]),
            helper.make_node("Add", ["all_logits", "uc_added"], ["logits"]),
        ]
    )


def take_cache_positions(graph: Any) -> None:
    """Right logits only where ``cache_position`` [S] holds the places of all new tokens behind the past."""
    _add_positions(graph, TensorProto.INT64, ["sequence_length"])


def take_first_cache_position(graph: Any) -> None:
    """Right logits only where ``cache_position`` [1], in int32, is the place of the first new token."""
    _add_positions(graph, TensorProto.INT32, [1])


def take_scalar_cache_position(graph: Any) -> None:
    _add_positions(graph, TensorProto.INT64, [])


def _add_positions(graph: Any, kind: int, shape: list[int | str]) -> None:
    rename_output(graph, "logits", "all_logits")
    graph.input.append(helper.make_tensor_value_info("cache_position", kind, shape))
    two, one = constant(graph, "cp_2", np.array(2)), constant(graph, "cp_1", np.array(1))
    many = shape == ["sequence_length"]
    tokens = "cp_tokens" if many else one
    graph.node.extend(
        [
            helper.make_node("Shape", ["past_key_values.0.key"], ["cp_shape"]),
            helper.make_node("Gather", ["cp_shape", two], ["cp_past"]),
            helper.make_node("Shape", ["input_ids"], ["cp_ids"]),
            helper.make_node("Gather", ["cp_ids", one], ["cp_tokens"]),
            helper.make_node("Add", ["cp_past", tokens], ["cp_end"]),
            helper.make_node("Range", ["cp_past", "cp_end", one], ["cp_expected"]),
            helper.make_node("Cast", ["cache_position"], ["cp_given"], to=TensorProto.INT64),
            helper.make_node("Sub", ["cp_given", "cp_expected"], ["cp_off"]),
            helper.make_node("Cast", ["cp_off"], ["cp_float"], to=TensorProto.FLOAT),
            helper.make_node("Abs", ["cp_float"], ["cp_far"]),
            helper.make_node("ReduceMax", ["cp_far"], ["cp_penalty"], keepdims=0),
            helper.make_node("Mul", ["cp_penalty", constant(graph, "cp_row", first_only())], ["cp_added"]),
            helper.make_node("Add", ["all_logits", "cp_added"], ["logits"]),
        ]
    )


def first_only() -> "np.ndarray[Any, Any]":
    row = np.zeros(512, np.float32)
    row[0] = WRONG
    return row


def number_dimensions(graph: Any) -> None:
    """Odd layers slide, and their lengths go by another name."""
    for layer in range(5):
        for part in ("key", "value"):
            kind = "sliding" if layer % 2 else "full"
            set_shape(value_of(graph.input, f"past_key_values.{layer}.{part}"), ("batch_size", 4, f"past_{kind}", 8))
            set_shape(value_of(graph.output, f"present.{layer}.{part}"), ("batch_size", 4, f"total_{kind}", 8))


def cache_in_bfloat16(graph: Any) -> None:
    """Keys and values go in and out as bfloat16: they round, and the tokens stay for a while."""
    narrow_cache(graph, TensorProto.BFLOAT16)


def cache_in_float16(graph: Any) -> None:
    narrow_cache(graph, TensorProto.FLOAT16)


def narrow_cache(graph: Any, kind: int) -> None:
    for value in caches(graph.input, "past_key_values"):
        rename_input(graph, value.name, f"{value.name}.wide")
        graph.node.insert(0, helper.make_node("Cast", [value.name], [f"{value.name}.wide"], to=TensorProto.FLOAT))
        value.type.tensor_type.elem_type = kind
    for value in caches(graph.output, "present"):
        rename_output(graph, value.name, f"{value.name}.wide")
        graph.node.append(helper.make_node("Cast", [f"{value.name}.wide"], [value.name], to=kind))
        value.type.tensor_type.elem_type = kind


def logits_in_bfloat16(graph: Any) -> None:
    rename_output(graph, "logits", "logits_in_float")
    graph.node.append(helper.make_node("Cast", ["logits_in_float"], ["logits"], to=TensorProto.BFLOAT16))
    value_of(graph.output, "logits").type.tensor_type.elem_type = TensorProto.BFLOAT16


def pack_keys_and_values(graph: Any) -> None:
    """``past_N`` [2,B,H,P,D] holds both, as in GPT-2 exports."""
    axis, halves = constant(graph, "pk_axis", np.array([0])), constant(graph, "pk_halves", np.array([1, 1]))
    for layer in range(5):
        key, value = (f"past_key_values.{layer}.{part}" for part in ("key", "value"))
        graph.node.insert(0, helper.make_node("Squeeze", [f"{value}.row", axis], [value]))
        graph.node.insert(0, helper.make_node("Squeeze", [f"{key}.row", axis], [key]))
        graph.node.insert(
            0, helper.make_node("Split", [f"past_{layer}", halves], [f"{key}.row", f"{value}.row"], axis=0)
        )
        rows = []
        for part in ("key", "value"):
            rows.append(f"present.{layer}.{part}.row")
            graph.node.append(helper.make_node("Unsqueeze", [f"present.{layer}.{part}", axis], [rows[-1]]))
        graph.node.append(helper.make_node("Concat", rows, [f"present_{layer}"], axis=0))
    replace_caches(graph, [(f"past_{n}", f"present_{n}", (2, "batch_size", 4)) for n in range(5)])


def replace_caches(graph: Any, named: list[tuple[str, str, tuple[int | str, ...]]]) -> None:
    inputs = [value for value in graph.input if not value.name.startswith("past_key_values")]
    outputs = [value for value in graph.output if not value.name.startswith("present")]
    del graph.input[:], graph.output[:]
    graph.input.extend(inputs)
    graph.output.extend(outputs)
    for past, present, start in named:
        graph.input.append(helper.make_tensor_value_info(past, TensorProto.FLOAT, (*start, "past", 8)))
        graph.output.append(helper.make_tensor_value_info(present, TensorProto.FLOAT, (*start, "total", 8)))


def number_names(graph: Any) -> None:
    """Keys and values by other names, with the layer at their end."""
    for layer in range(5):
        for part in ("key", "value"):
            for values, old, new, rename in (
                (graph.input, f"past_key_values.{layer}.{part}", f"past_{part}_{layer}", rename_input),
                (graph.output, f"present.{layer}.{part}", f"present_{part}_{layer}", rename_output),
            ):
                inner = f"{new}.inner"
                rename(graph, old, inner)
                ends = (new, inner) if values is graph.input else (inner, new)
                place = 0 if values is graph.input else len(graph.node)
                graph.node.insert(place, helper.make_node("Identity", [ends[0]], [ends[1]]))
                value_of(values, old).name = new


def turn_keys(graph: Any) -> None:
    """Keys as [batch, heads, width, length]."""
    for layer in range(5):
        past, present = f"past_key_values.{layer}.key", f"present.{layer}.key"
        rename_input(graph, past, f"{past}.turned")
        graph.node.insert(0, helper.make_node("Transpose", [past], [f"{past}.turned"], perm=[0, 1, 3, 2]))
        rename_output(graph, present, f"{present}.turned")
        graph.node.append(helper.make_node("Transpose", [f"{present}.turned"], [present], perm=[0, 1, 3, 2]))
        set_shape(value_of(graph.input, past), ("batch_size", 4, 8, "past_sequence_length"))
        set_shape(value_of(graph.output, present), ("batch_size", 4, 8, "total_sequence_length"))


def narrow_tokens(graph: Any) -> None:
    """Ids, mask and positions in int32."""
    for name in ("input_ids", "attention_mask", "position_ids"):
        rename_input(graph, name, f"{name}.wide")
        graph.node.insert(0, helper.make_node("Cast", [name], [f"{name}.wide"], to=TensorProto.INT64))
        value_of(graph.input, name).type.tensor_type.elem_type = TensorProto.INT32


VARIANTS: Mapping[str, Callable[[Any], None]] = MappingProxyType(
    {
        "last_logits": keep_last_logits,
        "flat_logits": drop_sequence,
        "num_logits_to_keep": keep_so_many_logits,
        "num_logits_to_keep_int32": keep_so_many_logits_in_int32,
        "use_cache_branch": branch_on_the_cache,
        "cache_position": take_cache_positions,
        "first_cache_position": take_first_cache_position,
        "scalar_cache_position": take_scalar_cache_position,
        "named_dimensions": number_dimensions,
        "bfloat16_cache": cache_in_bfloat16,
        "float16_cache": cache_in_float16,
        "bfloat16_logits": logits_in_bfloat16,
        "packed_cache": pack_keys_and_values,
        "int32_tokens": narrow_tokens,
        "numbered_names": number_names,
        "turned_keys": turn_keys,
    }
)
