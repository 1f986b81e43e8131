"""Provider options of the QNN execution provider, by its own names.

From ONNX Runtime's documentation of the QNN Execution Provider and from what onnxruntime-qnn 2.7 itself reads. Not
here: ``backend_path`` and ``backend_type``, which the device decides, and profiling, which would disturb a measurement.
The catalogues describe each as ``qnn.option.NAME``.
"""

from collections.abc import Mapping

from bench.errors import InputError
from bench.targets.qnn.socs import Soc
from bench.words import Sentence, sentence

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
FLAGS = (
    "disable_file_mapped_weights",
    "dump_json_qnn_graph",
    "dump_qnn_ep_input_graph",
    "dump_qnn_ir_dlc",
    "enable_block_quant_weight_optimization",
    "enable_dx12_shared_memory_allocator",
    "enable_framework_op_trace",
    "enable_htp_fp16_clamp_overflow",
    "enable_htp_fp16_precision",
    "enable_htp_graph_splitting",
    "enable_htp_monolithic_lstm",
    "enable_htp_prepare_and_load",
    "enable_htp_prepare_only",
    "enable_htp_shared_memory_allocator",
    "enable_htp_spill_fill_buffer",
    "enable_vtcm_backup_buffer_sharing",
    "extended_udma",
    "htp_bf16_enable",
    "htp_share_resource_optimization",
    "offload_graph_io_quantization",
    "skip_backend_op_validation",
    "skip_qnn_version_check",
)
VALUES = (
    "device_id",
    "dump_qnn_ep_input_graph_dir",
    "dump_qnn_ir_dlc_dir",
    "framework_op_trace_dir",
    "htp_arch",
    "htp_graph_finalization_optimization_mode",
    "htp_graph_splitting_num_prepare_threads",
    "htp_performance_mode",
    "htp_reused_io_limit_mb",
    "json_qnn_graph_dir",
    "num_graph_prepare_threads",
    "op_affinity",
    "op_packages",
    "qnn_context_priority",
    "qnn_ir_backend_path",
    "qnn_saver_path",
    "rpc_control_latency",
    "soc_model",
    "vtcm_mb",
)


def known(device: str) -> dict[str, Sentence | str]:
    """Provider options of ``device``. The GPU does not have options for the SoC, the HTP or RPC."""
    names: tuple[str, ...] = ("soc", *FLAGS, *VALUES)
    if device == "gpu":
        names = tuple(name for name in names if "htp" not in name and name not in ("soc", "soc_model", "vtcm_mb"))
    return {name: sentence(f"qnn.option.{name}") for name in names}


def provider_options(options: Mapping[str, str], device: str, soc: Soc | None) -> dict[str, str]:
    """What the provider is given: ``options`` checked, ``soc`` turned into its two numbers. Raises ``InputError``."""
    allowed = known(device)
    for name, value in options.items():
        if name not in allowed:
            raise InputError(
                sentence("qnn.option_unknown", name=name, device=device),
                sentence("qnn.see_list_options", device=device),
            )
        if name in CHOICES and value not in CHOICES[name]:
            raise InputError(
                sentence("target.option_not_one_of", name=name, value=value),
                sentence("target.give_one_of", values=CHOICES[name]),
            )
        if name in FLAGS and value not in ("0", "1"):
            raise InputError(
                sentence("qnn.option_not_0_or_1", name=name, value=value), sentence("qnn.write_1_or_0", name=name)
            )
    given = {name: value for name, value in options.items() if name != "soc"}
    return given if soc is None else {"soc_model": str(soc.soc_model), "htp_arch": str(soc.htp_arch)} | given
