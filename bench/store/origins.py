"""The origin of every field of a record, which decides how far a reader can trust it.

    asked       what the user asked for; nothing in the record contradicts it
    seen        evidence: what only the measuring process saw; nothing in the record contradicts another value
    computed    follows from other fields; computed again whenever the record is read, and never shown as stated
    checked     follows from other fields or is said twice; where they differ the record is refused, or its verdict
                says so
    kept        follows from what the record does not hold, as ``KEPT`` says; shown as stated

A field that is ``asked``, ``seen`` or ``kept`` may be contradicted by others all the same, and is then refused.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Origin = Literal["asked", "seen", "computed", "checked", "kept"]

_Fields = Mapping[Origin, str]
_TENSORS: _Fields = {"seen": "name dtype shape"}
_QUANTISATION: _Fields = {"seen": "scale zero_point"}
_FILE: _Fields = {"asked": "name sha256 size_bytes"}
_PASS: _Fields = {"seen": "queries duration_ns cpu_seconds began_unix_ns"}
_CHANNEL: _Fields = {
    "seen": "sensor name domain joules_total idle_watts busy_seconds memory_bytes doubt_joules",
    "checked": "joules lost",
}
_TOKENIZER: _Fields = {"seen": "source sha256 version around"}
_METRIC: _Fields = {
    "checked": "name value higher_is_better statistic unit",
    "computed": "interval95 n interval_method",
    "seen": "per",
}
_BOX: _Fields = {"seen": "label left top right bottom score"}

ORIGINS: Mapping[str, _Fields] = MappingProxyType(
    {
        "": {
            "checked": "schema_version status record_sha256",
            "seen": "record_id created_utc log_tail",
            "kept": "repeats_ended",
        },
        "tool": {"checked": "name rules", "computed": "version"},
        "plan": {"checked": "preset seed repeats strict_placement", "asked": "command"},
        "plan.model": {
            "checked": "task",
            "seen": "id format precision sha256 size_bytes parameters macs weight_bytes peak_activation_bytes "
            "live_activation_bytes bytes_moved",
        },
        "plan.model.source": {"seen": "format name files sha256 size_bytes stored_as kept"},
        "plan.model.graphs[]": {"seen": "name file sha256 size_bytes on_prompt on_token provider compiled"},
        "plan.model.lineage": {"seen": "confirmed"},
        "plan.model.lineage.steps[]": {"seen": "kind tool versions options"},
        "plan.model.lineage.steps[].made_from": {"seen": "name format sha256 size_bytes"},
        "plan.model.lineage.steps[].calibration": {"seen": "samples sha256 preprocessing"},
        "plan.model.inputs[]": {"checked": "name dtype", "seen": "shape"},
        "plan.model.inputs[].quantisation": _QUANTISATION,
        "plan.model.outputs[]": _TENSORS,
        "plan.model.outputs[].quantisation": _QUANTISATION,
        "plan.target": {
            "checked": "id plugin device emulated",
            "asked": "options_requested",
            "seen": "device_name options_effective executed_precision executed_weights executed_activations "
            "executed_kv_cache imported_by",
        },
        "plan.target.opened": {"seen": "format sha256 size_bytes"},
        "plan.scenario": {"checked": "name prompt_tokens generate_tokens lanes depth_tokens compile_cache parameters"},
        "plan.scenario.kind": {
            "seen": "name summary tasks intent leading beside percentile emulator samples curves staged open_loop "
            "lasting idling rounds each"
        },
        "plan.scenario.kind.axis": {"seen": "name unit of parameter zero"},
        "plan.scenario.kind.parameters[]": {
            "seen": "name unit about least most whole default short words numeric many"
        },
        "plan.rule": {
            "checked": "percentile precision min_queries max_queries warmup_min_queries warmup_max_duration_ns "
            "steady_tolerance",
            "asked": "min_duration_ns max_duration_ns",
        },
        "plan.inputs": {"checked": "source", "seen": "sha256 shapes", "asked": "preprocessing"},
        "plan.inputs.template": {"seen": "file sha256"},
        "plan.inputs.fed[]": {"checked": "name dtype", "seen": "source values decides_work rows"},
        "plan.pipeline": {"seen": "kind inputs files sha256 bound_each files_found inputs_found"},
        "plan.pipeline.stages[]": {"seen": "name does by"},
        "plan.pipeline.not_taken[]": {"seen": "file reason"},
        "plan.pipeline.each[]": {"seen": "name bytes"},
        "plan.alternation": {"seen": "group side yardstick"},
        "plan.alternation.until": {
            "checked": "most looks spent_different spent_same",
            "asked": "tolerance among limit_ns",
            "seen": "ended",
        },
        "plan.repeat_rule": {"checked": "fewest most budget_ns"},
        "plan.asked": {
            "asked": "kind format precision shapes preprocessing prompt_ids dataset_options lanes check_inputs "
            "max_seconds plugins settings chat stop profile",
        },
        "plan.asked.model": _FILE,
        "plan.asked.inputs{}": _FILE,
        "plan.asked.prompts": _FILE,
        "plan.asked.pipeline_inputs": _FILE,
        "plan.asked.dataset": _FILE,
        "plan.asked.reference": _FILE,
        "environment": {
            "seen": "host runtime accelerator driver power_source battery_percent governor frequency_mhz "
            "temperature_celsius load unavailable"
        },
        "failure": {"seen": "phase kind message remedy"},
        "repeats[]": {
            "computed": "converged",
            "seen": "compile_cache duration_ns harness_ns loop_overhead_ns token_overhead_ns context_reused "
            "cpu_busy_share frequency_mhz power_sources throttle_events",
        },
        "repeats[].traces[]": {"seen": "name quantity at_ns values"},
        "repeats[].phases_ns": {"seen": "process_start runtime_import read compile first_inference"},
        "repeats[].warmup": {"computed": "steady", "checked": "queries", "seen": "duration_ns"},
        "repeats[].memory_bytes{}": {
            "seen": "rss_bytes uss_bytes pss_bytes peak_rss_bytes peak_is_of_phase file_mapped_bytes"
        },
        "repeats[].energy": {"checked": "queries", "seen": "duration_ns cpu_seconds began_unix_ns"},
        "repeats[].energy.channels[]": _CHANNEL,
        "repeats[].power_pass": _PASS,
        "repeats[].power_pass.channels[]": {
            "seen": "sensor name domain joules_total idle_watts joules busy_seconds memory_bytes doubt_joules",
            "checked": "lost",
        },
        "repeats[].prefill_energy": _PASS,
        "repeats[].prefill_energy.channels[]": _CHANNEL,
        "meter": {
            "seen": "log sha256 format channel tier aligned_by offset_s doubt_s joined_from idle_watts volts device "
            "doubts stands_for problem reason stated_uncertainty"
        },
        "meter.idle": {"seen": "source readings spread_watts cooldown_s"},
        "meter.left_out[]": {"seen": "repeat code reason"},
        "repeats[].samples": {"checked": "queries arrays"},
        "summary": {"computed": "throughput_per_s cold_start_ns"},
        "summary.latency_ns": {
            "computed": "n mean min max p50 p90 p95 p99 p999 p50_ci95 early_stopping repeat_p50 p90_ci95 p95_ci95 "
            "p99_ci95 p999_ci95"
        },
        "summary.figures{}": {"computed": "value interval95"},
        "summary.curves{}": {"computed": "axis axis_unit at unit"},
        "summary.curves{}.points[]": {"computed": "n value interval95"},
        "summary.memory_bytes": {"computed": "peak_rss model inference artifact"},
        "summary.energy": {
            "computed": "tier joules_per_inference sensor_channel cpu_seconds_per_inference cores_busy "
            "npu_busy_seconds_per_inference macs bytes_moved joules_per_inference_ci95 total_joules_per_inference "
            "total_joules_per_inference_ci95 total_sensor_channel watts",
            "kept": "reason",
        },
        "summary.text_generation": {
            "computed": "prompt_tokens generated_tokens ttft_ns tpot_ns itl_ns prefill_tokens_per_s "
            "decode_tokens_per_s depth_tokens e2e_ns tpot_ns_ci95 ttft_ns_ci95 prefilled_tokens",
            "seen": "token_ids cache_state stop_token_ids",
        },
        "summary.text_generation.answers": {"seen": "token_ids other_token_ids again"},
        "summary.text_generation.tokenizer": _TOKENIZER,
        "summary.text_generation.tokenized": {"computed": "queries ttft_ns tpot_ns e2e_ns"},
        "summary.text_generation.cached": {"computed": "queries ttft_ns e2e_ns"},
        "summary.text_generation.kv_cache": {
            "kept": "bytes_per_token executed_bytes_per_token observed_bytes_per_token observed_ci95",
            "seen": "observed_tokens reason read_from at_once pass_ns",
        },
        "summary.text_generation.energy": {
            "computed": "cpu_seconds_per_prompt_token cpu_seconds_per_generated_token joules_per_prompt_token "
            "joules_per_generated_token sensor_channel"
        },
        "summary.text_generation.agreement[]": {
            "computed": "tokens_compared token_prefix tokens_equal_share positions kl_divergence_nats "
            "kl_divergence_nats_max top1_agreement",
            "seen": "of reference reason token_ids reference_token_ids divergences_nats top1_differs_at "
            "reference_types",
        },
        "summary.text_generation.agreement[].first_divergence": {
            "computed": "index token reference_token",
            "seen": "logit_gap logit_error",
        },
        "summary.variance": {
            "computed": "processes between_process_cv within_process_cv precision repeats_for_precision"
        },
        "placement": {"checked": "requested macs", "seen": "nodes fallback source remedies"},
        "fidelity": {
            "computed": "cosine_min sqnr_db_min top1_agreement top5_agreement token_prefix tokens_compared",
            "checked": "ok inputs_source",
            "seen": "reference inputs reason by_degree float_reference",
            "kept": "rule",
        },
        "fidelity.outputs[]": {
            "seen": "name identical",
            "kept": "cosine sqnr_db max_abs_error top1_agreement cosine_quartile sqnr_db_quartile top5_agreement "
            "equal_fraction",
        },
        "quality": {"checked": "artifact_sha256 target options_effective samples", "kept": "logit_error_p99"},
        "quality.dataset": {
            "checked": "samples",
            "seen": "name task sha256 limits tokens_sha256 decoding",
            "asked": "options preprocessing",
        },
        "quality.dataset.tokenizer": _TOKENIZER,
        "quality.dataset.left_out[]": {"seen": "file field reason"},
        "quality.metrics[]": _METRIC,
        "quality.reference": {"seen": "name artifact_sha256 reason", "checked": "samples"},
        "quality.reference.metrics[]": _METRIC,
        "quality.paired[]": {
            "computed": "metric difference interval95 p_value test word n better_samples worse_samples "
            "ratio ratio_interval95"
        },
        "quality.divergences[]": {
            "seen": "prompt prompt_tokens compared token_prefix token reference_token text reference_text",
            "kept": "logit_gap logit_error",
        },
        "quality.pictures[]": {"seen": "file sha256 index width height"},
        "quality.pictures[].expected[]": _BOX,
        "quality.pictures[].found[]": _BOX,
        "quality.pictures[].reference[]": _BOX,
        "determinism": {
            "checked": "identical",
            "seen": "runs differing first_difference draws",
            "kept": "max_abs_difference cosine_min within_rounding",
        },
        "repeated_input": {"seen": "fresh_ns again_ns recalled_ns reason"},
        "operators": {"seen": "source reason"},
        "operators.parts[]": {"seen": "part calls statistic profiled_ns plain_ns operators_ns"},
        "operators.parts[].operators[]": {"seen": "name op time_ns cycles runs device kernel macs reference_kernel"},
        "other_tool": {
            "seen": "name sha256 size_bytes arguments inferences mean_ns min_ns max_ns std_ns p50_ns p90_ns p95_ns "
            "p99_ns first_ns load_ns peak_memory_bytes"
        },
        "fleet": {"seen": "device order"},
        "harness": {"computed": "loop_overhead_ns token_overhead_ns"},
        "verdict": {"computed": "valid emulated"},
        "verdict.reasons[]": {"computed": "code message remedy invalidates figures"},
        "samples_file": {"checked": "name sha256 size_bytes"},
    }
)
"""Part -> origin -> its fields that are not parts themselves. ``set_aside[]`` has the fields of ``repeats[]``; they are
``seen`` and not used in any figure."""

KEPT: Mapping[str, str] = MappingProxyType(
    {
        "repeats_ended": "how long each repeat took is not kept, so of a run whose number of repeats was not fixed "
        "nothing shows whether the time or the precision ended it",
        "summary.energy.reason": "the sensors that were looked for are not in the record",
        "summary.text_generation.kv_cache": "its layout and the readings of memory are not in the record",
        "fidelity.rule": "it states in words the thresholds that the outputs are decided by again",
        "fidelity.outputs[]": "the outputs are not in the record; what is stated of them is compared with the "
        "thresholds again",
        "quality.metrics[].value": "of a metric of the dataset as a whole (`map`, `map50`) no results of samples are "
        "kept",
        "quality.logit_error_p99": "the logits are not in the record",
        "quality.divergences[].logit_gap": "the logits are not in the record",
        "quality.divergences[].logit_error": "the logits are not in the record",
        "determinism": "the outputs are not in the record",
    }
)
"""Fields and parts that are kept as stated -> why they cannot be recomputed."""


def origin_of(path: str) -> Origin | None:
    """Of a field by its path, with lists as ``[]`` and mappings to parts as ``{}``: ``repeats[].samples.queries``. What
    is in a list or a mapping of plain values is of its field. ``None`` for a path that is not in the table."""
    if path.startswith("set_aside[]"):
        return origin_of(path.replace("set_aside", "repeats", 1)) and "seen"
    part, _, name = path.rpartition(".")
    for origin, names in ORIGINS.get(part, {}).items():
        if name in names.split():
            return origin
    return None
