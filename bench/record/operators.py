"""How long each operator took, from a pass of its own. Part of ``bench.record.record``'s layout."""

from typing import Literal

from bench.record.part import Part
from bench.words import Sentence


class Operator(Part, frozen=True):
    """One operator as it was executed, of one call: ``time_ns``, and ``cycles`` of the device; null where the runtime
    does not report this unit, and times of an emulator. ``name``: of the model's node where it is known. ``op``,
    ``device``, ``kernel``: as the runtime names its type, where it ran and its implementation. ``runs``: how often it
    ran in one execution. ``macs``: of that node in the model's file. ``reference_kernel``: a plain implementation, for
    completeness and not for speed."""

    name: str
    op: str
    time_ns: int | None = None
    cycles: int | None = None
    runs: int = 1
    device: str = ""
    kernel: str = ""
    macs: int | None = None
    reference_kernel: bool = False


class OperatorPart(Part, frozen=True):
    """``part``: an ``inference``, or of a language model the ``prefill`` of a prompt and the ``decode`` of a token.
    ``calls``: how many were profiled. ``statistic``: over them, of each operator: ``mean`` where the runtime reports no
    single times. The same statistic of whole calls are ``profiled_ns``, with profiling; ``plain_ns``, of the same calls
    in a process without; and ``operators_ns``, the sum of all operators of a call, which is not the sum of medians. All
    three are null on an emulator. ``operators``: in the order of the runtime."""

    part: str
    calls: int
    statistic: Literal["median", "mean"]
    operators: tuple[Operator, ...] = ()
    profiled_ns: int | None = None
    plain_ns: int | None = None
    operators_ns: int | None = None

    @property
    def cycles(self) -> int | None:
        """The sum of all cycles; ``None`` where no operator has any."""
        found = [one.cycles for one in self.operators if one.cycles is not None]
        return sum(found) if found else None

    @property
    def macs(self) -> int | None:
        """Of all operators where they are known."""
        found = [one.macs for one in self.operators if one.macs is not None]
        return sum(found) if found else None

    @property
    def slowdown(self) -> float | None:
        """Time with profiling over time without."""
        return self.profiled_ns / self.plain_ns if self.profiled_ns and self.plain_ns else None


class OperatorProfile(Part, frozen=True):
    """``source``: what reported the times, by name. ``reason``: why there are none."""

    source: str = ""
    parts: tuple[OperatorPart, ...] = ()
    reason: Sentence | str = ""
