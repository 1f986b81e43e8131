"""Options of the QNN execution provider that may be tuned on the HTP."""

import json
from collections.abc import Mapping, Sequence

from bench.contracts import Artifact, Tunable
from bench.targets.qnn.failures import OFFLOAD, quantised
from bench.targets.qnn.options import MODES

VTCM_MB = ("2", "4", "8")


def of_htp(artifact: Artifact) -> Sequence[Tunable]:
    """What the graph computes may change by its optimisation and by where inputs are quantised. The mode "default" is
    what the provider does without one."""
    found = [
        Tunable(name="htp_performance_mode", values=tuple(mode for mode in MODES if mode != "default")),
        Tunable(name="htp_graph_finalization_optimization_mode", values=("1", "2", "3"), changes_outputs=True),
        Tunable(name="vtcm_mb", values=VTCM_MB),
        Tunable(name="rpc_control_latency", values=("100",)),
        Tunable(name="enable_htp_shared_memory_allocator", values=("1",)),
        Tunable(name="qnn_context_priority", values=("high",)),
    ]
    if quantised(artifact):
        found.append(Tunable(name=OFFLOAD, values=("0",), changes_outputs=True))
    return found


def in_genai_config(options: Mapping[str, object], provider: Mapping[str, str] | None) -> str:
    """``session_options`` of a decoder as ``genai_config.json`` has them."""
    session: dict[str, object] = dict(options)
    if provider is not None:
        session["provider_options"] = [{"qnn": dict(provider)}]
    return json.dumps({"model": {"decoder": {"session_options": session}}}, indent=2, sort_keys=True) + "\n"
