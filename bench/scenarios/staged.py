"""The parameters of ``end-to-end``, whose queries pass through the stages of a pipeline."""

from bench.contracts import Parameter
from bench.errors import InputError
from bench.words import sentence

SPOTTING, TEXT = "keyword-spotting", "text"
PIPELINES = ("classification", "detection", "segmentation", SPOTTING, TEXT, "own")
"""What ``end-to-end`` can do around a network; ``own``: as the model's plugin says."""
MOST_INPUTS = 10_000
"""Of one pass over the inputs of a pipeline."""
PIPELINE = Parameter(
    name="pipeline",
    unit="",
    about=sentence("scenario.about.pipeline"),
    words=("auto", *PIPELINES),
    numeric=False,
    default="auto",
)
HOP = Parameter(name="hop_ms", short="hop", unit="ms", about=sentence("scenario.about.hop_ms"), most=60_000)
INPUTS = Parameter(name="inputs", unit="inputs", about=sentence("scenario.about.inputs"), most=MOST_INPUTS, default=100)


def refuse_hop(pipeline: str, hop_ms: object) -> None:
    """Raise ``InputError`` for a ``hop_ms`` of a ``pipeline`` without windows; ``auto`` is known once it is opened."""
    if hop_ms is not None and pipeline != SPOTTING:
        raise InputError(sentence("pipeline.hop_unused", kind=pipeline), sentence("pipeline.hop_unused.remedy"))
