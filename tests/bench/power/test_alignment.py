"""Where a log lies is found by its marker, as well as is said, or not at all."""

from contextlib import suppress

import numpy as np
import pytest
from metering.made_logs import IDLE_W, MARKERS, log_of
from msgspec.structs import replace

from bench.power.alignment import MOST_DOUBT_S, NotAligned, aligned_by_marker
from bench.power.doubts import doubts_of_place
from bench.power.log import PowerLog
from bench.power.marker import planned
from bench.power.placing import by_clock

WITHIN_S = 30.0


@pytest.mark.parametrize(("rate", "noise", "close_s"), [(1.0, 0.02, 0.12), (2.0, 0.1, 0.15), (10.0, 0.05, 0.03)])
@pytest.mark.parametrize("means", [True, False])
def test_the_offset_is_found(rate: float, noise: float, close_s: float, means: bool) -> None:
    """By a meter that averages and by one that samples."""
    for seed in range(2):
        rng = np.random.default_rng(seed)
        offset = rng.uniform(-20, 20)
        found = aligned_by_marker(log_of(rng, offset, rate, noise, means), MARKERS, 0, WITHIN_S)
        assert found.offset_s == pytest.approx(offset, abs=close_s)


def test_a_fast_meters_log_is_looked_at_as_means() -> None:
    """A thousand readings a second over two minutes, without a clock: searched in seconds, and found as well."""
    rng = np.random.default_rng(3)
    offset = 7.3217
    found = aligned_by_marker(log_of(rng, offset, 1000.0, 0.1, True), MARKERS, 0, WITHIN_S)
    assert found.offset_s == pytest.approx(offset, abs=max(0.01, found.doubt_s))
    assert found.doubt_s < 0.05


@pytest.mark.long
def test_how_often_it_is_wrong() -> None:
    """At one reading a second with noise of a fifth of the pulses, by a meter whose kind is known: within 0.2 s, and in
    at most one of sixty the truth is farther than ``doubt_s`` says, by 0.1 s."""
    errors: list[float] = []
    beyond = refused = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        offset = rng.uniform(-5, 5)
        try:
            log = log_of(rng, offset, 1.0, 0.2, seed % 2 == 0)
            stated = replace(log, stands_for="before" if seed % 2 == 0 else "moment")
            found = aligned_by_marker(stated, MARKERS, 0, 10.0)
        except NotAligned:
            refused += 1
            continue
        errors.append(abs(found.offset_s - offset))
        beyond += errors[-1] > found.doubt_s + 0.1
        assert found.doubt_s <= MOST_DOUBT_S
    assert max(errors) <= 0.2
    assert beyond <= 1
    assert refused <= 1


def test_a_kind_that_does_not_show_is_refused() -> None:
    """Seeds 10027 and 10135 show the wrong kind of meter by chance, half a second off: neither is taken for it. Of a
    quieter meter the marker shows the kind."""
    for seed in (10_027, 10_135):
        rng = np.random.default_rng(seed)
        log = log_of(rng, rng.uniform(-5, 5), 1.0, 0.2, True)
        with pytest.raises(NotAligned, match="does not show whether a reading"):
            aligned_by_marker(log, MARKERS, 0, 10.0)
    for means, kind in ((True, "before"), (False, "moment")):
        quiet = log_of(np.random.default_rng(1), 0.3, 1.0, 0.05, means)
        assert aligned_by_marker(quiet, MARKERS, 0, 10.0).stands_for == kind


def test_a_log_without_a_marker_is_refused() -> None:
    rng = np.random.default_rng(0)
    log = log_of(rng, 0.0, 2.0, 0.05, True)
    steady = replace(log, watts=IDLE_W + rng.normal(0, 0.2, len(log.watts)))
    with pytest.raises(NotAligned, match="was not found"):
        aligned_by_marker(steady, MARKERS, 0, WITHIN_S)


def test_a_marker_that_fits_twice_is_refused() -> None:
    """Two equal markers in the log, of which the run's is one."""
    both = (planned(30_000_000_000), planned(60_000_000_000))
    log = log_of(np.random.default_rng(0), 0.0, 10.0, 0.02, True, both)
    quiet = replace(log, watts=np.minimum(log.watts, np.where(log.seconds > 80, IDLE_W, np.inf)))
    with pytest.raises(NotAligned, match="several places"):
        aligned_by_marker(quiet, both[:1], 0, 60.0)


@pytest.mark.parametrize("drift", [0.0, 0.001, 0.004, -0.004, 0.01, -0.01])
@pytest.mark.parametrize(("rate", "noise"), [(10.0, 0.02), (2.0, 0.1)])
def test_a_clock_that_drifts_is_no_better_known_than_at_its_worst_marker(
    drift: float, rate: float, noise: float
) -> None:
    """A minute lies between the markers, from the middle of one to that of the other; so a clock that is faster by 1 %
    is 0.6 s further at the second. The offset is one for all, and the doubt covers what it misses at either."""
    log = log_of(np.random.default_rng(4), 0.3, rate, noise, True, drift=drift)
    found = aligned_by_marker(replace(log, stands_for="before"), MARKERS, 0, WITHIN_S)
    missed = []
    for marker in MARKERS:
        at = (marker.begins_unix_ns + marker.ends_unix_ns) / 2e9
        missed.append(abs(found.offset_s - (0.3 - at * drift)))
    assert max(missed) <= found.doubt_s + 0.06
    assert found.doubt_s <= max(missed) + 0.15


def test_a_clock_that_drifts_too_far_is_refused() -> None:
    """By 4 % it is 2.4 s further at the second marker: no offset is within 0.8 s of both."""
    for drift in (0.04, -0.04):
        log = log_of(np.random.default_rng(4), 0.3, 10.0, 0.02, True, drift=drift)
        with pytest.raises(NotAligned, match=r"only within [\d.]+ s; at most 0.8 s|was not found"):
            aligned_by_marker(log, MARKERS, 0, WITHIN_S)


@pytest.mark.parametrize("jump_s", [3.5, 6.0, 20.0])
def test_a_clock_that_jumps_between_the_markers_is_refused(jump_s: float) -> None:
    """Forward, in the middle of the run: for a gap it is short, but the power after it is that of another time."""
    log = log_of(np.random.default_rng(4), 0.3, 10.0, 0.02, True)
    jumped = replace(log, seconds=log.seconds + np.where(log.seconds > 60, jump_s, 0.0))
    with pytest.raises(NotAligned, match=r"as far apart|was not found"):
        aligned_by_marker(jumped, MARKERS, 0, WITHIN_S)


def cut(log: PowerLog, begin: float, end: float) -> PowerLog:
    """What a meter read in that time by its own clock, which is 0.3 s behind in all these logs."""
    inside = (log.seconds > begin) & (log.seconds < end)
    return replace(log, seconds=log.seconds[inside], watts=log.watts[inside])


@pytest.mark.parametrize("until", [47.0, 70.0, 87.0, 91.0, 94.5, 96.0, 98.0, 103.0])
@pytest.mark.parametrize(("rate", "noise", "close_s"), [(10.0, 0.02, 0.01), (2.0, 0.1, 0.06), (1.0, 0.1, 0.1)])
def test_a_log_that_ends_before_the_last_pulse_is_placed_by_the_first_marker(
    until: float, rate: float, noise: float, close_s: float
) -> None:
    """Behind the first marker, in the run, while the second marker is still idle, and between its pulses, which begin
    at 95 s and end at 104 s. That the clock did not drift is not known then."""
    log = replace(log_of(np.random.default_rng(4), 0.3, rate, noise, True), stands_for="before")
    found = aligned_by_marker(cut(log, 0.0, until), MARKERS, 0, WITHIN_S)
    assert found.offset_s == pytest.approx(0.3, abs=close_s)
    assert not found.drift_checked
    assert aligned_by_marker(log, MARKERS, 0, WITHIN_S).drift_checked


@pytest.mark.parametrize(("rate", "noise"), [(10.0, 0.02), (1.0, 0.1)])
def test_a_log_that_lost_readings_in_the_run_is_refused_although_it_ends_early(rate: float, noise: float) -> None:
    """It shows the second marker 20 s too early: where the first one places it, it seems to end inside the second."""
    lost = (MARKERS[0], planned(70_000_000_000, 1))
    log = cut(log_of(np.random.default_rng(4), 0.3, rate, noise, True, lost), 0.0, 93.8)
    with pytest.raises(NotAligned, match="as far apart"):
        aligned_by_marker(replace(log, stands_for="before"), MARKERS, 0, WITHIN_S)
    aligned_by_marker(replace(log, stands_for="before"), MARKERS[:1], 0, WITHIN_S)


@pytest.mark.parametrize("until", [102.0, 103.0, 104.0, 105.0, 106.0, 107.0])
@pytest.mark.parametrize("drift", [-0.01, 0.0, 0.01])
def test_a_marker_that_is_nearly_whole_is_not_another(until: float, drift: float) -> None:
    """Where the log ends as the second marker does, and its clock drifts a little, that marker is where it belongs."""
    log = cut(log_of(np.random.default_rng(4), 0.3, 10.0, 0.02, True, drift=drift), 0.0, until)
    found = aligned_by_marker(replace(log, stands_for="before"), MARKERS, 0, WITHIN_S)
    assert found.offset_s == pytest.approx(0.3 - 40 * drift, abs=found.doubt_s + 0.05)


def test_the_marker_of_another_run_is_not_the_one_that_is_cut_off() -> None:
    """The log begins in the first marker, and shows one of the same pulses behind the second: of a later run."""
    log = log_of(
        np.random.default_rng(4),
        0.3,
        10.0,
        0.02,
        True,
        (*MARKERS[:1], planned(60_000_000_000, 1), planned(95_000_000_000)),
    )
    log = replace(cut(log, 40.0, 118.0), stands_for="before")
    found = aligned_by_marker(log, (MARKERS[0], planned(60_000_000_000, 1)), 0, 70.0)
    assert found.offset_s == pytest.approx(0.3, abs=0.03)


def test_what_is_left_of_a_cut_marker_moves_nothing() -> None:
    """Of a meter whose clock runs 1 % too fast, cut off between the last two pulses: the first marker places it."""
    log = cut(log_of(np.random.default_rng(4), 0.3, 2.0, 0.05, True, drift=0.01), 0.0, 102.0)
    log = replace(log, stands_for="before")
    both, first = (aligned_by_marker(log, markers, 0, WITHIN_S) for markers in (MARKERS, MARKERS[:1]))
    assert both.offset_s == pytest.approx(first.offset_s, abs=0.02)
    assert not both.drift_checked


def test_a_log_that_begins_after_the_first_pulse_is_placed_by_the_second_marker() -> None:
    """In the pulses of the first, which begin at 35 s and end at 44 s, and in the run."""
    for begin in (38.0, 47.0, 60.0):
        log = cut(log_of(np.random.default_rng(4), 0.3, 10.0, 0.02, True), begin, 120.0)
        moved = replace(log, seconds=log.seconds - log.seconds[0])
        found = aligned_by_marker(moved, MARKERS, 0, 70.0)
        assert found.offset_s == pytest.approx(0.3 + log.seconds[0], abs=0.03)
        assert not found.drift_checked


def test_one_of_two_markers_is_not_enough_where_the_log_shows_the_time_of_both() -> None:
    """The meter did not read in the second marker, in the middle of the log, or read another power."""
    log = log_of(np.random.default_rng(4), 0.3, 10.0, 0.02, True)
    second = (log.seconds > 89.7) & (log.seconds < 108.5)
    flat = replace(log, watts=np.where(second, IDLE_W + 4 * (log.seconds % 2 < 1), log.watts))
    gap = replace(log, seconds=log.seconds[~second], watts=log.watts[~second])
    for changed in (flat, gap):
        with pytest.raises(NotAligned, match=r"as far apart|was not found"):
            aligned_by_marker(changed, MARKERS, 0, WITHIN_S)


@pytest.mark.parametrize("drift", [0.004, -0.004, 0.008, -0.008])
def test_a_marker_of_few_readings_shows_drift_too(drift: float) -> None:
    """A reading every two seconds, nine in a marker: the doubt covers what the offset misses at either."""
    log = replace(log_of(np.random.default_rng(4), 0.3, 0.5, 0.02, True, drift=drift), stands_for="before")
    found = aligned_by_marker(log, MARKERS, 0, WITHIN_S)
    middles = [(marker.begins_unix_ns + marker.ends_unix_ns) / 2e9 for marker in MARKERS]
    assert found.drift_checked
    assert max(abs(found.offset_s - (0.3 - at * drift)) for at in middles) <= found.doubt_s + 0.06


@pytest.mark.parametrize("interval_s", [2.5, 3.0, 3.5])
def test_a_log_that_hardly_shows_the_marker_is_not_placed_beside_it(interval_s: float) -> None:
    """Twelve readings of both markers or few more, and at some shifts fewer: these count all the same."""
    placed = 0
    for seed in range(6):
        log = log_of(np.random.default_rng(seed), 0.3, 1 / interval_s, 0.01, True)
        with suppress(NotAligned):
            found = aligned_by_marker(replace(log, stands_for="before"), MARKERS, 0, WITHIN_S)
            assert found.offset_s == pytest.approx(0.3, abs=found.doubt_s)
            placed += 1
    assert placed or interval_s > 2.5


def test_that_drift_was_not_checked_is_a_doubt() -> None:
    """Of a log that shows one marker; whoever states that clocks agree states it for the whole run."""
    log = replace(log_of(np.random.default_rng(4), 0.3, 10.0, 0.02, True), stands_for="before")
    one = aligned_by_marker(cut(log, 0.0, 70.0), MARKERS, 0, WITHIN_S)
    assert [("drift_not_checked", False)] == [(doubt.code, doubt.blocks) for doubt in doubts_of_place(one)]
    assert () == doubts_of_place(aligned_by_marker(log, MARKERS, 0, WITHIN_S))
    assert () == doubts_of_place(by_clock(log, 0.1))


def test_a_log_that_is_too_slow_is_refused() -> None:
    """A reading every five seconds sees little of pulses that last as long; the remedy says how many it takes."""
    log = log_of(np.random.default_rng(0), 0.0, 0.2, 0.02, True)
    with pytest.raises(NotAligned, match="has at most 8 readings in the time of the markers") as refused:
        aligned_by_marker(log, MARKERS, 0, WITHIN_S)
    assert "at least twice per second" in str(refused.value.advice)


def test_a_place_that_is_known_too_badly_is_refused() -> None:
    """A reading every 2.5 s among noise of a fifth: where the marker is found, it fits just as well over a second away.
    At MLPerf's bound, 0.8 s, the energy of a window of minutes is still known."""
    for seed in (0, 1):
        log = log_of(np.random.default_rng(seed), 0.3, 0.4, 0.2, True)
        with pytest.raises(NotAligned, match=r"only within [\d.]+ s; at most 0.8 s"):
            aligned_by_marker(log, MARKERS, 0, WITHIN_S)


@pytest.mark.parametrize(("doubt_s", "stands_for", "whole_s"), [(0.1, "", 0.6), (0.3, "", 0.8), (0.8, "before", 0.8)])
def test_clocks_leave_open_what_a_reading_stands_for(doubt_s: float, stands_for: str, whole_s: float) -> None:
    """A mean of the last second or the power of the moment: half a second more, where the format does not say."""
    log = replace(log_of(np.random.default_rng(0), 0.0, 1.0, 0.02, True), stands_for=stands_for)
    assert by_clock(log, doubt_s).doubt_s == pytest.approx(whole_s)


def test_clocks_that_agree_too_little_for_a_slow_log_are_refused() -> None:
    """0.4 s, and half a second more."""
    log = replace(log_of(np.random.default_rng(0), 0.0, 1.0, 0.02, True), stands_for="")
    with pytest.raises(NotAligned, match=r"a reading every 1 s is a mean, so the doubt is 0.9 s"):
        by_clock(log, 0.4)
