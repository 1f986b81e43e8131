"""Photographs as inputs: preprocessing, layouts, and that trained networks recognise them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bench.contracts import TensorSpec
from bench.errors import InputError
from bench.inputs.feeds import user_feeds
from bench.inputs.images import image_input, image_tensor
from bench.quality.dataset import read_listing, sample_feeds
from bench.suite.dataset_options import DatasetAsk
from bench.suite.preprocessing import ImagePreprocessing, parse_preprocessing

Array = np.ndarray[Any, Any]
PHOTO = TensorSpec("photo", "float32", (1, 3, 4, 6))
PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
PLAIN = ImagePreprocessing()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture of 6 × 4 pixels, each channel of each pixel another value."""
    Image.fromarray(PIXELS).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_a_photograph_of_the_right_size_is_its_pixels(photo: Path) -> None:
    """Without options: RGB, 0 to 255, channels where the shape has them."""
    nchw = image_tensor(photo, PHOTO, (1, 3, 4, 6), PLAIN)
    assert ("float32", True) == (str(nchw.dtype), nchw.flags.c_contiguous)
    assert np.array_equal(PIXELS.transpose(2, 0, 1)[None], nchw)
    assert np.array_equal(PIXELS[None], image_tensor(photo, PHOTO, (1, 4, 6, 3), PLAIN))
    assert np.array_equal(PIXELS, image_tensor(photo, PHOTO, (4, 6, 3), PLAIN))


def test_mean_and_scale_follow_the_channel_order(photo: Path) -> None:
    """(x − mean) / scale in the order of the tensor's channels: BGR where that is asked for."""
    preprocessing = parse_preprocessing("order=bgr,mean=1:2:3,scale=2:4:8")
    actual = image_tensor(photo, PHOTO, (1, 3, 4, 6), preprocessing)
    blue, green, red = (PIXELS[:, :, channel].astype(np.float32) for channel in (2, 1, 0))
    assert np.array_equal(np.stack([(blue - 1) / 2, (green - 2) / 4, (red - 3) / 8])[None], actual)


@pytest.mark.parametrize("shape", [(1, 4, 6, 3), (1, 3, 4, 6), (3, 4, 6)])
@pytest.mark.parametrize("preprocessing", ["", "order=bgr", "letterbox=114"])
def test_levels_that_an_input_takes_as_they_are_are_not_computed_with(
    photo: Path, shape: tuple[int, ...], preprocessing: str
) -> None:
    """They are those of arithmetic, in an array of their own that may be written to."""
    asked = parse_preprocessing(preprocessing)
    taken = image_input(TensorSpec("photo", "uint8", shape), shape, asked)
    levels = taken.levels(taken.decode(photo))
    found = taken.normalised(levels)
    assert np.array_equal(taken.normalised(levels.astype(np.float32)), found)
    assert (True, True, False) == (found.flags.c_contiguous, found.flags.writeable, np.shares_memory(found, levels))


def test_integer_inputs_take_rounded_values_in_range(photo: Path) -> None:
    """uint8 as it is; int8 after subtracting 128, else refused with that advice."""
    shape = (1, 4, 6, 3)
    assert np.array_equal(PIXELS[None], image_tensor(photo, TensorSpec("photo", "uint8", shape), shape, PLAIN))
    signed = TensorSpec("photo", "int8", shape)
    shifted = image_tensor(photo, signed, shape, ImagePreprocessing(mean=(128.0,)))
    assert np.array_equal(PIXELS.astype(int)[None] - 128, shifted)
    with pytest.raises(InputError, match=r"from -\d+ to -\d+, outside int8") as caught:
        image_tensor(photo, signed, shape, ImagePreprocessing(mean=(300.0,)))
    assert "mean=128" in caught.value.remedy


def test_one_channel_is_grey(photo: Path) -> None:
    """A single channel takes the luminance; three means for it are a mistake."""
    grey = image_tensor(photo, PHOTO, (1, 1, 4, 6), PLAIN)
    assert np.array_equal(np.asarray(Image.open(photo).convert("L")), grey[0, 0])
    with pytest.raises(InputError, match="one channel"):
        image_tensor(photo, PHOTO, (1, 1, 4, 6), ImagePreprocessing(mean=(1.0, 2.0, 3.0)))


def test_crop_keeps_the_proportions(tmp_path: Path) -> None:
    """The shorter side is scaled, the centre cut out: the outer thirds of a wide picture vanish, plain keeps them."""
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 200
    Image.fromarray(wide).save(tmp_path / "wide.png")
    shape = (1, 3, 10, 10)
    cropped = image_tensor(tmp_path / "wide.png", PHOTO, shape, ImagePreprocessing(crop=10))
    assert [200.0] == np.unique(cropped).tolist()
    plain = image_tensor(tmp_path / "wide.png", PHOTO, shape, PLAIN)
    assert (0.0, 200.0) == (float(plain[0, 0, 5, 0]), float(plain[0, 0, 5, 5]))
    with pytest.raises(InputError, match="resize=crop9 is smaller than the input, 10 × 10"):
        image_tensor(tmp_path / "wide.png", PHOTO, shape, ImagePreprocessing(crop=9))


def test_photographs_stand_upright(tmp_path: Path) -> None:
    """A camera's orientation mark is obeyed."""
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees
    Image.fromarray(PIXELS).save(tmp_path / "turned.png", exif=exif)
    actual = image_tensor(tmp_path / "turned.png", PHOTO, (1, 4, 6, 3), PLAIN)
    assert np.array_equal(PIXELS[::-1, ::-1], actual[0])


@pytest.mark.parametrize("shape", [(2, 4, 6), (2, 3, 4, 6), (1, 4, 4, 6), (6,), (), (1, 3, 4, 6, 1)])
def test_shapes_that_are_no_image(shape: tuple[int, ...], photo: Path) -> None:
    """Only one image of 1 or 3 channels can be a photograph."""
    with pytest.raises(InputError, match="is not that of one image"):
        image_tensor(photo, PHOTO, shape, PLAIN)


def test_an_ambiguous_layout_must_be_said(photo: Path) -> None:
    """3 × 4 × 3 may be either; the layout decides."""
    with pytest.raises(InputError, match="could be either layout"):
        image_tensor(photo, PHOTO, (1, 3, 4, 3), PLAIN)
    first = image_tensor(photo, PHOTO, (1, 3, 4, 3), ImagePreprocessing(layout="nchw"))
    last = image_tensor(photo, PHOTO, (1, 3, 4, 3), ImagePreprocessing(layout="nhwc"))
    assert ((1, 3, 4, 3), False) == (first.shape, np.array_equal(first, last))


def test_files_that_are_no_image(tmp_path: Path, photo: Path) -> None:
    """Text and half a picture."""
    (tmp_path / "text.jpg").write_text("not a picture")
    (tmp_path / "half.png").write_bytes(photo.read_bytes()[:45])
    for name in ("text.jpg", "half.png"):
        with pytest.raises(InputError, match="is not a whole image"):
            user_feeds([f"photo={tmp_path / name}"], [PHOTO], {"photo": (1, 3, 4, 6)})


# ------------------------------------------------------------------------------------- what pictures hold


def saved(image: Image.Image, path: Path, **options: Any) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_of_grey_are_scaled_to_8(channels: int, tmp_path: Path) -> None:
    """A ramp over all 65,536 values is the same ramp in 8 bits: mean 127.5, 256 levels, nothing clipped."""
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    shape = (1, channels, 256, 256)
    deep = image_tensor(saved(Image.fromarray(ramp), tmp_path / "deep.png"), PHOTO, shape, PLAIN)
    byte = Image.fromarray((ramp >> 8).astype(np.uint8))
    assert np.array_equal(deep, image_tensor(saved(byte, tmp_path / "byte.png"), PHOTO, shape, PLAIN))
    assert (127.5, 256) == (float(deep.mean()), len(np.unique(deep)))


def test_16_bits_of_a_dataset_are_scaled_too(tmp_path: Path) -> None:
    """A sample of a dataset is read as an input is."""
    saved(Image.fromarray(np.full((4, 6), 0x8000, np.uint16)), tmp_path / "grey.png")
    (tmp_path / "labels.json").write_text('{"grey.png": 1}')
    listing = read_listing(DatasetAsk(tmp_path, "", ""), False)
    spec = TensorSpec("image", "float32", (1, 1, 4, 6))
    feeds = sample_feeds(listing, listing.entries[0], [spec], {"image": (1, 1, 4, 6)}, "")
    assert [128.0] == np.unique(feeds["image"]).tolist()


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "PA", "RGBA", "CMYK"])
def test_every_mode_gives_its_colours(mode: str, tmp_path: Path) -> None:
    """Black on the left, white on the right, whatever the file's own form: palette, ink, an opaque alpha channel."""
    image = Image.fromarray(np.repeat(np.array([[0, 255]], np.uint8), 4, axis=0)).resize((6, 4), 0)
    stored = image.convert("RGBA").quantize(2) if mode == "PA" else image.convert(mode)
    path = saved(stored, tmp_path / ("picture.jpg" if mode == "CMYK" else "picture.png"))
    tensor = image_tensor(path, PHOTO, (1, 3, 4, 6), PLAIN)
    assert np.allclose(tensor[0, :, :, 0], 0, atol=2)
    assert np.allclose(tensor[0, :, :, 5], 255, atol=2)


def transparent(mode: str) -> tuple[Image.Image, dict[str, Any]]:
    """A picture of that mode with a transparent corner, and how it is saved."""
    see_through = Image.new("RGBA", (6, 4), (200, 100, 50, 255))
    see_through.putpixel((0, 0), (200, 100, 50, 0))
    if mode == "P":
        return see_through.quantize(4), {}
    if mode == "I;16":
        return Image.fromarray(np.arange(24, dtype=np.uint16).reshape(4, 6)), {"transparency": 3}
    return see_through.convert(mode), {"transparency": 0} if mode == "L" else {}


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "I;16"])
def test_transparent_pixels_are_refused(mode: str, tmp_path: Path) -> None:
    """Their colour is that of a background which the file does not have."""
    image, options = transparent(mode)
    path = saved(image, tmp_path / "hole.png", **options)
    with pytest.raises(InputError, match=r"photo=hole.png: has transparent pixels"):
        image_tensor(path, PHOTO, (1, 3, 4, 6), PLAIN)


def test_real_numbers_say_no_brightness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture of floating-point values has no black and white of its own."""
    monkeypatch.setattr(Image, "open", lambda file: Image.fromarray(np.ones((4, 6), np.float32)))
    with pytest.raises(InputError, match="from 1 to 1; which of them are black and white is not stated"):
        image_tensor(tmp_path / "real.png", PHOTO, (1, 1, 4, 6), PLAIN)


# ------------------------------------------------------------------------------------------ preprocessing


def test_preprocessing_is_read() -> None:
    """Every part, and the defaults of what is left out."""
    actual = parse_preprocessing("order=bgr,mean=104:117:123,scale=0.5,resize=crop256,layout=nhwc")
    assert ImagePreprocessing("bgr", (104.0, 117.0, 123.0), (0.5,), 256, "nhwc") == actual
    assert PLAIN == parse_preprocessing("") == parse_preprocessing("resize=plain")


@pytest.mark.parametrize(
    "text",
    [
        *("order=cmyk", "order", "mean=a", "mean=1:2", "mean=", "mean=nan", "scale=0", "scale=inf"),
        *("resize=256", "resize=crop", "resize=crop0", "resize=crop-1", "layout=chw", "colour=bgr", "=1"),
        *("resize=crop²", pytest.param("resize=crop" + "9" * 5000, id="5000 digits")),
    ],
)
def test_preprocessing_that_is_not_understood(text: str) -> None:
    """The part that is wrong is quoted."""
    with pytest.raises(InputError, match="image preprocessing"):
        parse_preprocessing(text)


numbers = st.floats(-1e6, 1e6).filter(bool)
channels = st.one_of(st.tuples(numbers), st.tuples(numbers, numbers, numbers))


@given(
    st.builds(
        ImagePreprocessing,
        st.sampled_from(("rgb", "bgr")),
        channels,
        channels,
        st.none() | st.integers(1, 10_000),
        st.sampled_from((None, "nchw", "nhwc")),
    )
)
def test_preprocessing_survives_being_written(preprocessing: ImagePreprocessing) -> None:
    """Its text, as a record keeps it, reads back as the same."""
    assert preprocessing == parse_preprocessing(str(preprocessing))


# -------------------------------------------------------------------------------------------- real networks


def outputs(model: Path, feeds: dict[str, Array]) -> list[Array]:
    ort = pytest.importorskip("onnxruntime")
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    results: list[Array] = session.run(None, feeds)
    return results


@pytest.mark.real
def test_a_trained_classifier_recognises_the_photographs(realdata: Path) -> None:
    """SqueezeNet has a right label among its five best for 10 of 12 photographs with the preprocessing it was trained
    with, fewer with the channels swapped, hardly any with values below 1."""
    labels = json.loads((realdata / "images" / "labels.json").read_text())
    spec, shape = TensorSpec("data_0", "float16", (1, 3, 224, 224)), (1, 3, 224, 224)

    def right(preprocessing: ImagePreprocessing) -> int:
        found = 0
        for name, accepted in labels.items():
            feeds = user_feeds([f"data_0={realdata / 'images' / name}"], [spec], {"data_0": shape}, preprocessing)
            (scores,) = outputs(realdata / "models" / "squeezenet_fp16.onnx", feeds)
            found += bool(set(np.argsort(scores.ravel())[-5:].tolist()) & set(accepted))
        return found

    trained = right(parse_preprocessing("order=bgr,mean=104:117:123,scale=1,resize=crop256"))
    assert 12 == len(labels)
    assert trained >= 10
    assert right(parse_preprocessing("order=rgb,mean=123:117:104,resize=crop256")) < trained
    assert right(parse_preprocessing("scale=255")) < 3


@pytest.mark.real
def test_a_quantised_classifier_recognises_the_photographs(realdata: Path) -> None:
    """MobileNetV2 takes uint8 RGB, plainly resized, and is right on every photograph. Its class 0 is the background."""
    ov = pytest.importorskip("openvino")
    model = ov.Core().compile_model(realdata / "models" / "mobilenet_v2_int8.tflite", "CPU")
    spec, shape = TensorSpec("input", "uint8", (1, 224, 224, 3)), (1, 224, 224, 3)
    wrong = []
    for name, accepted in json.loads((realdata / "images" / "labels.json").read_text()).items():
        feeds = user_feeds([f"input={realdata / 'images' / name}"], [spec], {"input": shape})
        if int(model(feeds)[0].argmax()) - 1 not in accepted:
            wrong.append(name)
    assert [] == wrong


@pytest.mark.real
@pytest.mark.parametrize(("name", "score"), [("satya.jpg", 0.99), ("grace_hopper.jpg", 0.99)])
def test_a_trained_detector_finds_the_face(name: str, score: float, realdata: Path) -> None:
    """UltraFace, RGB and (x − 127) / 128: the documented scores on both portraits."""
    spec, shape = TensorSpec("input", "float32", (1, 3, 240, 320)), (1, 3, 240, 320)
    preprocessing = parse_preprocessing("mean=127,scale=128")
    feeds = user_feeds([f"input={realdata / 'images' / name}"], [spec], {"input": shape}, preprocessing)
    scores, _ = outputs(realdata / "models" / "ultraface_rfb_320.onnx", feeds)
    assert float(scores[0, :, 1].max()) > score
