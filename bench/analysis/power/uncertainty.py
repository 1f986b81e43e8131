"""How uncertain the energy of a joined meter's log is, figure by figure.

Two parts, joined as the root of their squares: where the windows lie between the log's readings, which weighs more in a
short window; and the meter itself, by what the user states of it. Of a difference, as above idle or between a whole
query and its prompt, both readings are uncertain and what is left is smaller, so that it is less known than either.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from types import MappingProxyType

from msgspec import Struct

from bench.analysis.metrics import figures_of
from bench.record.energy import ChannelReading, JoinedMeter, RepeatEnergy
from bench.record.record import Record

WHOLE = ("total_joules_per_inference", "energy_delay_joule_seconds", "battery_hours")
"""Of the windows with idle inside; the first one is what the others follow from."""
ABOVE_IDLE = ("joules_per_inference", "keep_awake_watts")
TOKENS: Mapping[str, tuple[bool, bool]] = MappingProxyType(
    {
        "joules_per_prompt_token": (True, False),
        "joules_per_generated_token": (True, True),
        "total_joules_per_prompt_token": (False, False),
        "total_joules_per_generated_token": (False, True),
    }
)
"""Whether it is above idle, and whether a difference between whole queries and those of the prefill pass."""


class Uncertainty(Struct, frozen=True):
    """Fractions of a figure. ``of_window``: by where its windows lie between the readings, ``None`` where the energy is
    not above 0, so that nothing is known of it. ``of_meter``: by the meter itself, ``None`` where it is not stated."""

    of_window: float | None
    of_meter: float | None

    @property
    def known(self) -> float:
        """What is known of it: the figure is at least as uncertain."""
        return math.inf if self.of_window is None else math.hypot(self.of_window, self.of_meter or 0.0)

    @property
    def whole(self) -> float | None:
        """``None`` where the meter's own is not stated."""
        return None if self.of_meter is None else self.known


class _Cost(Struct, frozen=True):
    """Of a query, in joules: the figure, what it may be wrong by through its window, and what the meter's fraction is
    of."""

    joules: float
    window: float
    metered: float


def uncertainties(record: Record) -> dict[str, Uncertainty]:
    """Metric -> how uncertain it is, of those that follow from the joined meter's log. A chip's own estimate, of tier
    ``sensor``, is as uncertain as its chip: no part of it is of a meter, and ``of_meter`` is 0."""
    meter, energy = record.meter, record.summary.energy
    if meter is None or energy is None:
        return {}
    stated = meter.stated_uncertainty if meter.tier == "meter" else meter.stated_uncertainty or 0.0
    channel, figures = f"{meter.format}/{meter.channel}", figures_of(record.summary)
    text = record.summary.text_generation
    of_tokens = text.energy.sensor_channel if text is not None and text.energy is not None else None
    read = {False: energy.total_sensor_channel == channel, True: energy.sensor_channel == channel}
    found: dict[str, Uncertainty] = {}
    for above, names in ((False, WHOLE), (True, ABOVE_IDLE)):
        costs = [cost for repeat in record.repeats if (cost := _cost(repeat.energy, meter, above)) is not None]
        found |= {name: _of(costs, stated) for name in names if name in figures and read[above] and costs}
    for name, (above, difference) in TOKENS.items():
        costs = [*_of_tokens(record, meter, above, difference)]
        if name in figures and read[above] and costs and (not above or of_tokens == channel):
            found[name] = _of(costs, stated)
    return found


def _of(costs: Sequence[_Cost], stated: float | None) -> Uncertainty:
    """Of the median over repeats: by the repeat whose window says least, and by the meter as in the middle one."""
    typical = median(cost.joules for cost in costs)
    if typical <= 0:
        return Uncertainty(None, stated)
    window, metered = max(cost.window for cost in costs), median(cost.metered for cost in costs)
    return Uncertainty(window / typical, None if stated is None else stated * metered / typical)


def _cost(window: RepeatEnergy | None, meter: JoinedMeter, above: bool) -> _Cost | None:
    reading = reading_of(window, meter)
    if window is None or reading is None or not window.queries or reading.joules_total is None:
        return None
    joules = reading.joules if above else reading.joules_total
    if joules is None:
        return None
    metered = math.hypot(reading.joules_total, reading.joules_total - joules)
    return _Cost(joules / window.queries, (reading.doubt_joules or 0.0) / window.queries, metered / window.queries)


def _of_tokens(record: Record, meter: JoinedMeter, above: bool, difference: bool) -> Iterator[_Cost]:
    """Of the prompt alone, or of all generated tokens but the first."""
    for repeat in record.repeats:
        whole, prompt = (_cost(one, meter, above) for one in (repeat.energy, repeat.prefill_energy))
        if whole is None or prompt is None:
            continue
        yield (
            prompt
            if not difference
            else _Cost(
                whole.joules - prompt.joules,
                math.hypot(whole.window, prompt.window),
                math.hypot(whole.metered, prompt.metered),
            )
        )


def reading_of(window: RepeatEnergy | None, meter: JoinedMeter) -> ChannelReading | None:
    """The joined meter's channel in a window; ``None`` where the log does not cover it."""
    channels = window.channels if window is not None else ()
    return next((one for one in channels if (one.sensor, one.name) == (meter.format, meter.channel)), None)
