"""The few images in which a detector lost most against its reference, with the boxes of both; and, at report time, the
images themselves from the user's folder. Records hold boxes, never pictures.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from bench.errors import InputError
from bench.reading import leads_outside, read_bytes
from bench.record.quality import Box, BoxedPicture

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

MOST_PICTURES, MOST_BOXES = 4, 30
"""In a record, and of a kind in each."""
SHOWN_SCORE = 0.3
"""Average precision takes boxes of any score into account; drawn, those of a low one would hide the picture."""
LONGEST_LABEL = 40
MOST_FILE_BYTES = 100_000_000


def box_of(label: str, corners: Iterable[float], score: float | None = None) -> Box:
    """Rounded to what a drawing shows."""
    left, top, right, bottom = (round(float(at), 1) for at in corners)
    return Box(label[:LONGEST_LABEL], left, top, right, bottom, None if score is None else round(score, 3))


def shown(boxes: Sequence[Box]) -> tuple[Box, ...]:
    """The best that are drawn."""
    drawn = [box for box in boxes if box.score is None or box.score >= SHOWN_SCORE]
    return tuple(sorted(drawn, key=lambda box: -(box.score or 0.0))[:MOST_BOXES])


def save_boxes(path: Path, pictures: Sequence[BoxedPicture]) -> Path:
    """Of all samples, in their order."""
    path.write_bytes(msgspec.json.encode(pictures))
    return path


def load_boxes(path: Path) -> list[BoxedPicture]:
    return msgspec.json.decode(path.read_bytes(), type=list[BoxedPicture])


def worst(
    mine: Sequence[BoxedPicture],
    precision: "Array",
    folder: Path,
    theirs: "tuple[Sequence[BoxedPicture], Array] | None" = None,
) -> tuple[BoxedPicture, ...]:
    """The images in which average precision fell most against the reference, among equals the one with the least;
    without a reference, those with the least. ``precision``: of each image, as in ``theirs``, which are the
    reference's boxes and precisions of the same images. ``folder``: the dataset's."""
    beside = [replace(one, reference=other.found) for one, other in zip(mine, theirs[0], strict=True)] if theirs else []
    loss = precision - theirs[1] if theirs else precision
    every = beside or list(mine)
    drawable = [one for one in every if one.expected or one.found or one.reference]
    ordered = sorted(drawable, key=lambda one: (loss[one.index], precision[one.index]))
    found = []
    for one in ordered[:MOST_PICTURES]:
        with suppress(InputError):  # gone since it was judged
            data = read_bytes(folder / one.file, MOST_FILE_BYTES)
            found.append(replace(one, sha256=sha256(data).hexdigest()))
    return tuple(found)


def photographs(pictures: Iterable[BoxedPicture], folders: Collection[Path]) -> tuple[dict[str, bytes], list[str]]:
    """The files of ``pictures`` in ``folders`` by their hashes, and the names of those that are in none of them, or not
    as they were judged."""
    found: dict[str, bytes] = {}
    missing: dict[str, None] = {}
    for one in pictures:
        if one.sha256 not in found and one.file not in missing:
            data = _file_of(one, folders)
            if data is None:
                missing[one.file] = None
            else:
                found[one.sha256] = data
    return found, list(missing)


def _file_of(picture: BoxedPicture, folders: Collection[Path]) -> bytes | None:
    if leads_outside(picture.file):  # whatever a record from elsewhere says
        return None
    for folder in folders:
        with suppress(InputError):
            data = read_bytes(folder / picture.file, MOST_FILE_BYTES)
            if sha256(data).hexdigest() == picture.sha256:
                return data
    return None
