"""What a session may offer that was opened with ``OpenRequest.profile``: how long each of its operators took."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from msgspec import Struct


class ProfiledOperator(Struct, frozen=True, kw_only=True):
    """One operator as it was executed.

    ``name``: of the model's node that it computes, where the runtime knows it, as ``NodePlacement.name``; else the
    runtime's own. ``op``: its type as the runtime names it. ``device``: where it ran. ``kernel``: the implementation
    that the runtime chose. ``times_ns``: of each execution, in their order; of an operator that runs several times in
    one execution, as in a loop, their sum. ``cycles``: the same in cycles of the device. An empty one: not reported in
    this unit. ``calls``: how often it ran in one execution. ``reference_kernel``: the implementation is the runtime's
    plain one, which is there for completeness and not for speed.
    """

    name: str
    op: str
    device: str = ""
    kernel: str = ""
    times_ns: tuple[int, ...] = ()
    cycles: tuple[int, ...] = ()
    calls: int = 1
    reference_kernel: bool = False


class Profile(Struct, frozen=True, kw_only=True):
    """``executions``: calls of the runtime that it covers. ``source``: what reported it, by name. ``averaged``: the
    runtime reports only means over all executions, and each operator has one value."""

    source: str
    executions: int
    operators: tuple[ProfiledOperator, ...]
    averaged: bool = False


@runtime_checkable
class ProfilingSession(Protocol):
    """A session that reports the time of its operators. Asked only in a pass of its own, of a session that was opened
    with ``OpenRequest.profile``."""

    def profile_part(self, name: str) -> None:
        """What is executed from now on belongs to the part ``name``, and to none where that is empty, as before the
        first call. A part may be continued later."""
        ...

    def profiles(self) -> Mapping[str, Profile]:
        """Each part. Called once, at the end: the session is not used afterwards. Raises ``RunFailure`` where the
        runtime wrote no profile."""
        ...
