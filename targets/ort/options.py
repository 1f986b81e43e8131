"""ONNX Runtime's session options by their own names: attributes of ``SessionOptions`` and session config entries.

The config entries are those of ``onnxruntime_session_options_config_keys.h`` that a CPU or QNN session reads, as found
in ONNX Runtime 1.32. Left out: keys of other execution providers (``ep.cuda.*``, ``ep.nnapi.*``), of training, of
``SetEpDynamicOptions`` (``ep.dynamic.*``), and profiling, which would disturb what is measured. The catalogues describe
each as ``ort.option.NAME``.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from bench.contracts import Artifact
from bench.errors import InputError
from bench.words import Sentence, sentence

Value = int | bool | str
Kind = tuple[str, ...] | str  # the values allowed, or "int", "flag" (0 or 1), "bool", "text"

ENUMS = {
    "graph_optimization_level": (
        "GraphOptimizationLevel",
        ("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_LAYOUT", "ORT_ENABLE_ALL"),
    ),
    "execution_mode": ("ExecutionMode", ("ORT_SEQUENTIAL", "ORT_PARALLEL")),
    "execution_order": ("ExecutionOrder", ("DEFAULT", "PRIORITY_BASED", "MEMORY_EFFICIENT")),
}

ATTRIBUTES: dict[str, Kind] = {
    "intra_op_num_threads": "int",
    "inter_op_num_threads": "int",
    "graph_optimization_level": ENUMS["graph_optimization_level"][1],
    "execution_mode": ENUMS["execution_mode"][1],
    "execution_order": ENUMS["execution_order"][1],
    "enable_mem_pattern": "bool",
    "enable_mem_reuse": "bool",
    "enable_cpu_mem_arena": "bool",
    "use_deterministic_compute": "bool",
    "optimized_model_filepath": "text",
    "log_severity_level": ("0", "1", "2", "3", "4"),
    "log_verbosity_level": "int",
    "logid": "text",
}

CONFIG: dict[str, Kind] = {
    "ep.context_embed_mode": "flag",
    "ep.context_enable": "flag",
    "ep.context_file_path": "text",
    "ep.context_model_external_initializers_file_name": "text",
    "ep.context_node_name_prefix": "text",
    "ep.context_source_model_path": "text",
    "ep.cpu.qmoe_deferred_scale": "flag",
    "ep.enable_weightless": "flag",
    "ep.enable_weightless_ep_context_nodes": "flag",
    "ep.enable_weightless_mode": "text",
    "ep.share_ep_contexts": "flag",
    "ep.stop_share_ep_contexts": "flag",
    "mlas.disable_kleidiai": "flag",
    "mlas.enable_gemm_fastmath_arm64_bfloat16": "flag",
    "mlas.kleidiai.conv_igemm_max_work": "int",
    "mlas.nchwc_depthwise_sliding": "flag",
    "mlas.nchwc_pointwise_conv_max_input_channel_batch": "int",
    "mlas.qnbit.force_fp32": "flag",
    "mlas.use_lut_gemm": "flag",
    "optimization.constant_folding_max_output_size_in_bytes": "int",
    "optimization.disable_specified_optimizers": "text",
    "optimization.enable_cast_chain_elimination": "flag",
    "optimization.enable_gelu_approximation": "flag",
    "optimization.minimal_build_optimizations": ("", "save", "apply"),
    "session.allow_released_opsets_only": "flag",
    "session.collect_node_memory_stats_to_file": "text",
    "session.compile_only": "flag",
    "session.debug_layout_transformation": "flag",
    "session.disable_aot_function_inlining": "flag",
    "session.disable_cpu_ep_fallback": "flag",
    "session.disable_double_qdq_remover": "flag",
    "session.disable_model_compile": "flag",
    "session.disable_prepacking": "flag",
    "session.disable_qdq_constant_folding": "flag",
    "session.disable_quant_qdq": "flag",
    "session.dynamic_block_base": "int",
    "session.enable_dq_matmulnbits_fusion": "flag",
    "session.enable_moe_expert_counting": "flag",
    "session.enable_moe_expert_statistics": "flag",
    "session.enable_quant_qdq_cleanup": "flag",
    "session.enable_saved_runtime_optimizations": "flag",
    "session.external_data_loader.chunk_bytes": "int",
    "session.external_data_loader.min_size_bytes": "int",
    "session.external_data_loader.pinned_memory_bytes": "int",
    "session.external_data_loader.threads": "int",
    "session.fail_on_suboptimal_compiled_model": "flag",
    "session.force_spinning_stop": "flag",
    "session.function_expansion_byte_limit": "int",
    "session.function_expansion_node_limit": "int",
    "session.gqa_value_layout": "text",
    "session.graph_optimizations_loop_level": ("0", "1", "2"),
    "session.inter_op.allow_spinning": "flag",
    "session.inter_op.spin_backoff_max": "int",
    "session.inter_op.spin_duration_us": "int",
    "session.intra_op.allow_spinning": "flag",
    "session.intra_op.spin_backoff_max": "int",
    "session.intra_op.spin_duration_us": "int",
    "session.intra_op_thread_affinities": "text",
    "session.kernel_dispatch_policy": "text",
    "session.layer_assignment_settings": "text",
    "session.load_model_format": ("ONNX", "ORT"),
    "session.max_shape_override": "text",
    "session.model_external_initializers_file_folder_path": "text",
    "session.moe_expert_counter_alpha": "text",
    "session.moe_expert_counter_beta": "text",
    "session.moe_expert_counter_state_file": "text",
    "session.name_based_layer_assignment": "text",
    "session.node_partition_config_file": "text",
    "session.optimized_model_external_initializers_file_name": "text",
    "session.optimized_model_external_initializers_min_size_in_bytes": "int",
    "session.prepack.enable_parallel": "flag",
    "session.qdq_matmulnbits_accuracy_level": ("0", "1", "2", "3", "4"),
    "session.qdq_matmulnbits_block_size": "int",
    "session.qdqisint8allowed": "flag",
    "session.record_ep_graph_assignment_info": "flag",
    "session.resource_cuda_partitioning_settings": "text",
    "session.save_external_prepacked_constant_initializers": "flag",
    "session.save_model_format": ("ONNX", "ORT"),
    "session.set_denormal_as_zero": "flag",
    "session.strict_shape_type_inference": "flag",
    "session.strict_workspace_verification": "flag",
    "session.use_device_allocator_for_initializers": "flag",
    "session.use_env_allocators": "flag",
    "session.use_external_initializer_file_buffers_directly": "flag",
    "session.use_ort_model_bytes_directly": "flag",
    "session.use_ort_model_bytes_for_initializers": "flag",
    "session.x64quantprecision": "flag",
}
MOE_OFFLOAD = "session.moe.offload."
MOE_OFFLOAD_KEYS = (
    *("allow_file_backing", "async_max_tokens", "budget_group", "cpu_execution", "cpu_threads"),
    *("derived_cache_dir", "device_expert_bytes", "device_working_bytes", "gpu_budget_bytes"),
    *("gpu_device_mem_limit", "host_expert_bytes", "host_working_bytes", "min_expert_weight", "mode"),
    *("node_overrides", "pinned_bytes", "placement", "popularity_file", "prefill_wave_experts"),
    *("reserve_device_bytes", "skip_tail_cold_only", "skip_zero_cold_doorbell", "source_root"),
    *("tail_substitution_min_rank", "tail_substitution_threshold"),
)
ENTRIES: dict[str, Kind] = CONFIG | {MOE_OFFLOAD + key: "text" for key in MOE_OFFLOAD_KEYS}


EXACT_MEMORY = {"enable_cpu_mem_arena": "0", "enable_mem_pattern": "0"}
"""What makes a session take each tensor's memory from the C library, and give it back, instead of keeping an arena."""


class SessionSettings(Struct, frozen=True):
    """Options read: ``attributes`` in Python's types (enums by name), ``entries`` and ``others`` as strings."""

    attributes: dict[str, Value]
    entries: dict[str, str]
    others: dict[str, str]


def known() -> dict[str, Sentence | str]:
    """Every session option and config entry with its description."""
    offload = sentence("ort.option.moe_offload")
    return {
        name: offload if name.startswith(MOE_OFFLOAD) else sentence(f"ort.option.{name}")
        for name in ATTRIBUTES | ENTRIES
    }


def read(options: Mapping[str, str]) -> SessionSettings:
    """Sort ``options`` and check their values. Raises ``InputError`` naming the option and its value."""
    attributes = {k: _typed(k, v, ATTRIBUTES[k]) for k, v in options.items() if k in ATTRIBUTES}
    entries = {k: str(_checked(k, v, ENTRIES[k])) for k, v in options.items() if k in ENTRIES}
    others = {k: v for k, v in options.items() if k not in ATTRIBUTES and k not in ENTRIES}
    return SessionSettings(attributes, entries, others)


def session_options(settings: SessionSettings) -> Any:
    """An ``onnxruntime.SessionOptions`` holding ``settings``; it logs warnings unless they say otherwise."""
    import onnxruntime

    ignore_configuration_in_models()
    onnxruntime.disable_telemetry_events()  # Windows' trace events; bench.process.telemetry switches the rest off
    made = onnxruntime.SessionOptions()
    made.log_severity_level = 2
    for name, value in settings.attributes.items():
        enum = ENUMS.get(name)
        setattr(made, name, getattr(getattr(onnxruntime, enum[0]), str(value)) if enum else value)
    for name, text in settings.entries.items():
        made.add_session_config_entry(name, text)
    return made


def ignore_configuration_in_models() -> None:
    """Keep ONNX Runtime from taking session options, profiling among them, from a model's metadata (``ort_config``), as
    it does where the environment asks for it: whoever sent the model would set them."""
    os.environ.pop("ORT_LOAD_CONFIG_FROM_MODEL", None)


def fix_free_dimensions(made: Any, artifact: Artifact) -> None:
    """Give every symbolic input dimension the size that ``artifact.shapes`` states."""
    for spec in artifact.facts.inputs:
        for symbol, size in zip(spec.shape, artifact.shapes.get(spec.name, ()), strict=False):
            if isinstance(symbol, str):
                made.add_free_dimension_override_by_name(symbol, size)


def effective(made: Any, entries: Mapping[str, str]) -> dict[str, str]:
    """``SessionOptions`` read back: every attribute, and the config ``entries`` that were set."""
    held = {name: _plain(getattr(made, name)) for name in ATTRIBUTES}
    return held | {name: str(made.get_session_config_entry(name)) for name in entries}


def _plain(value: Any) -> str:
    return str(getattr(value, "name", value))


def _typed(name: str, value: str, kind: Kind) -> Value:
    checked = _checked(name, value, kind)
    return int(checked) if name == "log_severity_level" else checked


def _checked(name: str, value: str, kind: Kind) -> Value:
    if isinstance(kind, tuple):
        if value not in kind:
            raise InputError(
                sentence("target.option_not_one_of", name=name, value=value),
                sentence("target.give_one_of", values=kind),
            )
        return value
    return PARSERS[kind](name, value)


def _integer(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise InputError(
            sentence("target.option_not_whole_number", name=name, value=value),
            sentence("target.write_for_example", name=name, example=4),
        ) from None


def _boolean(name: str, value: str) -> bool:
    words = {"1": True, "true": True, "0": False, "false": False}
    if value.lower() not in words:
        raise InputError(
            sentence("ort.option_not_true_or_false", name=name, value=value),
            sentence("ort.write_true_or_false", name=name),
        )
    return words[value.lower()]


def _flag(name: str, value: str) -> str:
    return "1" if _boolean(name, value) else "0"


def _text(name: str, value: str) -> str:
    return value


PARSERS: dict[str, Callable[[str, str], Value]] = {"int": _integer, "bool": _boolean, "flag": _flag, "text": _text}
