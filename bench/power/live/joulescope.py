"""Joulescopes, read live by their maker's ``pyjoulescope_driver``: the mean power of each tenth of a second.

Topics and values as that package's ``entry_points/statistics.py`` and ``measure.py`` use them: a JS220 computes
statistics itself, at ``s/stats/scnt`` samples of a million a second; a JS110 does so twice a second, in
``s/sstats/value``. A value holds ``time.utc.value``, beginning and end in the driver's 34Q30 seconds since 2018, and
``signals.power.avg.value`` in watts.
"""

from collections.abc import Callable, Mapping
from typing import Any

from bench.errors import RunFailure, UnknownName
from bench.power.live.meter import Interval
from bench.words import sentence

RATE = 1_000_000
STATISTICS_PER_S = 10
EPOCH_UNIX_NS = 1_514_764_800_000_000_000
"""2018-01-01 UTC."""
TICKS_PER_S = 1 << 30
READS = ("js220", "js110")


def unix_ns_of(time64: int) -> int:
    """The driver's time as nanoseconds since 1970."""
    return EPOCH_UNIX_NS + time64 * 1_000_000_000 // TICKS_PER_S


def interval_of(value: Mapping[str, Any]) -> Interval:
    """Of one value of a statistics topic."""
    return Interval(unix_ns_of(int(value["time"]["utc"]["value"][1])), float(value["signals"]["power"]["avg"]["value"]))


class Joulescope:
    """``serial``: of one of several. ``driver``: makes the library's ``Driver``."""

    def __init__(self, serial: str = "", driver: Callable[[], Any] | None = None) -> None:
        self._serial, self._make = serial, driver or _driver
        self._driver: Any = None
        self._device = self._topic = ""
        self._heard: Any = None

    def start(self, keep: Callable[[Interval], None]) -> Mapping[str, str]:
        """Raises ``RunFailure`` without the library or a meter, ``UnknownName`` for another serial number."""
        self._driver = self._make()
        try:
            return self._started(keep)
        except BaseException:
            self._driver.finalize()
            self._driver = None
            raise

    def _started(self, keep: Callable[[Interval], None]) -> Mapping[str, str]:
        paths = {path.rsplit("/", 1)[-1]: path for path in self._driver.device_paths() if _model(path) in READS}
        if not paths:
            raise RunFailure("unavailable", sentence("power.live.no_meter"), sentence("power.live.no_meter.remedy"))
        if self._serial and self._serial not in paths:
            raise UnknownName(sentence("power.live.serial"), self._serial, paths)
        if not self._serial and len(paths) > 1:
            raise RunFailure(
                "unavailable",
                sentence("power.live.several", serials=list(paths)),
                sentence("power.live.several.remedy", serial=next(iter(paths))),
            )
        self._device = paths[self._serial or next(iter(paths))]
        model, serial = _model(self._device), self._device.rsplit("/", 1)[-1]
        self._driver.open(self._device)
        if model == "js220":
            self._driver.publish(f"{self._device}/s/i/range/mode", "auto")
            self._driver.publish(f"{self._device}/s/stats/scnt", RATE // STATISTICS_PER_S)
            self._driver.publish(f"{self._device}/s/stats/ctrl", 1)
            self._topic = f"{self._device}/s/stats/value"
        else:
            self._driver.publish(f"{self._device}/s/i/range/select", "auto")
            self._topic = f"{self._device}/s/sstats/value"
        self._heard = lambda topic, value: keep(interval_of(value))
        self._driver.subscribe(self._topic, "pub", self._heard)
        return {"vendor": "Jetperch", "model": model.upper(), "serial": serial}

    def stop(self) -> None:
        """Let go of the device; a second call does nothing."""
        driver, self._driver = self._driver, None
        if driver is None:
            return
        try:
            driver.unsubscribe(self._topic, self._heard)
            driver.close(self._device)
        finally:
            driver.finalize()


def _model(path: str) -> str:
    """``js220`` of ``u/js220/000415``."""
    return path.rsplit("/", 2)[-2] if path.count("/") >= 2 else ""


def _driver() -> Any:
    try:
        from pyjoulescope_driver import Driver
    except ImportError:
        raise RunFailure("unavailable", sentence("power.live.no_library"), sentence("power.install_meters")) from None
    return Driver()
