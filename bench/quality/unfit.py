"""What of a dataset cannot be right for a model, told from the model's file alone: before anything is compiled."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from bench.contracts import Artifact, TensorSpec
from bench.errors import InputError, UnknownName
from bench.inputs.images import image_layout
from bench.quality.coco import ANCHORS, read_anchors
from bench.quality.dataset import ANNOTATIONS, Listing, input_of_files
from bench.quality.heads.choosing import choose, fitting_heads, without_batch
from bench.quality.heads.head import Network
from bench.quality.heads.table import HEADS
from bench.quality.scoring import WrongOption, output_named
from bench.suite.preprocessing import parse_preprocessing
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Shapes = Mapping[str, np.ndarray[Any, Any]]


class OtherLabels(WrongOption):
    """The labels are of another task than the model's."""


def refuse_unfit(listing: Listing, artifact: Artifact, preprocessing: str) -> None:
    """As far as the file states outputs and their shapes; otherwise the first sample tells. Raises ``InputError`` for
    a head that is not known or does not fit the outputs, for an output that the model does not have, and for class
    labels where it is not known which output has scores of classes; ``OtherLabels`` where none has."""
    options, outputs = listing.options, artifact.facts.outputs
    if options.head and options.head not in HEADS:
        raise UnknownName(sentence("quality.heads.head"), options.head, tuple(HEADS))
    if not outputs or listing.task == "judged":
        return
    if listing.task == "detection":
        keys = [key for key in ("boxes", "scores", "labels") if options.states((key,))]
    else:
        keys = ["output"] if options.output else []
    for key in keys:
        output_named({one.name: one for one in outputs}, getattr(options, key), key)
    if listing.task == "classification":
        _refuse_class_labels(listing, artifact, preprocessing)
    if listing.task == "detection" and options.head:
        _refuse_head(listing, artifact, preprocessing)


def _refuse_class_labels(listing: Listing, artifact: Artifact, preprocessing: str) -> None:
    outputs, named = artifact.facts.outputs, listing.options.output
    asked = [one for one in outputs if not named or one.name == named]
    possible = [one for one in asked if _may_score_classes(one)]
    if len(asked) == len(possible) == 1:
        return
    heads = () if named else _heads(listing, artifact, preprocessing)
    written = [f"{one.name} {_written(one)}" for one in asked]
    if possible and not heads:
        problem = sentence("quality.labels_are_classes.several_outputs", folder=listing.folder.name, outputs=written)
        raise WrongOption(
            sentence("quality.option_of", key="output", problem=problem),
            sentence("quality.say_scores", outputs=[one.name for one in possible]),
        )
    remedy = (
        sentence("quality.give_boxes_for_head", annotations=ANNOTATIONS, heads=heads)
        if heads
        else sentence("quality.give_other_labels", annotations=ANNOTATIONS)
    )
    raise OtherLabels(sentence("quality.labels_are_classes", folder=listing.folder.name, outputs=written), remedy)


def _may_score_classes(output: TensorSpec) -> bool:
    """Whether one dimension may be that of the classes, and the others 1."""
    wide = [size for size in output.shape if size != 1]
    known = [size for size in wide if isinstance(size, int)]
    return len(known) <= 1 and (bool(wide) or not output.shape)


def _written(output: TensorSpec) -> str:
    """``[1, 1000]``; a dimension that is not stated is ``?``."""
    return f"[{', '.join('?' if size is None else str(size) for size in output.shape)}]"


def _heads(listing: Listing, artifact: Artifact, preprocessing: str) -> tuple[str, ...]:
    """The detection heads that have outputs of these names and shapes."""
    stated = _stated(artifact.facts.outputs)
    with suppress(InputError):  # what goes in is no image
        network = None if stated is None else _network(listing, artifact, preprocessing)
        if stated is not None and network is not None:
            return tuple(head.name for head, _ in fitting_heads(stated, network, listing.options))
    return ()


def _refuse_head(listing: Listing, artifact: Artifact, preprocessing: str) -> None:
    stated, network = _stated(artifact.facts.outputs), _network(listing, artifact, preprocessing)
    if stated is not None and network is not None:
        choose(stated, network, listing.options)


def _stated(outputs: Sequence[TensorSpec]) -> "Shapes | None":
    """Zeros of the outputs' shapes, without the batch; ``None`` where one is not stated. An output without dimensions
    may be one whose shape is not stated."""
    import numpy as np

    if not all(one.static and one.shape for one in outputs):
        return None
    zero = np.zeros((), np.float32)
    sizes = {one.name: [size for size in one.shape if isinstance(size, int)] for one in outputs}
    return without_batch({name: np.broadcast_to(zero, shape) for name, shape in sizes.items()})


def _network(listing: Listing, artifact: Artifact, preprocessing: str) -> Network | None:
    """The size of the input that gets images; ``None`` where it is not known. Raises ``InputError`` where none can get
    them, and for anchors that cannot be read."""
    name = input_of_files(listing.options, artifact.facts.inputs)
    if name not in artifact.shapes:
        return None
    _, _, height, width = image_layout(name, artifact.shapes[name], parse_preprocessing(preprocessing))
    return Network(width, height, read_anchors(listing.folder) if listing.options.anchors == ANCHORS else None)
