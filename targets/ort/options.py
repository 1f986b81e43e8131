"""ONNX Runtime's session options by their own names: attributes of ``SessionOptions`` and session config entries.

The config entries are those of ``onnxruntime_session_options_config_keys.h`` that a CPU or QNN session reads, as found
in ONNX Runtime 1.32. Left out: keys of other execution providers (``ep.cuda.*``, ``ep.nnapi.*``), of training, of
``SetEpDynamicOptions`` (``ep.dynamic.*``), and profiling, which would disturb what is measured.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from bench.contracts import Artifact
from bench.errors import InputError

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

ATTRIBUTES: dict[str, tuple[Kind, str]] = {
    "intra_op_num_threads": ("int", "threads within an operator; 0: one a physical core"),
    "inter_op_num_threads": ("int", "threads between operators with ORT_PARALLEL; 0: one a physical core"),
    "graph_optimization_level": (ENUMS["graph_optimization_level"][1], "how far the graph is rewritten"),
    "execution_mode": (ENUMS["execution_mode"][1], "operators one after the other, or in parallel"),
    "execution_order": (ENUMS["execution_order"][1], "order of independent operators"),
    "enable_mem_pattern": ("bool", "plan activation memory from the first run"),
    "enable_mem_reuse": ("bool", "share buffers between tensors that do not live together"),
    "enable_cpu_mem_arena": ("bool", "keep freed memory in an arena"),
    "use_deterministic_compute": ("bool", "deterministic kernels only"),
    "optimized_model_filepath": ("text", "write the optimised graph to this file"),
    "log_severity_level": (("0", "1", "2", "3", "4"), "0 verbose … 4 fatal"),
    "log_verbosity_level": ("int", "verbosity when log_severity_level is 0"),
    "logid": ("text", "name of the session in the log"),
}

CONFIG: dict[str, tuple[Kind, str]] = {
    "ep.context_embed_mode": ("flag", "1: compiled context inside the ONNX file; 0: beside it"),
    "ep.context_enable": ("flag", "write a model that holds the provider's compiled context"),
    "ep.context_file_path": ("text", "where that model is written"),
    "ep.context_model_external_initializers_file_name": ("text", "file for initializers left to the CPU"),
    "ep.context_node_name_prefix": ("text", "prefix of the compiled context's node names"),
    "ep.context_source_model_path": ("text", "the model the compiled context was made from"),
    "ep.cpu.qmoe_deferred_scale": ("flag", "scale quantised experts late"),
    "ep.enable_weightless": ("flag", "compiled context without weights"),
    "ep.enable_weightless_ep_context_nodes": ("flag", "compiled context nodes take weights as inputs"),
    "ep.enable_weightless_mode": ("text", "how weights are left out of the compiled context"),
    "ep.share_ep_contexts": ("flag", "share compiled contexts between sessions"),
    "ep.stop_share_ep_contexts": ("flag", "end of sharing compiled contexts"),
    "mlas.disable_kleidiai": ("flag", "no KleidiAI kernels on Arm"),
    "mlas.enable_gemm_fastmath_arm64_bfloat16": ("flag", "bfloat16 matrix products on Arm"),
    "mlas.kleidiai.conv_igemm_max_work": ("int", "largest convolution given to KleidiAI's indirect kernels"),
    "mlas.nchwc_depthwise_sliding": ("flag", "sliding depthwise kernels"),
    "mlas.nchwc_pointwise_conv_max_input_channel_batch": (
        "int",
        "input channels a pointwise convolution takes at once",
    ),
    "mlas.qnbit.force_fp32": ("flag", "float32 activations in n-bit matrix products"),
    "mlas.use_lut_gemm": ("flag", "look-up-table matrix products for n-bit weights"),
    "optimization.constant_folding_max_output_size_in_bytes": ("int", "largest constant that folding may make"),
    "optimization.disable_specified_optimizers": ("text", "optimisers to leave out, separated by ;"),
    "optimization.enable_cast_chain_elimination": ("flag", "remove chains of Cast"),
    "optimization.enable_gelu_approximation": ("flag", "approximate Gelu; changes results slightly"),
    "optimization.minimal_build_optimizations": (("", "save", "apply"), "optimisations of minimal builds"),
    "session.allow_released_opsets_only": ("flag", "refuse opsets not yet released"),
    "session.collect_node_memory_stats_to_file": ("text", "write memory use by node as CSV"),
    "session.compile_only": ("flag", "compile, and run nothing"),
    "session.debug_layout_transformation": ("flag", "write the graph at each step of layout transformation"),
    "session.disable_aot_function_inlining": ("flag", "no inlining of functions before partitioning"),
    "session.disable_cpu_ep_fallback": ("flag", "1: a node that would fall back to the CPU is an error"),
    "session.disable_double_qdq_remover": ("flag", "keep doubled QDQ pairs"),
    "session.disable_model_compile": ("flag", "1: an error if the provider would have to compile"),
    "session.disable_prepacking": ("flag", "keep weights as stored"),
    "session.disable_qdq_constant_folding": ("flag", "keep DequantizeLinear of constants"),
    "session.disable_quant_qdq": ("flag", "1: QDQ pairs are not fused into integer operators"),
    "session.dynamic_block_base": ("int", "block size of dynamic work sharing between threads"),
    "session.enable_dq_matmulnbits_fusion": ("flag", "fuse DequantizeLinear + MatMul into MatMulNBits"),
    "session.enable_moe_expert_counting": ("flag", "count which experts run"),
    "session.enable_moe_expert_statistics": ("flag", "statistics of which experts run"),
    "session.enable_quant_qdq_cleanup": ("flag", "remove QDQ pairs that are left over"),
    "session.enable_saved_runtime_optimizations": ("flag", "apply optimisations saved in the model"),
    "session.external_data_loader.chunk_bytes": ("int", "bytes read at once from external data"),
    "session.external_data_loader.min_size_bytes": ("int", "smallest tensor read by the loader"),
    "session.external_data_loader.pinned_memory_bytes": ("int", "pinned memory of the loader"),
    "session.external_data_loader.threads": ("int", "threads of the loader"),
    "session.fail_on_suboptimal_compiled_model": ("flag", "1: an error if recompiling would be better"),
    "session.force_spinning_stop": ("flag", "threads stop spinning when the last run returns"),
    "session.function_expansion_byte_limit": ("int", "how far functions may be expanded, in bytes"),
    "session.function_expansion_node_limit": ("int", "how far functions may be expanded, in nodes"),
    "session.gqa_value_layout": ("text", "layout of values in GroupQueryAttention"),
    "session.graph_optimizations_loop_level": (("0", "1", "2"), "when optimisation runs again"),
    "session.inter_op.allow_spinning": ("flag", "threads between operators spin before they sleep"),
    "session.inter_op.spin_backoff_max": ("int", "longest pause while spinning, between operators"),
    "session.inter_op.spin_duration_us": ("int", "how long threads between operators spin"),
    "session.intra_op.allow_spinning": ("flag", "threads within an operator spin before they sleep"),
    "session.intra_op.spin_backoff_max": ("int", "longest pause while spinning, within an operator"),
    "session.intra_op.spin_duration_us": ("int", "how long threads within an operator spin"),
    "session.intra_op_thread_affinities": ("text", "processors of each thread but the first: 1;2;3-4"),
    "session.kernel_dispatch_policy": ("text", "how kernels are chosen"),
    "session.layer_assignment_settings": ("text", "devices by layer annotation"),
    "session.load_model_format": (("ONNX", "ORT"), "format of the model file"),
    "session.max_shape_override": ("text", "largest shapes to plan for"),
    "session.model_external_initializers_file_folder_path": ("text", "folder of external data"),
    "session.moe_expert_counter_alpha": ("text", "weight of new counts of experts"),
    "session.moe_expert_counter_beta": ("text", "weight of old counts of experts"),
    "session.moe_expert_counter_state_file": ("text", "file of the counts of experts"),
    "session.name_based_layer_assignment": ("text", "devices by layer name"),
    "session.node_partition_config_file": ("text", "file that assigns nodes to streams"),
    "session.optimized_model_external_initializers_file_name": ("text", "external data of the optimised model"),
    "session.optimized_model_external_initializers_min_size_in_bytes": ("int", "smallest tensor put there"),
    "session.prepack.enable_parallel": ("flag", "repack weights on several threads"),
    "session.qdq_matmulnbits_accuracy_level": (("0", "1", "2", "3", "4"), "accuracy of MatMulNBits made from QDQ"),
    "session.qdq_matmulnbits_block_size": ("int", "block size of MatMulNBits made from QDQ"),
    "session.qdqisint8allowed": ("flag", "signed 8-bit QDQ when saving for Arm"),
    "session.record_ep_graph_assignment_info": ("flag", "record which provider took which node"),
    "session.resource_cuda_partitioning_settings": ("text", "partitioning by memory; CUDA only"),
    "session.save_external_prepacked_constant_initializers": ("flag", "save repacked weights"),
    "session.save_model_format": (("ONNX", "ORT"), "format of optimized_model_filepath"),
    "session.set_denormal_as_zero": ("flag", "treat denormals as zero"),
    "session.strict_shape_type_inference": ("flag", "inconsistent shapes are an error"),
    "session.strict_workspace_verification": ("flag", "check planned workspace sizes"),
    "session.use_device_allocator_for_initializers": ("flag", "weights outside the arena"),
    "session.use_env_allocators": ("flag", "allocators shared between sessions"),
    "session.use_external_initializer_file_buffers_directly": ("flag", "use external data where it is mapped"),
    "session.use_ort_model_bytes_directly": ("flag", "use an ORT-format model's bytes without a copy"),
    "session.use_ort_model_bytes_for_initializers": ("flag", "weights point into those bytes"),
    "session.x64quantprecision": ("flag", "U8U8 products that do not overflow on old x86-64"),
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
ENTRIES: dict[str, tuple[Kind, str]] = CONFIG | {
    MOE_OFFLOAD + key: ("text", "offloading of mixture-of-experts weights") for key in MOE_OFFLOAD_KEYS
}


EXACT_MEMORY = {"enable_cpu_mem_arena": "0", "enable_mem_pattern": "0"}
"""What makes a session take each tensor's memory from the C library, and give it back, instead of keeping an arena."""


class SessionSettings(Struct, frozen=True):
    """Options read: ``attributes`` in Python's types (enums by name), ``entries`` and ``others`` as strings."""

    attributes: dict[str, Value]
    entries: dict[str, str]
    others: dict[str, str]


def known() -> dict[str, str]:
    """Every session option and config entry with its description."""
    return {name: text for name, (_, text) in (ATTRIBUTES | ENTRIES).items()}


def read(options: Mapping[str, str]) -> SessionSettings:
    """Sort ``options`` and check their values. Raises ``InputError`` naming the option and its value."""
    attributes = {k: _typed(k, v, ATTRIBUTES[k][0]) for k, v in options.items() if k in ATTRIBUTES}
    entries = {k: str(_checked(k, v, ENTRIES[k][0])) for k, v in options.items() if k in ENTRIES}
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
            raise InputError(f"option {name}={value}: not one of its values", f"Give one of {', '.join(kind)}.")
        return value
    return PARSERS[kind](name, value)


def _integer(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise InputError(f"option {name}={value}: not a whole number", f"Write {name}=4, for example.") from None


def _boolean(name: str, value: str) -> bool:
    words = {"1": True, "true": True, "0": False, "false": False}
    if value.lower() not in words:
        raise InputError(f"option {name}={value}: neither true nor false", f"Write {name}=true or {name}=false.")
    return words[value.lower()]


def _flag(name: str, value: str) -> str:
    return "1" if _boolean(name, value) else "0"


def _text(name: str, value: str) -> str:
    return value


PARSERS: dict[str, Callable[[str, str], Value]] = {"int": _integer, "bool": _boolean, "flag": _flag, "text": _text}
