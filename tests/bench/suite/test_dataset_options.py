"""How a dataset is read: dataset.json and the flag."""

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.suite.dataset_options import DatasetOptions, parse_options, read_options


def test_the_flag_is_read() -> None:
    """Numbers and switches are understood from text; what is left out keeps its default."""
    found = parse_options("label_offset=1,output=probs,relative=true,score_threshold=0.3")
    assert DatasetOptions(label_offset=1, output="probs", relative=True, score_threshold=0.3) == found
    assert {"label_offset": "1", "output": "probs", "relative": "true", "score_threshold": "0.3"} == found.stated()
    assert {} == DatasetOptions(task="detection").stated()


def test_the_flag_wins_over_the_file(tmp_path: Path) -> None:
    """dataset.json speaks for the folder, the flag for this run."""
    (tmp_path / "dataset.json").write_text('{"task": "detection", "background": 0, "relative": true}')
    assert DatasetOptions(task="detection", background=1, relative=True) == read_options(tmp_path, "background=1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label_offset", "'label_offset' is not KEY=VALUE"),
        ("label_ofset=1", "unknown key in --dataset-options: label_ofset"),
        ("label_offset=one", "--dataset-options: Expected `int`"),
        ("task=guessing", "--dataset-options: Invalid enum value 'guessing'"),
        ("iou_threshold=2", "iou_threshold must be between 0 and 1, not 2"),
        ("max_detections=0", "max_detections must be 1 or more, not 0"),
        ("seed=1", "top_p and seed are of texts that are drawn, which a temperature asks for"),
        ("temperature=0", "temperature must be above 0 and at most 100, not 0"),
        ("temperature=nan", "temperature must be above 0 and at most 100, not"),
        ("temperature=1,top_p=0", "top_p must be above 0 and at most 1, not 0"),
        ("temperature=1,seed=-1", "seed must be 0 or more, and below 2^63, not -1"),
    ],
)
def test_wrong_options_are_named(text: str, message: str) -> None:
    """The part that is wrong stands in the message."""
    with pytest.raises(InputError) as caught:
        parse_options(text)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ("{", "dataset.json: not JSON"),
        ("[]", "dataset.json: is not an object"),
        ('{"tasks": 1}', "unknown key in dataset.json: tasks"),
        ('{"label_offset": "1"}', "dataset.json: Expected `int`, got `str` - at `$.label_offset`"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, stored: str, message: str) -> None:
    """dataset.json is held to its types, and the field is named."""
    (tmp_path / "dataset.json").write_text(stored)
    with pytest.raises(InputError) as caught:
        read_options(tmp_path, "")
    assert message in caught.value.message
