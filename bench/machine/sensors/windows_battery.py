"""The battery's own gauge on Windows: what the whole device draws while it runs on battery.

SYSTEM_BATTERY_STATE of ``winnt.h``: a rate in mW, negative while the battery discharges. All batteries are one.
"""

import struct
from collections.abc import Sequence
from pathlib import Path

from bench.contracts import Channel
from bench.machine.windows.calls import Calls, is_this_machine, windows_calls
from bench.words import Sentence, sentence

LAYOUT = "<4?4xIIiIII"
UNKNOWN_RATE = -0x80000000  # BATTERY_UNKNOWN_RATE


class WindowsBattery:
    """Watts leaving the battery. Usable only while it discharges."""

    summary = sentence("machine.summary.windows_battery")

    def __init__(self, calls: Calls | None = None) -> None:
        self._calls = windows_calls() if calls is None else calls

    def channels(self, root: Path) -> Sequence[Channel]:
        if self._calls is None or not is_this_machine(root):
            return ()
        present, discharging, milliwatts = _state(self._calls)
        if not present:
            return ()
        reason: Sentence | str = ""
        remedy: Sentence | str = ""
        if not discharging:
            reason = sentence("machine.on_ac_no_discharge")
            remedy = sentence("machine.unplug_charger_measure_again")
        elif milliwatts in (0, UNKNOWN_RATE):
            reason = sentence("machine.battery_reports_nothing")
        return (Channel("windows_battery", "battery", "power", "battery", "", not reason, reason, remedy),)

    def read(self, root: Path, channel: Channel) -> float:
        """Raises ``OSError`` also when the battery has stopped discharging: it no longer carries the device."""
        if self._calls is None:
            raise OSError(sentence("machine.windows_alone"))
        _, discharging, milliwatts = _state(self._calls)
        if not discharging:
            raise OSError(sentence("machine.no_longer_discharges", channel_name=channel.name))
        if milliwatts == UNKNOWN_RATE:
            raise OSError(sentence("machine.battery_reports_nothing"))
        return abs(milliwatts) / 1000


def _state(calls: Calls) -> tuple[bool, bool, int]:
    """Whether a battery is there, whether it discharges, and its rate in mW."""
    raw = calls.battery()
    if len(raw) < struct.calcsize(LAYOUT):
        raise OSError(f"{len(raw)} bytes")
    _, present, _, discharging, _, _, rate, *_ = struct.unpack_from(LAYOUT, raw)
    return present, discharging, rate
