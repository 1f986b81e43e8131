"""Decoders of photographs: OpenCV gives Pillow's levels within a few, where it is asked for, and refuses the rest."""

import sys
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image, ImageOps

from bench.contracts import TensorSpec
from bench.errors import InputError
from bench.inputs.decoding import decoded_by_opencv, decoded_by_pillow, decoder_version
from bench.pipelines.asked import PipelineAsk
from bench.pipelines.opening import pipeline_of
from bench.pipelines.pictures import PicturePipeline
from bench.plugins import PluginRef
from bench.suite.preprocessing import parse_preprocessing
from bench.testing import fake_artifact

MOST_LEVELS, MEAN_LEVELS = 3, 0.05
"""How far a photograph decoded by OpenCV may be from Pillow's: a pixel, and the mean over all pixels."""
ORIENTATION = 0x0112


def test_without_opencv_the_remedy_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InputError, match="OpenCV is not installed") as caught:
        decoded_by_opencv("x", tmp_path / "a.jpg", 3)
    assert "ondevice-bench[opencv]" in caught.value.remedy


def test_the_option_is_read_and_said_where_it_is_not_the_default() -> None:
    """So that records made before it have the same text."""
    assert "decoder" not in str(parse_preprocessing("mean=1"))
    asked = parse_preprocessing("mean=1,decoder=opencv")
    assert ("opencv", asked) == (asked.decoder, parse_preprocessing(str(asked)))
    with pytest.raises(InputError, match="decoder=numpy"):
        parse_preprocessing("decoder=numpy")


@pytest.mark.real
@pytest.mark.parametrize("channels", [3, 1])
def test_real_photographs_have_the_levels_of_pillow(realdata: Path, channels: int) -> None:
    """Of JPEG within ``MOST_LEVELS``; of PNG, whose decoding does not round, exactly."""
    pytest.importorskip("cv2", reason="the extra opencv is not installed")
    seen = 0
    for file in sorted((realdata / "images").glob("*.[jp][pn]g")):
        found = decoded_by_opencv("x", file, channels)
        wanted = decoded_by_pillow("x", file, channels)
        assert (found.size, found.mode) == (wanted.size, wanted.mode)
        apart = np.abs(np.asarray(found, np.int16) - np.asarray(wanted, np.int16))
        most = 0 if file.suffix == ".png" else MOST_LEVELS
        assert apart.max() <= most, (file.name, apart.max())
        assert apart.mean() <= MEAN_LEVELS
        seen += 1
    assert seen >= 10


def test_a_picture_is_turned_upright(tmp_path: Path) -> None:
    """By the same tag, in the same direction."""
    pytest.importorskip("cv2", reason="the extra opencv is not installed")
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:8, :16] = 255
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=95, exif=exif)
    both = (decoded_by_opencv, decoded_by_pillow)
    found, wanted = (np.asarray(decode("x", tmp_path / "a.jpg", 3), np.int16) for decode in both)
    assert (32, 16, 3) == found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= MOST_LEVELS


@pytest.mark.parametrize("mode", ["CMYK", "P", "I;16"])
def test_what_would_have_other_colours_is_refused(tmp_path: Path, mode: str) -> None:
    """Pillow converts these by rules of its own."""
    pytest.importorskip("cv2", reason="the extra opencv is not installed")
    picture = Image.new("RGB", (8, 8), (200, 10, 30))
    file = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    made = Image.fromarray(np.full((8, 8), 40_000, np.uint16)) if mode == "I;16" else picture.convert(mode)
    made.save(file)
    decoded_by_pillow("x", file, 3)
    with pytest.raises(InputError, match=f"of the kind {mode}") as caught:
        decoded_by_opencv("x", file, 3)
    assert "decoder=opencv" in caught.value.remedy


def test_a_file_that_ends_early_is_refused(tmp_path: Path) -> None:
    """OpenCV would give a picture that is grey from there on."""
    pytest.importorskip("cv2", reason="the extra opencv is not installed")
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "b.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"b\.jpg"):
        decoded_by_opencv("x", tmp_path / "b.jpg", 3)


@pytest.mark.parametrize("decoder", ["pillow", "opencv"])
def test_the_record_says_which_decoder_ran(tmp_path: Path, decoder: str) -> None:
    if decoder == "opencv":
        pytest.importorskip("cv2", reason="the extra opencv is not installed")
    assert [decoder] == [*decoder_version(decoder)]
    (tmp_path / "net.onnx").write_bytes(b"fake\n")
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (8, 8)).save(photos / "a.png")
    made = fake_artifact(tmp_path / "net.onnx")
    spec = TensorSpec("x", "float32", (1, 3, 8, 8))
    artifact = replace(made, facts=replace(made.facts, inputs=(spec,)), shapes={"x": (1, 3, 8, 8)})
    ask = PipelineAsk(kind="classification", folder=photos, preprocessing=f"decoder={decoder}")
    model = PluginRef("models", "fake", "bench.testing.plugins:FakeModel", "tests")
    pipeline = pipeline_of(ask, model, artifact)
    assert isinstance(pipeline, PicturePipeline)
    assert [decoder] == [*pipeline.stages().decode[1]]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("mode", "suffix"), [("RGB", "jpg"), ("L", "jpg"), ("RGB", "png"), ("P", "png"), ("RGB", "webp")]
)
def test_pillow_is_asked_for_no_other_picture(orientation: int, mode: str, suffix: str, tmp_path: Path) -> None:
    """The levels are those of its own recipe, which copies the picture twice, in each orientation."""
    rng = np.random.default_rng(orientation)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    file = tmp_path / f"a.{suffix}"
    Image.fromarray(rng.integers(0, 256, (24, 40, 3), np.uint8)).convert(mode).save(file, exif=exif)
    for channels, name in ((3, "RGB"), (1, "L")):
        with Image.open(file) as image:
            wanted = ImageOps.exif_transpose(image).convert(name)
        found = decoded_by_pillow("x", file, channels)
        assert (found.mode, found.size) == (name, wanted.size)
        assert np.array_equal(np.asarray(found), np.asarray(wanted))


def test_an_upright_photograph_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither to turn it nor to convert it to what it is: of a photograph of a megapixel each copy takes longer than
    its normalisation. It is whole when the file is gone."""
    pixels = np.full((16, 32, 4), 255, np.uint8)
    Image.fromarray(pixels[:, :, :3]).save(tmp_path / "a.jpg")
    Image.fromarray(pixels).save(tmp_path / "opaque.png")
    refuse = Mock(side_effect=AssertionError("a copy"))
    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "copy", refuse)
        found = decoded_by_pillow("x", tmp_path / "a.jpg", 3)
        dropped = decoded_by_pillow("x", tmp_path / "opaque.png", 3)
    for name in ("a.jpg", "opaque.png"):
        (tmp_path / name).unlink()
    for picture in (found, dropped):
        assert np.asarray(picture.resize((8, 4))).min() == 255
