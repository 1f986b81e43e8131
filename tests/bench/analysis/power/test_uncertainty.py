"""How uncertain each figure of a meter's energy is, by hand."""

import math

import pytest
from metering.runs import metered
from msgspec.structs import replace

from bench.analysis.power.uncertainty import Uncertainty, uncertainties
from bench.record.energy import ChannelReading, EnergySummary, RepeatEnergy
from bench.record.record import Record, RecordedRun
from bench.record.summary import MetricFigure
from bench.record.text import TextGeneration, TokenEnergy
from bench.store.derived import judged
from bench.submission.figures import figure_kind

TOTAL, NET = "total_joules_per_inference", "joules_per_inference"


def computed(run: RecordedRun) -> Record:
    return judged(run).record


def test_by_hand() -> None:
    """120 J in a window, 40 of them idle. The window leaves 0.48 J open: 0.4 % of the total and 0.6 % of what is above
    idle. A meter of 0.4 %: 0.48 J of the total, and above idle the root of the squares of 0.48 J and 0.16 J."""
    found = uncertainties(computed(metered()))
    assert (found[TOTAL].of_window, found[TOTAL].of_meter) == pytest.approx((0.004, 0.004))
    assert found[TOTAL].whole == pytest.approx(0.004 * math.sqrt(2))
    assert (found[NET].of_window, found[NET].of_meter) == pytest.approx((0.006, math.hypot(0.48, 0.16) / 80))
    assert found["energy_delay_joule_seconds"] == found[TOTAL]


def test_close_to_idle_little_is_known() -> None:
    """5 W of which 4 are idle: the same 0.4 % of 50 J are 2 % of the 10 J above idle. The verdict names that figure."""
    record = computed(metered(5.0))
    assert uncertainties(record)[NET].of_window == pytest.approx(0.02)
    assert record.verdict is not None
    (reason,) = [one for one in record.verdict.reasons if one.code == "meter_uncertain"]
    assert reason.figures["least_known"] == NET
    assert reason.figures["least_known_uncertainty"] == pytest.approx(math.hypot(0.02, 0.004 * math.hypot(50, 40) / 10))
    assert "That of the net energy per inference is 3.2 %." in str(reason.message)
    assert not reason.invalidates


def test_what_is_not_stated_is_not_known() -> None:
    found = uncertainties(computed(metered(stated_uncertainty=None)))
    assert {one.whole for one in found.values()} == {None}
    assert found[TOTAL].known == pytest.approx(0.004)


def test_a_chips_own_estimate_is_of_no_meter() -> None:
    found = uncertainties(computed(metered(stated_uncertainty=None, tier="sensor")))
    assert found[TOTAL] == Uncertainty(pytest.approx(0.004), 0.0)


def test_energy_that_is_not_above_zero_is_not_known() -> None:
    """No fraction of it is: it used to be called exact."""
    record = computed(metered(-3.0, idle_watts=None))
    assert uncertainties(record)[TOTAL].of_window is None
    assert record.verdict is not None
    assert "meter_uncertain" in record.verdict.invalidating


def test_tokens_are_as_uncertain_as_their_own_windows() -> None:
    """Whole queries take 0.4 J each, known to 0.4 %; those of the prefill pass 0.1 J, known to 4 %: so is a prompt
    token. A generated token is the difference, 0.3 J, known to the root of 1.6 mJ and 4 mJ squared."""
    record = metered(idle_watts=None, stated_uncertainty=0.0).record
    prompt = ChannelReading("ptdaemon", "Watts", "meter", 0.6, doubt_joules=0.024)
    repeats = tuple(replace(one, prefill_energy=RepeatEnergy(6, 10**9, 1.0, (prompt,))) for one in record.repeats)
    figures = {name: MetricFigure(1.0) for name in TOTAL_TOKENS}
    energy = EnergySummary(total_sensor_channel="ptdaemon/Watts", total_joules_per_inference=0.4)
    text = TextGeneration(8, 8, (), energy=TokenEnergy())
    summary = replace(record.summary, figures=figures, energy=energy, text_generation=text)
    found = uncertainties(replace(record, repeats=repeats, summary=summary))
    assert found[TOTAL].whole == pytest.approx(0.004)
    assert [found[name].whole for name in TOTAL_TOKENS] == pytest.approx([0.04, math.hypot(0.0016, 0.004) / 0.3])


TOTAL_TOKENS = ("total_joules_per_prompt_token", "total_joules_per_generated_token")


def test_a_criterion_is_decided_by_what_the_meter_leaves_open() -> None:
    """Repeats that agree leave no spread: the interval is as wide as the meter's."""
    run = judged(metered())
    seen = figure_kind("summary.energy.total_joules_per_inference").see(run)
    reach = 0.4 * 0.004 * math.sqrt(2)
    assert (seen.low, seen.high) == pytest.approx((0.4 - reach, 0.4 + reach))
    unstated = figure_kind("summary.energy.total_joules_per_inference").see(judged(metered(stated_uncertainty=None)))
    assert (unstated.value, unstated.low, unstated.high) == (pytest.approx(0.4), None, None)
