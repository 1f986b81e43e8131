"""A Joulescope read live: values in the form that its driver gives, through a driver that plays them."""

from pathlib import Path
from typing import Any

import pytest
from metering.played import PlayedDriver
from metering.played import value as value_at

from bench.errors import RunFailure, UnknownName
from bench.power.live.joulescope import EPOCH_UNIX_NS, TICKS_PER_S, Joulescope, interval_of
from bench.power.live.meter import Interval, recorded
from bench.power.log import figures_of
from bench.power.reading import read_log

BEGAN_S = 250_000_000  # after 2018


def value(tenth: int, watts: float) -> dict[str, Any]:
    return value_at(EPOCH_UNIX_NS + (BEGAN_S * 10 + tenth + 1) * 100_000_000, watts)


def test_what_it_reads_is_a_log(tmp_path: Path) -> None:
    """Two seconds of 3 W, then 7 W: read again as means of a known meter, by the machine's clock."""
    driver = PlayedDriver(["u/js220/000415"], [value(n, 3.0 if n < 20 else 7.0) for n in range(40)])
    file = tmp_path / "live.csv"
    with recorded(Joulescope(driver=lambda: driver), file):
        pass
    log = read_log(file)
    assert (log.format, log.clock, log.stands_for, log.tier) == ("live", "utc", "before", "meter")
    assert dict(log.meter) == {"vendor": "Jetperch", "model": "JS220", "serial": "000415"}
    assert log.began == "2025-12-03T12:26:40.100000+00:00"
    assert figures_of(log).readings == 40
    assert figures_of(log).span_s == pytest.approx(3.9, abs=1e-6)
    assert figures_of(log).joules == pytest.approx(1.9 * 3 + 0.5 + 1.9 * 7, abs=1e-4)
    assert driver.told == [
        ("open", "u/js220/000415"),
        ("publish", "u/js220/000415/s/i/range/mode", "auto"),
        ("publish", "u/js220/000415/s/stats/scnt", 100_000),
        ("publish", "u/js220/000415/s/stats/ctrl", 1),
        ("subscribe", "u/js220/000415/s/stats/value", "pub"),
        ("unsubscribe", "u/js220/000415/s/stats/value"),
        ("close", "u/js220/000415"),
        ("finalize",),
    ]


def test_a_js110_computes_by_itself(tmp_path: Path) -> None:
    driver = PlayedDriver(["u/js110/001234"], [value(0, 1.0)])
    with recorded(Joulescope(driver=lambda: driver), tmp_path / "live.csv"):
        pass
    assert ("subscribe", "u/js110/001234/s/sstats/value", "pub") in driver.told


def test_times_count_from_2018() -> None:
    found = interval_of(value(10, 2.5) | {"time": {"utc": {"value": [0, (BEGAN_S + 1) * TICKS_PER_S]}}})
    assert found == Interval(EPOCH_UNIX_NS + (BEGAN_S + 1) * 1_000_000_000, 2.5)


@pytest.mark.parametrize(
    ("paths", "serial", "error", "why"),
    [
        ([], "", RunFailure, "no Joulescope"),
        (["u/js320/1"], "", RunFailure, "no Joulescope"),
        (["u/js220/1", "u/js220/2"], "", RunFailure, "several Joulescopes are connected: 1, 2"),
        (["u/js220/1"], "2", UnknownName, "2"),
    ],
)
def test_no_such_meter(paths: list[str], serial: str, error: type[Exception], why: str, tmp_path: Path) -> None:
    """The driver is let go of, and nothing is measured."""
    driver = PlayedDriver(paths, [])
    with pytest.raises(error, match=why), recorded(Joulescope(serial, lambda: driver), tmp_path / "live.csv"):
        pytest.fail("measured without a meter")
    assert driver.told[-1] == ("finalize",)
    assert not (tmp_path / "live.csv").exists()


def test_a_meter_that_says_nothing(tmp_path: Path) -> None:
    driver = PlayedDriver(["u/js220/1"], [])
    silent = recorded(Joulescope(driver=lambda: driver), tmp_path / "live.csv", first_s=0.01)
    with pytest.raises(RunFailure, match="gave no reading"), silent:
        pytest.fail("measured without a reading")
    assert driver.told[-1] == ("finalize",)
    assert not (tmp_path / "live.csv").exists()


def test_a_meter_that_is_unplugged(tmp_path: Path) -> None:
    """Letting go of it fails; the run goes on, and the log has what was read."""

    class Unplugged(PlayedDriver):
        def close(self, device: str) -> None:
            raise RuntimeError("jsdrv: device removed")

    driver = Unplugged(["u/js220/1"], [value(n, 3.0) for n in range(5)])
    with recorded(Joulescope(driver=lambda: driver), tmp_path / "live.csv"):
        pass
    assert figures_of(read_log(tmp_path / "live.csv")).readings == 5
    assert driver.told[-1] == ("finalize",)


def test_the_drivers_own_interface() -> None:
    """What is called here exists in the installed driver."""
    driver = pytest.importorskip("pyjoulescope_driver").Driver
    for name in ("device_paths", "open", "publish", "subscribe", "unsubscribe", "close", "finalize"):
        assert callable(getattr(driver, name))
