"""Photographs of a dataset with the boxes that a run and its reference found, beside those of the annotations.

The photographs come from the user's folder and are shrunk; nothing else of their files, such as where they were taken,
gets into the page. Colours are the same on light and dark pages, since a photograph is.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from msgspec import Struct

from bench.record.quality import Box, BoxedPicture, Quality
from bench.reports.charts import svg
from bench.reports.charts.svg import Figure
from bench.reports.view.rows import Numbered
from bench.words import say, units

if TYPE_CHECKING:
    from PIL.Image import Image

PIXELS, JPEG_QUALITY = 640, 80
"""Of the longer side as embedded."""
OF_AN_IMAGE = "image_ap"


class Boxed(Struct, frozen=True):
    """One run with its figures: of each picture the reference's boxes, where it has one that found others, then the
    run's. ``reference``: what it is, and whether all of its boxes are the same."""

    item: Numbered
    reference: str
    figures: tuple[Figure, ...]


def boxed(items: Sequence[Numbered], photographs: Mapping[str, bytes]) -> tuple[Boxed, ...]:
    """``photographs``: hash of a file -> its contents; what is not among them is not drawn."""
    pages = _Page(photographs)
    found = (pages.boxed(item, item.record.quality) for item in items if item.record.quality is not None)
    return tuple(one for one in found if one.figures)


def keeps_boxes(items: Sequence[Numbered]) -> bool:
    """Whether photographs could be drawn, given their folder."""
    return any(item.record.quality is not None and item.record.quality.pictures for item in items)


class _Page:
    """Embeds every photograph once."""

    def __init__(self, photographs: Mapping[str, bytes]) -> None:
        self._photographs = photographs
        self._embedded: set[str] = set()

    def boxed(self, item: Numbered, quality: Quality) -> Boxed:
        drawn = [picture for picture in quality.pictures if picture.sha256 in self._photographs]
        reference, figures = quality.reference, []
        if reference is None or not reference.metrics:
            reference, other = None, False
        else:
            other = any(picture.found != picture.reference for picture in drawn)
        for place, picture in enumerate(drawn):
            name, several = f"r{item.number}p{place}", _several(picture)
            if reference is not None and other:
                precision, side = _precision(item, reference.samples, picture), say("chart.boxes.reference")
                figures.append(self._figure(f"{name}r", picture, side, picture.reference, precision, several))
            precision, side = _precision(item, quality.samples, picture), say("chart.boxes.run")
            figures.append(self._figure(f"{name}f", picture, side, picture.found, precision, several))
        if reference is None:
            return Boxed(item, "", tuple(figures))
        code = "chart.boxes.reference_is" if other else "chart.boxes.same_as_reference"
        return Boxed(item, say(code, name=reference.name), tuple(figures))

    def _figure(
        self, name: str, picture: BoxedPicture, side: str, found: Sequence[Box], precision: float | None, several: bool
    ) -> Figure:
        title = say("chart.boxes.title", file=units.clean(picture.file), side=side)
        scale = svg.WIDTH / max(1, picture.width)
        height = picture.height * scale
        parts = [self._photograph(picture, height)]
        parts += (_outline(box, scale, "expected") for box in picture.expected)
        parts += (_outline(box, scale, "found") for box in found)
        parts += (_named(box, scale, several) for box in found)
        said = say("chart.boxes.said", found=len(found), expected=len(picture.expected))
        note = said if precision is None else say("chart.boxes.said_with_ap", said=said, ap=units.percent(precision))
        return Figure(title, svg.drawing(name, title, note, parts, height), note=note)

    def _photograph(self, picture: BoxedPicture, height: float) -> str:
        name = f"photo-{picture.sha256[:16]}"
        if name in self._embedded:
            return f'<use href="#{name}"/>'
        self._embedded.add(name)
        data = b64encode(_jpeg(self._photographs[picture.sha256])).decode()
        return (
            f'<image id="{name}" width="{svg.WIDTH:g}" height="{height:.1f}" preserveAspectRatio="none" '
            f'href="data:image/jpeg;base64,{data}"/>'
        )


def _precision(item: Numbered, keys: Mapping[str, str], picture: BoxedPicture) -> float | None:
    results = item.run.samples.get(keys.get(OF_AN_IMAGE, ""))
    return None if results is None or picture.index >= len(results) else float(results[picture.index])


def _several(picture: BoxedPicture) -> bool:
    """Whether boxes need the names of their classes."""
    return len({box.label for box in (*picture.expected, *picture.found, *picture.reference)}) > 1


def _outline(box: Box, scale: float, style: str) -> str:
    left, top = box.left * scale, box.top * scale
    size = f'width="{(box.right - box.left) * scale:.1f}" height="{(box.bottom - box.top) * scale:.1f}"'
    place = f'x="{left:.1f}" y="{top:.1f}" {size}'
    return f'<rect class="casing" {place}/><rect class="box {style}" {place}/>'


def _named(box: Box, scale: float, several: bool) -> str:
    score = "" if box.score is None else units.localised(f"{box.score:.2f}")
    text = f"{units.clean(box.label)} {score}" if several else score
    return svg.label(box.left * scale + 1, max(11.0, box.top * scale - 3), text, style="box-name")


def _jpeg(data: bytes) -> bytes:
    """Upright and shrunk, without what else the file says."""
    from PIL import Image, ImageOps

    with Image.open(BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image)
        shrunk = _rgb(upright)
    shrunk.thumbnail((PIXELS, PIXELS))
    target = BytesIO()
    shrunk.save(target, "JPEG", quality=JPEG_QUALITY)
    return target.getvalue()


def _rgb(image: "Image") -> "Image":
    """Grey of 16 bits by its high byte, as models are fed."""
    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    return image.convert("RGB")
