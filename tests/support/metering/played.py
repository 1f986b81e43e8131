"""A Joulescope's driver that plays values, in the form that the maker's own gives."""

from collections.abc import Callable
from typing import Any

from bench.power.live.joulescope import EPOCH_UNIX_NS, TICKS_PER_S

S = 1_000_000_000


def value(ended_unix_ns: int, watts: float) -> dict[str, Any]:
    """The mean of the tenth of a second that ended then, as ``pyjoulescope_driver``'s binding makes it of
    ``jsdrv_statistics_s``, but for what is not read here."""
    end = (ended_unix_ns - EPOCH_UNIX_NS) * TICKS_PER_S // S
    return {
        "time": {
            "samples": {"value": [0, 100_000], "units": "samples"},
            "utc": {"value": [end - TICKS_PER_S // 10, end], "units": "time64"},
            "sample_freq": {"value": 1_000_000.0, "units": "Hz"},
            "delta": {"value": 0.1, "units": "s"},
        },
        "signals": {
            "current": {"avg": {"value": watts / 5, "units": "A"}},
            "voltage": {"avg": {"value": 5.0, "units": "V"}},
            "power": {"avg": {"value": watts, "units": "W"}, "std": {"value": 0.1, "units": "W"}},
        },
        "accumulators": {"energy": {"value": 0.0, "units": "J"}},
    }


class PlayedDriver:
    """Gives ``values`` as soon as their topic is subscribed to, and keeps what it was told."""

    def __init__(self, paths: list[str], values: list[dict[str, Any]]) -> None:
        self.paths, self.values = paths, values
        self.told: list[tuple[Any, ...]] = []

    def device_paths(self) -> list[str]:
        return self.paths

    def open(self, device: str) -> None:
        self.told.append(("open", device))

    def publish(self, topic: str, value: Any) -> None:
        self.told.append(("publish", topic, value))

    def subscribe(self, topic: str, flags: str, heard: Callable[[str, Any], None]) -> None:
        self.told.append(("subscribe", topic, flags))
        for one in self.values:
            heard(topic, one)

    def unsubscribe(self, topic: str, heard: Any) -> None:
        self.told.append(("unsubscribe", topic))

    def close(self, device: str) -> None:
        self.told.append(("close", device))

    def finalize(self) -> None:
        self.told.append(("finalize",))
