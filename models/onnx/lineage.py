"""What an ONNX file states of its lineage: in its metadata, and by being compiled.

An execution provider that compiles a graph to a context keeps the metadata, so what was stated of the graph is stated
of the context as well (seen of onnxruntime-qnn 2.7).
"""

from typing import TYPE_CHECKING

from bench.contracts import LineageStep
from bench.contracts.quantising.stated import LINEAGE_KEY
from bench.models.onnx.facts import COMPILED

if TYPE_CHECKING:
    import onnx

TOOL, SDK = "source", "ep_sdk_version"
"""Attributes of an ``EPContext``: the provider that compiled it, and the version of its compiler."""


def stated_lineage(model: "onnx.ModelProto") -> str:
    """The text under our key; empty where there is none."""
    return next((prop.value for prop in model.metadata_props if prop.key == LINEAGE_KEY), "")


def compiled_step(model: "onnx.ModelProto") -> LineageStep:
    """The step that made a context of the graph."""
    node = next(node for node in model.graph.node if node.op_type == COMPILED)
    stated = {a.name: a.s.decode(errors="replace") for a in node.attribute if a.name in (TOOL, SDK)}
    sdk = stated.get(SDK, "")
    return LineageStep(kind="compiled", tool=stated.get(TOOL, ""), versions={"sdk": sdk} if sdk else {})
