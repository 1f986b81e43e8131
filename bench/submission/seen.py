"""How sure a figure is: its interval, and what a joined power meter leaves open."""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from bench.analysis.power.uncertainty import Uncertainty
from bench.record.record import RecordedRun
from bench.words import Sentence, sentence

UNSTATED = sentence("submission.meter_unstated")
Interval = Literal["ci95", "idle", "bound", "exact", ""]


class Seen(Struct, frozen=True, kw_only=True):
    """A figure in the record's unit. ``low`` and ``high``: its 95 % interval; of ``idle`` power what its idle times and
    the meter leave open; of a ``bound`` 0 and the largest that the figure can be; of an ``exact`` figure itself. ``n``:
    processes, samples of a dataset, or readings of a meter (``idle``, ``bound``). ``reason``: why ``value`` is null, or
    only its interval. That of a joined meter's energy is as much wider as the meter's log is uncertain."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    interval: Interval = ""
    n: int = 0
    reason: Sentence | str = ""


def as_metered(seen: Seen, found: Uncertainty | None) -> Seen:
    """Wider by what the meter's log leaves open; without an interval where the meter's uncertainty is not stated."""
    if found is None or seen.value is None or seen.low is None or seen.high is None:
        return seen
    if found.whole is None:
        return Seen(value=seen.value, n=seen.n, reason=UNSTATED)
    reach = found.whole * abs(seen.value)
    return replace(seen, low=seen.low - reach, high=seen.high + reach)


def idle_watts(run: RecordedRun) -> Seen:
    """In the idle times of the marker: known as far as these agree, and as the meter is stated to be."""
    meter = run.record.meter
    if meter is None or meter.idle_watts is None or meter.idle is None or meter.idle.source != "marker":
        return Seen(reason=sentence("submission.no_idle_watts"))
    value, spread = meter.idle_watts, meter.idle.spread_watts
    if spread is None:
        return Seen(value=value, n=meter.idle.readings, interval="idle", reason=sentence("submission.one_idle_time"))
    if meter.stated_uncertainty is None:
        return Seen(value=value, n=meter.idle.readings, interval="idle", reason=UNSTATED)
    reach = spread + meter.stated_uncertainty * value
    return Seen(value=value, low=max(0.0, value - reach), high=value + reach, interval="idle", n=meter.idle.readings)


def standby_watts(run: RecordedRun) -> Seen:
    """At most the idle power: a device in standby draws no more than one that is awake and infers nothing, and how much
    less is not measured. So it may meet a limit, and never misses one."""
    idle = idle_watts(run)
    return idle if idle.low is None else replace(idle, low=0.0, interval="bound")
