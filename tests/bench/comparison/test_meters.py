"""Energy by power meters in a comparison: what their uncertainty leaves open is not decided."""

import hashlib

import numpy as np
import pytest
from msgspec.structs import replace

from bench.comparison.comparison import Change, compare
from bench.record.energy import ChannelReading, JoinedMeter, RepeatEnergy
from bench.record.record import RecordedRun
from bench.store.derived import judged
from bench.testing.records import fake_run

S = 1_000_000_000
QUERIES, SECONDS = 100, 10.0


def metered(
    name: str, watts: float, stated: float | None, log: str = "", serial: str = "", doubt: float = 0.0
) -> RecordedRun:
    """Six repeats of ten seconds that agree to 0.1 %, by the meter of a log. ``doubt``: of each window, a fraction."""
    device = {"model": "WT310", "serial": serial} if serial else {}
    sha256 = hashlib.sha256((log or name).encode()).hexdigest()
    meter = JoinedMeter("spl.txt", sha256, "ptdaemon", "Watts", "meter", "marker", 0.0, 0.1, name)
    run = fake_run(name, [np.full(QUERIES, S // 10, np.int64)] * 6)
    repeats = []
    for repeat, factor in zip(run.record.repeats, np.linspace(0.999, 1.001, 6), strict=True):
        joules = watts * factor * SECONDS
        reading = ChannelReading("ptdaemon", "Watts", "meter", joules, doubt_joules=doubt * joules)
        repeats.append(replace(repeat, energy=RepeatEnergy(QUERIES, round(SECONDS * S), 1.0, (reading,))))
    meter = replace(meter, device=device, stated_uncertainty=stated)
    return judged(replace(run, record=replace(run.record, repeats=tuple(repeats), meter=meter))).plain()


def energy(base: RecordedRun, new: RecordedRun) -> Change:
    return next(one for one in compare(base, new).changes if one.metric == "total_joules_per_inference")


def test_two_meters_of_unstated_uncertainty_decide_nothing() -> None:
    """8 % more by another log, of which nothing shows the meter; and the times are compared all the same."""
    base, new = metered("a", 10.0, 0.002), metered("b", 10.8, None)
    found = energy(base, new)
    assert (found.word, found.claimed) == ("cannot_tell", False)
    assert "the uncertainty of the power meter is not stated in the new record" in str(found.message)
    assert "same" in {one.word for one in compare(base, new).changes}


@pytest.mark.parametrize("same", ["log", "serial"])
def test_one_meter_cancels_in_the_ratio(same: str) -> None:
    """Whatever its uncertainty is."""
    base, new = (metered(name, watts, None, **{same: "7"}) for name, watts in (("a", 10.0), ("b", 10.8)))
    assert energy(base, new).word == "worse"


@pytest.mark.parametrize(
    ("watts", "stated", "word", "why"),
    [
        (10.8, 0.002, "worse", ""),
        (10.4, 0.02, "cannot_tell", "What the power meters' logs leave open, 2.8 %"),
        (10.0, 0.02, "same", ""),
        (10.0, 0.03, "cannot_tell", "What the power meters' logs leave open, 4.2 %"),
    ],
)
def test_two_meters_leave_open_what_both_do(watts: float, stated: float, word: str, why: str) -> None:
    """Two meters of 2 % each leave 2.8 % open, so 4 % more is not 3 % for sure; two of 3 % leave open more than the
    tolerance, so equal figures are not the same. No repeats help against that."""
    found = energy(metered("a", 10.0, stated), metered("b", watts, stated))
    assert found.word == word
    assert why in str(found.message)
    assert found.repeats_needed is None


def test_where_the_windows_lie_is_left_open_by_one_meter_too() -> None:
    base, new = (metered(name, watts, 0.0, log="x", doubt=0.02) for name, watts in (("a", 10.0), ("b", 10.4)))
    assert energy(base, new).word == "cannot_tell"
