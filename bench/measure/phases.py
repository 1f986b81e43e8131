"""Cold-start phases: how long each took, and what memory stood at its end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter_ns

from bench.contracts import Phase
from bench.jobs import Announce
from bench.measure.memory import MemoryProbe
from bench.record.memory import MemoryPoint
from bench.record.record import Phases


class PhaseRecorder:
    """Call it as ``with recorder("compile"): …``. Memory is read between phases, outside the timed parts.

    ``announce`` gets each phase's name as it begins, so that a crash can be assigned to a phase.
    """

    def __init__(
        self, memory: MemoryProbe, announce: Callable[[str], None], clock: Callable[[], int] = perf_counter_ns
    ):
        self._memory, self._announce, self._clock = memory, announce, clock
        self._open = ""
        self.duration_ns: dict[str, int] = {}
        self.memory: dict[str, MemoryPoint] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        with self.until(name):
            yield

    @contextmanager
    def until(self, name: str) -> Iterator[Callable[[], None]]:
        """A phase that ends when what this yields is called for the first time, and at the latest with the block;
        memory is read at the end of the block."""
        if self._open:
            raise RuntimeError(f"phase {name!r} begins inside phase {self._open!r}")
        self._open = name
        self._announce(name)
        fresh = self._memory.reset_peak()
        ended: list[int] = []
        begin = self._clock()

        def end() -> None:
            if not ended:
                ended.append(self._clock())

        try:
            yield end
        finally:
            end()
            self.duration_ns[name] = self.duration_ns.get(name, 0) + ended[0] - begin
            self._open = ""
            self.memory[name] = self._memory.read(fresh)

    def look(self, name: str) -> None:
        """Read memory between two phases, under a separate name."""
        self.memory[name] = self._memory.read(False)

    def phases(self, process_start_ns: int | None) -> Phases:
        """What was recorded; phases never entered are null."""
        names = ("runtime_import", "read", "compile", "first_inference")
        return Phases(process_start_ns, *(self.duration_ns.get(name) for name in names))


def untimed(announce: Announce) -> Phase:
    @contextmanager
    def phase(name: str) -> Iterator[None]:
        announce(name)
        yield

    return phase
