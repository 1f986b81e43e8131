"""Which options of the built-in targets may come from other people's suites, records or model folders.

Allow-lists: for any value, the options here do not name files, load code or write. An option that is not listed is
unsafe, including new options of later runtimes. See ``bench.suite.untrusted``.
"""

SESSION: frozenset[str] = frozenset(
    (
        *("intra_op_num_threads", "inter_op_num_threads", "graph_optimization_level", "execution_mode"),
        *("execution_order", "enable_mem_pattern", "enable_mem_reuse", "enable_cpu_mem_arena"),
        *("use_deterministic_compute", "log_severity_level", "log_verbosity_level", "logid"),
        *("ep.cpu.qmoe_deferred_scale", "mlas.disable_kleidiai", "mlas.enable_gemm_fastmath_arm64_bfloat16"),
        *("mlas.kleidiai.conv_igemm_max_work", "mlas.nchwc_depthwise_sliding", "mlas.qnbit.force_fp32"),
        *("mlas.nchwc_pointwise_conv_max_input_channel_batch", "mlas.use_lut_gemm"),
        *("optimization.constant_folding_max_output_size_in_bytes", "optimization.disable_specified_optimizers"),
        *("optimization.enable_cast_chain_elimination", "optimization.enable_gelu_approximation"),
        *("session.allow_released_opsets_only", "session.disable_aot_function_inlining"),
        *("session.disable_cpu_ep_fallback", "session.disable_double_qdq_remover", "session.disable_prepacking"),
        *("session.disable_qdq_constant_folding", "session.disable_quant_qdq", "session.dynamic_block_base"),
        *("session.enable_dq_matmulnbits_fusion", "session.enable_quant_qdq_cleanup"),
        *("session.fail_on_suboptimal_compiled_model", "session.force_spinning_stop"),
        *("session.function_expansion_byte_limit", "session.function_expansion_node_limit"),
        *("session.gqa_value_layout", "session.graph_optimizations_loop_level"),
        *("session.inter_op.allow_spinning", "session.inter_op.spin_backoff_max"),
        *("session.inter_op.spin_duration_us", "session.intra_op.allow_spinning"),
        *("session.intra_op.spin_backoff_max", "session.intra_op.spin_duration_us"),
        *("session.intra_op_thread_affinities", "session.max_shape_override"),
        *("session.prepack.enable_parallel", "session.qdq_matmulnbits_accuracy_level"),
        *("session.qdq_matmulnbits_block_size", "session.qdqisint8allowed"),
        *("session.record_ep_graph_assignment_info", "session.set_denormal_as_zero"),
        *("session.strict_shape_type_inference", "session.strict_workspace_verification"),
        *("session.use_device_allocator_for_initializers", "session.use_env_allocators"),
        "session.x64quantprecision",
    )
)
"""ONNX Runtime's attributes of ``SessionOptions`` and its config entries."""

QNN: frozenset[str] = frozenset(
    (
        *("soc", "soc_model", "htp_arch", "device_id", "vtcm_mb", "rpc_control_latency", "htp_performance_mode"),
        *("htp_graph_finalization_optimization_mode", "htp_graph_splitting_num_prepare_threads"),
        *("num_graph_prepare_threads", "qnn_context_priority", "htp_reused_io_limit_mb"),
        *("disable_file_mapped_weights", "enable_block_quant_weight_optimization"),
        *("enable_dx12_shared_memory_allocator", "enable_htp_fp16_clamp_overflow", "enable_htp_fp16_precision"),
        *("enable_htp_graph_splitting", "enable_htp_monolithic_lstm", "enable_htp_shared_memory_allocator"),
        *("enable_htp_spill_fill_buffer", "enable_vtcm_backup_buffer_sharing", "extended_udma", "htp_bf16_enable"),
        *("htp_share_resource_optimization", "offload_graph_io_quantization", "skip_backend_op_validation"),
    )
)
"""Options of the QNN execution provider."""

OPENVINO: frozenset[str] = frozenset(
    (
        *("PERFORMANCE_HINT", "PERFORMANCE_HINT_NUM_REQUESTS", "NUM_STREAMS", "INFERENCE_NUM_THREADS"),
        *("INFERENCE_PRECISION_HINT", "EXECUTION_MODE_HINT", "ENABLE_CPU_PINNING", "ENABLE_CPU_RESERVATION"),
        *("SCHEDULING_CORE_TYPE", "MODEL_DISTRIBUTION_POLICY", "ENABLE_HYPER_THREADING", "ENABLE_TENSOR_PARALLEL"),
        *("DYNAMIC_QUANTIZATION_GROUP_SIZE", "KV_CACHE_PRECISION", "KEY_CACHE_PRECISION", "VALUE_CACHE_PRECISION"),
        *("KEY_CACHE_GROUP_SIZE", "VALUE_CACHE_GROUP_SIZE", "ACTIVATIONS_SCALE_FACTOR", "PERF_COUNT", "LOG_LEVEL"),
        *("CPU_DENORMALS_OPTIMIZATION", "CPU_SPARSE_WEIGHTS_DECOMPRESSION_RATE", "TBB_PARTITIONER", "DEVICE_ID"),
        *("MULTI_DEVICE_PRIORITIES", "SCHEDULE_POLICY", "ENABLE_STARTUP_FALLBACK", "ENABLE_RUNTIME_FALLBACK"),
        *("DEVICE_BIND_BUFFER", "MODEL_PRIORITY", "CACHE_MODE", "ENABLE_MMAP", "AUTO_BATCH_TIMEOUT"),
        *("ALLOW_AUTO_BATCHING", "COMPILATION_NUM_THREADS", "GPU_QUEUE_PRIORITY", "GPU_QUEUE_THROTTLE"),
        *("GPU_HOST_TASK_PRIORITY", "GPU_ENABLE_LOOP_UNROLLING", "GPU_ENABLE_SDPA_OPTIMIZATION"),
        *("GPU_DISABLE_WINOGRAD_CONVOLUTION", "NPU_TILES", "NPU_TURBO", "NPU_BYPASS_UMD_CACHING"),
        "NPU_DEFER_WEIGHTS_LOAD",
    )
)
"""Properties of OpenVINO's devices."""
