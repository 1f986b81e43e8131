"""The gate's answer on nights with given levels: each word, its reasons, and the status."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.gate.confirming import by_session
from bench.gate.finding import Confirmation, Gate, SeriesFinding
from bench.gate.judge import Judgement, confirmed, judge
from bench.nights.point import Point
from bench.nights.series import Series
from bench.testing.points import fake_point, fake_series

SERIES = [fake_series(f"net{number}") for number in range(6)]
SPREAD = 0.005
MODEL = {"model": "a", "kernel": "6.8", "runtime fake": "1"}


def nights(
    count: int,
    changes: Mapping[Series, Sequence[float]] | None = None,
    series: Sequence[Series] = SERIES,
    **fields: Any,
) -> dict[Series, list[Point]]:
    """So many nights of each series, whose levels differ by ``SPREAD`` (standard deviation of logarithms) from night to
    night. ``changes``: factors of the last nights of a series."""
    rng, found = np.random.default_rng(7), {}
    for place, one in enumerate(series):
        last = list((changes or {}).get(one, ()))
        factors = [1.0] * (count - len(last)) + last
        found[one] = [
            fake_point(
                one,
                night,
                {
                    "latency_p50_ns": 1e6 * (place + 1) * factor * math.exp(rng.normal(0, SPREAD)),
                    "latency_p90_ns": 2e6 * (place + 1) * factor * math.exp(rng.normal(0, 3 * SPREAD)),
                    "peak_rss_bytes": 5e7 * math.exp(rng.normal(0, SPREAD / 5)),
                },
                deviation=SPREAD,
                versions=MODEL,
                **fields,
            )
            for night, factor in enumerate(factors)
        ]
    return found


def first(series: Series, points: Sequence[Point]) -> Point | None:
    return next((point for point in points if point.counts), None)


def judged(
    history: Mapping[Series, Sequence[Point]], tonight: Sequence[Point] | None = None, **named: Any
) -> Judgement:
    """``tonight``: by default the last night of each series; the history has all others."""
    last = {one: points[-1] for one, points in history.items()}
    now = last if tonight is None else {point.series: point for point in tonight}
    before = [(one, points[:-1]) for one, points in history.items()]
    return judge(before, now, first, created_utc="2026-03-01T00:00:00+00:00", **named)


def gate(*arguments: Any, **named: Any) -> Gate:
    return judged(*arguments, **named).gate


def of(found: Gate, series: Series) -> SeriesFinding:
    (one,) = [one for one in found.findings if one.series == series]
    return one


def codes(one: SeriesFinding) -> list[str]:
    return [getattr(reason, "code", "") for reason in one.reasons]


def test_nights_that_differ_by_their_usual_spread_are_the_same() -> None:
    found = gate(nights(20))
    assert {one.word for one in found.findings} == {"same"}
    assert (found.status, found.left_open) == (0, {})


def test_the_first_night_is_new_and_nothing_is_wrong_with_it() -> None:
    found = judge([], {p[0].series: p[0] for p in nights(1).values()}, first, created_utc="").gate
    assert {one.word for one in found.findings} == {"new"}
    assert found.status == 0


@pytest.mark.parametrize("before", [4, 20])
def test_a_regression_is_suspected_in_one_night_with_its_size_and_interval(before: int) -> None:
    found = gate(nights(before + 1, {SERIES[2]: [1.10]}))
    one = of(found, SERIES[2])
    assert (one.word, found.status, found.left_open) == ("suspect", 3, {"suspect": 1})
    lead = one.metrics[0]
    assert (lead.metric, lead.word) == ("latency_p50_ns", "worse")
    assert lead.change == pytest.approx(0.10, abs=0.02)
    assert lead.interval is not None
    assert lead.interval[0] < 0.10 < lead.interval[1]
    assert lead.interval[0] > 0.03
    assert not any(metric.word == "worse" for o in found.findings if o.series != SERIES[2] for metric in o.metrics)


def test_the_next_night_confirms_what_it_shows_again() -> None:
    found = gate(nights(21, {SERIES[2]: [1.05, 1.05]}))
    one = of(found, SERIES[2])
    assert (one.word, found.status) == ("worse", 1)
    assert one.confirmation is not None
    assert (one.confirmation.how, one.confirmation.records) == ("night_before", ("net2-null-cpu-19",))


def test_a_regression_stays_red_until_it_is_accepted_and_drift_names_its_first_night() -> None:
    history = nights(30, {SERIES[2]: [1.10] * 10})
    one = of(gate(history), SERIES[2])
    assert one.word == "worse"
    assert one.drift is not None
    assert (one.drift.since, one.drift.night) == ("net2-null-cpu-20", history[SERIES[2]][20].night)
    assert one.drift.change == pytest.approx(0.10, abs=0.01)


def test_after_it_was_accepted_the_new_level_is_the_base() -> None:
    history = nights(30, {SERIES[2]: [1.10] * 10})

    def accepted(series: Series, points: Sequence[Point]) -> Point | None:
        return history[series][20] if series == SERIES[2] else first(series, points)

    now = {one: points[-1] for one, points in history.items()}
    found = judge([(s, p[:-1]) for s, p in history.items()], now, accepted, created_utc="").gate
    assert of(found, SERIES[2]).word == "same"
    assert found.status == 0


def test_an_improvement_is_better_and_no_failure() -> None:
    found = gate(nights(20, {SERIES[1]: [0.9]}))
    assert (of(found, SERIES[1]).word, found.status) == ("better", 0)


def test_a_slow_drift_is_found_with_the_night_it_began() -> None:
    drift = [1.004 ** (night + 1) for night in range(14)]
    history = nights(44, {SERIES[3]: drift})
    one = of(gate(history), SERIES[3])
    assert one.word in ("drifting", "worse")
    assert one.drift is not None
    assert "2026-01-31" <= one.drift.night <= "2026-02-13"


def test_a_memory_regression_is_seen_though_it_is_not_the_leading_metric() -> None:
    history = nights(20)
    last = history[SERIES[0]][-1]
    figures = {name: level.figure for name, level in last.levels.items()}
    figures["peak_rss_bytes"] *= 1.2
    history[SERIES[0]][-1] = fake_point(SERIES[0], 19, figures, deviation=SPREAD, versions=MODEL)
    one = of(gate(history), SERIES[0])
    assert [metric.metric for metric in one.metrics if metric.word == "worse"] == ["peak_rss_bytes"]
    assert one.word == "suspect"


# ------------------------------------------------------------------------------------------------- the machine


def moved(factor: float, extra: Mapping[Series, float] | None = None, **versions: str) -> dict[Series, list[Point]]:
    """Twenty nights, on the last of which all series moved; ``extra``: what some moved besides."""
    more = extra or {}
    history = nights(20, {one: [factor * more.get(one, 1.0)] for one in SERIES})
    for points in history.values():
        point = points[-1]
        figures = {name: level.figure for name, level in point.levels.items()}
        points[-1] = fake_point(point.series, 19, figures, deviation=SPREAD, versions={**MODEL, **versions})
    return history


def test_all_series_together_are_the_machine_with_what_changed() -> None:
    found = gate(moved(1.2, kernel="6.9"))
    assert {one.word for one in found.findings} == {"machine"}
    (shift,) = found.machines
    assert (shift.moved, shift.series) == (6, 6)
    assert shift.change == pytest.approx(0.2, abs=0.02)
    assert [(event.what, event.before, event.after) for event in shift.changed] == [("kernel", "6.8", "6.9")]
    assert (found.status, found.left_open) == (3, {"machine": 6})
    assert gate(moved(1.2, kernel="6.9"), accepted=("machine",)).status == 0


def test_nothing_that_is_known_to_have_changed_is_the_machine_too() -> None:
    (shift,) = gate(moved(1.2)).machines
    assert (shift.changed, shift.conditions) == ((), {})


def test_a_regression_under_a_change_of_the_machine_is_still_seen() -> None:
    found = gate(moved(1.2, {SERIES[4]: 1.15}, kernel="6.9"))
    one = of(found, SERIES[4])
    assert one.word == "suspect"
    assert one.metrics[0].residual == pytest.approx(0.15, abs=0.03)
    assert codes(one) == ["gate.why.beyond_machine"]
    assert {other.word for other in found.findings if other.series != SERIES[4]} == {"machine"}


def test_a_runtime_that_slows_everything_down_is_no_machine() -> None:
    """Nothing of the machine changed: forty regressions are forty regressions."""
    found = gate(moved(1.2, **{"runtime fake": "2"}))
    assert not found.machines
    assert {one.word for one in found.findings} == {"suspect"}


def test_a_machine_that_changed_at_the_same_time_as_a_runtime_is_the_machine_with_both_named() -> None:
    (shift,) = gate(moved(1.2, kernel="6.9", **{"runtime fake": "2"})).machines
    assert {event.what for event in shift.changed} == {"kernel", "runtime fake"}


def test_another_machine_does_not_move_with_it() -> None:
    others = [fake_series(f"net{number}", machine="another") for number in range(3)]
    history = {**moved(1.2, kernel="6.9"), **nights(20, series=others)}
    found = gate(history)
    assert {of(found, one).word for one in others} == {"same"}
    assert [shift.machine for shift in found.machines] == ["a processor"]


# -------------------------------------------------------------------------------------- told apart from regressions


def test_a_run_that_failed_is_broken() -> None:
    history = nights(20)
    history[SERIES[0]][-1] = fake_point(SERIES[0], 19, {}, status="failed", valid=None, codes=("crashed",))
    found = gate(history)
    assert (of(found, SERIES[0]).word, found.status) == ("broken", 1)


def test_outputs_that_were_right_in_the_base_are_wrong() -> None:
    history = nights(20)
    figures = {name: level.figure for name, level in history[SERIES[0]][-1].levels.items()}
    bad = {"valid": False, "codes": ("output_mismatch",), "outputs": "wrong"}
    history[SERIES[0]][-1] = fake_point(SERIES[0], 19, figures, **bad)
    assert (of(gate(history), SERIES[0]).word, gate(history).status) == ("wrong", 1)
    unchecked = {**history, SERIES[0]: [*nights(19, outputs="unchecked")[SERIES[0]], history[SERIES[0]][-1]]}
    assert of(gate(unchecked), SERIES[0]).word == "invalid"


def test_an_invalid_night_is_no_regression() -> None:
    history = nights(20, {SERIES[0]: [3.0]})
    figures = {name: level.figure for name, level in history[SERIES[0]][-1].levels.items()}
    history[SERIES[0]][-1] = fake_point(SERIES[0], 19, figures, valid=False, codes=("host_busy",))
    found = gate(history)
    assert (of(found, SERIES[0]).word, found.status, found.left_open) == ("invalid", 3, {"invalid": 1})
    assert gate(history, accepted=("invalid",)).status == 0


def test_a_night_whose_processes_differ_counts_with_its_own_spread() -> None:
    history = nights(20)
    figures = {name: level.figure * 1.1 for name, level in history[SERIES[0]][-1].levels.items()}
    noisy = {"valid": False, "codes": ("processes_differ",), "deviation": 0.2}
    history[SERIES[0]][-1] = fake_point(SERIES[0], 19, figures, versions=MODEL, **noisy)
    one = of(gate(history), SERIES[0])
    assert (one.word, codes(one)) == ("cannot_tell", ["gate.why.noisy"])


def test_a_series_that_is_missing_is_told_from_a_dead_device() -> None:
    history = nights(20)
    npu = [fake_series(f"net{number}", target="fake:npu") for number in range(3)]
    history |= nights(20, series=npu)
    now = [points[-1] for one, points in history.items() if one != SERIES[0] and one not in npu]
    found = gate(history, now)
    assert of(found, SERIES[0]).word == "missing"
    assert {of(found, one).word for one in npu} == {"dead"}
    assert (found.status, found.left_open) == (3, {"missing": 1, "dead": 3})


def test_a_target_that_is_unavailable_is_dead_and_not_broken() -> None:
    npu = fake_series("net", target="fake:npu")
    history = {**nights(20), **nights(20, series=[npu])}
    history[npu][-1] = fake_point(npu, 19, {}, status="failed", valid=None, codes=("unavailable",))
    assert of(gate(history), npu).word == "dead"


def test_other_machines_are_not_missed_unless_they_are_asked_for() -> None:
    others = [fake_series(f"net{number}", machine="another") for number in range(2)]
    history = {**nights(20), **nights(20, series=others)}
    now = [points[-1] for one, points in history.items() if one not in others]
    assert gate(history, now).status == 0
    assert {of(gate(history, now, all_machines=True), one).word for one in others} == {"dead"}


def test_a_series_that_was_retired_is_not_missed() -> None:
    old = fake_series("retired")
    history = nights(40)
    history[old] = nights(10, series=[old])[old]
    now = [points[-1] for one, points in history.items() if one != old]
    assert gate(history, now).status == 0


def test_an_emulator_has_no_times_to_compare() -> None:
    history = nights(3, emulated=True)
    found = judge(
        [(s, p[:-1]) for s, p in history.items()],
        {s: p[-1] for s, p in history.items()},
        lambda series, points: points[0],
        created_utc="",
    ).gate
    assert {one.word for one in found.findings} == {"same"}


def test_too_few_processes_on_the_second_night_show_nothing() -> None:
    """Three processes against three fall apart by luck in one of ten."""
    found = gate(nights(2, {SERIES[0]: [1.5]}, processes=3))
    assert {one.word for one in found.findings} == {"cannot_tell"}
    assert codes(found.findings[0]) == ["gate.why.short_history"]


def test_one_night_that_stands_out_does_not_hide_the_next_regression() -> None:
    history = nights(20, {SERIES[0]: [1.3, 1.0, 1.0, 1.0, 1.0, 1.06]})
    one = of(gate(history), SERIES[0])
    assert one.word == "suspect"
    assert one.metrics[0].calibration.nights == 18


# -------------------------------------------------------------------------------------------- a second measurement


def again(history: Mapping[Series, Sequence[Point]], factor: float) -> Gate:
    """The gate after the suspects were measured again, at ``factor`` of their base."""
    before = judged(history)
    points = {}
    for one in before.suspects:
        base = history[one.series][0].levels
        figures = {name: level.figure * factor for name, level in base.items()}
        points[one.series] = fake_point(one.series, 50, figures, deviation=SPREAD)
    found: dict[Series, Confirmation] = {}
    for one in before.suspects:
        found[one.series] = by_session(one, before.again(points)[one.series], "2026-03-01", ["x"])
    return confirmed(before, found, ())


def test_a_suspect_that_a_new_session_shows_again_is_worse() -> None:
    found = again(nights(20, {SERIES[0]: [1.08]}), 1.08)
    assert (of(found, SERIES[0]).word, found.status) == ("worse", 1)


def test_a_suspect_that_a_new_session_does_not_show_is_the_same() -> None:
    found = again(nights(20, {SERIES[0]: [1.08]}), 1.0)
    one = of(found, SERIES[0])
    assert (one.word, found.status) == ("same", 0)
    assert one.confirmation is not None
    assert one.confirmation.confirmed is False


def test_after_a_change_of_the_machine_another_session_of_one_side_confirms_nothing() -> None:
    found = again(moved(1.2, {SERIES[4]: 1.15}, kernel="6.9"), 1.38)
    one = of(found, SERIES[4])
    assert (one.word, found.status) == ("cannot_tell", 3)
    assert codes(one) == ["gate.confirm.machine_moved"]


# ----------------------------------------------------------------------------------------------- what is stated


def test_the_rate_is_measured_on_the_quiet_nights_of_this_history() -> None:
    found = gate(nights(41)).stated
    assert found is not None
    assert (found.nights, found.false_alarms) == (40, 0)
    assert found.rate_at_most == pytest.approx(1 - 0.05 ** (1 / 40))
    assert found.smallest_change is not None
    assert 0.03 < found.smallest_change < 0.05


def test_without_nights_no_rate_is_stated() -> None:
    found = gate(nights(2)).stated
    assert found is not None
    assert (found.nights, found.rate_at_most) == (0, None)


def test_nights_that_stand_out_by_chance_are_counted_and_what_is_open_tonight_is_not() -> None:
    chance = nights(30, {SERIES[0]: [1.2, 1.2, *[1.0] * 10]})
    found = gate(chance).stated
    assert found is not None
    assert (found.false_alarms, found.suspects) == (1, 2)
    tonight = gate(nights(30, {SERIES[0]: [1.2, 1.2]})).stated
    assert tonight is not None
    assert (tonight.false_alarms, tonight.suspects) == (0, 0)


@pytest.mark.parametrize(("versions", "alarms"), [({}, 8), ({"runtime fake": "2"}, 0)], ids=["nothing", "a runtime"])
def test_a_change_of_level_that_nothing_explains_is_counted_as_false_alarms(
    versions: dict[str, str], alarms: int
) -> None:
    history = nights(30, {SERIES[0]: [1.1] * 9})
    points = history[SERIES[0]]
    history[SERIES[0]] = [*points[:21], *(replace(one, versions={**MODEL, **versions}) for one in points[21:])]
    found = gate(history).stated
    assert found is not None
    assert found.false_alarms == alarms
