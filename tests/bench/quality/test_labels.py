"""Label files: both forms, and what each wrong line says."""

from pathlib import Path

import pytest
from judged_runs import in_words

from bench.errors import InputError
from bench.quality.labels import read_csv, read_json
from bench.record.quality import LeftOut
from bench.words import sentence


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_json_of_ids_and_lists(tmp_path: Path) -> None:
    """A label is one id or a list of acceptable ones."""
    labels = read_json(written(tmp_path, "labels.json", '{"a.jpg": 7, "b.jpg": [1, 2]}'))
    assert ({"a.jpg": (7,), "b.jpg": (1, 2)}, ()) == (labels.of, labels.wrong)


@pytest.mark.parametrize("label", ['"cat"', "-1", "1.5", "[]", "[1, null]", "true", "{}"])
def test_a_wrong_json_label_leaves_its_sample_out(tmp_path: Path, label: str) -> None:
    """What is no class id is named by file and key; the others stay."""
    labels = read_json(written(tmp_path, "labels.json", f'{{"a.jpg": {label}, "b.jpg": 3}}'))
    assert {"b.jpg": (3,)} == labels.of
    assert [("a.jpg", "labels.json: a.jpg")] == [(left.file, left.field) for left in labels.wrong]
    assert "a class id" in str(labels.wrong[0].reason)


def test_json_listed_twice(tmp_path: Path) -> None:
    """JSON would quietly keep the last of two entries."""
    labels = read_json(written(tmp_path, "labels.json", '{"a.jpg": 1, "a.jpg": 2, "b.jpg": 3}'))
    assert {"b.jpg": (3,)} == labels.of
    assert (LeftOut("a.jpg", "labels.json: a.jpg", "is listed twice"),) == in_words(labels.wrong)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a.jpg": 1,\n "b.jpg" 2}', "labels.json: line 2, column 10: Expecting ':' delimiter"),
        ("[1, 2]", "labels.json: is not an object of files and labels"),
    ],
)
def test_what_is_no_json_of_labels(tmp_path: Path, text: str, message: str) -> None:
    """The line and the column are named."""
    with pytest.raises(InputError) as caught:
        read_json(written(tmp_path, "labels.json", text))
    assert message == caught.value.message
    assert "photo.jpg" in caught.value.remedy


def test_csv_with_and_without_a_header(tmp_path: Path) -> None:
    """Several ids stand in one line; a header, empty lines and a byte order mark do not matter."""
    for text in ("a.jpg,7\nb.jpg,1,2\n", "\ufefffile,label\n\na.jpg, 7\nb.jpg,1,2,\n"):
        labels = read_csv(written(tmp_path, "labels.csv", text))
        assert ({"a.jpg": (7,), "b.jpg": (1, 2)}, ()) == (labels.of, labels.wrong)


def test_wrong_csv_lines_are_named(tmp_path: Path) -> None:
    """A line without a class id, and a file listed twice, are named by their lines; the rest stays."""
    labels = read_csv(written(tmp_path, "labels.csv", "file,label\na.jpg,1\nb.jpg,cat\nc.jpg\na.jpg,2\nd.jpg,4\n"))
    assert {"d.jpg": (4,)} == labels.of
    assert in_words(labels.wrong) == (
        LeftOut("b.jpg", "labels.csv: line 3", "cat is not a class id"),
        LeftOut("c.jpg", "labels.csv: line 4", "the class id is missing"),
        LeftOut("a.jpg", "labels.csv: line 5", "is listed twice, also in line 2"),
    )


def test_csv_of_another_encoding(tmp_path: Path) -> None:
    """A file that is no UTF-8 is named."""
    (tmp_path / "labels.csv").write_bytes(b"caf\xe9.jpg,1\n")
    with pytest.raises(InputError, match=r"labels.csv: line 1: not UTF-8: byte 0xe9"):
        read_csv(tmp_path / "labels.csv")


def test_a_file_that_is_wrong_itself_is_named_once() -> None:
    """Whether the reason names it or not; the field is told where it is another one."""
    inside = LeftOut("b.txt", "b.txt", sentence("input.prompts_empty", file_name="b.txt"))
    assert ["b.txt: is empty", "b.txt: no image", "b.jpg: no label (labels.json)"] == [
        str(one.told)
        for one in (inside, LeftOut("b.txt", "b.txt", "no image"), LeftOut("b.jpg", "labels.json", "no label"))
    ]
