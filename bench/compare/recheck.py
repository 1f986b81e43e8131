"""Two records of an emulator: times are not compared; placement and outputs are the same again, or not.

Placement is the number of nodes on each device, and the names of those that fell back. Outputs are compared by their
agreement with the reference on the same inputs as stated in both records, since the outputs themselves are not kept.
"""

import math
from typing import Any, Literal

import msgspec
from msgspec import Struct

from bench.printable import counted
from bench.record.record import Fidelity, OutputFidelity, PlacementSummary, Record

Word = Literal["same", "differs", "unknown"]
RELATIVE, ABSOLUTE = 0.01, 1e-6
"""Of figures of agreement: the reference rounds otherwise on another processor, in the last digits."""


class Recheck(Struct, frozen=True):
    """``placement``, ``outputs``: whether they are those of the base, each with a sentence. ``worse``: one of them
    differs although target and options are the same; with others, that fewer nodes ran where they should, or that the
    outputs no longer agree with the reference."""

    placement: Word
    outputs: Word
    placement_words: str
    outputs_words: str
    worse: bool

    @property
    def known(self) -> bool:
        return "unknown" not in (self.placement, self.outputs)


def recheck(base: Record, new: Record) -> Recheck:
    """Compare two measured records of emulated targets, except for their times."""
    placement, placed = _placement(base.placement, new.placement)
    outputs, agreed = _outputs(base, new)
    x, y = base.plan.target, new.plan.target
    again = (x.id, x.options_requested) == (y.id, y.options_requested)
    worse = "differs" in (placement, outputs) if again else _worse(base, new)
    return Recheck(placement, outputs, placed, agreed, worse)


def _worse(base: Record, new: Record) -> bool:
    fewer = False
    if base.placement is not None and new.placement is not None:
        fewer = len(new.placement.fallback) > len(base.placement.fallback)
    wrong = base.fidelity is not None and base.fidelity.ok is True
    return fewer or (wrong and new.fidelity is not None and new.fidelity.ok is False)


def _placement(base: PlacementSummary | None, new: PlacementSummary | None) -> tuple[Word, str]:
    if base is None or new is None:
        return "unknown", "The placement is unknown in one of the records."
    if (base.nodes, sorted(base.fallback)) == (new.nodes, sorted(new.fallback)):
        return "same", f"{_nodes(new)}."
    moved = sorted({*new.fallback} - {*base.fallback})
    back = sorted({*base.fallback} - {*new.fallback})
    said = [f"{_nodes(base)} in the base, {_nodes(new)} now"]
    said += [f"fell back now: {_few(moved)}"] if moved else []
    said += [f"no longer fall back: {_few(back)}"] if back else []
    return "differs", f"{'; '.join(said)}."


def _nodes(placement: PlacementSummary) -> str:
    total = sum(placement.nodes.values())
    nodes = counted(total, "node")
    return ", ".join(f"{count} of {nodes} on {device}" for device, count in sorted(placement.nodes.items()))


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _outputs(base: Record, new: Record) -> tuple[Word, str]:
    x, y = base.fidelity, new.fidelity
    if x is None or y is None or x.ok is None or y.ok is None:
        return "unknown", "In one of the records the outputs were not compared with a reference."
    if (base.plan.inputs and base.plan.inputs.sha256) != (new.plan.inputs and new.plan.inputs.sha256):
        return "unknown", "The two runs were fed different inputs."
    if (x.reference, x.inputs, x.inputs_source) != (y.reference, y.inputs, y.inputs_source):
        return "unknown", "Their outputs were compared with different references, or on different inputs."
    if _tokens(base) != _tokens(new):
        return "differs", "The generated tokens differ."
    figures = f"{_agreement(x)} in the base, {_agreement(y)} now"
    if not _alike(x, y):
        return "differs", f"Compared with {x.reference}: {figures}."
    return "same", f"The agreement with {x.reference} is the same as in the base: {_agreement(y)}."


def _tokens(record: Record) -> tuple[int, ...] | None:
    text = record.summary.text_generation
    return tuple(text.token_ids) if text is not None else None


def _agreement(fidelity: Fidelity) -> str:
    word = "agree" if fidelity.ok else "disagree"
    if fidelity.tokens_compared:
        return f"{word} in {fidelity.token_prefix} of {counted(fidelity.tokens_compared, 'token')}"
    return word if fidelity.cosine_min is None else f"{word}, cosine {fidelity.cosine_min:.6f}"


def _alike(x: Fidelity, y: Fidelity) -> bool:
    if (x.ok, x.token_prefix, x.tokens_compared, len(x.outputs)) != (
        y.ok,
        y.token_prefix,
        y.tokens_compared,
        len(y.outputs),
    ):
        return False
    return all(_same_output(a, b) for a, b in zip(x.outputs, y.outputs, strict=True))


def _same_output(x: OutputFidelity, y: OutputFidelity) -> bool:
    """Whether every figure is the same within the rounding of the reference; cosines by their distance from 1."""
    pairs = zip(msgspec.structs.asdict(x).items(), msgspec.structs.asdict(y).values(), strict=True)
    return all(_close(a, b, near_one=name.startswith("cosine")) for (name, a), b in pairs)


def _close(a: Any, b: Any, near_one: bool) -> bool:
    if not isinstance(a, float) or not isinstance(b, float):
        return bool(a == b)
    if near_one:
        a, b = 1 - a, 1 - b
    return math.isclose(a, b, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
