"""Engine time and memory of Intel's GPUs, as the kernel counts them for this process.

``/proc/self/fdinfo`` needs no permission: i915 gives nanoseconds (``drm-engine-render``), xe cycles of a clock whose
total it gives beside them (``drm-cycles-ccs``, ``drm-total-cycles-ccs``). Only this process' work is counted, which is
the measured one. Kernel: Documentation/gpu/drm-usage-stats.rst, drivers/gpu/drm/xe/xe_drm_client.c.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from bench.contracts import Channel
from bench.machine.files import text_of
from bench.words import sentence

ENGINES: Mapping[str, tuple[str, ...]] = {"i915": ("render", "compute"), "xe": ("rcs", "ccs")}
"""Driver -> its engines that run models; the others copy, decode and display."""

BYTES: Mapping[str, int] = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

CALIBRATION_SECONDS = 0.05
"""Between two readings of xe's clock, before the timed part: with 20 µs of delay the clock is known to 0.04 %."""

FDINFO, DESCRIPTORS = "proc/self/fdinfo", "proc/self/fd"
DEVICES = "/dev/dri/"


class Card(Struct, frozen=True):
    """``address``: on the bus, as the kernel has it in ``drm-pdev``."""

    name: str
    driver: str
    address: str


class DrmGpu:
    """Seconds that the engines of each GPU worked for this process, and the memory that it holds there, named after
    the card (``card1``). Several engines may work at once."""

    summary = sentence("machine.summary.drm_gpu")

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._seconds_a_cycle: dict[str, float] = {}
        self._busy: dict[tuple[str, str, str], float] = {}  # card, client, engine -> the most that was read

    def channels(self, root: Path) -> Sequence[Channel]:
        found = []
        for card in _cards(root):
            found.append(Channel("drm_gpu", card.name, "busy", "gpu", _path(card)))
            found.append(Channel("drm_gpu", f"{card.name} memory", "memory", "gpu", _path(card)))
        return tuple(found)

    def read(self, root: Path, channel: Channel) -> float:
        """0 before the process has opened the device. Raises ``OSError`` where the kernel counts nothing for it."""
        _, driver, address = channel.path.split("|")
        card = Card(channel.name.removesuffix(" memory"), driver, address)
        if channel.kind == "memory":
            return float(sum(_resident(client) for client in _clients(root, card).values()))
        for client, values in _clients(root, card).items():
            for engine in ENGINES[driver]:
                seconds = self._engine_seconds(root, card, values, engine)
                key = card.name, client, engine
                # The kernel may show less for a moment, and shows nothing of a client that was closed.
                self._busy[key] = max(seconds, self._busy.get(key, 0.0))
        return sum(seconds for (name, _, _), seconds in self._busy.items() if name == card.name)

    def _engine_seconds(self, root: Path, card: Card, values: Mapping[str, str], engine: str) -> float:
        if (ns := values.get(f"drm-engine-{engine}")) is not None:
            return int(ns.split()[0]) * 1e-9
        if (cycles := values.get(f"drm-cycles-{engine}")) is None:
            return 0.0  # a card without this engine
        if card.name not in self._seconds_a_cycle:
            self._seconds_a_cycle[card.name] = self._calibrated(root, card, f"drm-total-cycles-{engine}")
        return int(cycles) * self._seconds_a_cycle[card.name]

    def _calibrated(self, root: Path, card: Card, total: str) -> float:
        begin, first = self._clock(), _total(root, card, total)
        self._sleep(CALIBRATION_SECONDS)
        end, last = self._clock(), _total(root, card, total)
        if last <= first:
            raise OSError(sentence("machine.gpu_clock_stands", channel=card.name))
        return (end - begin) / (last - first)


def _cards(root: Path) -> Iterator[Card]:
    for folder in sorted((root / "sys/class/drm").glob("card*")):
        lines = (line.partition("=") for line in (text_of(folder / "device/uevent") or "").splitlines())
        facts = {key: value for key, _, value in lines}
        if facts.get("DRIVER") in ENGINES:
            yield Card(folder.name, facts["DRIVER"], facts.get("PCI_SLOT_NAME", ""))


def _path(card: Card) -> str:
    return f"{FDINFO}|{card.driver}|{card.address}"


def _clients(root: Path, card: Card) -> dict[str, dict[str, str]]:
    """Client -> what the kernel says of it. Several descriptors may be one client."""
    found = {}
    for file in (root / FDINFO).glob("*"):
        text = text_of(file) or ""
        values = {key: value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
        if "drm-driver" not in values:
            if _is_of_gpu(root, file.name):
                raise OSError(sentence("machine.gpu_not_counted", channel=card.name))
        elif values["drm-driver"] == card.driver and values.get("drm-pdev", card.address) == card.address:
            found[values.get("drm-client-id", file.name)] = values
    return found


def _is_of_gpu(root: Path, descriptor: str) -> bool:
    try:
        return str((root / DESCRIPTORS / descriptor).readlink()).startswith(DEVICES)
    except OSError:
        return False


def _total(root: Path, card: Card, key: str) -> int:
    return max((int(values[key]) for values in _clients(root, card).values() if key in values), default=0)


def _resident(values: Mapping[str, str]) -> int:
    sizes = (value.split() for key, value in values.items() if key.startswith("drm-resident-"))
    return sum(int(size[0]) * BYTES.get(size[1] if len(size) > 1 else "", 1) for size in sizes if size)
