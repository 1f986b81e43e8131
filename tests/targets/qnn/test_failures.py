"""What QNN refuses, in whole sentences, whatever is known of the SoC."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from bench.contracts import Artifact, NodePlacement, OpenRequest, Placement
from bench.targets.qnn.failures import compiling_failure, named_nodes, remedies
from bench.targets.qnn.socs import named
from bench.words import sentence, speaking

Make = Callable[..., Artifact]
FOCUS = "Node 'focus_token_3' OpType:SpaceToDepth with domain:com.ms.internal.nhwc is not in the NHWC format"


@pytest.mark.parametrize(
    ("soc", "end"),
    [
        ("qcs6490", "the HTP of Dragonwing QCS6490 has no floating point"),
        ("qcs8550", "the HTP of Dragonwing QCS8550 may have no floating point"),
        ("", "the HTP of this SoC may have no floating point"),
    ],
)
@pytest.mark.parametrize("text", [FOCUS, "a node is not in the NHWC format"])
def test_what_is_still_float_is_named(
    half_quantised_net: Path, artifact_of: Make, text: str, soc: str, end: str
) -> None:
    """By the node that the runtime names, else by those of the graph; and how sure it is that this is the cause."""
    request = OpenRequest(artifact_of(half_quantised_net, precision="int8"), "htp-emu")
    failure = compiling_failure(RuntimeError(text), request, named(soc) if soc else None)
    assert f"half_quantised.onnx is quantised except for SpaceToDepth focus, but {end}" == failure.message


@pytest.mark.parametrize(
    ("soc", "where"), [("qcs6490", "Dragonwing QCS6490"), ("", "this SoC")], ids=["an SoC of the table", "another"]
)
def test_a_graph_that_is_not_compiled(qdq_net: Path, artifact_of: Make, soc: str, where: str) -> None:
    """For which SoC, and what QNN said."""
    request = OpenRequest(artifact_of(qdq_net, precision="int8"), "htp-emu")
    text = "Failed to finalize QNN graph. Error code: 1002"
    failure = compiling_failure(RuntimeError(text), request, named(soc) if soc else None)
    assert f"{qdq_net.name}: QNN cannot compile the graph for {where}: {text}" == failure.message
    assert failure.remedy == (
        "Name the SoC with option soc. Try -O htp_graph_finalization_optimization_mode=1 or 3. "
        "Otherwise split the model, or choose an SoC that compiles it."
    )


@pytest.mark.parametrize(
    ("count", "expected"), [(1, "Add 0"), (3, "Add 0, Add 1, Add 2"), (5, "Add 0, Add 1, Add 2 and 2 more")]
)
def test_the_first_nodes_are_named_and_the_rest_counted(count: int, expected: str) -> None:
    """Three at the most."""
    nodes = named_nodes([("Add", str(index)) for index in range(count)])
    assert str(sentence("qnn.quantise_nodes", nodes=nodes, soc="X")).startswith(f"Quantise {expected}: ")


def test_remedies_of_a_placement_are_sentences(float_tail_net: Path, artifact_of: Make) -> None:
    """They come back from another process as they went, and are read in the reader's language."""
    nodes = (NodePlacement("q_in", "QuantizeLinear", "CPU"), NodePlacement("tail", "Sub", "CPU"))
    request = OpenRequest(artifact_of(float_tail_net, precision="int8"), "htp-emu")
    found = remedies(request, named("qcs6490"), nodes)
    placement = Placement("HTP", nodes, "", found)
    assert ["qnn.quantise_on_htp", "qnn.quantise_nodes"] == [one.code for one in found]
    assert placement == msgspec.json.decode(msgspec.json.encode(placement), type=Placement)
    with speaking("ko"):
        assert ("Sub tail" in str(found[1]), "Quantise" in str(found[1])) == (True, False)


@pytest.mark.parametrize(
    ("soc", "operator", "begin"),
    [
        ("qcs6490", "LSTM", "Choose an SoC whose HTP has float16"),
        ("snapdragon-888", "LSTM", "Choose an SoC whose HTP has float16"),
        ("qcs8550", "LSTM", "Name the SoC with option soc. Lower the resolution"),
        ("qcs6490", "Conv", "Name the SoC with option soc. Lower the resolution"),
    ],
)
def test_an_lstm_is_not_compiled_without_float16(
    qdq_net: Path, artifact_of: Make, soc: str, operator: str, begin: str
) -> None:
    """QNN says that memory ran out, whatever the size of the LSTM is: a smaller one is no remedy."""
    artifact = artifact_of(qdq_net, precision="int8")
    facts = msgspec.structs.replace(artifact.facts, operators={operator: 1, "QuantizeLinear": 2})
    request = OpenRequest(msgspec.structs.replace(artifact, facts=facts), "htp-emu")
    error = RuntimeError("Failed to finalize QNN graph. Error: QNN_COMMON_ERROR_MEM_ALLOC: Memory allocation")
    assert compiling_failure(error, request, named(soc)).remedy.startswith(begin)
