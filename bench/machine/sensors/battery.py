"""The battery's own gauge: what the whole device draws while it runs on battery.

Linux' power_supply class. Gauges refresh every second to half a minute, so only a pass of many seconds says anything.
"""

from collections.abc import Sequence
from pathlib import Path

from bench.contracts import Channel
from bench.words import Sentence, sentence


class Battery:
    """Watts leaving each battery. Usable only while it discharges; named after the supply (``BAT0``)."""

    summary = sentence("machine.summary.battery")

    def channels(self, root: Path) -> Sequence[Channel]:
        supplies = sorted((root / "sys/class/power_supply").glob("*"))
        return tuple(_channel(root, s) for s in supplies if _is_system_battery(s))

    def read(self, root: Path, channel: Channel) -> float:
        """Raises ``OSError`` also when the battery has stopped discharging: it no longer carries the device."""
        gauge = root / channel.path
        if _text(gauge.parent / "status") != "Discharging":
            raise OSError(sentence("machine.no_longer_discharges", channel_name=channel.name))
        # Drivers disagree on the sign of a discharge.
        now = abs(float(gauge.read_text()))
        if gauge.name == "power_now":
            return now * 1e-6
        return now * float((gauge.parent / "voltage_now").read_text()) * 1e-12


def _channel(root: Path, supply: Path) -> Channel:
    gauge = supply / "power_now"
    if _text(gauge) in ("", "0"):  # missing, or there and never filled by the driver
        gauge = supply / "current_now"
    reason: Sentence | str = ""
    remedy: Sentence | str = ""
    if not gauge.exists() or (gauge.name == "current_now" and not (supply / "voltage_now").exists()):
        reason = sentence("machine.battery_reports_nothing")
    elif _text(supply / "status") != "Discharging":
        reason, remedy = (
            sentence("machine.on_ac_no_discharge"),
            sentence("machine.unplug_charger_measure_again"),
        )
    return Channel(
        sensor="battery",
        name=supply.name,
        kind="power",
        domain="battery",
        path=gauge.relative_to(root).as_posix(),
        usable=not reason,
        reason=reason,
        remedy=remedy,
    )


def _is_system_battery(supply: Path) -> bool:
    """Not a mouse's or a pen's: those have the scope ``Device``. Names differ (``BAT0``, ``qcom-battmgr-bat``)."""
    return _text(supply / "type") == "Battery" and _text(supply / "scope") != "Device"


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
