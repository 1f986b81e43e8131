"""What a target opens: a session, and what it says of itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol, runtime_checkable

from msgspec import Struct

from bench.contracts.model import Tensors, TensorSpec

CompileCache = Literal["none", "cold", "warm"]


class NodePlacement(Struct, frozen=True):
    """One node of the graph as executed: its name (or the original node's, where the runtime tells) and device."""

    name: str
    op: str
    device: str


class Placement(Struct, frozen=True):
    """Which node ran where, as the runtime reports it. ``requested`` is the device name that counts as no fallback.
    ``remedies``: sentences on what would move the other nodes there, where the target knows it."""

    requested: str
    nodes: tuple[NodePlacement, ...]
    source: str = ""
    remedies: tuple[str, ...] = ()


@runtime_checkable
class Session(Protocol):
    """What every kind of session tells about itself, after it was opened. Sessions that generate text are in
    ``bench.contracts``."""

    def placement(self) -> Placement | None:
        """Which node ran where; ``None`` when the runtime cannot say."""
        ...

    def effective_options(self) -> Mapping[str, str]:
        """Options as the runtime holds them, not as they were asked for."""
        ...

    def versions(self) -> Mapping[str, str]:
        """Distribution or component -> version."""
        ...

    def device_name(self) -> str:
        """The hardware's own name for itself."""
        ...

    def executed_precision(self) -> str:
        """The precision the arithmetic really runs in (``float32``, ``bfloat16``, ``int8`` …); "" if unknown."""
        ...

    def compile_cache(self) -> CompileCache:
        """Whether ``compile`` had a cache to use, and found it filled: ``none``, ``cold`` or ``warm``."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class TensorSession(Session, Protocol):
    """One compiled graph: tensors in, tensors out."""

    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]

    def bind(self, feeds: Tensors) -> Callable[[], None]:
        """Set the inputs once. The timed loop calls the returned function and nothing else."""
        ...

    def bind_parallel(self, feeds: Tensors, lanes: int | None) -> Sequence[Callable[[], None]]:
        """As ``bind``, for several queries in flight: each returned call blocks until its query is done, releases
        the GIL meanwhile, and has buffers of its own. ``lanes`` None: as many as the runtime thinks best."""
        ...

    def results(self) -> Tensors:
        """The outputs of the last call of ``bind``'s function; copies."""
        ...
