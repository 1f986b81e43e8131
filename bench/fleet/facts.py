"""What a device of a fleet says of itself."""

from collections.abc import Iterator

from msgspec import Struct

from bench.contracts import TargetFacts
from bench.words import Sentence


class DeviceFacts(Struct, frozen=True, kw_only=True):
    """Announced when a worker joins, and again when asked.

    ``name``: the device's name in the rack. ``labels``: what ``--where`` and the scheduler match: ``os``, ``arch``,
    ``soc``, ``npu``, ``cpu``, ``machine`` (the class of machine). ``targets``: by plugin, as ``odb list targets`` finds
    them. ``versions``: of odb, Python, distributed, runtimes and drivers. ``utc_ns``: the device's clock when it was
    asked. ``plugins``: the plugin files that the worker was started with; ``takes_plugins``: whether it also takes
    those that are sent. ``free_bytes``: on its disk; ``cache_bytes``, ``cache_most_bytes``: what files that were sent
    take, and may take.
    """

    name: str
    labels: dict[str, str]
    targets: dict[str, TargetFacts]
    versions: dict[str, str]
    utc_ns: int
    free_bytes: int
    cache_bytes: int
    cache_most_bytes: int = 0
    plugins: tuple[str, ...] = ()
    takes_plugins: bool = False

    @property
    def usable(self) -> tuple[str, ...]:
        """``plugin:device`` of each target that can be used."""
        found = sorted(self.targets.items())
        return tuple(f"{plugin}:{device.name}" for plugin, facts in found for device in facts.devices if device.usable)

    def resources(self) -> dict[str, float]:
        """What the scheduler matches: one of the device, of each label, of each target that can be used, and of each
        version of a runtime or driver."""
        return dict.fromkeys(self._resources(), 1.0)

    def _resources(self) -> Iterator[str]:
        yield "device"
        yield f"device={self.name}"
        yield from (f"{key}={value}" for key, value in sorted(self.labels.items()) if value)
        yield from (f"target={target}" for target in self.usable)
        yield from (f"{name}={text}" for name, text in sorted(self.versions.items()))


class Running(Struct, frozen=True, kw_only=True):
    """The order that a device carries out now, ``since_utc_ns``. ``step``: what it does of it since
    ``step_since_utc_ns``; empty where that has no name."""

    order: str
    model: str
    target: str
    scenario: str
    since_utc_ns: int
    step: Sentence | str = ""
    step_since_utc_ns: int = 0


class DeviceState(Struct, frozen=True, kw_only=True):
    """What a device does now. ``finished``: orders whose results wait to be fetched, ``finished_bytes`` in all, the
    oldest ``finished_since_utc_ns``. ``quarantined``: why it takes no orders; empty: it does. ``lost_runs``: how many
    runs in a row died without a record."""

    name: str
    running: Running | None = None
    finished: tuple[str, ...] = ()
    finished_bytes: int = 0
    finished_since_utc_ns: int = 0
    quarantined: Sentence | str = ""
    lost_runs: int = 0
