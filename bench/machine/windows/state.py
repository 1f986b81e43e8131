r"""Temperatures and the processor's clock on Windows, by performance counters.

``\Thermal Zone Information(*)\High Precision Temperature`` is in tenths of a kelvin, and a zone without a sensor reads
273.2 K. ``\Processor Information(_Total)\% Processor Performance`` keeps cycles and ticks: their growth between two
readings is the clock in percent of the nominal one, above 100 where the processor boosts.
"""

from bench.machine.windows.calls import Calls
from bench.machine.windows.pdh import RawValue, raw_values

TEMPERATURES = r"\Thermal Zone Information(*)\High Precision Temperature"
PERFORMANCE = r"\Processor Information(*)\% Processor Performance"
NOMINAL = r"\Processor Information(*)\Processor Frequency"
TOTAL = "_total"

ZERO_KELVIN = 273.2
PLAUSIBLE_CELSIUS = 0.0, 150.0
"""Beyond these a zone has no sensor."""


class WindowsState:
    """``celsius`` and ``mhz`` as of ``bench.machine.traces``; what does not answer is absent."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._last: RawValue | None = None
        self.mhz()  # the first reading is what the second is compared with

    def celsius(self) -> dict[str, float]:
        low, high = PLAUSIBLE_CELSIUS
        read = {name: value.first / 10 - ZERO_KELVIN for name, value in self._values(TEMPERATURES).items()}
        return {
            name: round(celsius, 1)
            for name, celsius in read.items()
            if low < round(celsius, 1) <= high and name.lower() != TOTAL
        }

    def mhz(self) -> dict[str, float]:
        """The mean over the time since the last call, of the cores that worked."""
        now, before = _total(self._values(PERFORMANCE)), self._last
        nominal = _total(self._values(NOMINAL))
        self._last = now
        if now is None or before is None or nominal is None or now.second <= before.second:
            return {}
        percent = (now.first - before.first) / (now.second - before.second)
        return {"cpu": nominal.first * percent / 100} if percent > 0 else {}

    def _values(self, path: str) -> dict[str, RawValue]:
        try:
            return dict(raw_values(self._calls.raw_counters(path)))
        except OSError:
            return {}


def _total(values: dict[str, RawValue]) -> RawValue | None:
    return next((value for name, value in values.items() if name.lower() == TOTAL), None)
