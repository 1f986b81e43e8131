"""Photographs with boxes in a page: shrunk, each embedded once, and nothing else of their files."""

import re
from base64 import b64decode
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from PIL import Image

from bench.cli.report_command import command, showing
from bench.errors import InputError
from bench.quality.boxes import box_of
from bench.record.quality import BoxedPicture, DatasetFacts, Quality, QualityMetric, QualityReference
from bench.record.record import RecordedRun
from bench.reports.runs.html import HtmlReport
from bench.reports.runs.markdown import MarkdownReport
from bench.store.records import save
from bench.testing.records import fake_run

PLACE = b"taken at 37.5665 N"
METRIC = QualityMetric("image_ap", 0.5, None, 1, True, "mean", "share")


def photograph(folder: Path) -> Path:
    """Of 1600 × 800 as it is stored, upright 800 × 1600, with a place in its metadata."""
    pixels = np.random.default_rng(3).integers(0, 255, (8, 16, 3), np.uint8)
    image = Image.fromarray(pixels).resize((1600, 800))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, PLACE.decode()
    file = folder / "road <1>.jpg"
    image.save(file, exif=exif)
    return file


def judged(file: Path, name: str = "net") -> RecordedRun:
    """One image with one object, which the reference finds and the run does not find as well."""
    reference = QualityReference("ort:cpu", "c" * 64, (METRIC,), samples={"image_ap": "quality_reference_image_ap"})
    picture = BoxedPicture(
        file.name,
        sha256(file.read_bytes()).hexdigest(),
        0,
        800,
        1600,
        expected=(box_of("dog", (80, 160, 400, 800)),),
        found=(box_of("dog", (200, 400, 500, 900), 0.41), box_of("cat", (0, 0, 80, 80), 0.33)),
        reference=(box_of("dog", (82, 164, 400, 800), 0.97),),
    )
    quality = Quality(
        DatasetFacts("photos", "detection", "a" * 64, 1),
        "b" * 64,
        "t:cpu",
        metrics=(METRIC,),
        reference=reference,
        samples={"image_ap": "quality_image_ap"},
        pictures=(picture,),
    )
    run = fake_run(name, [np.full(20, 1_000_000 + i) for i in range(3)])
    arrays = {"quality_image_ap": np.array([0.5]), "quality_reference_image_ap": np.array([1.0])}
    return RecordedRun(replace(run.record, quality=quality), {**run.samples, **arrays})


def test_each_photograph_is_embedded_once_and_drawn_for_both(tmp_path: Path) -> None:
    """Two runs: four drawings of one picture, upright, of 640 pixels, without its metadata; names are escaped."""
    file = photograph(tmp_path)
    runs = [judged(file), judged(file, "other")]
    page = HtmlReport().showing({sha256(file.read_bytes()).hexdigest(): file.read_bytes()}).render(runs).decode()
    page = re.sub(r"\s", " ", page)
    (data,) = re.findall(r"data:image/jpeg;base64,([^\"]+)", page)
    jpeg = b64decode(data)
    with Image.open(BytesIO(jpeg)) as image:
        assert ((320, 640), {}) == (image.size, dict(image.getexif()))
    assert PLACE not in jpeg
    assert 3 == page.count("<use href")
    assert "road &lt;1&gt;.jpg: reference" in page
    assert "road &lt;1&gt;.jpg: this run" in page
    assert "Reference: ort:cpu." in page
    assert "1 found, 1 annotated, AP 100 %" in page
    assert "2 found, 1 annotated, AP 50.0 %" in page
    assert "dog 0.41" in page
    assert "<h2>What was found in photographs</h2>" in page
    assert 'class="box expected" x="40.0" y="80.0" width="160.0" height="320.0"' in page


def test_of_equal_boxes_one_drawing(tmp_path: Path) -> None:
    """As of a float model that is its own reference; without a reference there is only one in any case."""
    file = photograph(tmp_path)
    run = judged(file)
    quality = run.record.quality
    assert quality is not None
    (picture,) = quality.pictures
    same = replace(quality, pictures=(replace(picture, reference=picture.found),))
    given = {picture.sha256: file.read_bytes()}
    for changed, told in ((same, "it found the same boxes"), (replace(quality, reference=None), "this run")):
        page = HtmlReport().showing(given).render([replace(run, record=replace(run.record, quality=changed))]).decode()
        assert (1, 0, True) == (page.count("data:image/jpeg"), page.count("<use href"), told in page)


def test_without_the_folder_the_page_says_how_to_see_them(tmp_path: Path) -> None:
    """And has no picture."""
    page = HtmlReport().render([judged(photograph(tmp_path))]).decode()
    assert "data:image" not in page
    assert "odb report RECORDS --pictures DIR -o report.html" in page


def test_what_cannot_be_drawn_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there by name, and a format, a folder and records without pictures as errors."""
    file = photograph(tmp_path)
    runs, empty = [judged(file)], tmp_path / "empty"
    empty.mkdir()
    showing(HtmlReport(), "html", runs, [empty])
    assert "not drawn, because the file is not in --pictures" in capsys.readouterr().err
    with pytest.raises(InputError, match="md draws no photographs"):
        showing(MarkdownReport(), "md", runs, [tmp_path])
    with pytest.raises(InputError, match="no such folder"):
        showing(HtmlReport(), "html", runs, [tmp_path / "gone"])
    plain = replace(runs[0], record=replace(runs[0].record, quality=None))
    with pytest.raises(InputError, match="no record here keeps boxes"):
        showing(HtmlReport(), "html", [plain], [tmp_path])


def test_a_record_without_boxes_is_refused_by_the_command(tmp_path: Path) -> None:
    """Before anything is written."""
    run = fake_run("net", [np.full(20, 1_000_000 + i) for i in range(3)])
    save(tmp_path, run.record, run.samples)
    page = tmp_path / "page.html"
    asked = [str(tmp_path), "--pictures", str(tmp_path), "-o", str(page)]
    done = CliRunner().invoke(command, asked, standalone_mode=False)
    assert (InputError, False) == (type(done.exception), page.exists())
