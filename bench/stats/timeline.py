"""When queries were issued and done, as the clock was read."""

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def _int64() -> "array[int]":
    return array("q")


@dataclass(frozen=True)
class Timeline:
    """Raw clock readings, in nanoseconds of one clock: when each query was issued and done, and when each token
    came. ``prompt_tokens``: the length of each query's prompt; ``shared_tokens``: of them, those that the engine may
    have kept from an earlier query, empty of an engine that keeps none. ``of_parts``: where each query here is a pass
    over several that differ, the readings of those, by the role of the samples; each pass has as many."""

    issued_ns: "array[int]" = field(default_factory=_int64)
    done_ns: "array[int]" = field(default_factory=_int64)
    token_ns: "array[int]" = field(default_factory=_int64)
    prompt_tokens: "array[int]" = field(default_factory=_int64)
    shared_tokens: "array[int]" = field(default_factory=_int64)
    of_parts: "dict[str, array[int]]" = field(default_factory=dict)

    @property
    def parts(self) -> int:
        """How many queries are in one of these; 1 where they are no passes."""
        return len(next(iter(self.of_parts.values()))) // max(1, len(self.done_ns)) if self.of_parts else 1

    def keep(self, role: str, value: int) -> None:
        """A reading of a query in a pass."""
        self.of_parts.setdefault(role, _int64()).append(value)

    def latency_ns(self) -> "np.ndarray[Any, Any]":
        """Latency of each query, int64 [n]."""
        import numpy as np

        return np.array(self.done_ns, np.int64) - np.array(self.issued_ns, np.int64)
