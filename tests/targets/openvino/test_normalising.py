"""A picture's levels as a tensor by OpenVINO's ``PrePostProcessor``, compared with numpy's values."""

import numpy as np
import pytest

from bench.contracts import Levels, NormalisingSession, TensorSpec
from bench.inputs.images import ImageInput
from bench.suite.preprocessing import parse_preprocessing

pytest.importorskip("openvino")

from bench.pipelines.pictures import same_values
from bench.targets.openvino.pictures.normalising import prepared_by_openvino
from bench.targets.openvino.session import OpenVinoTensorSession

SIZES = {"nchw": (3, 20, 30), "nhwc": (20, 30, 3)}


def both(shape: tuple[int, ...], layout: str, preprocessing: str, dtype: str = "float32") -> tuple[ImageInput, Levels]:
    asked = parse_preprocessing(preprocessing)
    channels = shape[-3] if layout == "nchw" else shape[-1]
    height, width = shape[-2:] if layout == "nchw" else shape[-3:-1]
    taken = ImageInput(TensorSpec("x", dtype, shape), shape, asked, layout, channels, height, width)
    size = height, width, channels
    return taken, Levels(size=size, layout=layout, shape=shape, dtype=dtype, mean=asked.mean, scale=asked.scale)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("batch", [(1,), ()])
@pytest.mark.parametrize(
    "text", ["mean=127,scale=128", "mean=123.675:116.28:103.53,scale=58.395:57.12:57.375", "scale=0.017"]
)
def test_the_values_are_those_of_numpy(layout: str, batch: tuple[int, ...], text: str) -> None:
    """For every level in each channel, within a millionth of the largest; each call gives an array of its own."""
    taken, asked = both((*batch, *SIZES[layout]), layout, text)
    made = prepared_by_openvino(asked)
    assert made is not None
    assert same_values(made, taken)
    dark, light = (made.run(np.full(asked.size, level, np.uint8)) for level in (0, 255))
    assert (dark < light).all()
    assert "OpenVINO PrePostProcessor" in made.by


def test_a_reversed_view_and_one_channel_are_taken() -> None:
    """``order=bgr`` is a view with a negative stride."""
    taken, asked = both((1, 3, 20, 30), "nchw", "mean=1:2:3,scale=2")
    made = prepared_by_openvino(asked)
    assert made is not None
    levels = np.random.default_rng(0).integers(0, 256, asked.size, np.uint8)[:, :, ::-1]
    assert np.allclose(made.run(levels), taken.normalised(levels), rtol=0, atol=1e-5)
    grey, one = both((1, 1, 20, 30), "nchw", "scale=255")
    alone = prepared_by_openvino(one)
    assert alone is not None
    assert same_values(alone, grey)


def test_integers_are_left_to_numpy() -> None:
    """They are rounded, which the runtime does not do."""
    assert prepared_by_openvino(both((1, 3, 20, 30), "nchw", "", "uint8")[1]) is None


def test_a_session_offers_it() -> None:
    assert issubclass(OpenVinoTensorSession, NormalisingSession)
