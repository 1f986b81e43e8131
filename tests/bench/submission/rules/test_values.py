"""Values that mean nothing: what is told of them, and that they decide nothing."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from submissions.good import Good, context, criterion_of, form, good

from bench.errors import InputError
from bench.submission.form import SubmittedTarget, read_submission
from bench.submission.track import TrackTarget

Break = Callable[[Good], Good]
EMULATOR = "qnn:htp-emu"


def level(found: Good, part: str, value: float) -> Good:
    return criterion_of(found, "latency", **{part: replace(getattr(found.submission.criteria[0], part), value=value)})


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (lambda g: criterion_of(g, "outputs", target=1.5), "ODB-S-208"),
        (lambda g: criterion_of(g, "top1", unit="%p"), "ODB-S-206"),
        (lambda g: level(g, "world_best", value=math.nan), "ODB-S-226"),
        (lambda g: level(g, "before", value=math.inf), "ODB-S-230"),
    ],
)
def test_a_value_that_means_nothing_is_told(broken: Break, rule: str) -> None:
    """A cosine above 1, percentage points of a share, and levels that are no numbers."""
    assert rule in {finding.rule for finding in broken(good()).checked().findings}


def test_an_emulator_of_the_track_is_no_device_of_the_form() -> None:
    """Whatever a record of it says, and also where there is none yet."""
    track = good().context.track
    assert track is not None
    targets = (*track.targets, TrackTarget(id=EMULATOR, reason="A stand-in", stand_in=True))
    targeted = (*good().submission.targets, SubmittedTarget(id=EMULATOR))
    found = form(context(good(), track=replace(track, targets=targets)), targets=targeted)
    assert "ODB-S-114" in {finding.rule for finding in found.checked().findings}
    said_so = (*good().submission.targets, SubmittedTarget(id=EMULATOR, stand_in=True))
    assert "ODB-S-114" not in {finding.rule for finding in form(found, targets=said_so).checked().findings}


@pytest.mark.parametrize("target", [math.nan, math.inf, -math.inf])
def test_a_target_that_is_no_number_decides_nothing(target: float) -> None:
    """Neither met, nor with an achievement; so there is no mean."""
    found = criterion_of(good(), "latency", target=target).checked().assessment
    assert (found.rows[0].decision.word, found.rows[0].decision.achievement, found.achievement) == (
        *("cannot_tell", None, None),
    )


@pytest.mark.parametrize("weight", [math.nan, math.inf, -20.0, 0.0])
def test_a_weight_that_is_none_has_no_part_in_the_sums(weight: float) -> None:
    """The other four have 20 % each."""
    found = criterion_of(good(), "latency", weight=weight).checked().assessment
    assert (found.met, found.achievement) == (80.0, None)


def test_what_is_no_folder_of_a_submission_is_said_so(tmp_path: Path) -> None:
    """A bundle, nothing at all, and a folder without a form."""
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(b"PK")
    for path, told in ((bundle, "is a file"), (tmp_path / "nowhere", "no folder"), (tmp_path, "no submission.toml")):
        with pytest.raises(InputError, match=told) as error:
            read_submission(path)
        assert "odb init" in error.value.remedy
