"""What a language model is evaluated on: windows of texts, beginnings of texts to go on from, and questions with
choices, all as token ids, so that the reference is fed the same."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import count, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.inputs.tensor_files import load_feeds, save_feeds
from bench.quality.text.limits import TextLimits
from bench.quality.text.sampling import Sampling

if TYPE_CHECKING:
    import numpy as np

    Ids = np.ndarray[Any, Any]

PROMPT_TOKENS = 32
STEP_TOKENS = 64  # from one beginning to the next


class Item(Struct, frozen=True):
    """A question. ``choices``: of each the int64 ids of question and choice. ``begins``: where each choice begins in
    them. ``sizes``: bytes of each choice. ``answer``: the index of the right one."""

    choices: "tuple[Ids, ...]"
    begins: tuple[int, ...]
    sizes: tuple[int, ...]
    answer: int


class TextSamples(Struct, frozen=True):
    """``windows`` and ``prompts``: int64 ids [n] each. ``generated``: how many tokens follow a prompt; ``sampling``:
    how they are drawn, ``None``: greedily."""

    windows: "tuple[Ids, ...]" = ()
    prompts: "tuple[Ids, ...]" = ()
    items: tuple[Item, ...] = ()
    generated: int = 0
    sampling: Sampling | None = None

    def save(self, path: Path) -> None:
        """As ``load`` reads it; equal samples give equal bytes."""
        import numpy as np

        arrays: dict[str, Any] = {f"window.{i}": ids for i, ids in enumerate(self.windows)}
        arrays |= {f"prompt.{i}": ids for i, ids in enumerate(self.prompts)}
        for i, item in enumerate(self.items):
            arrays |= {f"item.{i}.{j}": ids for j, ids in enumerate(item.choices)}
            arrays[f"facts.{i}"] = np.array([item.answer, *item.begins, *item.sizes], np.int64)
        arrays["generated"] = np.array(self.generated, np.int64)
        if self.sampling is not None:
            seed = np.array(self.sampling.seed, np.int64)
            arrays |= {"seed": seed, "sampling": np.array([self.sampling.temperature, self.sampling.top_p])}
        save_feeds(path, arrays)


def load_samples(path: Path) -> TextSamples:
    """What ``TextSamples.save`` wrote."""
    stored = load_feeds(path)

    def named(start: str) -> "tuple[Ids, ...]":
        return tuple(stored[f"{start}{i}"] for i in takewhile(lambda i: f"{start}{i}" in stored, count()))

    items = []
    for i, facts in enumerate(named("facts.")):
        answer, *rest = (int(n) for n in facts)
        half = len(rest) // 2
        items.append(Item(named(f"item.{i}."), tuple(rest[:half]), tuple(rest[half:]), answer))
    drawn = None
    if "sampling" in stored:
        temperature, top_p = map(float, stored["sampling"])
        drawn = Sampling(temperature, top_p, int(stored["seed"]))
    return TextSamples(named("window."), named("prompt."), tuple(items), int(stored["generated"]), drawn)


def tokens_sha256(windows: "Iterable[Ids]") -> str:
    """The same only for the same ids in the same windows."""
    import numpy as np

    found = sha256()
    for ids in windows:
        found.update(np.array([len(ids), *ids], "<i8").tobytes())
    return found.hexdigest()


def windows_of(ids: "Ids", size: int) -> "Iterable[Ids]":
    """Cuts of ``size`` that do not overlap; a last one of a single token has nothing to score."""
    for begin in range(0, len(ids), size):
        if len(ids) - begin > 1:
            yield ids[begin : begin + size]


def beginnings(windows: "Iterable[Ids]", limits: TextLimits) -> "tuple[Ids, ...]":
    """Prompts of up to 32 tokens from all parts of the texts: one every 64 tokens, and of these as many as are asked,
    evenly spaced."""
    import numpy as np

    found: list[Ids] = []
    for window in windows:
        for begin in range(0, max(1, len(window) - PROMPT_TOKENS + 1), STEP_TOKENS):
            found.append(window[begin : begin + PROMPT_TOKENS])
    return tuple(np.ascontiguousarray(found[i]) for i in evenly(len(found), limits.prompts))


def evenly(count: int, most: int | None) -> list[int]:
    """Indices of at most ``most`` out of ``count``, evenly spaced, the first among them."""
    if most is None or count <= most:
        return list(range(count))
    return [i * count // most for i in range(most)]


def some_items(items: Sequence[Item], limits: TextLimits) -> list[int]:
    """Indices of as many questions, evenly spaced, as the limits leave; one at least, however long it is."""
    sizes = [sum(len(ids) for ids in item.choices) for item in items]
    found = evenly(len(items), limits.items)
    while limits.item_tokens is not None and len(found) > 1 and sum(sizes[i] for i in found) > limits.item_tokens:
        found = evenly(len(items), len(found) - 1)
    return found
