"""Files that contain a graph compiled for one accelerator, which only that accelerator can read."""

from bench.contracts import Artifact
from bench.errors import RunFailure
from bench.words import sentence

CONTEXT, EDGE_TPU = "EPContext", "edgetpu-custom-op"


def holds_context(artifact: Artifact) -> bool:
    """Whether an ONNX graph holds the compiled context of an execution provider."""
    return CONTEXT in artifact.facts.operators


def refuse_compiled(artifact: Artifact) -> None:
    """Raise ``RunFailure`` for a graph that only the accelerator runs that it was compiled for."""
    if holds_context(artifact):
        raise RunFailure(
            "unsupported_format",
            sentence(
                "target.compiled_for_accelerator",
                file=artifact.path.name,
                context=CONTEXT,
            ),
            sentence("target.run_compiled_on_qnn"),
            "plan",
        )
    if EDGE_TPU in artifact.facts.operators:
        raise RunFailure(
            "unsupported_format",
            sentence("target.compiled_for_edge_tpu", file=artifact.path.name, edge_tpu=EDGE_TPU),
            sentence("target.give_file_before_edgetpu"),
            "plan",
        )
