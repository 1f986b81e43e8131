"""A picture that keeps its proportions: how it is asked for, where it lies, and what is around it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bench.contracts import TensorSpec
from bench.errors import InputError
from bench.inputs.images import image_tensor
from bench.quality.detection import Sizes, clipped
from bench.suite.preprocessing import ImagePreprocessing, Letterbox, Placed, parse_preprocessing

SIDES = st.integers(1, 5000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("114", Letterbox()),
        ("0:corner:floor", Letterbox((0.0,), corner=True, floor=True)),
        ("shrink:104:117:123", Letterbox((104.0, 117.0, 123.0), shrink=True)),
        ("127.5", Letterbox((127.5,))),
    ],
)
def test_it_is_read_and_written(text: str, expected: Letterbox) -> None:
    """One pixel or three, and words in any order; what is written is read again."""
    found = parse_preprocessing(f"order=bgr,letterbox={text}")
    assert expected == found.letterbox
    assert found == parse_preprocessing(str(found))


@pytest.mark.parametrize("text", ["", "grey", "114:114", "256", "-1", "nan", "0:corner:corner", "0:middle"])
def test_a_wrong_one_is_named(text: str) -> None:
    """The part stands in the message, an example in the remedy."""
    with pytest.raises(InputError, match=f"letterbox={text}") as caught:
        parse_preprocessing(f"letterbox={text}")
    assert "letterbox=114:corner:floor" in caught.value.remedy


@pytest.mark.parametrize("text", ["resize=crop256,letterbox=114", "letterbox=114,resize=plain"])
def test_a_picture_is_resized_in_one_way(text: str) -> None:
    """A crop, or stretching, contradicts a border; whichever comes first."""
    with pytest.raises(InputError, match="both resize and letterbox"):
        parse_preprocessing(text)


@pytest.mark.parametrize(
    ("text", "image", "network", "expected"),
    [
        ("114", (640, 480), (320, 320), Placed(0, 40, 320, 240)),
        ("114", (480, 640), (320, 320), Placed(40, 0, 240, 320)),
        ("114:corner", (640, 480), (320, 320), Placed(0, 0, 320, 240)),
        ("114", (1000, 333), (416, 416), Placed(0, 138, 416, 139)),  # 333 × 0.416 = 138.528; 277 / 2 is rounded down
        ("114:floor", (1000, 333), (416, 416), Placed(0, 139, 416, 138)),
        ("114", (100, 50), (320, 160), Placed(0, 0, 320, 160)),
        ("114:shrink", (100, 50), (320, 160), Placed(110, 55, 100, 50)),
        ("114:shrink", (640, 320), (320, 160), Placed(0, 0, 320, 160)),
        ("114", (5000, 1), (320, 320), Placed(0, 159, 320, 1)),  # no picture disappears
        ("114:floor", (333, 777), (416, 416), Placed(119, 0, 178, 416)),
    ],
)
def test_where_the_picture_lies(text: str, image: tuple[int, int], network: tuple[int, int], expected: Placed) -> None:
    """By hand, also in inputs that are not square."""
    assert expected == parse_preprocessing(f"letterbox={text}").placed(image, network)


@given(SIDES, SIDES, st.integers(16, 1300), st.integers(16, 1300), st.booleans(), st.booleans(), st.booleans())
def test_boxes_come_back_exactly(
    width: int, height: int, across: int, down: int, corner: bool, floor: bool, shrink: bool
) -> None:
    """The picture fits, one side is filled unless it is not enlarged, and the corners of the placed picture are those
    of the image."""
    asked = ImagePreprocessing(letterbox=Letterbox(corner=corner, floor=floor, shrink=shrink))
    at = asked.placed((width, height), (across, down))
    assert 0 <= at.left <= at.left + at.width <= across
    assert 0 <= at.top <= at.top + at.height <= down
    assert at.width == across or at.height == down or (shrink and (at.width, at.height) == (width, height))
    placed = np.array([[at.left, at.top, at.left + at.width, at.top + at.height]], float)
    back = clipped(placed, Sizes((width, height), (across, down), at))
    assert [0, 0, width, height] == pytest.approx(back[0].tolist(), abs=1e-9)


def test_pixels_around_the_picture(tmp_path: Path) -> None:
    """The fill is in the order of the channels and is normalised like the picture."""
    Image.fromarray(np.full((2, 4, 3), (10, 20, 30), np.uint8)).save(tmp_path / "wide.png")
    spec = TensorSpec("photo", "float32", (1, 3, 4, 4))

    def pixels(text: str) -> Any:
        return image_tensor(tmp_path / "wide.png", spec, (1, 3, 4, 4), parse_preprocessing(text))[0]

    found = pixels("order=bgr,letterbox=1:2:3")
    assert [[1, 2, 3], [30, 20, 10], [30, 20, 10], [1, 2, 3]] == found[:, :, 0].T.tolist()
    assert [[30, 20, 10], [30, 20, 10], [4, 4, 4], [4, 4, 4]] == pixels("order=bgr,letterbox=4:corner")[
        :, :, 0
    ].T.tolist()
    assert [-1.0, 0.0, 0.0, -1.0] == pixels("mean=10:20:30,scale=10,letterbox=0")[0, :, 0].tolist()


def test_one_channel_has_one_fill(tmp_path: Path) -> None:
    """Three numbers for a grey input are a mistake."""
    Image.new("L", (4, 2), 9).save(tmp_path / "grey.png")
    spec = TensorSpec("photo", "uint8", (1, 4, 4, 1))
    found = image_tensor(tmp_path / "grey.png", spec, (1, 4, 4, 1), parse_preprocessing("letterbox=114"))
    assert [114, 9, 9, 114] == found[0, :, 0, 0].tolist()
    with pytest.raises(InputError, match="one channel"):
        image_tensor(tmp_path / "grey.png", spec, (1, 4, 4, 1), parse_preprocessing("letterbox=1:2:3"))
