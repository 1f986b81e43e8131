"""Successive halving, asked and told without measuring anything."""

import math
from collections.abc import Callable

import pytest

from bench.contracts import Tunable
from bench.tuning.halving import (
    PROCESSES,
    Search,
    affordable,
    effects,
    going_on,
    processes_for,
    proposals,
)
from bench.tuning.space import DEFAULT, Setting, Space, chosen

OPTIONS = tuple(Tunable(name=f"o{i}", values=("1", "2")) for i in range(3))
SPACE = Space(OPTIONS)
SETTINGS = tuple(SPACE.settings())
WORTH = {("o0", "1"): -0.2, ("o1", "2"): -0.1, ("o2", "1"): 0.3}


def worth(setting: Setting) -> float:
    """The logarithm of its figure over the default's."""
    return sum(WORTH.get(change, 0.0) for change in setting)


def played(search: Search, log: Callable[[Setting], float] = worth) -> list[tuple[Setting, ...]]:
    """Every heat of a search that is told the truth."""
    heats = []
    while heat := search.next_heat():
        heats.append(heat)
        search.tell({setting: log(setting) for setting in heat[1:]})
    return heats


def test_the_default_is_in_every_heat_and_nothing_else_twice() -> None:
    """What is compared took turns; a heat has no more settings than fit."""
    heats = played(Search(SPACE, SETTINGS, width=4, seed=1, proposes=0))
    assert all(heat[0] == DEFAULT and len(heat) == len(set(heat)) <= 4 for heat in heats)


def test_those_that_lead_are_measured_in_more_processes() -> None:
    """26 settings in 1 process, the best 7 in 2, the best 3 of them in 4 and then 9; the best is found."""
    search = Search(SPACE, SETTINGS, width=4, seed=1, proposes=0)
    played(search)
    counts = sorted((one.processes for one in search.estimates().values()), reverse=True)
    assert [9] * 3 + [2] * 4 + [1] * 19 == counts
    assert (("o0", "1"), ("o1", "2")) == search.best()
    assert math.exp(-0.3) == pytest.approx(search.estimates()[search.best()].ratio)


def test_what_it_costs_is_known_beforehand() -> None:
    """As many processes as are started, the default's among them; as many are left at each moment as still come."""
    for count in (1, 2, 5, 26):
        search = Search(SPACE, SETTINGS[: count + 1], width=4, seed=1, proposes=0)
        assert processes_for(count, 4, 0) == search.left()
        assert processes_for(count, 4, 0) <= sum(map(len, played(search))) <= processes_for(count, 4, 0) + 4


def test_a_search_stays_within_the_processes_it_is_given() -> None:
    """Never more than affordable, and with one more setting it would be."""
    for processes in (20, 60, 200):
        count = affordable(processes, 4, 200, 48)
        assert processes_for(count, 4, proposals(count, False)) <= processes
        assert count == 48 or processes_for(count + 1, 4, proposals(count + 1, False)) > processes
    assert 0 == affordable(3, 4, 200, 48)
    assert 26 == affordable(10_000, 4, 26, 48)


def test_settings_that_were_not_drawn_join_where_single_effects_promise_them() -> None:
    """From single changes alone the search finds the combination of those that help."""
    singles = [one for one in SETTINGS if len(one) <= 1]
    search = Search(SPACE, singles, width=4, seed=1, proposes=2)
    played(search)
    assert (("o0", "1"), ("o1", "2")) in search.joined
    assert (("o0", "1"), ("o1", "2")) == search.best()


def test_effects_that_add_up_are_recovered() -> None:
    """Least squares, drawn towards none by less than a tenth of them."""
    found = effects({one: worth(one) for one in SETTINGS})
    for change, value in WORTH.items():
        assert value == pytest.approx(found[change], abs=0.03)
    assert {} == effects({})


def test_a_dropped_setting_is_not_measured_again() -> None:
    """The search goes on without it, and finds the next: the same two changes, and one without effect."""
    search = Search(SPACE, SETTINGS, width=4, seed=1, proposes=0)
    best = (("o0", "1"), ("o1", "2"))
    search.drop(best)
    assert all(best not in heat for heat in played(search))
    assert -0.3 == pytest.approx(worth(search.best()))


def test_of_settings_that_cannot_be_told_apart_the_simplest_is_taken() -> None:
    """Within a standard error of the best, a change without effect is left out."""
    search = Search(SPACE, SETTINGS, width=4, seed=1, proposes=0)
    wiggle = {one: 0.004 * (index % 3 - 1) for index, one in enumerate(SETTINGS)}
    turns = dict.fromkeys(SETTINGS, 1)

    def noisy(setting: Setting) -> float:
        turns[setting] = -turns[setting]
        return worth(setting) + wiggle[setting] / 4 + 0.02 * turns[setting]

    played(search, noisy)
    assert (("o0", "1"), ("o1", "2")) == search.best()


def test_all_settings_may_fail() -> None:
    """Then the default is what is left."""
    search = Search(SPACE, SETTINGS, width=4, seed=1, proposes=0)
    while heat := search.next_heat():
        for setting in heat[1:]:
            search.drop(setting)
    assert DEFAULT == search.best()
    assert {} == search.estimates()


def test_no_setting_better_than_the_default_is_the_default() -> None:
    """Whatever the least bad one is."""
    search = Search(SPACE, SETTINGS, width=4, seed=1, proposes=0)
    played(search, lambda setting: 0.05)
    assert DEFAULT == search.best()


def test_a_search_that_is_short_of_time_leaves_out_what_was_not_measured_then_the_worst() -> None:
    """In the first rung the settings without a measurement; later those behind."""
    search = Search(SPACE, SETTINGS, width=4, seed=1, proposes=0)
    first = search.next_heat()
    search.tell({setting: worth(setting) for setting in first[1:]})
    assert search.shorten(40) > 0
    assert set(first[1:]) <= set(search.alive)
    assert search.left() <= 40
    played(search)
    assert len(search.estimates()) < 26


def test_intervals_come_from_the_spread_between_processes() -> None:
    """Of all settings together: with alternating ±1 % the interval holds 0 and is narrower for more processes."""
    signs = dict.fromkeys(SETTINGS, 1)

    def noisy(setting: Setting) -> float:
        signs[setting] = -signs[setting]
        return 0.01 * signs[setting]

    search = Search(SPACE, SETTINGS, width=4, seed=1, proposes=0)
    played(search, noisy)
    found = search.estimates()
    spans = {one.processes: one.interval[1] - one.interval[0] for one in found.values() if one.interval}
    assert spans[9] < spans[2] < spans[1]
    assert all(one.interval and one.interval[0] < 1 < one.interval[1] for one in found.values() if one.processes == 9)


def test_before_a_second_process_there_is_no_interval() -> None:
    """One process shows no spread."""
    search = Search(SPACE, SETTINGS, width=4, seed=1)
    heat = search.next_heat()
    search.tell(dict.fromkeys(heat[1:], 0.0))
    assert {None} == {one.interval for one in search.estimates().values()}


def test_the_same_seed_gives_the_same_heats() -> None:
    """And another one another order."""
    heats = [played(Search(SPACE, chosen(SPACE, 12, seed), width=4, seed=seed)) for seed in (3, 3, 4)]
    assert heats[0] == heats[1] != heats[2]


def test_rungs_shrink_to_a_quarter_and_keep_three() -> None:
    """26, 7, 3, 3."""
    assert [7, 3, 3, 2] == [going_on(count) for count in (26, 9, 3, 2)]
    assert (1, 1, 2, 5) == PROCESSES


def noisy(unsteady: Setting | None) -> Callable[[Setting], float]:
    """Its worth give or take 1 %, alternately; an ``unsteady`` one is now as good as the best and now far behind."""
    count: dict[Setting, int] = {}

    def log(one: Setting) -> float:
        count[one] = count.get(one, 0) + 1
        if one == unsteady:
            return (-0.29, 0.6)[count[one] % 2 == 0]
        return worth(one) + (0.01 if count[one] % 2 else -0.01)

    return log


@pytest.mark.parametrize("unsteady", [None, (("o2", "2"),)])
def test_the_search_ends_early_once_nothing_left_can_be_better(unsteady: Setting | None) -> None:
    """Three processes of each of the last are enough where they are apart by more than noise. A setting that runs now
    fast and now slow is left behind after its second, and its spread is not that of the others. With a tolerance of 0
    all rungs are measured."""
    ends = []
    for tolerance in (0.0, 0.03):
        search = Search(SPACE, SETTINGS, width=4, seed=1, proposes=0, tolerance=tolerance)
        played(search, noisy(unsteady))
        assert (("o0", "1"), ("o1", "2")) == search.best()
        found = search.estimates()
        assert unsteady is None or 2 == found[unsteady].processes
        ends.append(max(one.processes for one in found.values()))
        low, high = found[search.best()].interval or (0.0, 1.0)
        assert high / low < 1.06
    assert [9, 3] == ends
