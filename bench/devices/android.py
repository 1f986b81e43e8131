"""What an Android device says of itself: its properties, battery and temperatures, as a record's environment has them.

``getprop`` prints ``[name]: [value]`` lines; ``dumpsys battery`` prints ``level: 87``; ``dumpsys thermalservice`` (from
Android 10 on) lists ``Temperature{mValue=…, mType=…, mName=…, mStatus=…}`` below "Current temperatures from HAL".
No serial number, account or network address is taken.
"""

import re

from msgspec import Struct

from bench.devices.device import RemoteDevice
from bench.record.record import Environment, Scalar
from bench.words import Sentence, sentence

PROPERTY = re.compile(r"^\[([^\]]+)\]: \[(.*)\]$", re.MULTILINE)
TEMPERATURE = re.compile(r"Temperature\{mValue=(-?[0-9.]+), mType=-?\d+, mName=([^,}]+)")
CURRENT, COOLING = "Current temperatures from HAL:", "Current cooling devices"
POSSIBLE_C = (-40.0, 200.0)  # a sensor that is not there reads 0, or thousands below
POWERED = ("AC powered", "USB powered", "Wireless powered", "Dock powered")
ABI = "arm64-v8a"


class Handheld(Struct, frozen=True):
    """Properties by Android's names."""

    properties: dict[str, str]

    @property
    def part(self) -> str:
        """The SoC's part number (``SM8650``); Android tells it from version 12 on."""
        return self.properties.get("ro.soc.model", "")

    @property
    def abi(self) -> str:
        return self.properties.get("ro.product.cpu.abi", "")

    @property
    def model(self) -> str:
        """What is printed on the box, as the maker writes it."""
        words = (self.properties.get(f"ro.product.{name}", "") for name in ("manufacturer", "model"))
        return " ".join(word for word in words if word)


def handheld(device: RemoteDevice) -> Handheld:
    """What ``getprop`` says."""
    return Handheld(dict(PROPERTY.findall(device.shell(("getprop",)))))


def environment(device: RemoteDevice, of: Handheld) -> Environment:
    """The device and its state now. What it does not tell is null, with the reason."""
    battery = device.shell(("dumpsys", "battery"))
    level = re.search(r"^\s*level: (\d+)$", battery, re.MULTILINE)
    powered = [name for name in POWERED if re.search(rf"^\s*{name}: true$", battery, re.MULTILINE)]
    known = of.properties
    host: dict[str, Scalar] = {
        "cpu": of.part or None,
        "board": of.model or None,
        "os": "Android",
        "os_version": known.get("ro.build.version.release"),
        "kernel": device.shell(("uname", "-r")).strip() or None,
        "machine": of.abi or None,
    }
    temperatures = heat(device.shell(("dumpsys", "thermalservice")))
    not_told: dict[str, Sentence | str] = {
        f"host.{name}": sentence("machine.not_told") for name, value in host.items() if value is None
    }
    if not temperatures:
        not_told["temperature_celsius"] = sentence("device.no_temperatures")
    return Environment(
        host=host,
        power_source=("ac" if powered else "battery") if level else None,
        battery_percent=float(level[1]) if level else None,
        temperature_celsius=temperatures,
        unavailable=not_told,
    )


def heat(printed: str) -> dict[str, float]:
    """The temperatures that are measured now; those of the cache may be hours old."""
    _, _, rest = printed.partition(CURRENT)
    current = rest.partition(COOLING)[0]
    found = {name.strip(): float(value) for value, name in TEMPERATURE.findall(current)}
    low, high = POSSIBLE_C
    return {name: value for name, value in found.items() if low < value < high and value != 0}
