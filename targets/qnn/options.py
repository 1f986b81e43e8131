"""Provider options of the QNN execution provider, by its own names.

From ONNX Runtime's documentation of the QNN Execution Provider and from what onnxruntime-qnn 2.7 itself reads. Not
here: ``backend_path`` and ``backend_type``, which the device decides, and profiling, which would disturb a measurement.
"""

from collections.abc import Mapping

from bench.errors import InputError
from bench.targets.qnn.socs import Soc

SOC = {"soc": "the SoC to compile for: snapdragon-x-elite, snapdragon-8-elite, qcs6490 …"}
MODES = (
    *("burst", "balanced", "default", "high_performance", "high_power_saver", "low_balanced"),
    *("extreme_power_saver", "low_power_saver", "power_saver", "sustained_high_performance"),
)
CHOICES: dict[str, tuple[str, ...]] = {
    "htp_performance_mode": MODES,
    "qnn_context_priority": (
        "low",
        "normal_low",
        "normal",
        "normal_high",
        "high",
        "high_plus",
        "critical",
        "critical_plus",
    ),
    "htp_graph_finalization_optimization_mode": ("0", "1", "2", "3"),
    "htp_arch": ("0", "68", "69", "73", "75", "79", "81"),
}
FLAGS = {
    "disable_file_mapped_weights": "do not map weights from the file (Windows on Arm)",
    "dump_json_qnn_graph": "write each QNN graph as JSON",
    "dump_qnn_ep_input_graph": "write the graph the provider was given",
    "dump_qnn_ir_dlc": "write .dlc files; results are wrong then",
    "enable_block_quant_weight_optimization": "optimise block-quantised weights",
    "enable_dx12_shared_memory_allocator": "share memory with DirectX 12",
    "enable_framework_op_trace": "record which ONNX node became which QNN operator",
    "enable_htp_fp16_clamp_overflow": "clamp float16 overflow instead of making infinities",
    "enable_htp_fp16_precision": "1 (default): float32 graphs run in float16; 0: in float32",
    "enable_htp_graph_splitting": "split large graphs",
    "enable_htp_monolithic_lstm": "one operator for an LSTM",
    "enable_htp_prepare_and_load": "compile, write and load the context again",
    "enable_htp_prepare_only": "only write the context; runs nothing",
    "enable_htp_shared_memory_allocator": "inputs and outputs in memory shared with the HTP",
    "enable_htp_spill_fill_buffer": "one spill-fill buffer for several graphs",
    "enable_vtcm_backup_buffer_sharing": "share the backup buffer of VTCM",
    "extended_udma": "DMA over a larger address space",
    "htp_bf16_enable": "bfloat16; from Snapdragon X2 Elite on",
    "htp_share_resource_optimization": "share HTP resources between contexts",
    "offload_graph_io_quantization": "1 (default): the CPU quantises inputs and outputs; 0: the HTP does",
    "skip_backend_op_validation": "do not ask the backend whether it takes an operator",
    "skip_qnn_version_check": "allow another QNN version than the one built for",
}
VALUES = {
    "device_id": "which device, where there are several",
    "dump_qnn_ep_input_graph_dir": "folder for dump_qnn_ep_input_graph",
    "dump_qnn_ir_dlc_dir": "folder for dump_qnn_ir_dlc",
    "framework_op_trace_dir": "folder for enable_framework_op_trace",
    "htp_arch": "Hexagon version: 68, 69, 73, 75, 79 or 81",
    "htp_graph_finalization_optimization_mode": "0 … 3: longer preparation, better graph",
    "htp_graph_splitting_num_prepare_threads": "threads that compile the parts of a split graph",
    "htp_performance_mode": "burst, sustained_high_performance, balanced, power_saver …",
    "htp_reused_io_limit_mb": "limit of input and output memory that is used again",
    "json_qnn_graph_dir": "folder for dump_json_qnn_graph",
    "num_graph_prepare_threads": "threads that compile graphs (Windows)",
    "op_affinity": "file that pins operator types to backends",
    "op_packages": "packages of the user's own operators",
    "qnn_context_priority": "low, normal, normal_high, high …",
    "qnn_ir_backend_path": "library that writes .dlc files",
    "qnn_saver_path": "library that records QNN calls; results are wrong then",
    "rpc_control_latency": "microseconds of RPC latency to ask for",
    "soc_model": "QNN's number of the SoC, for one that option soc does not know",
    "vtcm_mb": "megabytes of VTCM to use; 0: all",
}


def known(device: str) -> dict[str, str]:
    """Provider options of ``device``. The GPU does not have options for the SoC, the HTP or RPC."""
    if device == "gpu":
        return {k: v for k, v in (FLAGS | VALUES).items() if "htp" not in k and k not in ("soc_model", "vtcm_mb")}
    return SOC | FLAGS | VALUES


def provider_options(options: Mapping[str, str], device: str, soc: Soc | None) -> dict[str, str]:
    """What the provider is given: ``options`` checked, ``soc`` turned into its two numbers. Raises ``InputError``."""
    allowed = known(device)
    for name, value in options.items():
        if name not in allowed:
            raise InputError(
                f"option {name}: qnn:{device} does not know it", f"odb list options qnn:{device} shows them."
            )
        if name in CHOICES and value not in CHOICES[name]:
            raise InputError(
                f"option {name}={value}: not one of its values", f"Give one of {', '.join(CHOICES[name])}."
            )
        if name in FLAGS and value not in ("0", "1"):
            raise InputError(f"option {name}={value}: neither 0 nor 1", f"Write {name}=1 or {name}=0.")
    given = {name: value for name, value in options.items() if name != "soc"}
    return given if soc is None else {"soc_model": str(soc.soc_model), "htp_arch": str(soc.htp_arch)} | given
