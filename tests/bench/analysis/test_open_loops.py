"""Figures and verdicts of open loops, of runs that the real players made on an exact clock."""

import numpy as np
import pytest
from msgspec.structs import replace
from open_loops import MS, QUIET, SECOND, Device, run_of_devices

from bench.analysis.open_loops.attempts import (
    Attempt,
    attempts_of,
    counted,
    is_bracketed,
    kept_attempt,
    largest_rate,
    search_settled,
)
from bench.analysis.open_loops.queries import begun, in_time_of, jitter_ns
from bench.analysis.run_processes import timed
from bench.analysis.verdict.judge import judge
from bench.analysis.verdict.open_loops import frames_stand
from bench.record.record import Reason, RecordedRun
from bench.stats.over_time.drift import Drift
from bench.stats.percentiles import early_stopping_most_late, early_stopping_queries
from bench.store.contradictions import contradictions
from bench.store.derived import computed, judged

CAMERA = "fixed-rate:rate=50"


def figures(run: RecordedRun) -> dict[str, float | None]:
    """The figures of the scenario that are known."""
    found = computed(run.record, run.samples).summary.figures
    return {name: figure.value for name, figure in found.items() if figure.value is not None}


def reason_of(run: RecordedRun, code: str) -> Reason | None:
    return next((one for one in judge(run).reasons if one.code == code), None)


def test_frames_in_time_late_and_dropped() -> None:
    """50 frames a second, 8 queries of 10 ms and then one of 70 ms, drop=oldest: of every 11 frames 2 are dropped, and
    the one of 70 ms is late; the one behind it waited 10 ms and is in time."""
    run = run_of_devices(CAMERA, [Device([10 * MS] * 8 + [70 * MS])])
    found = figures(run)
    latency, dropped = run.samples["latency_ns_0"], run.samples["dropped_ns_0"]
    assert 100 == len(latency) + len(dropped)
    late = int((latency > 20 * MS).sum())
    assert found["in_time_fraction"] == pytest.approx((len(latency) - late) / 100)
    assert found["dropped_fraction"] == pytest.approx(len(dropped) / 100)
    assert 0 < len(dropped) <= 20
    (repeat,) = run.record.repeats
    assert repeat.energy is not None
    assert len(latency) == repeat.energy.queries  # a frame that was dropped has cost no inference
    assert "largest_rate_per_s" not in found


def test_the_parts_of_a_process() -> None:
    """An answer of exactly the deadline is in time."""
    found = in_time_of(np.array([5, 10, 11]), 2, 10)
    assert (2, 1, 2, 5) == (found.in_time, found.late, found.dropped, found.all)


def test_jitter_is_the_mean_change_of_the_age() -> None:
    """3, 1 and 4 ms of change; unknown of one answer."""
    assert (3 + 1 + 4) / 3 == jitter_ns(np.array([10, 13, 12, 16]))
    assert jitter_ns(np.array([10])) is None


def test_jitter_of_a_run_is_that_of_its_processes() -> None:
    """Answers that take 5 and 9 ms in turn change by 4 ms each time."""
    assert 4 * MS == figures(run_of_devices(CAMERA, [Device([5 * MS, 9 * MS])] * 3))["jitter_ns"]


def test_how_queries_were_begun() -> None:
    """Two lanes: the third query could begin when the first was done, and began 2 later."""
    due, start, latency = np.array([0, 0, 1, 50]), np.array([0, 1, 12, 55]), np.array([10, 21, 21, 15])
    found = begun(due, start, latency, 2)
    assert [0, 1, 2, 5] == found.late_ns.tolist()
    assert [False, False, True, False] == found.waited.tolist()
    assert [10, 20, 10, 10] == found.service_ns.tolist()


def test_a_rate_holds_by_loadgens_early_stopping() -> None:
    """Tabulated: a p99 needs 459 queries with none late, 662 with one."""
    assert (459, 662) == (early_stopping_queries(0, 99), early_stopping_queries(1, 99))
    assert (-1, 0, 0, 1) == tuple(early_stopping_most_late(n, 99) for n in (458, 459, 661, 662))
    for late in (0, 1, 5, 77, 1000):
        for percentile in (50, 90, 99, 99.9):
            needed = early_stopping_queries(late, percentile)
            assert Attempt(1, needed, late).holds(percentile)
            assert not Attempt(1, needed - 1, late).holds(percentile)


def test_what_a_search_found() -> None:
    """Before the rate is known roughly, the highest rate at which the percentile was within the bound; nothing is
    settled then. Of the long attempts near it, the nearest is kept."""
    apart = [Attempt(50, 662, 0), Attempt(100, 662, 6), Attempt(200, 50, 45)]
    assert 100 == largest_rate(apart, 99)
    assert 1 == kept_attempt(apart, 99)
    assert not is_bracketed(apart, 99)
    assert not search_settled(apart, 99, 1.0)
    near = [*apart, Attempt(105, 1000, 12), Attempt(102, 100, 1)]
    assert 100 < (largest_rate(near, 99) or 0) < 105
    assert is_bracketed(near, 99)
    assert not search_settled(near, 99, 1.0)  # by too few attempts to tell
    assert 1 == kept_attempt(near, 99)
    assert largest_rate(apart[2:], 99) is None
    assert 0 == kept_attempt(apart[2:], 99)


def test_the_beginning_of_an_attempt_is_not_counted() -> None:
    """A tenth, where lanes are still empty; queries of an attempt need not lie together."""
    late = np.array([1] * 10 + [0] * 80 + [1] * 10)
    assert Attempt(7.0, 90, 10) == counted(7.0, late.astype(bool))
    point = np.arange(200) % 2
    found = attempts_of(np.array([7000, 8000]), point, np.repeat(late, 2) * 5, 4)
    assert (Attempt(7.0, 90, 10), Attempt(8.0, 90, 10)) == found


SEARCH = "server:rate=auto,latency=20ms,percentile=90"


def test_the_largest_rate_of_a_run_with_its_interval_and_curve() -> None:
    """Devices of 5.0, 5.1 and 5.2 ms: the geometric mean, between its processes; a point for each rate tried, whose
    queries are those of the processes that tried it. The other figures are those at the largest rate."""
    run = run_of_devices(SEARCH, [Device([service * MS // 10]) for service in (50, 51, 52)])
    record = computed(run.record, run.samples)
    figure = record.summary.figures["largest_rate_per_s"]
    each, kept = [], []
    for index in range(3):
        rates, point, latency = (
            run.samples[f"{role}_{index}"] for role in ("axis_thousandths", "attempt_point", "attempt_latency_ns")
        )
        attempts = attempts_of(rates, point, latency, 20 * MS)
        each.append(largest_rate(attempts, 90) or 0.0)
        place = kept_attempt(attempts, 90)
        assert place is not None
        kept.append(attempts[place].rate_per_s)
        assert run.samples[f"latency_ns_{index}"].tolist() == latency[point == place].tolist()
    assert figure.value == pytest.approx(float(np.prod(each)) ** (1 / 3))
    assert figure.interval95 is not None
    assert figure.interval95[0] < figure.value < figure.interval95[1]
    curve = record.summary.curves["in_time_fraction"]
    assert ("rate", "queries_per_s", "fraction") == (curve.axis, curve.axis_unit, curve.unit)
    assert sorted({*curve.at}) == list(curve.at)
    assert {*kept} <= {*curve.at}
    assert sum(len(run.samples[f"attempt_point_{i}"]) for i in range(3)) == sum(point.n for point in curve.points)
    best = curve.points[curve.at.index(kept[0])]
    assert best.value is not None
    assert best.value > 0.8
    assert record.summary.throughput_per_s == pytest.approx(figure.value, rel=0.2)


def test_a_run_that_the_players_left_does_not_contradict_itself() -> None:
    """Nor do its moments where a process searched."""
    for text in (CAMERA, SEARCH, "server:rate=100,latency=20ms,percentile=90"):
        run = run_of_devices(text, [Device([5 * MS, 7 * MS])] * 2)
        assert [] == [str(one) for one in contradictions(run.record, run.samples)]


@pytest.mark.parametrize(
    ("role", "change", "told"),
    [
        ("start_ns", lambda array: array - 1, "began before they were due"),
        ("due_ns", lambda array: array - 10 * MS, "done before they began"),
        ("attempt_point", lambda array: array + 99, "do not fit one another"),
        ("dropped_ns", None, "dropped_ns"),
    ],
)
def test_moments_that_cannot_be_are_refused(role: str, change, told: str) -> None:  # type: ignore[no-untyped-def]
    """A query begun before it was due or done before it began, of no attempt; an array that is missing."""
    run = run_of_devices(SEARCH, [Device([5 * MS])])
    samples = {**run.samples, **({f"{role}_0": change(run.samples[f"{role}_0"])} if change else {})}
    record = run.record
    if change is None:
        held = record.repeats[0].samples
        assert held is not None
        arrays = {name: key for name, key in held.arrays.items() if name != role}
        record = replace(record, repeats=(replace(record.repeats[0], samples=replace(held, arrays=arrays)),))
    assert [one for one in contradictions(record, samples) if told in str(one)]


# -------------------------------------------------------------------------------------------------------- the verdict


def test_late_frames_are_noted_with_figures() -> None:
    """They are the result of a camera's run; none where all are in time."""
    slow = run_of_devices(CAMERA, [Device([30 * MS])] * 3)
    found = reason_of(slow, "deadline_missed")
    assert found is not None
    assert not found.invalidates
    assert (300, 20 * MS) == (found.figures["frames"], found.figures["deadline_ns"])
    assert found.figures["late"] + found.figures["dropped"] == 300  # type: ignore[operator]
    assert "together 100 %" in found.message
    assert reason_of(run_of_devices(CAMERA, [Device([15 * MS])] * 3), "deadline_missed") is None


def test_a_server_that_misses_its_bound_is_invalid() -> None:
    """180 queries/s for a device that can do 200: the p90 is far above 20 ms. At 50 queries/s it holds."""
    found = reason_of(
        run_of_devices("server:rate=180,latency=20ms,percentile=90", [Device([5 * MS])]), "deadline_missed"
    )
    assert found is not None
    assert found.invalidates
    assert found.figures["reached_ns"] > 20 * MS  # type: ignore[operator]
    assert "At 180 queries/s" in found.message
    holds = run_of_devices("server:rate=50,latency=20ms,percentile=90", [Device([5 * MS])] * 3)
    assert reason_of(holds, "deadline_missed") is None


def test_too_few_queries_do_not_show_that_a_bound_holds() -> None:
    """50 queries, none late: LoadGen asks for 459 at a p99."""
    rule = replace(QUIET, max_duration_ns=SECOND // 10)
    found = reason_of(run_of_devices("server:rate=50,latency=1s", [Device([5 * MS])], rule), "deadline_missed")
    assert found is not None
    assert found.invalidates
    assert (0, 459) == (found.figures["late"], found.figures["needed"])


def test_a_search_without_a_rate_is_invalid() -> None:
    """A query of 5 ms never ends within 1 ms."""
    text = "server:rate=auto,latency=1ms,percentile=90"
    found = reason_of(run_of_devices(text, [Device([5 * MS])] * 2), "deadline_missed")
    assert found is not None
    assert found.invalidates
    assert (2, 2) == (found.figures["processes_without"], found.figures["processes"])
    assert "in_time_fraction" in figures(run_of_devices(text, [Device([5 * MS])]))


def test_a_search_that_ended_early_has_not_converged() -> None:
    """Time for one attempt only: the rate is known as one that holds, not as the largest."""
    rule = replace(QUIET, max_duration_ns=SECOND // 8)
    run = judged(run_of_devices(SEARCH, [Device([5 * MS])] * 2, rule))
    assert run.record.verdict is not None
    found = next(one for one in run.record.verdict.reasons if one.code == "not_converged")
    assert "before the largest rate was known" in found.message


def test_waits_that_end_late_are_load_that_was_not_generated() -> None:
    """A tenth of the 20 ms between frames is allowed; latency counts from when a frame was due all the same."""
    late = run_of_devices(CAMERA, [Device([5 * MS], late_ns=3 * MS)] * 3)
    found = reason_of(late, "load_not_generated")
    assert found is not None
    assert found.invalidates
    assert (300, 3 * MS) == (found.figures["queries"], found.figures["worst_ns"])
    assert {8 * MS} == {*late.samples["latency_ns_0"][1:].tolist()}
    assert reason_of(run_of_devices(CAMERA, [Device([5 * MS], late_ns=MS)] * 3), "load_not_generated") is None


@pytest.mark.parametrize(("service_ns", "is_told"), [(19_500_000, True), (18_000_000, False), (21_000_000, False)])
def test_queries_that_miss_the_bound_only_because_they_began_late(service_ns: int, is_told: bool) -> None:
    """All begin 1 ms late, which is allowed where 20 ms are given. Answers after 19.5 ms would have been in time; those
    after 18 ms are, and those after 21 ms miss the deadline by themselves."""
    run = run_of_devices(CAMERA, [Device([service_ns], late_ns=MS)] * 3)
    found = reason_of(run, "load_not_generated")
    assert is_told == (found is not None)
    if found is not None:
        latency = [run.samples[f"latency_ns_{process}"] for process in range(3)]
        missed = sum(int((one > 20 * MS).sum()) for one in latency)
        assert (missed, sum(map(len, latency))) == (found.figures["queries_missed"], found.figures["queries"])
        assert missed > 0
        assert found.invalidates
        assert MS == found.figures["worst_ns"]
        assert found.remedy


def test_a_loop_that_takes_long_between_queries_is_not_the_device() -> None:
    """Queries that wait, and begin 1 ms after the one before them was done, for 5 ms each."""
    run = run_of_devices("fixed-rate:rate=500,drop=none,deadline=1s", [Device([5 * MS])])
    start = run.samples["start_ns_0"]
    shift = MS * np.arange(len(start))
    slower = {**run.samples, "start_ns_0": start + shift, "latency_ns_0": run.samples["latency_ns_0"] + shift}
    found = reason_of(replace(run, samples=slower), "load_not_generated")
    assert found is not None
    assert (MS, 5 * MS) == (found.figures["between_queries_ns"], found.figures["query_ns"])
    assert reason_of(run, "load_not_generated") is None


CAMERA_CASES = [
    ("due_ns_0", lambda array: array * 2, "not all due at 50 frames/s"),
    ("dropped_ns_0", lambda array: array[1:], "or some are missing"),
    ("due_ns_0", lambda array: array + (1 << 52), "not all due at 50 frames/s"),
]
SEARCH_CASES = [
    ("axis_thousandths_0", lambda array: array * 1_000_000, "from 0.1 to 100000 queries/s"),
    ("axis_thousandths_0", lambda array: array * 0, "from 0.1 to 100000 queries/s"),
    ("axis_thousandths_0", lambda array: array * 3, "cannot be arrivals"),
    ("latency_ns_0", lambda array: array + 1, "not that of the attempt that is kept"),
    ("attempt_point_0", lambda array: array[::-1].copy(), "not that of the attempt that is kept"),
]


@pytest.mark.parametrize(
    ("text", "array", "change", "told"),
    [(CAMERA, *case) for case in CAMERA_CASES]
    + [(SEARCH, *case) for case in SEARCH_CASES]
    + [("server:rate=100,latency=20ms,percentile=90", "due_ns_0", lambda array: array * 2, "cannot be arrivals")],
)
def test_arrivals_that_the_rate_does_not_give_are_refused(text: str, array: str, change, told: str) -> None:  # type: ignore[no-untyped-def]
    """Frames not at equal distances, neither answered nor dropped, or of another year; a search at rates that are none,
    and a steady state that is none of its attempts."""
    run = run_of_devices(text, [Device([30 * MS] if text == CAMERA else [5 * MS])])
    samples = {**run.samples, array: change(run.samples[array])}
    if array == "due_ns_0":
        samples["start_ns_0"] = np.maximum(run.samples["start_ns_0"], samples[array])
        samples["latency_ns_0"] = run.samples["latency_ns_0"] + samples["start_ns_0"]
    assert [one for one in contradictions(run.record, samples) if told in str(one)]


def test_a_scenario_without_its_rate_is_refused() -> None:
    """By name, instead of a figure of a default that was not asked for."""
    run = run_of_devices(CAMERA, [Device([5 * MS])])
    scenario = replace(run.record.plan.scenario, parameters={"drop": "oldest"})
    record = replace(run.record, plan=replace(run.record.plan, scenario=scenario))
    assert [one for one in contradictions(record, run.samples) if "no value of rate_per_s" in str(one)]


def test_random_arrivals_are_neither_drift_nor_a_difference_between_processes() -> None:
    """A constant device at 90 % of what it can do: how long queries wait differs from time to time and from process to
    process, the device does not. One that becomes slower is still found."""
    text = "server:rate=180,latency=200ms,percentile=90"
    rule = replace(QUIET, max_duration_ns=4 * SECOND)
    run = judged(run_of_devices(text, [Device([5 * MS]) for _ in range(20)], rule))
    middles = [float(np.median(run.samples[f"latency_ns_{i}"])) for i in range(20)]
    assert max(middles) > 1.5 * min(middles)
    assert run.record.verdict is not None
    assert not {"drift", "processes_differ"} & {one.code for one in run.record.verdict.reasons}
    slower = judged(run_of_devices(text, [Device([4 * MS] * 500 + [5 * MS] * 500) for _ in range(3)], rule))
    assert slower.record.verdict is not None
    assert "drift" in {one.code for one in slower.record.verdict.reasons}


@pytest.mark.parametrize(
    ("text", "early_ms", "invalidates"),
    [
        (CAMERA, 4, False),
        (CAMERA, 14, True),  # 17.5 ms at the end, and 20 ms or more with the drift once more
        (f"{CAMERA},deadline=5ms", 4, True),
        (f"{CAMERA},deadline=100ms,drop=none", 14, True),  # as late as that, the next frame would wait
        ("server:rate=50,latency=100ms,percentile=90", 4, True),
    ],
)
def test_drift_of_frames_is_noted_where_it_cannot_make_one_late(text: str, early_ms: int, invalidates: bool) -> None:
    """A device that becomes slower by a quarter half way through: 200 frames at 50 a second."""
    early, rule = early_ms * MS, replace(QUIET, max_duration_ns=4 * SECOND)
    devices = [Device([early] * 102 + [early * 5 // 4] * 102) for _ in range(3)]
    found = reason_of(run_of_devices(text, devices, rule), "drift")
    assert found is not None
    assert found.invalidates is invalidates


@pytest.mark.parametrize(("dropped", "stands"), [(2, True), (3, False)])
def test_dropped_frames_leave_no_room_for_drift(dropped: int, stands: bool) -> None:
    """Of 200 frames two may be in doubt: a hundredth."""
    run = run_of_devices(CAMERA, [Device([4 * MS])], replace(QUIET, max_duration_ns=4 * SECOND))
    assert 200 == len(run.samples["due_ns_0"])
    samples = {**run.samples, "dropped_ns_0": np.arange(dropped) * 20 * MS}
    samples |= {name: run.samples[name][dropped:] for name in ("due_ns_0", "start_ns_0", "latency_ns_0")}
    assert stands is frames_stand(timed(RecordedRun(run.record, samples)), [Drift(0.2, 0.1, 0.3, 6)])


@pytest.mark.parametrize(
    ("deadline", "drifted", "beyond_ns", "frames", "stands"),
    [
        ("", [Drift(0.5, 0.2, 1.0, 6)], 0, 200, True),  # 10 ms, and 10 ms more: done as the next frame is due
        ("", [Drift(0.5, 0.2, 1.0, 6)], 1, 2, True),
        ("", [Drift(0.5, 0.2, 1.0, 6)], 1, 3, False),
        ("", [Drift(-0.2, -1.0, 0.1, 6)], 0, 200, True),  # it became faster: what it was before may come again
        ("", [Drift(-0.2, -1.0, 0.1, 6)], 1, 3, False),
        ("", [Drift(0.1, 0.05, 0.2, 6), Drift(0.5, 0.2, 1.0, 6)], 1, 3, False),  # the worst of the processes
        (",deadline=15ms", [Drift(0.3, 0.1, 0.5, 6)], 0, 200, True),  # the deadline comes before the next frame
        (",deadline=15ms", [Drift(0.3, 0.1, 0.5, 6)], 1, 3, False),
        (",deadline=30ms", [Drift(0.5, 0.2, 1.0, 6)], 0, 200, True),  # and here the next frame before the deadline
        (",deadline=30ms", [Drift(0.5, 0.2, 1.0, 6)], 1, 3, False),
    ],
)
def test_the_edge_at_which_a_frame_is_safe_from_drift(
    deadline: str, drifted: list[Drift], beyond_ns: int, frames: int, stands: bool
) -> None:
    """200 frames of 10 ms, some of them longer by a nanosecond: of these, two may be in doubt."""
    run = run_of_devices(CAMERA + deadline, [Device([10 * MS])], replace(QUIET, max_duration_ns=4 * SECOND))
    latency = run.samples["due_ns_0"] * 0 + 10 * MS
    latency[:frames] += beyond_ns
    samples = {**run.samples, "start_ns_0": run.samples["due_ns_0"], "latency_ns_0": latency}
    assert stands is frames_stand(timed(RecordedRun(run.record, samples)), drifted)


def test_of_few_frames_one_may_be_in_doubt() -> None:
    """A hundredth of 50 is less than one."""
    run = run_of_devices(CAMERA, [Device([10 * MS])], replace(QUIET, max_duration_ns=SECOND))
    due = run.samples["due_ns_0"]
    assert 50 == len(due)
    for frames, stands in ((1, True), (2, False)):
        latency = due * 0 + 10 * MS
        latency[-frames:] += 1
        samples = {**run.samples, "start_ns_0": due, "latency_ns_0": latency}
        assert stands is frames_stand(timed(RecordedRun(run.record, samples)), [Drift(0.5, 0.2, 1.0, 6)])
