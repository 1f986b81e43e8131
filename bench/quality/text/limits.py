"""How much of a dataset of texts is evaluated, and how much is kept of it."""

from msgspec import Struct

WINDOW = 512
KEPT_BYTES = 1 << 29
"""Most bytes of the file of logits that a run keeps until it has been compared with its reference."""


class TextLimits(Struct, frozen=True):
    """``window``: tokens of a window. ``windows``, ``items``: most windows and questions; ``None``: all.
    ``item_tokens``: most tokens of all questions together, with each choice. ``prompts``: most prompts that are gone
    on from, by ``generated`` tokens each. ``at_once``: tokens that a prompt graph of fixed length computes in
    each run."""

    window: int = WINDOW
    windows: int | None = None
    prompts: int = 24
    generated: int = 32
    items: int | None = None
    item_tokens: int | None = None
    at_once: int = WINDOW // 2

    @property
    def samples(self) -> int | None:
        """Most windows, prompts and questions together."""
        return None if self.windows is None or self.items is None else self.windows + self.prompts + self.items


EMULATED = TextLimits(window=128, windows=8, prompts=2, generated=8, items=8, item_tokens=4096, at_once=16)
"""On an emulator, which takes seconds for what a device does in milliseconds."""


def limits_for(emulated: bool) -> TextLimits:
    return EMULATED if emulated else TextLimits()


def stride_of(positions: int, vocab_size: int) -> int:
    """Of how many positions one keeps its logits (float32), so that their file stays below ``KEPT_BYTES``."""
    room = max(1, KEPT_BYTES // (4 * vocab_size))
    return max(1, -(-positions // room))
