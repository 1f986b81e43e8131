"""The parts of the record for runs that another program, or a device of a fleet, measured."""

from bench.record.part import Part


class OtherTool(Part, frozen=True):
    """A benchmark program of another project that measured the run, with its figures as it printed them; they are of
    its own loop, and nothing of them is computed again. ``sha256``, ``size_bytes``: of the program that the user gave.
    ``arguments``: as it was called, in the device's folder. Times of one inference; null: it does not tell.
    """

    name: str
    sha256: str
    size_bytes: int
    arguments: tuple[str, ...] = ()
    inferences: int | None = None
    mean_ns: int | None = None
    min_ns: int | None = None
    max_ns: int | None = None
    std_ns: int | None = None
    p50_ns: int | None = None
    p90_ns: int | None = None
    p95_ns: int | None = None
    p99_ns: int | None = None
    first_ns: int | None = None
    load_ns: int | None = None
    peak_memory_bytes: int | None = None


class FleetDevice(Part, frozen=True):
    """The device of a fleet that measured the run. ``device``: its name in the rack. ``order``: the id of the order
    that it carried out, by which the fleet's ledger names it."""

    device: str
    order: str = ""
