"""What of a dataset's options cannot be right, told from the model's file alone: before anything is compiled."""

from collections.abc import Collection

from bench.contracts import Artifact
from bench.errors import UnknownName
from bench.inputs.images import image_layout
from bench.quality.coco import ANCHORS, read_anchors
from bench.quality.dataset import Listing, input_of_files
from bench.quality.heads.choosing import choose, without_batch
from bench.quality.heads.head import Network
from bench.quality.heads.table import HEADS
from bench.quality.scoring import output_named
from bench.suite.preprocessing import parse_preprocessing
from bench.words import sentence


def refuse_unfit_options(listing: Listing, outputs: Collection[str]) -> None:
    """Raises ``InputError`` for a head that is not known, and for an output that the model does not have. ``outputs``:
    the names in the model's file; none where they are not known."""
    options, given = listing.options, dict.fromkeys(outputs)
    if options.head and options.head not in HEADS:
        raise UnknownName(sentence("quality.heads.head"), options.head, tuple(HEADS))
    if not given or listing.task == "judged":
        return
    keys = [key for key in ("boxes", "scores", "labels") if options.states((key,))]
    for key in keys if listing.task == "detection" else ["output"]:
        output_named(given, getattr(options, key), key)


def refuse_unfit_head(listing: Listing, artifact: Artifact, preprocessing: str) -> None:
    """Raises ``InputError`` where the named head does not fit the shapes of the outputs, as far as the file states
    them; otherwise the first sample tells. An output without dimensions may be one whose shape is not stated."""
    import numpy as np

    options, outputs = listing.options, artifact.facts.outputs
    stated = bool(outputs) and all(one.static and one.shape for one in outputs)
    if listing.task != "detection" or not options.head or not stated:
        return
    name = input_of_files(options, artifact.facts.inputs)
    if name not in artifact.shapes:
        return
    _, _, height, width = image_layout(name, artifact.shapes[name], parse_preprocessing(preprocessing))
    anchors = read_anchors(listing.folder) if options.anchors == ANCHORS else None
    zero = np.zeros((), np.float32)
    shapes = {one.name: np.broadcast_to(zero, [size for size in one.shape if isinstance(size, int)]) for one in outputs}
    choose(without_batch(shapes), Network(width, height, anchors), options)
