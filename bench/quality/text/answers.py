"""What a language model gives on its samples: likelihoods of tokens and choices, generated tokens, and logits, of which
as many are kept as fit into a file."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.inputs.tensor_files import load_feeds, save_feeds
from bench.measure.text_driver import OpenedText
from bench.progress import done
from bench.quality.text.limits import WINDOW, stride_of
from bench.quality.text.samples import Item, TextSamples
from bench.quality.text.sampling import drawn

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

BEST = 256
"""Of so many tokens, the best of a position, the logits are kept where tokens are generated."""
CEILING_NATS = 700.0  # surprise of a token that the model gives no probability, or NaN


class TextAnswers(Struct, frozen=True, kw_only=True):
    """``surprise`` [tokens]: negative log-likelihood of each scored token, in nats, and ``best`` [tokens] the model's
    own choice there, window after window. ``logits``: file of float32 [kept, vocab_size], of one in ``stride`` of these
    positions. ``scores`` [choices]: log-likelihood of each choice, item after item. ``generated`` [prompts, n]: greedy
    ids, or drawn ones, −1 behind the last; ``best_ids`` and ``best_logits`` [prompts, n, 256] of the same positions, −1
    and NaN where they are not known; of drawn ids the noise is in the logits. What the engine does not show is empty.
    ``window_s``: seconds that a window took, on average."""

    surprise: "Array"
    best: "Array"
    scores: "Array"
    generated: "Array"
    best_ids: "Array"
    best_logits: "Array"
    stride: int
    window_s: float
    logits: Path | None


def answer(
    session: OpenedText, samples: TextSamples, vocab_size: int, folder: Path, clock: Callable[[], float] = perf_counter
) -> Path:
    """Carry out all of ``samples``; returns the file that ``load_answers`` reads."""
    import numpy as np

    positions = sum(len(window) - 1 for window in samples.windows)
    stride, began = stride_of(positions, vocab_size), clock()
    scored = len(samples.windows) + len(samples.items) if session.logits is not None else 0
    step = partial(_step, count(), scored + (len(samples.prompts) if samples.generated else 0))
    found: dict[str, Any] = {"stride": np.array(stride)}
    if session.logits is not None and samples.windows:
        found["surprise"], found["best"] = _windows(session.logits, samples, vocab_size, stride, folder, step)
        found["window_s"] = np.array((clock() - began) / len(samples.windows))
    if session.logits is not None and samples.items:
        found["scores"] = np.array([score for item in samples.items for score in _scores(session.logits, item, step)])
    if samples.prompts and samples.generated:
        found |= _generations(session, samples, min(BEST, vocab_size), step)
    save_feeds(folder / "answers.npz", found)
    return folder / "answers.npz"


def _step(samples: Iterator[int], whole: int) -> None:
    """One sample more begins, for progress."""
    done(next(samples), whole)


def load_answers(path: Path) -> TextAnswers:
    """What ``answer`` wrote."""
    import numpy as np

    stored, logits = load_feeds(path), path.parent / "window_logits.npy"
    none = np.zeros(0)
    names = "surprise", "best", "scores", "generated", "best_ids", "best_logits"
    return TextAnswers(
        **{name: stored.get(name, none) for name in names},
        stride=int(stored["stride"]),
        window_s=float(stored.get("window_s", math.nan)),
        logits=logits if logits.exists() else None,
    )


def _windows(
    logits_of: Callable[[Any], Any],
    samples: TextSamples,
    vocab_size: int,
    stride: int,
    folder: Path,
    step: Callable[[], None],
) -> "tuple[Array, Array]":
    import numpy as np

    surprise: list[float] = []
    best: list[int] = []
    positions = sum(len(window) - 1 for window in samples.windows)
    kept = np.lib.format.open_memmap(
        folder / "window_logits.npy", "w+", np.dtype(np.float32), (-(-positions // stride), vocab_size)
    )
    for window in samples.windows:
        step()
        logits = np.asarray(logits_of(window), np.float32)
        for row, token in zip(logits[:-1], window[1:], strict=True):
            if len(surprise) % stride == 0:
                kept[len(surprise) // stride] = row
            surprise.append(_surprise(row, int(token)))
            best.append(int(row.argmax()))
    kept.flush()
    return np.array(surprise, np.float64), np.array(best, np.int64)


def _surprise(row: "Array", token: int) -> float:
    """Negative log-likelihood of ``token``, in nats."""
    from bench.analysis.outputs.agreement import log_softmax

    found = -float(log_softmax(row)[token])
    return found if found < CEILING_NATS else CEILING_NATS


def _scores(logits_of: Callable[[Any], Any], item: Item, step: Callable[[], None]) -> Iterator[float]:
    """Log-likelihood of each choice: the sum over its tokens."""
    step()
    for ids, begin in zip(item.choices, item.begins, strict=True):
        logits = logits_of(ids)
        yield -sum(_surprise(row, int(t)) for row, t in zip(logits[begin - 1 : -1], ids[begin:], strict=True))


def _generations(session: OpenedText, samples: TextSamples, best: int, step: Callable[[], None]) -> "dict[str, Array]":
    import numpy as np

    shape = len(samples.prompts), samples.generated
    generated = np.full(shape, -1, np.int64)
    best_ids, best_logits = np.full((*shape, best), -1, np.int64), np.full((*shape, best), np.nan, np.float32)
    nothing = np.zeros(0, np.int64)
    for i, prompt in enumerate(samples.prompts):
        step()
        if samples.sampling is not None:
            if session.begin_text is None:
                return {}
            ids, rows = drawn(session.begin_text(), prompt, samples.generated, i, samples.sampling)
            generated[i] = ids
        else:
            ids = session.greedy(nothing, prompt, samples.generated)
            generated[i, : len(ids)] = ids
            if session.logits is None or not ids or len(prompt) + len(ids) > WINDOW:
                continue
            whole = np.concatenate([prompt, np.array(ids[:-1], np.int64)])
            rows = np.asarray(session.logits(whole))[len(prompt) - 1 :]
        order = np.argsort(-rows, axis=1, kind="stable")[:, :best]
        best_ids[i, : len(ids)] = order
        best_logits[i, : len(ids)] = np.take_along_axis(rows, order, axis=1)
    return {"generated": generated, "best_ids": best_ids, "best_logits": best_logits}
