"""How long the evaluation on a dataset may take, and how far it has come."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bigrams import EVEN, answers, ids

from bench import progress
from bench.contracts import Task
from bench.inputs.prepared import Prepared
from bench.passes.judge import seconds_for
from bench.quality.text.limits import EMULATED, TextLimits
from bench.quality.text.samples import Item, TextSamples
from bench.testing import fake_artifact


@pytest.mark.parametrize(
    ("task", "samples", "emulated", "expected"),
    [
        ("tensor", 100, False, 500.0),
        ("tensor", 100, True, 500.0),
        ("text_generation", 100, False, 500.0),
        ("text_generation", 7, True, 840.0),
        ("text_generation", 100, True, 18 * 120.0),
    ],
)
def test_an_emulator_may_take_two_minutes_for_each_text(
    tmp_path: Path, task: Task, samples: int, emulated: bool, expected: float
) -> None:
    """Of which it is given few, however many there are."""
    file = tmp_path / "net.onnx"
    file.write_bytes(b"net")
    prepared = Prepared(artifact=fake_artifact(file, task), dataset_samples=samples)
    assert expected == seconds_for(prepared, emulated)


def test_limits_know_how_many_samples_they_leave() -> None:
    """``None`` where there is no limit."""
    assert (18, None) == (EMULATED.samples, TextLimits().samples)


@pytest.fixture
def heard() -> Iterator[list[tuple[int, int]]]:
    """What is said of progress."""
    said: list[tuple[int, int]] = []
    progress.listen(lambda part, whole: said.append((part, whole)))
    yield said
    progress.listen(lambda part, whole: None)


def test_each_window_question_and_prompt_is_a_step(tmp_path: Path, heard: list[tuple[int, int]]) -> None:
    """In the order in which they are evaluated."""
    item = Item((ids(0, 1), ids(0, 2)), (1, 1), (1, 1), 0)
    samples = TextSamples(windows=(ids(0, 1, 2), ids(1, 2)), prompts=(ids(3),), items=(item,), generated=2)
    answers(EVEN, samples, tmp_path / "a")
    assert [(0, 4), (1, 4), (2, 4), (3, 4)] == heard
