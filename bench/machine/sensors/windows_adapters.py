r"""How long NPUs and GPUs worked and how much memory they hold, by Windows' performance counters.

``\GPU Engine(*)\Running Time`` counts 100 ns for each engine and process. The counts are added up here process by
process, since a sum over those that are alive falls when one ends. A count that goes backwards, as those of OpenVINO's
work did elsewhere (279,947 % were computed from one), adds nothing, and the adapter's reading is lost from then on. A
reading is also lost if a count grew by more than the time that passed.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from bench.contracts import Channel
from bench.machine.windows.adapters import Adapter, adapters
from bench.machine.windows.calls import Calls, is_this_machine, windows_calls
from bench.machine.windows.pdh import Luid, engine_of, raw_values
from bench.words import sentence

RUNNING_TIME = r"\GPU Engine(*)\Running Time"
MEMORY = (r"\GPU Adapter Memory(*)\Dedicated Usage", r"\GPU Adapter Memory(*)\Shared Usage")
SECONDS = 1e-7
"""In a unit of the running time."""

COUNTED = ("3d", "compute", "neural", "cuda", "graphics")
"""Words of a GPU's engines that run models (``High Priority Compute``). Others copy and decode at the same time."""
COPY = "copy"
"""The word of an NPU's engine that does not; its others have names of their driver's own."""

SLACK_SECONDS = 0.5
"""By which an engine may have worked longer than the time between two readings: Windows counts in arrears."""


Kind = Literal["busy", "memory"]
LISTED: tuple[tuple[Kind, str], ...] = (("busy", ""), ("memory", " memory"))
"""What is read of each adapter, and what follows its name."""


class WindowsAdapters:
    """Seconds that the engines of each adapter worked, and bytes of memory in use on it, whoever gave it work. Named
    as its driver does. Engine time from the first reading on; several engines may work at once."""

    summary = sentence("machine.summary.windows_adapters")

    def __init__(self, calls: Calls | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._calls = windows_calls() if calls is None else calls
        self._clock = clock
        self._progress: dict[Luid, Progress] = {}

    def channels(self, root: Path) -> Sequence[Channel]:
        if self._calls is None or not is_this_machine(root):
            return ()
        try:
            instances = [*raw_values(self._calls.raw_counters(RUNNING_TIME))]
            instances += raw_values(self._calls.raw_counters(MEMORY[0]))
        except OSError as error:
            reason = sentence("machine.counters_not_answering", why=str(error))
            remedy = sentence("machine.counters_not_answering.remedy")
            return (Channel("windows_adapters", "engines", "busy", "npu", "", False, reason, remedy),)
        engines = [engine for name in instances if (engine := engine_of(name)) is not None]
        found = adapters(self._calls, engines)
        names = _names(found)
        return [
            Channel("windows_adapters", names[a.luid] + suffix, kind, a.kind, f"{a.luid[0]}|{a.luid[1]}")
            for a in found
            for kind, suffix in LISTED
        ]

    def read(self, root: Path, channel: Channel) -> float:
        if self._calls is None:
            raise OSError(sentence("machine.windows_alone"))
        high, low = channel.path.split("|")
        luid = int(high), int(low)
        if channel.kind == "memory":
            return float(sum(_on(self._calls, path, luid) for path in MEMORY))
        values = {
            name: value.first
            for name, value in raw_values(self._calls.raw_counters(RUNNING_TIME)).items()
            if (engine := engine_of(name)) and engine.luid == luid and _runs_models(engine.kind.lower(), channel.domain)
        }
        try:
            return self._progress.setdefault(luid, Progress()).seconds(values, self._clock())
        except ValueError:
            raise OSError(sentence("machine.running_time_wrong", channel=channel.name)) from None


class Progress:
    """Running time of one adapter, from the first reading on."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._at: float | None = None
        self._total = 0
        self._broken = False

    def seconds(self, values: dict[str, int], now: float) -> float:
        """``values``: 100 ns by instance. Raises ``ValueError`` where a count went backwards now or before, or grew
        by more than the time since the last reading."""
        elapsed = 0.0 if self._at is None else now - self._at
        grown = {} if self._at is None else {name: value - self._last.get(name, 0) for name, value in values.items()}
        self._broken = self._broken or any(step < 0 for step in grown.values())
        too_much = any(step * SECONDS > elapsed + SLACK_SECONDS for step in grown.values())
        self._total += sum(max(0, step) for step in grown.values())
        self._last, self._at = values, now
        if self._broken or too_much:
            raise ValueError("running time")
        return self._total * SECONDS


def _runs_models(engine: str, domain: str) -> bool:
    return COPY not in engine if domain == "npu" else any(word in engine for word in COUNTED)


def _on(calls: Calls, path: str, luid: Luid) -> int:
    values = raw_values(calls.raw_counters(path)).items()
    return sum(value.first for name, value in values if (engine := engine_of(name)) and engine.luid == luid)


def _names(found: Sequence[Adapter]) -> dict[Luid, str]:
    """The driver's name, else ``npu`` or ``gpu``; the second of a name has its number."""
    seen: Counter[str] = Counter()
    names = {}
    for adapter in found:
        name = adapter.name or adapter.kind
        seen[name] += 1
        names[adapter.luid] = name if seen[name] == 1 else f"{name} ({seen[name]})"
    return names
