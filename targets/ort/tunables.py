"""Session options of ONNX Runtime that may be tuned, and how they are written down for it."""

import json
import platform
from collections.abc import Mapping, Sequence

from bench.contracts import Artifact, OwnConfiguration, Tunable
from bench.targets.ort import options as session_config
from bench.targets.processor import thread_counts
from bench.words import sentence

INTRA, INTER = "intra_op_num_threads", "inter_op_num_threads"
PARALLEL = {"execution_mode": "ORT_PARALLEL"}
QDQ = frozenset(("QuantizeLinear", "DequantizeLinear"))
ERF = frozenset(("Erf", "Gelu", "BiasGelu"))
FILE = "ort-session-options.json"


def of_cpu(artifact: Artifact) -> Sequence[Tunable]:
    """Of a session on the CPU provider. Levels of optimisation fuse and reorder, which changes roundings."""
    threads, operators = thread_counts(), artifact.facts.operators.keys()
    found = [
        Tunable(name=INTRA, values=threads),
        Tunable(name="session.intra_op.allow_spinning", values=("0",)),
        Tunable(
            name="graph_optimization_level",
            values=("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_LAYOUT"),
            changes_outputs=True,
        ),
        Tunable(name="execution_mode", values=("ORT_PARALLEL",)),
        Tunable(name=INTER, values=threads[1:], needs=PARALLEL),
        Tunable(name="enable_mem_pattern", values=("0",)),
        Tunable(name="enable_cpu_mem_arena", values=("0",)),
        Tunable(name="session.disable_prepacking", values=("1",)),
        Tunable(name="session.dynamic_block_base", values=("4",)),
    ]
    if operators >= QDQ:
        found.append(Tunable(name="session.enable_quant_qdq_cleanup", values=("1",), changes_outputs=True))
        if platform.machine().lower() in ("x86_64", "amd64"):
            found.append(Tunable(name="session.x64quantprecision", values=("1",), changes_outputs=True))
    else:
        found.append(Tunable(name="session.set_denormal_as_zero", values=("1",), changes_outputs=True))
    if ERF & operators:
        found.append(Tunable(name="optimization.enable_gelu_approximation", values=("1",), changes_outputs=True))
    if "MatMulNBits" in operators:
        found.append(
            Tunable(name="session.qdq_matmulnbits_accuracy_level", values=("1", "2", "4"), changes_outputs=True)
        )
    if platform.machine().lower() in ("aarch64", "arm64"):
        found.append(Tunable(name="mlas.enable_gemm_fastmath_arm64_bfloat16", values=("1",), changes_outputs=True))
    return found


def written(options: Mapping[str, str], provider_options: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """``attributes`` to set on ``SessionOptions``, ``session_config_entries`` to add to it, and the ``providers`` with
    their options, as ``onnxruntime.InferenceSession`` takes them."""
    settings = session_config.read(options)
    content = {
        "attributes": settings.attributes,
        "session_config_entries": settings.entries,
        "providers": [
            [name, dict(given)] for name, given in (provider_options or {"CPUExecutionProvider": {}}).items()
        ],
    }
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def own_configuration(options: Mapping[str, str]) -> OwnConfiguration:
    """Of a session on the CPU."""
    return OwnConfiguration(file_name=FILE, text=written(options), use=sentence("ort.tuned.use"))
