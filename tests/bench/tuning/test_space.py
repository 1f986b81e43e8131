"""The space of settings, and which of them a search begins with."""

import pytest

from bench.contracts import Tunable
from bench.tuning.space import DEFAULT, Space, chosen, space_of, text_of

THREADS = Tunable(name="threads", values=("1", "2", "4"))
MODE = Tunable(name="mode", values=("parallel",))
LANES = Tunable(name="lanes", values=("2", "3"), needs={"mode": "parallel"})
LEVEL = Tunable(name="level", values=("0", "1"), changes_outputs=True)


def test_a_space_is_every_combination_with_the_default_first() -> None:
    """Each option may be left out as well: (3 + 1) × (2 + 1) settings."""
    settings = list(Space((THREADS, LEVEL)).settings())
    assert DEFAULT == settings[0]
    assert 12 == len(settings) == len(set(settings)) == Space((THREADS, LEVEL)).size
    assert (("level", "1"), ("threads", "4")) in settings


def test_an_option_whose_needs_are_not_met_is_left_out() -> None:
    """Lanes without the parallel mode would be measured for nothing: mode off, mode on, and mode on with 2 or 3."""
    settings = list(Space((MODE, LANES)).settings())
    assert {DEFAULT, (("mode", "parallel"),), (("lanes", "2"), ("mode", "parallel"))} < set(settings)
    assert 4 == len(settings)
    assert (("mode", "parallel"),) == Space((MODE, LANES)).met({"mode": "parallel"})
    assert DEFAULT == Space((MODE, LANES)).met({"lanes": "2"})


def test_what_is_fixed_or_in_force_is_not_tuned() -> None:
    """An option of the user, a value that is the default already, an option for another kind of scenario."""
    streams = Tunable(name="streams", values=("1", "2"), intents=("throughput",))
    pinning = Tunable(name="pinning", values=("YES", "NO"))
    found = space_of((THREADS, LEVEL, streams, pinning), "latency", {"level": "0"}, {"threads": "2", "pinning": "True"})
    assert [("threads", ("1", "4")), ("pinning", ("NO",))] == [(one.name, one.values) for one in found.tunables]
    assert "streams" in [one.name for one in space_of((streams,), "throughput", {}, {}).tunables]


def test_a_small_space_is_taken_whole() -> None:
    """The default among the settings."""
    space = Space((THREADS,))
    assert tuple(space.settings()) == chosen(space, 4, seed=1) == chosen(space, 100, seed=2)


def test_of_a_large_space_single_changes_come_first_and_the_rest_is_drawn_by_the_seed() -> None:
    """5 single changes of the default, then combinations; the same seed gives the same, another seed another."""
    options = tuple(Tunable(name=f"o{i}", values=("1", "2", "3")) for i in range(5))
    space = Space(options)
    found = chosen(space, 40, seed=7)
    singles = {(name, value) for setting in found if len(setting) == 1 for name, value in setting}
    assert DEFAULT == found[0]
    assert {(one.name, value) for one in options for value in one.values} <= singles
    assert 40 == len(set(found))
    assert found == chosen(space, 40, seed=7)
    assert found != chosen(space, 40, seed=8)
    assert 10 == len(set(chosen(space, 10, seed=7)))


def test_a_single_change_brings_what_it_needs() -> None:
    """Lanes alone would be no setting."""
    space = Space((MODE, LANES, THREADS, LEVEL))
    assert (("lanes", "3"), ("mode", "parallel")) in chosen(space, 12, seed=1)


def test_only_declared_options_may_change_outputs() -> None:
    """By the target's word."""
    space = Space((THREADS, LEVEL))
    assert space.changes_outputs((("level", "1"), ("threads", "1")))
    assert not space.changes_outputs((("threads", "1"),))


@pytest.mark.parametrize(("setting", "text"), [(DEFAULT, ""), ((("a", "1"), ("b", "2")), "a=1 b=2")])
def test_a_setting_is_written_as_options_are(setting: tuple[tuple[str, str], ...], text: str) -> None:
    """As ``-O`` takes them, one after another."""
    assert text == text_of(setting)
