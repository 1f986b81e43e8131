"""What QNN refuses or leaves to the CPU, in plain words, and what to do that has not been done yet."""

import re
import shlex
from collections.abc import Sequence
from typing import Any

from bench.contracts import Artifact, NodePlacement, OpenRequest
from bench.errors import RunFailure
from bench.targets.compiled_graphs import holds_context
from bench.targets.onnx_precision import node_key
from bench.targets.ort.errors import RENAMED, opening_failure, said
from bench.targets.qnn import socs
from bench.targets.qnn.devices import EMULATED
from bench.targets.qnn.floats import QUANTISING, float_nodes
from bench.words import Sentence, sentence

OFFLOAD = "offload_graph_io_quantization"
QUANTISING_ACTIVATIONS = frozenset(("QuantizeLinear", "DynamicQuantizeLinear"))
FLOAT_MODEL = "FLOAT.onnx"
"""What a command calls the float model that a quantised file was made from, whose name is not known."""
SHOWN = 3  # nodes that a sentence names
MISPLACED = re.compile(r"Node '([^']*)' OpType:(\w+)")
"""How ONNX Runtime names the node that QNN asked for in its layout and then refused."""
CONTEXT_LOST = re.compile(r"EpContext model|context binary", re.IGNORECASE)
"""What the provider says of a context whose binary it cannot read."""


def quantised(artifact: Artifact) -> bool:
    """Whether the graph is QDQ; told by its operators, or by the weights' precision where those are not known."""
    operators = artifact.facts.operators
    return bool(QUANTISING & operators.keys()) if operators else artifact.precision in ("int8", "uint8", "int4")


def only_weights_quantised(artifact: Artifact) -> bool:
    """Whether the graph dequantises its weights and nothing quantises its activations: it computes in floating
    point."""
    operators = artifact.facts.operators.keys()
    integer = any(op.startswith("QLinear") or op.endswith("Integer") for op in operators)
    return "DequantizeLinear" in operators and not integer and not QUANTISING_ACTIVATIONS & operators


def computes_in_float(artifact: Artifact) -> bool:
    """Whether no part of the graph could run on an HTP without floating point."""
    return (not quantised(artifact) or only_weights_quantised(artifact)) and not holds_context(artifact)


def no_floating_point(artifact: Artifact, soc: socs.Soc, phase: str) -> RunFailure:
    file = artifact.path.name
    if only_weights_quantised(artifact):
        message = sentence("qnn.only_weights_quantised", file=file, soc=soc.marketing)
        remedy = quantise_source_remedy(artifact)
    else:
        message, remedy = sentence("qnn.float_model", file=file, soc=soc.marketing), quantise_remedy(artifact)
    return RunFailure("unsupported_precision", message, remedy, phase)


def quantise_remedy(artifact: Artifact) -> Sentence:
    """How to quantise a float model: by a command, unless it is a language model, which that does not take."""
    if artifact.task == "text_generation":
        return sentence("qnn.language_model_needs_floats")
    return sentence("qnn.quantise_to_int8", command=quantise_command(artifact.path.name))


def quantise_source_remedy(artifact: Artifact) -> Sentence:
    """The same of a model of which only the weights are quantised: its float original is to be taken."""
    if artifact.task == "text_generation":
        return sentence("qnn.language_model_needs_floats")
    return sentence("qnn.quantise_activations_or_other_soc", command=quantise_command(FLOAT_MODEL))


def quantise_command(file: str) -> str:
    """For a shell. ``DIR`` stands for the user's samples."""
    return shlex.join(["odb", "quantise", file, "--data", "DIR"])


def nothing_placed(artifact: Artifact, soc: socs.Soc | None) -> RunFailure:
    if computes_in_float(artifact) and (soc is None or not soc.floating_point):
        file = artifact.path.name
        message = (
            sentence("qnn.nothing_of_float_model", file=file, soc=soc.marketing)
            if soc is not None
            else sentence("qnn.nothing_of_float_model.any_soc", file=file)
        )
        return RunFailure("unsupported_precision", message, quantise_remedy(artifact), "compile")
    return RunFailure(
        "fallback",
        sentence("qnn.no_operator_taken", file=artifact.path.name),
        _placing_remedy(artifact),
        "compile",
    )


def _placing_remedy(artifact: Artifact) -> Sentence:
    """Remedies that were not tried yet, for a graph of which QNN does not accept any operator."""
    operators = artifact.facts.operators
    if any(operator.startswith("QLinear") for operator in operators):
        return sentence("qnn.quantise_as_qdq", command=quantise_command(FLOAT_MODEL))
    first: Any = sorted(operators)[:5]
    shown = sentence("text.and_others", names=first) if len(operators) > 5 else first
    return sentence("qnn.operators_not_in_this_form", operators=shown)


def compiling_failure(error: Exception, request: OpenRequest, soc: socs.Soc | None) -> RunFailure:
    """QNN's obscurest errors in plain words, and the rest as ONNX Runtime's."""
    text, artifact = str(error), request.artifact
    if "NHWC format" in text:
        return _still_float(text, artifact, soc) if quantised(artifact) else nothing_placed(artifact, soc)
    if "disable_cpu_ep_fallback" in text or "fallback to CPU EP has been explicitly disabled" in text:
        return RunFailure(
            "fallback",
            sentence("qnn.fallback_forbidden", file=artifact.path.name),
            sentence("qnn.run_without_option"),
            "compile",
        )
    if "finalize QNN graph" in text:
        file, why = artifact.path.name, said(error, artifact.path)
        message = (
            sentence("qnn.not_compiled", file=file, soc=soc.marketing, text=why)
            if soc is not None
            else sentence("qnn.not_compiled.any_soc", file=file, text=why)
        )
        return RunFailure("runtime_error", message, _finalising_remedy(text, request, soc), "compile")
    if holds_context(artifact) and CONTEXT_LOST.search(text):
        message = sentence("qnn.context_not_read", file=artifact.path.name, text=said(error, artifact.path))
        return RunFailure("unsupported_format", message, sentence("qnn.compile_context_again"), "compile")
    return opening_failure(error, artifact.path)


def _finalising_remedy(text: str, request: OpenRequest, soc: socs.Soc | None) -> Sentence:
    """What has not been tried yet for a graph that QNN takes and then cannot compile. libQnnHtp 2.51 compiles a
    quantised LSTM for all SoCs with float16 and for none of the others: it ends with MEM_ALLOC there, of one step as of
    100."""
    without_float16 = soc is not None and (not soc.floating_point or soc.float_type != "float16")
    if "MEM_ALLOC" in text and without_float16 and "LSTM" in request.artifact.facts.operators:
        return sentence("qnn.lstm_without_float16")
    named = request.device != EMULATED or {"soc", "soc_model", "htp_arch"} & request.options.keys()
    untried = [] if named else [sentence("qnn.name_the_soc")]
    if "MEM_ALLOC" in text:
        untried.append(sentence("qnn.lower_resolution_or_batch"))
    elif "htp_graph_finalization_optimization_mode" not in request.options:
        untried.append(sentence("qnn.try_other_optimisation"))
    last = sentence("qnn.otherwise_split_the_model" if untried else "qnn.split_the_model")
    return sentence("text.sentences", parts=[*untried, last])


def _still_float(text: str, artifact: Artifact, soc: socs.Soc | None) -> RunFailure:
    """An operator that was left float in a quantised graph, on an HTP without floating point."""
    found = MISPLACED.search(text)
    nodes = float_nodes(artifact.path)
    if found:
        node = (found[2], RENAMED.sub("", found[1]))
        nodes = (node, *(other for other in nodes if other != node))
    file, named = artifact.path.name, named_nodes(nodes) if nodes else sentence("qnn.an_operator")
    if soc is None:
        message = sentence("qnn.still_float.any_soc", file=file, nodes=named)
    else:
        code = "qnn.still_float.perhaps" if soc.floating_point else "qnn.still_float"
        message = sentence(code, file=file, nodes=named, soc=soc.marketing)
    remedy = sentence("qnn.quantise_these_too", command=quantise_command(FLOAT_MODEL))
    return RunFailure("unsupported_precision", message, remedy, "compile")


def remedies(request: OpenRequest, soc: socs.Soc | None, nodes: Sequence[NodePlacement]) -> tuple[Sentence, ...]:
    """What would move to the HTP those ``nodes`` that are not on it, one sentence a cause."""
    left = [node for node in nodes if node.device == "CPU"]
    found: list[Sentence] = []
    if any(node.op in QUANTISING for node in left) and request.options.get(OFFLOAD, "1") != "0":
        found.append(sentence("qnn.quantise_on_htp", option=OFFLOAD))
    if soc is not None and not soc.floating_point and quantised(request.artifact):
        floats = float_nodes(
            request.artifact.path, {node_key(node.name, node.op) for node in left if node.op not in QUANTISING}
        )
        if floats:
            found.append(sentence("qnn.quantise_nodes", nodes=named_nodes(floats), soc=soc.marketing))
    return tuple(found)


def named_nodes(nodes: Sequence[tuple[str, str]]) -> Sentence | list[str]:
    """The first nodes by operator and name, and how many more there are."""
    shown = [f"{op} {name}".strip() for op, name in nodes[:SHOWN]]
    return sentence("qnn.and_more", nodes=shown, more=len(nodes) - SHOWN) if len(nodes) > SHOWN else shown
