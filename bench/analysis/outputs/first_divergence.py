"""Where greedy tokens of two runs part: this project's figures, and those of who-what-benchmark.

who-what-benchmark (github.com/openvinotoolkit/openvino.genai, tools/who_what_benchmark, ``evaluate_divergency``) aligns
the tokens of the reference and of the model by ``difflib.SequenceMatcher``:

    FDT       length of the first matching block where it begins both sequences, else 0; mean over prompts
    FDT norm  mean FDT over the mean number of the reference's tokens
    SDT       the model's tokens outside of all matching blocks; mean over prompts
    SDT norm  SDT over the number of the model's tokens; mean over prompts

Blocks are found from the longest one on, so that FDT may be 0 although the first tokens are equal. It encodes the text
of both answers again; here the generated ids are taken as they are.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher

from msgspec import Struct


class Aligned(Struct, frozen=True):
    """``fdt`` and ``sdt`` of one prompt, in tokens, and ``sdt_norm``."""

    fdt: int
    sdt: int
    sdt_norm: float


def aligned(reference: Sequence[int], run: Sequence[int]) -> Aligned:
    """As who-what-benchmark computes it, for one prompt."""
    if not reference or not run:
        return Aligned(0, len(reference) + len(run), 1.0 if reference or run else 0.0)
    blocks = SequenceMatcher(None, list(reference), list(run)).get_matching_blocks()
    first = blocks[0]
    sdt = len(run) - sum(block.size for block in blocks)
    return Aligned(first.size if first.a == first.b == 0 else 0, sdt, sdt / len(run))


def equal_prefix(reference: Sequence[int], run: Sequence[int]) -> int:
    """How many tokens both begin with alike."""
    same = 0
    for one, other in zip(reference, run, strict=False):
        if one != other:
            break
        same += 1
    return same
