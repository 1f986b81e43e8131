"""What QNN refuses or leaves to the CPU, in plain words, and what to do that has not been done yet."""

import re
from collections.abc import Sequence

from bench.contracts import Artifact, NodePlacement, OpenRequest
from bench.errors import RunFailure
from bench.targets.compiled_graphs import holds_context
from bench.targets.onnx_precision import node_key
from bench.targets.ort.errors import RENAMED, opening_failure, said
from bench.targets.qnn import socs
from bench.targets.qnn.devices import EMULATED
from bench.targets.qnn.floats import QUANTISING, float_nodes

OFFLOAD = "offload_graph_io_quantization"
MISPLACED = re.compile(r"Node '([^']*)' OpType:(\w+)")
"""How ONNX Runtime names the node that QNN asked for in its layout and then refused."""


def quantised(artifact: Artifact) -> bool:
    """Whether the graph is QDQ; told by its operators, or by the weights' precision where those are not known."""
    operators = artifact.facts.operators
    return bool(QUANTISING & operators.keys()) if operators else artifact.precision in ("int8", "uint8", "int4")


def no_floating_point(artifact: Artifact, soc: socs.Soc, phase: str) -> RunFailure:
    return RunFailure(
        "unsupported_precision",
        f"{artifact.path.name} is a float model, and the HTP of {soc.marketing} has no floating point",
        "Quantise the model to int8 (QDQ).",
        phase,
    )


def nothing_placed(artifact: Artifact, soc: socs.Soc | None) -> RunFailure:
    if not quantised(artifact) and not holds_context(artifact) and (soc is None or not soc.floating_point):
        where = f"the HTP of {soc.marketing if soc else 'this SoC'}"
        return RunFailure(
            "unsupported_precision",
            f"{artifact.path.name}: QNN takes nothing of this float model; {where} may have no floating point",
            "Quantise the model to int8 (QDQ).",
            "compile",
        )
    return RunFailure(
        "fallback",
        f"{artifact.path.name}: QNN takes no operator of this model; all of it would run on the CPU",
        _placing_remedy(artifact),
        "compile",
    )


def _placing_remedy(artifact: Artifact) -> str:
    """Remedies that were not tried yet, for a graph of which QNN does not accept any operator."""
    operators = artifact.facts.operators
    if any(operator.startswith("QLinear") for operator in operators):
        return "Quantise it as QDQ (QuantizeLinear and DequantizeLinear around each operator) rather than QOperator."
    shown = ", ".join(sorted(operators)[:5]) + (" …" if len(operators) > 5 else "")
    return f"QNN has none of its operators ({shown}) in this form; the record's log_tail may say why."


def compiling_failure(error: Exception, request: OpenRequest, soc: socs.Soc | None) -> RunFailure:
    """QNN's obscurest errors in plain words, and the rest as ONNX Runtime's."""
    text, artifact = str(error), request.artifact
    if "NHWC format" in text:
        return _still_float(text, artifact, soc) if quantised(artifact) else nothing_placed(artifact, soc)
    if "disable_cpu_ep_fallback" in text or "fallback to CPU EP has been explicitly disabled" in text:
        return RunFailure(
            "fallback",
            f"{artifact.path.name}: some operators need the CPU, and session.disable_cpu_ep_fallback forbids it",
            "Run without that option to see which.",
            "compile",
        )
    if "finalize QNN graph" in text:
        where = soc.marketing if soc else "this SoC"
        message = f"{artifact.path.name}: QNN cannot compile the graph for {where}: {said(error, artifact.path)}"
        return RunFailure("runtime_error", message, _finalising_remedy(text, request), "compile")
    return opening_failure(error, artifact.path)


def _finalising_remedy(text: str, request: OpenRequest) -> str:
    """What has not been tried yet for a graph that QNN takes and then cannot compile."""
    named = request.device != EMULATED or {"soc", "soc_model", "htp_arch"} & request.options.keys()
    tried = [] if named else ["name the SoC with option soc"]
    if "MEM_ALLOC" in text:
        tried.append("lower the resolution or the batch, since QNN's compiler ran out of memory for this SoC")
    elif "htp_graph_finalization_optimization_mode" not in request.options:
        tried.append("try -O htp_graph_finalization_optimization_mode=1 or 3")
    tried.append("split the model, or choose an SoC that compiles it")
    sentence = "; ".join(tried)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _still_float(text: str, artifact: Artifact, soc: socs.Soc | None) -> RunFailure:
    """An operator that was left float in a quantised graph, on an HTP without floating point."""
    found = MISPLACED.search(text)
    node = (found[2], RENAMED.sub("", found[1])) if found else ("an operator", "")
    others = [other for other in float_nodes(artifact.path) if other != node]
    where = f"the HTP of {soc.marketing if soc else 'this SoC'}"
    has = "has" if soc is not None and not soc.floating_point else "may have"
    message = (
        f"{artifact.path.name} is quantised but for {named_nodes([node, *others])}, and {where} {has} no floating point"
    )
    remedy = "Quantise these operators too, or take them out of the model and do their work before or after it."
    return RunFailure("unsupported_precision", message, remedy, "compile")


def remedies(request: OpenRequest, soc: socs.Soc | None, nodes: Sequence[NodePlacement]) -> tuple[str, ...]:
    """What would move to the HTP those ``nodes`` that are not on it, one sentence a cause."""
    left = [node for node in nodes if node.device == "CPU"]
    found: list[str] = []
    if any(node.op in QUANTISING for node in left) and request.options.get(OFFLOAD, "1") != "0":
        found.append(f"-O {OFFLOAD}=0 moves the QuantizeLinear and DequantizeLinear of inputs and outputs to the HTP.")
    if soc is not None and not soc.floating_point and quantised(request.artifact):
        floats = float_nodes(
            request.artifact.path, {node_key(node.name, node.op) for node in left if node.op not in QUANTISING}
        )
        if floats:
            why = f"still float, and the HTP of {soc.marketing} has no floating point"
            found.append(f"Quantise {named_nodes(floats)}: {why}.")
    return tuple(found)


def named_nodes(nodes: Sequence[tuple[str, str]]) -> str:
    """The first nodes by operator and name, and how many more there are."""
    shown = ", ".join(f"{op} {name}".strip() for op, name in nodes[:3])
    return shown + (f" and {len(nodes) - 3} more" if len(nodes) > 3 else "")
