"""What stands in the way of steady, comparable figures, and what to do about it."""

import os
import sys
from pathlib import Path
from typing import Literal

from msgspec import Struct

from bench.machine.environment import BUSY_WINDOW_SECONDS
from bench.record.record import Environment
from bench.words import Sentence, sentence

HOT_CELSIUS = 80.0


BUSY_SHARE = 0.1


class Finding(Struct, frozen=True):
    """One thing that makes measurements better or worse here; ``remedy`` is empty when there is nothing to do."""

    topic: str
    state: Literal["ok", "warning", "unavailable"]
    message: Sentence | str
    remedy: Sentence | str = ""


def remedies(environment: Environment, root: Path = Path("/")) -> list[Finding]:
    """What stands in the way of steady, comparable figures, for ``odb doctor``."""
    return [
        _power_finding(environment),
        _governor_finding(environment),
        _load_finding(environment),
        _temperature_finding(environment),
        _virtual_finding(environment),
        _emulation_finding(environment),
        *_device_findings(root),
        *long_paths_finding(long_paths()),
    ]


def _power_finding(environment: Environment) -> Finding:
    if environment.power_source == "battery":
        left = environment.battery_percent
        code = "machine.running_on_battery" if left is None else "machine.running_on_battery_with"
        return Finding(
            "power",
            "warning",
            sentence(code, left=left),
            sentence("machine.plug_in"),
        )
    if environment.power_source is None:
        return Finding("power", "unavailable", environment.unavailable["power_source"])
    return Finding("power", "ok", sentence("machine.on_mains"))


def _governor_finding(environment: Environment) -> Finding:
    governor = environment.governor
    if governor is None:
        return Finding("governor", "unavailable", environment.unavailable["governor"])
    if governor == "performance":
        return Finding("governor", "ok", "performance")
    command = "echo performance | sudo tee /sys/devices/system/cpu/cpufreq/policy*/scaling_governor"
    return Finding(
        "governor", "warning", sentence("machine.clock_follows_load_latencies_spread", governor=governor), command
    )


def _load_finding(environment: Environment) -> Finding:
    busy = environment.load.get("cpu_busy_share")
    if busy is None:
        return Finding("load", "unavailable", environment.unavailable["load"])
    said = sentence("machine.processor_busy", busy=busy, busy_window_seconds=BUSY_WINDOW_SECONDS)
    if busy > BUSY_SHARE:
        return Finding("load", "warning", said, sentence("machine.close_other_programs"))
    return Finding("load", "ok", said)


def _temperature_finding(environment: Environment) -> Finding:
    if not environment.temperature_celsius:
        return Finding("temperature", "unavailable", environment.unavailable["temperature_celsius"])
    where, celsius = max(environment.temperature_celsius.items(), key=lambda item: item[1])
    said = sentence("machine.hottest_sensor", where=where, celsius=celsius)
    if celsius >= HOT_CELSIUS:
        return Finding("temperature", "warning", said, sentence("machine.let_it_cool_down"))
    return Finding("temperature", "ok", said)


def _virtual_finding(environment: Environment) -> Finding:
    virtual = environment.host.get("virtualised")
    if virtual is None:
        return Finding("virtualisation", "unavailable", sentence("machine.virtualisation_not_told"))
    if virtual:
        why = sentence("machine.virtual_machine")
        return Finding("virtualisation", "warning", why, sentence("machine.measure_on_the_device"))
    return Finding("virtualisation", "ok", sentence("machine.none_seen"))


def _emulation_finding(environment: Environment) -> Finding:
    emulated = environment.host.get("emulated")
    if emulated is None:
        return Finding("emulation", "unavailable", sentence("machine.emulation_not_told"))
    if emulated:
        emulator = str(environment.host.get("emulator"))
        why = sentence("machine.processor_emulated", emulator=emulator)
        return Finding("emulation", "warning", why, sentence("machine.processor_emulated.remedy"))
    return Finding("emulation", "ok", sentence("machine.processor_not_emulated"))


def long_paths() -> bool | None:
    """Whether Windows allows paths of more than 260 characters; ``None`` on other systems."""
    if sys.platform == "win32":
        import winreg

        place = r"SYSTEM\CurrentControlSet\Control\FileSystem"
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
                return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
        except OSError:
            return False
    return None


def long_paths_finding(allowed: bool | None) -> list[Finding]:
    """``allowed``: as ``long_paths`` tells; nothing of a system that has no such limit."""
    if allowed is None:
        return []
    if allowed:
        return [Finding("long_paths", "ok", sentence("machine.long_paths_on"))]
    remedy = sentence("machine.long_paths_off.remedy")
    return [Finding("long_paths", "warning", sentence("machine.long_paths_off"), remedy)]


def _device_findings(root: Path) -> list[Finding]:
    """Accelerators whose device node this user may not open: the runtimes then say only "no device found"."""
    findings = []
    for topic, pattern in (("npu", "dev/accel/accel*"), ("gpu", "dev/dri/renderD*")):
        for node in sorted(root.glob(pattern)):
            if os.access(node, os.R_OK | os.W_OK):
                findings.append(Finding(topic, "ok", sentence("machine.node_may_be_opened", node_name=node.name)))
            else:
                remedy = sentence("machine.join_render_group")
                findings.append(
                    Finding(topic, "warning", sentence("machine.node_may_not_be_opened", node_name=node.name), remedy)
                )
    return findings
