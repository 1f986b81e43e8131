"""Reads COCO's ``annotations.json``, the objects in each image, and the anchors of a detector beside it."""

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from bench.errors import InputError
from bench.quality.labels import Labels
from bench.reading import MOST_LABEL_BYTES, is_file, json_of, read_bytes
from bench.record.quality import LeftOut
from bench.words import sentence

FORM = sentence("quality.form_of_coco")
ANCHORS = "anchors.json"


class Image(Struct, frozen=True):
    id: int
    file_name: str


class Annotation(Struct, frozen=True):
    """``bbox``: left, top, width, height in pixels of the image as stored."""

    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0
    area: float | None = None


class Category(Struct, frozen=True):
    """``name``: anything, as it decides nothing; only text is shown."""

    id: int
    name: Any = None


class Document(Struct, frozen=True):
    images: list[Image]
    annotations: list[dict[str, Any]]
    categories: list[Category] = []


def read_annotations(path: Path) -> Labels:
    """File -> its annotations. One that is wrong leaves its image out; it is named by its place in the list."""
    try:
        raw_document = json_of(read_bytes(path, MOST_LABEL_BYTES, path.name), path.name, FORM)
        document = msgspec.convert(raw_document, Document)
    except msgspec.ValidationError as error:
        raise InputError(f"{path.name}: {error}", FORM) from None
    file_of = {image.id: image.file_name for image in document.images}
    found: dict[str, list[Annotation]] = {name: [] for name in file_of.values()}
    wrong = []
    for index, raw in enumerate(document.annotations):
        field = f"{path.name}: annotations[{index}]"
        try:
            annotation = msgspec.convert(raw, Annotation)
        except msgspec.ValidationError as error:
            image = raw.get("image_id")
            name = file_of.get(image, "?") if isinstance(image, int) else "?"
            wrong.append(LeftOut(name, field, str(error)))
            continue
        if annotation.image_id not in file_of:
            wrong.append(
                LeftOut("?", f"{field}.image_id", sentence("quality.left_out.no_image", image_id=annotation.image_id))
            )
        elif min(annotation.bbox[2:]) <= 0:
            wrong.append(LeftOut(file_of[annotation.image_id], f"{field}.bbox", sentence("quality.left_out.empty_box")))
        else:
            found[file_of[annotation.image_id]].append(annotation)
    barred = {left.file for left in wrong}
    named = {category.id for category in document.categories}
    named = named or {annotation.category_id for each in found.values() for annotation in each}
    kept = {name: tuple(each) for name, each in found.items() if name not in barred}
    names = {category.id: category.name for category in document.categories if isinstance(category.name, str)}
    return Labels(path.name, kept, tuple(wrong), tuple(sorted(named)), names)


def read_anchors(folder: Path) -> Any:
    """The numbers of ``anchors.json``, in lists. Raises ``InputError``."""
    path = folder / ANCHORS
    if not is_file(path):
        raise InputError(
            sentence("quality.heads.no_anchors_file", file=ANCHORS, folder=folder.name),
            sentence("quality.heads.form_of_anchors"),
        )
    return json_of(read_bytes(path, MOST_LABEL_BYTES, path.name), path.name, sentence("quality.heads.form_of_anchors"))
