"""The processor's clock while queries are timed, read from cpufreq between batches and never within one."""

import sys
from pathlib import Path


class CoreClocks:
    """Collects readings of the fastest core in MHz; none if the kernel does not report it. ``root``: ``/``, or a
    recorded tree."""

    def __init__(self, root: Path) -> None:
        policies = (root / "sys/devices/system/cpu/cpufreq").glob("policy*/scaling_cur_freq")
        self._files = sorted(policies) if sys.platform == "linux" else []
        self.readings_mhz: list[float] = []

    def look(self) -> None:
        """Take one reading. The fastest core is the one that works; an idle one's clock says nothing."""
        found = [mhz for file in self._files if (mhz := _mhz(file)) is not None]
        if found:
            self.readings_mhz.append(max(found))


def _mhz(file: Path) -> float | None:
    try:
        return float(file.read_text()) / 1000
    except (OSError, ValueError):
        return None
