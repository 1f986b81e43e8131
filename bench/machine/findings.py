"""What stands in the way of steady, comparable figures, and what to do about it."""

import os
from pathlib import Path
from typing import Literal

from msgspec import Struct

from bench.machine.environment import BUSY_WINDOW_SECONDS
from bench.record.record import Environment

HOT_CELSIUS = 80.0


BUSY_SHARE = 0.1


class Finding(Struct, frozen=True):
    """One thing that makes measurements better or worse here; ``remedy`` is empty when there is nothing to do."""

    topic: str
    state: Literal["ok", "warning", "unavailable"]
    message: str
    remedy: str = ""


def remedies(environment: Environment, root: Path = Path("/")) -> list[Finding]:
    """What stands in the way of steady, comparable figures, for ``odb doctor``."""
    return [
        _power_finding(environment),
        _governor_finding(environment),
        _load_finding(environment),
        _temperature_finding(environment),
        _virtual_finding(environment),
        *_device_findings(root),
    ]


def _power_finding(environment: Environment) -> Finding:
    if environment.power_source == "battery":
        left = environment.battery_percent
        charge = "" if left is None else f" ({left:.0f} % left)"
        return Finding("power", "warning", f"running on battery{charge}: most machines clock lower", "Plug in.")
    if environment.power_source is None:
        return Finding("power", "unavailable", environment.unavailable["power_source"])
    return Finding("power", "ok", "on mains")


def _governor_finding(environment: Environment) -> Finding:
    governor = environment.governor
    if governor is None:
        return Finding("governor", "unavailable", environment.unavailable["governor"])
    if governor == "performance":
        return Finding("governor", "ok", "performance")
    command = "echo performance | sudo tee /sys/devices/system/cpu/cpufreq/policy*/scaling_governor"
    return Finding("governor", "warning", f"{governor}: the clock follows the load, so latencies spread", command)


def _load_finding(environment: Environment) -> Finding:
    busy = environment.load.get("cpu_busy_share")
    if busy is None:
        return Finding("load", "unavailable", environment.unavailable["load"])
    said = f"{busy:.0%} of the processor busy over {BUSY_WINDOW_SECONDS} s"
    if busy > BUSY_SHARE:
        return Finding("load", "warning", said, "Close other programs, or wait until they are done.")
    return Finding("load", "ok", said)


def _temperature_finding(environment: Environment) -> Finding:
    if not environment.temperature_celsius:
        return Finding("temperature", "unavailable", environment.unavailable["temperature_celsius"])
    where, celsius = max(environment.temperature_celsius.items(), key=lambda item: item[1])
    said = f"hottest sensor {where} at {celsius:.0f} °C"
    if celsius >= HOT_CELSIUS:
        return Finding("temperature", "warning", said, "Let the machine cool down: it may throttle.")
    return Finding("temperature", "ok", said)


def _virtual_finding(environment: Environment) -> Finding:
    virtual = environment.host.get("virtualised")
    if virtual is None:
        return Finding("virtualisation", "unavailable", "this system does not tell whether it is a virtual machine")
    if virtual:
        why = "a virtual machine shares its cores, and shows no power, clock or temperature"
        return Finding("virtualisation", "warning", why, "Measure on the device itself for figures to publish.")
    return Finding("virtualisation", "ok", "none seen")


def _device_findings(root: Path) -> list[Finding]:
    """Accelerators whose device node this user may not open: the runtimes then say only "no device found"."""
    findings = []
    for topic, pattern in (("npu", "dev/accel/accel*"), ("gpu", "dev/dri/renderD*")):
        for node in sorted(root.glob(pattern)):
            if os.access(node, os.R_OK | os.W_OK):
                findings.append(Finding(topic, "ok", f"{node.name} may be opened"))
            else:
                remedy = "sudo usermod -aG render $USER, then log in again"
                findings.append(Finding(topic, "warning", f"{node.name} may not be opened by this user", remedy))
    return findings
