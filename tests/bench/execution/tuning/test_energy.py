"""The goal energy: by a meter whose joules are known, and refused where there is none."""

from pathlib import Path

import pytest

from bench.contracts import Channel
from bench.errors import InputError, RunFailure
from bench.execution.tuning.question import demand_energy
from tests.support.tuning.fake_search import Machine, options_of, tuner_on


def test_the_setting_of_the_least_joules_is_found(machine: Machine, tmp_path: Path) -> None:
    """5 W throughout: 10 mJ of the default, 5.4 mJ of the best. Processes run one after another, for the counters are
    the whole machine's, and the front has the joules too."""
    machine.watts = 5.0
    tuner = tuner_on(machine, tmp_path, goal="energy")
    found = tuner.run()
    assert ("joules_per_inference", {"pace": "2", "turbo": "1"}) == (found.metric, found.best)
    default, best = found.tried[:2]
    assert [0.01, 0.0054] == [pytest.approx(one.figures["joules_per_inference"]) for one in (default, best)]
    assert 0.54 == pytest.approx(best.ratio)
    assert best.on_front
    assert "joules_per_inference" in [axis.metric for axis in found.axes]
    assert {False} == set(machine.in_turns)
    assert options_of(found, "wrong_outputs")


def test_a_meter_that_reads_no_more_than_idle_ends_the_search_at_once(machine: Machine, tmp_path: Path) -> None:
    """Once the idle power is subtracted nothing is left: said after the default, not of every setting."""
    with pytest.raises(RunFailure) as refused:
        tuner_on(machine, tmp_path, goal="energy").run()
    assert "tune.default_without_figure" == refused.value.sentence.code  # type: ignore[union-attr]
    assert "idle power" in refused.value.remedy
    assert [[{}, {}]] == machine.heats


def test_without_a_sensor_it_is_refused_with_what_to_do() -> None:
    """By the sensor's own reason and remedy, where one is there and cannot be read."""
    with pytest.raises(InputError, match="no sensor gives the energy"):
        demand_energy(())
    closed = Channel("rapl", "package-0", "energy", "package", "x", usable=False, reason="not readable", remedy="chmod")
    with pytest.raises(InputError, match="rapl: not readable") as refused:
        demand_energy((closed,))
    assert "chmod" in refused.value.remedy
    demand_energy((Channel("rapl", "package-0", "energy", "package", "x"),))
