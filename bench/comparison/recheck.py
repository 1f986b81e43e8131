"""Two records of an emulator: times are not compared; placement and outputs are the same again, or not.

Placement is the number of nodes on each device, and the names of those that fell back. Outputs are compared by their
agreement with the reference on the same inputs as stated in both records, since the outputs themselves are not kept.
"""

import math
from typing import Any, Literal

import msgspec
from msgspec import Struct

from bench.record.record import Fidelity, OutputFidelity, PlacementSummary, Record
from bench.words import Sentence, sentence

Word = Literal["same", "differs", "unknown"]
SHOWN = 5
"""Names of nodes that a sentence holds at the most."""
RELATIVE, ABSOLUTE = 0.01, 1e-6
"""Of figures of agreement: the reference rounds otherwise on another processor, in the last digits."""


class Recheck(Struct, frozen=True):
    """``placement``, ``outputs``: whether they are those of the base, each with a sentence. ``worse``: one of them
    differs although target and options are the same; with others, that fewer nodes ran where they should, or that the
    outputs no longer agree with the reference."""

    placement: Word
    outputs: Word
    placement_words: Sentence
    outputs_words: Sentence
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


def _placement(base: PlacementSummary | None, new: PlacementSummary | None) -> tuple[Word, Sentence]:
    if base is None or new is None:
        return "unknown", sentence("compare.again.placement_unknown")
    if (base.nodes, sorted(base.fallback)) == (new.nodes, sorted(new.fallback)):
        return "same", sentence("compare.again.placement_same", nodes=_nodes(new))
    moved = sorted({*new.fallback} - {*base.fallback})
    back = sorted({*base.fallback} - {*new.fallback})
    told = [sentence("compare.again.nodes", base=_nodes(base), new=_nodes(new))]
    told += [sentence("compare.again.fell_back", names=_few(moved))] if moved else []
    told += [sentence("compare.again.came_back", names=_few(back))] if back else []
    return "differs", sentence("compare.again.placement", changes=told)


def _nodes(placement: PlacementSummary) -> list[Sentence]:
    total = sum(placement.nodes.values())
    return [
        sentence("compare.again.nodes_on", count=count, nodes=total, device=device)
        for device, count in sorted(placement.nodes.items())
    ]


def _few(names: list[str]) -> list[str] | Sentence:
    if len(names) <= SHOWN:
        return names
    return sentence("compare.again.some", names=names[:SHOWN], more=len(names) - SHOWN)


def _outputs(base: Record, new: Record) -> tuple[Word, Sentence]:
    x, y = base.fidelity, new.fidelity
    if x is None or y is None or x.ok is None or y.ok is None:
        return "unknown", sentence("compare.again.outputs_unknown")
    if (base.plan.inputs and base.plan.inputs.sha256) != (new.plan.inputs and new.plan.inputs.sha256):
        return "unknown", sentence("compare.again.other_inputs")
    if (x.reference, x.inputs, x.inputs_source) != (y.reference, y.inputs, y.inputs_source):
        return "unknown", sentence("compare.again.other_reference")
    if _tokens(base) != _tokens(new):
        return "differs", sentence("compare.again.tokens_differ")
    if not _alike(x, y):
        told = sentence("compare.again.outputs", reference=x.reference, base=_agreement(x), new=_agreement(y))
        return "differs", told
    return "same", sentence("compare.again.outputs_same", reference=x.reference, agreement=_agreement(y))


def _tokens(record: Record) -> tuple[int, ...] | None:
    text = record.summary.text_generation
    return tuple(text.token_ids) if text is not None else None


def _agreement(fidelity: Fidelity) -> Sentence:
    word = "agree" if fidelity.ok else "disagree"
    if fidelity.tokens_compared:
        prefix, tokens = fidelity.token_prefix, fidelity.tokens_compared
        return sentence(f"compare.tokens.{word}", prefix=prefix, tokens=tokens)
    if fidelity.cosine_min is not None:
        return sentence(f"compare.cosine.{word}", cosine=fidelity.cosine_min)
    return sentence(f"compare.outputs.{word}")


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
