"""How busy the rest of the machine is while a repeat runs."""

import os
import time

from msgspec import Struct


class HostLoad(Struct, frozen=True):
    """Seconds of CPU time that the whole machine has spent working since it started, and when that was read."""

    busy_seconds: float
    at_seconds: float

    @classmethod
    def now(cls) -> "HostLoad":
        import psutil

        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        guest = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # counted in user time already
        return cls(sum(times) - idle - guest, time.monotonic())

    def busy_share_of_others(self, before: "HostLoad", own_cpu_seconds: float) -> float | None:
        """Fraction of all cores, 0 to 1, that processes other than the measured one used since ``before``."""
        elapsed = self.at_seconds - before.at_seconds
        if elapsed <= 0:
            return None
        others = self.busy_seconds - before.busy_seconds - own_cpu_seconds
        return min(1.0, max(0.0, others / (elapsed * (os.cpu_count() or 1))))
