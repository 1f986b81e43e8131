"""How a dataset's labels and a model's outputs are to be read: from ``dataset.json``, and from ``--dataset-options``.

Both hold the same keys; the flag is written as ``--preprocessing`` is, ``label_offset=1,output=probs``, and wins.
"""

from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from bench.errors import InputError, UnknownName
from bench.reading import is_file, json_of, read_bytes
from bench.record.quality import DatasetTask
from bench.words import sentence

OPTIONS_FILE = "dataset.json"
EXAMPLE = sentence("suite.dataset_options_example")


class DatasetOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """``task``: otherwise told by the files. ``input``: where an image goes, ``output``: what is scored, where there
    are several. ``label_offset``: the model's class of label 0; 1 for a model whose class 0 is the background.
    ``ignore``: a class of segmentation that is ignored.

    Detection: ``boxes`` [N, 4] (``box_format``; in pixels of the model's input, or ``relative`` to its size),
    ``scores`` [N] or [N, classes], and ``labels`` [N] where the scores have no classes; ``background`` is a class that
    is no object. Boxes below ``score_threshold`` are dropped, then those that overlap a better one of their class by
    more than ``iou_threshold`` (1 keeps all), and the best ``max_detections`` stay. Without them the thresholds are
    0.05 and 0.5, or those of the ``head``.

    ``head``: the outputs are those of a published detector (``bench.quality.heads``), whose thresholds and ``nms`` are
    used unless given; ``categories``: which class of the model an annotation's category is, ``anchors``: a published
    set by name, numbers separated by colons, or ``anchors.json``; ``activation``: what is left to apply to the scores.

    Texts: with a ``temperature`` they are drawn, with ``top_p`` and ``seed`` (``bench.quality.text.sampling``).
    """

    task: DatasetTask | None = None
    input: str = ""
    output: str = ""
    label_offset: int = 0
    ignore: int | None = None
    boxes: str = "boxes"
    scores: str = "scores"
    labels: str = ""
    box_format: Literal["xyxy", "xywh", "cxcywh"] = "xyxy"
    relative: bool = False
    background: int | None = None
    score_threshold: float | None = None
    iou_threshold: float | None = None
    max_detections: int = 100
    head: str = ""
    categories: Literal["order", "id", "coco"] | None = None
    anchors: str = ""
    nms: Literal["class", "agnostic", "none"] | None = None
    activation: Literal["none", "sigmoid", "softmax"] | None = None
    temperature: float | None = None
    top_p: float = 1.0
    seed: int = 0

    def stated(self) -> dict[str, str]:
        """What differs from the defaults, as a record says it."""
        defaults = DatasetOptions()
        given = {name: getattr(self, name) for name in self.__struct_fields__ if name != "task"}
        changed = {name: value for name, value in given.items() if value != getattr(defaults, name)}
        return {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in changed.items()}

    def states(self, names: tuple[str, ...]) -> bool:
        """Whether one of these is given."""
        return any(getattr(self, name) != getattr(DatasetOptions(), name) for name in names)


DECLARED = ("boxes", "scores", "labels", "box_format", "background")
"""Options that say how the outputs hold boxes: then they are of no published head."""
SAMPLING = ("temperature", "top_p", "seed")
"""Options of texts alone."""
HOTTEST = 100.0
"""The highest temperature: no model is asked for more than a few."""
SCORE_THRESHOLD, IOU_THRESHOLD = 0.05, 0.5  # without a head


class DatasetAsk(Struct, frozen=True):
    """A dataset as the user named it. ``options``: the text of ``--dataset-options``. ``only``: the files of the
    samples that are taken; all, where none are named."""

    folder: Path
    options: str = ""
    preprocessing: str = ""
    only: tuple[str, ...] = ()


def parse_options(text: str, base: "dict[str, Any] | None" = None) -> DatasetOptions:
    """The options of ``text``, over those of ``base``. Raises ``InputError`` naming the part that is wrong."""
    given: dict[str, Any] = dict(base or {})
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise InputError(sentence("suite.dataset_options_not_key_value", part=part), EXAMPLE)
        _known(key, "--dataset-options")
        given[key] = value
    return _converted(given, "--dataset-options" if text else OPTIONS_FILE, strict=False)


def read_options(folder: Path, text: str) -> DatasetOptions:
    """Those of the folder's ``dataset.json``, if there is one, and of ``text``. Raises ``InputError``."""
    path = folder / OPTIONS_FILE
    if not is_file(path):
        return parse_options(text)
    stored = json_of(read_bytes(path, name=OPTIONS_FILE), OPTIONS_FILE, sentence("suite.correct_remove"))
    if not isinstance(stored, dict):
        raise InputError(
            sentence("suite.not_object", options_file=OPTIONS_FILE), sentence("suite.dataset_json_example")
        )
    for key in stored:
        _known(key, OPTIONS_FILE)
    _converted(stored, OPTIONS_FILE, strict=True)
    return parse_options(text, stored)


def _known(key: str, where: str) -> None:
    if key not in DatasetOptions.__struct_fields__:
        raise UnknownName(sentence("suite.key_in", where=where), key, DatasetOptions.__struct_fields__)


def _converted(given: dict[str, Any], where: str, strict: bool) -> DatasetOptions:
    try:
        options = msgspec.convert(given, DatasetOptions, strict=strict)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise InputError(f"{where}: {error}", EXAMPLE) from None
    for name in ("score_threshold", "iou_threshold"):
        found = getattr(options, name)
        if found is not None and not 0 <= found <= 1:
            raise InputError(sentence("suite.must_between_not", where=where, name=name, value=found))
    if options.max_detections < 1:
        raise InputError(
            sentence("suite.max_detections_must_more_not", where=where, max_detections=options.max_detections)
        )
    _refuse_sampling(options, where)
    declared = [name for name in DECLARED if options.states((name,))]
    if options.head and declared:
        raise InputError(
            sentence("suite.head_and_declared", where=where, head=options.head, options=declared),
            sentence("suite.give_head_or_declared"),
        )
    return options


def _refuse_sampling(options: DatasetOptions, where: str) -> None:
    """Raises ``InputError`` for a way to draw texts that there is not."""
    if options.temperature is None and options.states(SAMPLING):
        raise InputError(sentence("suite.sampling_needs_temperature", where=where))
    if options.temperature is not None and not 0 < options.temperature <= HOTTEST:
        raise InputError(
            sentence("suite.temperature_bounds", where=where, value=options.temperature, most=HOTTEST),
            sentence("suite.leave_temperature_out"),
        )
    if not 0 < options.top_p <= 1:
        raise InputError(sentence("suite.top_p_bounds", where=where, value=options.top_p))
    if not 0 <= options.seed < 1 << 63:
        raise InputError(sentence("suite.seed_bounds", where=where, value=options.seed))
