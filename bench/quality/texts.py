"""Perplexity of a language model on texts. Each window of tokens is a sample.

A dataset of texts is a folder of ``.txt`` files, one text each, and of ``.jsonl`` files, one object a line:
``{"prompt": "…"}`` or ``{"ids": [1, 403, …]}``. A text is cut into windows of up to 512 tokens that do not overlap;
each begins with an empty cache, and its first token is not scored.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.contracts import DecoderSpec, Tokenizer
from bench.digest import sha256_of
from bench.errors import InputError, RunFailure, problem_of
from bench.inputs.prompts import Prompt, check_ids, encoded, read_prompts
from bench.inputs.tensor_files import load_feeds, save_feeds
from bench.inputs.tokenizer_file import tokenizer_of
from bench.measure.generation import decoder_of
from bench.measure.text_driver import OpenedText
from bench.quality.judged import Judged, ToJudge
from bench.reading import is_folder
from bench.record.quality import DatasetFacts, JudgedMetric, LeftOut
from bench.record.text import TokenizerUsed
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Ids = np.ndarray[Any, Any]

WINDOW = 512
SUFFIXES = (".txt", ".jsonl")
METRIC = JudgedMetric("perplexity", "perplexity", False, "")


def text_files(folder: Path) -> tuple[Path, ...]:
    """The files of texts in ``folder``, by name. Raises ``InputError`` where there is none."""
    if not is_folder(folder):
        raise InputError(sentence("quality.no_such_folder", folder=folder.name), sentence("quality.check_path"))
    files = tuple(path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES and path.is_file())
    if not files:
        raise InputError(
            sentence("quality.no_text", folder=folder.name),
            sentence("quality.put_texts"),
        )
    return files


def judge_texts(asked: ToJudge, session: OpenedText) -> Judged:
    """Perplexity of the session's model on the dataset; without a metric where the engine shows no logits.

    ``asked.windows`` holds the ids where another run has cut them, as a reference is given those of the run it is for.
    """
    import numpy as np

    decoder, results = decoder_of(asked.request), asked.folder / "results.npz"
    if asked.windows is None:
        windows, facts = _cut(asked, decoder, cache(lambda: tokenizer_of(session.tokenizer(), asked.tokenizer)))
    else:
        windows, facts = _load(asked.windows), _facts(asked, [], [])
    metrics: tuple[JudgedMetric, ...] = ()
    scored: dict[str, Any] = {}
    if session.logits is not None:
        metrics = (METRIC,)
        scored["perplexity"] = np.array([_surprise(session.logits, window) for window in windows], np.float64)
    save_feeds(results, scored)
    kept = asked.folder / "windows.npz"
    save_feeds(kept, {f"{index:06}": window for index, window in enumerate(windows)})
    opened = asked.made_for if asked.windows is None else asked.request.artifact
    return Judged(
        facts=session.facts(),
        dataset=facts,
        artifact_sha256=sha256_of(opened.files),
        metrics=metrics,
        results=results,
        windows=kept,
    )


Found = Callable[[], tuple[Tokenizer | None, TokenizerUsed | None]]
"""The tokenizer and whose it is, loaded when the first text needs it. Raises ``InputError``."""


def _cut(asked: ToJudge, decoder: DecoderSpec, tokenizer: Found) -> "tuple[list[Ids], DatasetFacts]":
    """The windows of all texts; a file that cannot be used is left out, and told."""
    windows: list[Ids] = []
    left: list[LeftOut] = []
    texts = False
    digests: list[bytes] = []
    for file in text_files(asked.dataset.folder):
        try:
            prompts = read_prompts((), str(file), sentence("quality.the_model"))
            found = list(_windows_of(prompts, decoder, tokenizer))
        except (InputError, RunFailure) as error:
            left.append(LeftOut(file.name, file.name, problem_of(error)))
            continue
        if not found:
            left.append(LeftOut(file.name, file.name, sentence("quality.left_out.text_too_short")))
            continue
        windows += found
        texts = texts or any(prompt.prompt for prompt in prompts)
        digests.append(sha256(file.name.encode() + b"\0" + file.read_bytes()).digest())
    if not windows:
        name, first = asked.dataset.folder.name, left[0]
        raise InputError(sentence("quality.no_text_left", folder=name, file=first.file, why=first.reason))
    facts = _facts(asked, digests, left, len(windows))
    return windows, replace(facts, tokenizer=tokenizer()[1]) if texts else facts


def _windows_of(prompts: Sequence[Prompt], decoder: DecoderSpec, tokenizer: Found) -> "Iterator[Ids]":
    for prompt in prompts:
        yield from _windows(_ids(prompt, decoder, tokenizer), min(WINDOW, decoder.context_length))


def _ids(prompt: Prompt, decoder: DecoderSpec, tokenizer: Found) -> "Ids":
    check_ids((prompt,), decoder)
    return encoded((prompt,), decoder, tokenizer()[0] if prompt.prompt else None)[0]


def _windows(ids: "Ids", size: int) -> "Iterator[Ids]":
    """Cuts of ``size``; a last one of a single token has nothing to score."""
    for begin in range(0, len(ids), size):
        if len(ids) - begin > 1:
            yield ids[begin : begin + size]


def _surprise(logits_of: Callable[[Any], Any], window: "Ids") -> tuple[float, float]:
    """Sum of the negative log-likelihoods of the window's tokens after the first, in nats, and how many they are."""
    from bench.analysis.outputs.agreement import log_softmax

    logits = logits_of(window)
    scored = [-float(log_softmax(row)[token]) for row, token in zip(logits[:-1], window[1:], strict=True)]
    return sum(scored), float(len(scored))


def _facts(asked: ToJudge, digests: list[bytes], left: list[LeftOut], windows: int = 0) -> DatasetFacts:
    name = asked.dataset.folder.resolve().name
    return DatasetFacts(name, "perplexity", sha256(b"".join(digests)).hexdigest(), windows, tuple(left))


def _load(path: Path) -> "list[Ids]":
    stored = load_feeds(path)
    return [stored[name] for name in sorted(stored)]
