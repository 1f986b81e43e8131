"""``--meter-log FILE[:key=value,…]``."""

from pathlib import Path

import pytest

from bench.errors import OdbError
from bench.power.asking import WITHIN_S, parse_log, parse_meter


def test_a_file_alone() -> None:
    ask = parse_log("logs/spl.txt")
    assert (ask.file, ask.mapping, ask.within_s, ask.clock_doubt) == (Path("logs/spl.txt"), None, WITHIN_S, None)


def test_what_stands_behind_the_colon() -> None:
    ask = parse_log("C:\\logs\\spl.txt:zone=+09:00,clock_doubt=0.1,idle_watts=4.5,model=WT310,uncertainty=0.5%")
    assert (str(ask.file), ask.zone, ask.clock_doubt, ask.idle_watts) == ("C:\\logs\\spl.txt", "+09:00", 0.1, 4.5)
    assert (dict(ask.meter.device), ask.meter.uncertainty) == ({"model": "WT310"}, 0.005)


def test_columns() -> None:
    ask = parse_log('a:b.csv:time=t [s],power="P, all [W]",zone=UTC,reading=mean')
    assert str(ask.file) == "a:b.csv"
    assert ask.mapping is not None
    assert (ask.mapping.time, ask.mapping.power, ask.mapping.zone, ask.mapping.reading) == (
        "t [s]",
        "P, all [W]",
        "UTC",
        "mean",
    )


def test_a_file_of_that_very_name(tmp_path: Path) -> None:
    path = tmp_path / "log:zone=x.csv"
    path.touch()
    assert parse_log(str(path)).file == path


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (":zone=UTC", "no file is named"),
        ("a.csv:zone=Mars", "Mars"),
        ("a.csv:power=P", "mapping"),
        ("a.csv:zone=UTC,colour=red", "colour"),
        ("a.csv:zon=UTC", "zon"),
        (f"{'a' * 5000}.csv:zon=UTC", "zon"),
        ("a.csv:clock_doubt=2", "clocks must agree within"),
        ("a.csv:clock_doubt=x", "clock_doubt=x is no number"),
        ("a.csv:within=-1", "is not between 0 and a day"),
        ("a.csv:idle_watts=-1", "--idle-watts"),
        ("a.csv:uncertainty=0.5", "expected a percentage"),
        ("a.csv:calibrated=1.3.2026", "is no date"),
        ("a.csv:time=t,power=P,reading=often", "often"),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    with pytest.raises(OdbError) as caught:
        parse_log(text)
    assert why in str(caught.value)


def test_what_is_kept_of_the_meter() -> None:
    meter = parse_meter("serial=91K,calibrated=2026-03-01")
    assert dict(meter.device) == {"serial": "91K", "calibrated": "2026-03-01"}
    assert meter.uncertainty is None
