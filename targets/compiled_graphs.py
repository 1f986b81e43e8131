"""Files that contain a graph compiled for one accelerator, which only that accelerator can read."""

from bench.contracts import Artifact
from bench.errors import RunFailure

CONTEXT, EDGE_TPU = "EPContext", "edgetpu-custom-op"


def holds_context(artifact: Artifact) -> bool:
    """Whether an ONNX graph holds the compiled context of an execution provider."""
    return CONTEXT in artifact.facts.operators


def refuse_compiled(artifact: Artifact) -> None:
    """Raise ``RunFailure`` for a graph that only the accelerator runs that it was compiled for."""
    if holds_context(artifact):
        raise RunFailure(
            "unsupported_format",
            f"{artifact.path.name} is compiled for an accelerator ({CONTEXT}); only the execution provider that it was "
            "compiled for opens it",
            "Run it on qnn where it was compiled for QNN, and name the graph it was made from with --reference.",
            "plan",
        )
    if EDGE_TPU in artifact.facts.operators:
        raise RunFailure(
            "unsupported_format",
            f"{artifact.path.name} is compiled for the Edge TPU ({EDGE_TPU}), which alone runs it",
            "Give the TFLite file that edgetpu_compiler was given.",
            "plan",
        )
