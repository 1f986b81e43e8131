"""Photographs: classification, detection and segmentation, by the code of ``bench.inputs.images`` and
``bench.quality``, which judge a dataset."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts import Artifact, Levels, Normaliser, Tensors, TensorSession
from bench.contracts.answers import normaliser_of
from bench.entry_points import versions
from bench.errors import InputError
from bench.inputs.decoding import decoder_version
from bench.inputs.images import ImageInput, Picture, image_input
from bench.pipelines.asked import PipelineAsk
from bench.pipelines.named import Stages
from bench.quality.coco import ANCHORS, read_anchors
from bench.quality.detection import Found, Sizes, decode, decode_head, thresholds
from bench.quality.heads.choosing import Choice, choose, without_batch
from bench.quality.heads.head import Network
from bench.quality.scoring import best_classes, class_map, output_named
from bench.suite.dataset_options import parse_options, read_options
from bench.suite.preprocessing import parse_preprocessing
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

SAME = 1e-6
LEVEL_STEP = 37  # prime to 256 and to the channels: each channel meets every level, and neighbours differ

Reading = Callable[[Tensors, Picture], Any]
"""Outputs of a photograph -> the answer."""


class PicturePipeline:
    """``kind``: what the outputs are read as; ``auto`` is decided by the first outputs."""

    def __init__(self, ask: PipelineAsk, artifact: Artifact) -> None:
        """Raises ``InputError`` for a model without an input that takes photographs."""
        options = read_options(ask.folder, ask.options) if ask.labelled else parse_options(ask.options)
        specs = {spec.name: spec for spec in artifact.facts.inputs}
        name = options.input or next(iter(specs), "")
        if name not in specs or len(specs) != 1:
            raise InputError(
                sentence("pipeline.one_input_of_pictures", model_id=artifact.model_id, inputs=list(specs)),
                sentence("pipeline.use_own"),
            )
        self._ask, self._options, self.kind = ask, options, ask.kind
        self._preprocessing = parse_preprocessing(ask.preprocessing) if ask.preprocessing else parse_preprocessing("")
        self._input: ImageInput = image_input(specs[name], artifact.shapes[name], self._preprocessing)
        self._name = name
        self._network = Network(
            self._input.width,
            self._input.height,
            read_anchors(ask.folder) if options.anchors == ANCHORS else None,
        )
        self._fast: Normaliser | None = None
        self._reading: Reading | None = None
        self._how: Sentence | str = ""
        self._published = ""

    def inputs(self, files: Sequence[Path]) -> Sequence[Path]:
        return files

    def decode(self, item: Path) -> Picture:
        return self._input.decode(item)

    def preprocess(self, decoded: Picture) -> Tensors:
        levels = self._input.levels(decoded)
        fast = self._fast if levels.dtype == "uint8" else None
        return {self._name: self._input.normalised(levels) if fast is None else fast.run(levels)}

    def prepare_by(self, session: TensorSession) -> None:
        """Let the session's runtime make tensors of levels where it gives the values of numpy for every level."""
        taken = self._input
        asked = Levels(
            size=(taken.height, taken.width, taken.channels),
            layout=taken.layout,
            shape=taken.shape,
            dtype=taken.spec.dtype,
            mean=self._preprocessing.mean,
            scale=self._preprocessing.scale,
        )
        found = normaliser_of(session, asked)
        self._fast = found if found is not None and same_values(found, taken) else None

    def postprocess(self, outputs: Tensors, decoded: Picture) -> Any:
        if self._reading is None:
            self._reading = self._chosen(outputs)
        return self._reading(outputs, decoded)

    def stages(self) -> Stages:
        """What the stages do; how outputs are read is known after the first answer."""
        pillow, fast = versions(("pillow",)), {} if self._fast is None else dict(self._fast.by)
        return Stages(
            decode=(sentence("pipeline.does.decode_picture"), decoder_version(self._preprocessing.decoder)),
            preprocess=(self._prepared(), pillow | fast),
            postprocess=(self._how, {}),
        )

    def _prepared(self) -> Sentence:
        """How pictures are prepared, and how those were that the head was published with, where that is otherwise."""
        how = sentence("pipeline.does.preprocess_picture", how=str(self._preprocessing))
        if not self._published or parse_preprocessing(self._published).prepares_as(self._preprocessing):
            return how
        return sentence("pipeline.does.preprocess_otherwise", how=how, published=self._published)

    def _chosen(self, outputs: Tensors) -> Reading:
        """How the first outputs are to be read. Raises ``InputError`` naming stage, wanted and found shapes."""
        choice = None
        if self.kind in ("auto", "detection"):
            choice = self._head(outputs)
        if self.kind == "auto":
            self.kind = self._guessed(outputs, choice)
        match self.kind:
            case "classification":
                return self._classes(outputs)
            case "segmentation":
                return self._map(outputs)
            case _:
                return self._boxes(choice)

    def _head(self, outputs: Tensors) -> Choice | None:
        try:
            return choose(without_batch(outputs), self._network, self._options)
        except InputError:
            if self.kind == "auto" and not self._options.head:
                return None
            raise

    def _guessed(self, outputs: Tensors, choice: Choice | None) -> str:
        if choice is not None or {"boxes", "scores"} <= set(outputs):
            return "detection"
        if len(outputs) == 1 or self._options.output:
            only = output_named(outputs, self._options.output)
            return "classification" if only.squeeze().ndim == 1 else "segmentation"
        raise InputError(sentence("pipeline.kind_not_known", outputs=shapes_of(outputs)), sentence("pipeline.say_kind"))

    def _classes(self, outputs: Tensors) -> Reading:
        scores = output_named(outputs, self._options.output).squeeze()
        if scores.ndim != 1 or len(scores) < 2:
            raise wrong_outputs(sentence("pipeline.wanted.classes"), outputs)
        self._how = sentence("pipeline.does.best_classes", classes=len(scores))
        return lambda outputs, decoded: best_classes(output_named(outputs, self._options.output).squeeze())

    def _map(self, outputs: Tensors) -> Reading:
        size = self._input.height, self._input.width
        found = output_named(outputs, self._options.output)
        if class_map(found, size) is None:
            raise wrong_outputs(sentence("pipeline.wanted.map", height=size[0], width=size[1]), outputs)
        self._how = sentence("pipeline.does.class_map")
        return lambda outputs, decoded: class_map(output_named(outputs, self._options.output), size)

    def _boxes(self, choice: Choice | None) -> Reading:
        if self._preprocessing.crop is not None:
            raise InputError(sentence("quality.whole_images"), sentence("quality.say_resize_plain"))
        options = self._options
        if choice is None:
            self._how = sentence("pipeline.does.declared_boxes")
            return lambda outputs, decoded: decode(outputs, options, self._sizes(decoded))
        self._published = choice.head.preprocessing
        score, iou, nms = thresholds(choice, options)
        self._how = sentence(
            "pipeline.does.head",
            head=choice.head.name,
            score=score,
            suppression=sentence(f"quality.suppression.{nms}", iou=iou),
        )

        def boxes(outputs: Tensors, decoded: Picture) -> Found:
            return decode_head(without_batch(outputs), choice, options, self._sizes(decoded))

        return boxes

    def _sizes(self, decoded: Picture) -> Sizes:
        network = self._input.width, self._input.height
        return Sizes(decoded.size, network, self._preprocessing.placed(decoded.size, network))


def same_values(fast: Normaliser, taken: ImageInput) -> bool:
    """Whether ``fast`` makes the tensor that numpy makes, of a picture with every level in each channel: within
    ``SAME`` of the largest value."""
    import numpy as np

    size = taken.height, taken.width, taken.channels
    levels = (np.arange(taken.height * taken.width * taken.channels) * LEVEL_STEP % 256).reshape(size).astype(np.uint8)
    wanted, found = taken.normalised(levels), fast.run(levels)
    if (wanted.shape, wanted.dtype) != (found.shape, found.dtype):
        return False
    return bool(np.abs(wanted - found).max() <= SAME * float(np.abs(wanted).max()))


def shapes_of(outputs: Tensors) -> list[str]:
    """``scores [1, 4420, 2]`` of each."""
    return [f"{name} {list(array.shape)}" for name, array in outputs.items()]


def wrong_outputs(wanted: Sentence, outputs: Tensors) -> InputError:
    """The error of a postprocessing that cannot read the outputs."""
    return InputError(
        sentence("pipeline.wrong_shape", stage="postprocess", wanted=wanted, found=shapes_of(outputs)),
        sentence("pipeline.say_kind"),
    )
