"""Two honest runs are never called apart; a claim that is 10 % too good is."""

from pathlib import Path

import numpy as np
import pytest

from bench.reproduce.equivalence import OWN_CHANGES, equivalence, within

RECORDED = sorted((Path(__file__).resolve().parents[2] / "perf" / "recorded").glob("*.npz"))
"""Pairs of processes of one model that took turns, on a machine whose speed changed by half; see tests/perf."""
MARGIN = 0.05
PAIRS = 6


def figures(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Medians of the processes in the order of time, and of each pair the ratio of its two medians."""
    with np.load(path) as archive:
        count = sum(name.startswith("base_blocks_") for name in archive.files)
        medians = np.array([[np.median(archive[f"{s}_{i}"]) for s in ("base", "new")] for i in range(count)])
    return medians[:, 1], medians[:, 1] / medians[:, 0]


def words(values: np.ndarray, factor: float, own_changes: float) -> list[str]:
    """The answers for every two windows of neighbours, the later one ``factor`` slower: a claim ``factor`` too good."""
    starts = [(i, j) for i in range(len(values) - PAIRS + 1) for j in range(i + PAIRS, len(values) - PAIRS + 1)]
    return [
        equivalence(values[i : i + PAIRS], factor * values[j : j + PAIRS], MARGIN, True, own_changes).word
        for i, j in starts
    ]


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_honest_runs_are_never_called_not_reproduced(path: Path) -> None:
    """Neither with a yardstick, where they are reproduced, nor without one."""
    alone, to_yardstick = figures(path)
    assert len(words(to_yardstick, 1.0, 1.0)) >= 30
    assert set(words(to_yardstick, 1.0, 1.0)) == {"reproduced"}
    assert "not_reproduced" not in words(alone, 1.0, OWN_CHANGES)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_claim_ten_percent_too_good_is_not_reproduced(path: Path) -> None:
    """In 90 % at least, by the ratio to the yardstick; the plain times of this machine cannot tell."""
    alone, to_yardstick = figures(path)
    found = words(to_yardstick, 1 / 0.9, 1.0)
    assert found.count("not_reproduced") >= 0.9 * len(found)
    assert "not_reproduced" not in words(alone, 1 / 0.9, OWN_CHANGES)


def test_a_claim_beyond_any_change_of_speed_is_not_reproduced() -> None:
    """Without a yardstick, too: three times as slow is no state of the machine."""
    claimed = np.array([1.0, 1.01, 0.99, 1.0, 1.02, 1.0])
    assert equivalence(claimed, 3 * claimed, MARGIN, True, OWN_CHANGES).word == "not_reproduced"


def test_a_better_figure_does_not_contradict_the_claim() -> None:
    """Nor does it confirm it."""
    claimed = np.array([1.0, 1.01, 0.99, 1.0, 1.02, 1.0])
    assert equivalence(claimed, 0.8 * claimed, MARGIN, True).word == "cannot_tell"
    assert equivalence(claimed, 0.8 * claimed, MARGIN, False).word == "not_reproduced"


@pytest.mark.parametrize("count", [2, 3, 4])
def test_few_processes_do_not_call_a_claim_false(count: int) -> None:
    """Below five a side, however far apart."""
    claimed = np.linspace(1.0, 1.001, count)
    assert equivalence(claimed, 2 * claimed, MARGIN, True).word == "cannot_tell"


@pytest.mark.parametrize(("claimed", "again"), [([1.0], [1.0]), ([0.0, 1.0], [1.0, 1.0])])
def test_without_a_ratio_nothing_is_told(claimed: list[float], again: list[float]) -> None:
    """One process, or a figure that is not above 0."""
    assert equivalence(claimed, again, MARGIN, True).word == "cannot_tell"


def test_rates_of_error() -> None:
    """A true difference of exactly the margin: equivalent in 5 % at most, not reproduced in 1 % at most."""
    rng = np.random.default_rng(1)
    found = [
        equivalence(np.exp(rng.normal(0, 0.02, 6)), 1.05 * np.exp(rng.normal(0, 0.02, 6)), MARGIN, True).word
        for _ in range(2000)
    ]
    assert found.count("reproduced") <= 0.06 * len(found)
    assert found.count("not_reproduced") <= 0.015 * len(found)


@pytest.mark.parametrize(
    ("claimed", "again", "word"),
    [(100, 100, "reproduced"), (100, 104, "reproduced"), (100, 110, "not_reproduced"), (100, 90, "cannot_tell")],
)
def test_exact_figures(claimed: float, again: float, word: str) -> None:
    """Equal within the margin; worse; better."""
    assert within(claimed, again, MARGIN, lower_is_better=True).word == word
