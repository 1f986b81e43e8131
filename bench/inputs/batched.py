"""The shapes of a model's inputs with another number of samples."""

from bench.contracts import Artifact
from bench.errors import RunFailure
from bench.words import sentence


def batched(artifact: Artifact, samples: int) -> dict[str, tuple[int, ...]]:
    """The shapes of its inputs with ``samples`` in place of the first dimension. Raises ``RunFailure`` where that of an
    input is fixed to another number, or it has none, naming the first such input."""
    shapes = dict(artifact.shapes)
    for spec in artifact.facts.inputs:
        fixed = not spec.shape or (isinstance(spec.shape[0], int) and spec.shape[0] != samples)
        if fixed:
            raise RunFailure(
                "bad_input",
                sentence(
                    "run.batch_fixed" if spec.shape else "run.batch_of_scalar",
                    model_id=artifact.model_id,
                    input=spec.name,
                    shape=list(map(str, spec.shape)),
                    samples=samples,
                ),
                sentence("run.batch_fixed.remedy"),
                "prepare",
            )
        shapes[spec.name] = (samples, *shapes[spec.name][1:])
    return shapes
