"""What a runner plugin implements: another project's benchmark program, which measures a model on a device where this
project cannot run."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from bench.contracts.model import Format
from bench.words import Sentence


class RunnerFigures(Struct, frozen=True):
    """What the program printed, in nanoseconds and bytes. ``None``: it does not tell.

    ``inferences``: how many its figures are of; ``first_ns``: the first inference; ``load_ns``: reading and preparing
    the model; ``std_ns``: the standard deviation of an inference; ``peak_memory_bytes``: as the program defines it.
    """

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


class DeviceRunner(Protocol):
    """A benchmark program that the user has built for the device."""

    @property
    def summary(self) -> Sentence | str:
        """What it is, in one line."""

    formats: Sequence[Format]

    def arguments(self, model: str, options: Mapping[str, str]) -> Sequence[str]:
        """The program's arguments for the file ``model`` in its working folder. ``options``: the user's, by the
        program's own names without dashes. They come after the plugin's own, and replace them."""
        ...

    def read(self, output: str) -> RunnerFigures:
        """The figures in what the program printed. Raises ``InputError`` where it printed no result."""
        ...
