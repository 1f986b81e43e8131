"""A language model on the user's texts and questions: perplexity, likelihoods of choices, greedy tokens.

A dataset of texts is a folder of ``.txt`` files, one text each, and of ``.jsonl`` files, one object a line:
``{"prompt": "…"}`` or ``{"ids": [1, 403, …]}``, or questions with choices (``bench.quality.text.questions``). A text is
cut into windows of up to 512 tokens that do not overlap; each begins with an empty cache, and its first token is not
scored.
"""

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.contracts import DecoderSpec
from bench.digest import sha256_of
from bench.errors import InputError, OdbError, RunFailure, problem_of
from bench.inputs.prompts import encoded, load_prompts
from bench.inputs.tensor_files import save_feeds
from bench.inputs.tokenizer_file import tokenizer_of
from bench.measure.generation import decoder_of
from bench.measure.text_driver import OpenedText
from bench.quality.judged import Judged, ToJudge
from bench.quality.text.answers import answer, load_answers
from bench.quality.text.files import none_usable, samples_of, text_files
from bench.quality.text.metrics import own_results
from bench.quality.text.questions import Found
from bench.quality.text.samples import (
    Item,
    TextSamples,
    beginnings,
    evenly,
    load_samples,
    some_items,
    tokens_sha256,
)
from bench.quality.text.sampling import sampling_of
from bench.record.quality import DatasetFacts, LeftOut
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    Ids = np.ndarray[Any, Any]


def judge_texts(asked: ToJudge, session: OpenedText) -> Judged:
    """What the session's model gives on the dataset; without metrics where the engine shows no logits.

    ``asked.windows`` holds the ids where another run has made them of the texts, as a reference is given those of the
    run it is for.
    """
    decoder = decoder_of(asked.request)
    source = asked.made_for.source
    tokenizer = cache(lambda: tokenizer_of(session.tokenizer(), asked.tokenizer, source))
    if asked.windows is None:
        samples, facts = _cut(asked, decoder, tokenizer, draws=session.begin_text is not None)
    else:
        samples, facts = load_samples(asked.windows), _facts(asked, [], [])
    kept = asked.folder / "windows.npz"
    samples.save(kept)
    answers = answer(session, samples, decoder.vocab_size, asked.folder)
    metrics, scored = own_results(samples, load_answers(answers))
    save_feeds(asked.folder / "results.npz", scored)
    opened = asked.made_for if asked.windows is None else asked.request.artifact
    return Judged(
        facts=session.facts(),
        dataset=facts,
        artifact_sha256=sha256_of(opened.files),
        metrics=metrics,
        results=asked.folder / "results.npz",
        windows=kept,
        answers=answers,
        texts=_texts(tokenizer, load_answers(answers).generated),
    )


def _texts(tokenizer: Found, generated: "Ids") -> tuple[tuple[str, ...], ...]:
    """Of each prompt the text of each generated token; nothing without a tokenizer."""
    try:
        found = tokenizer()[0]
    except InputError:
        return ()
    if found is None:
        return ()
    streams = [(found.stream(), ids) for ids in generated]
    return tuple(tuple(stream(int(token)) for token in ids if token >= 0) for stream, ids in streams)


def _cut(asked: ToJudge, decoder: DecoderSpec, tokenizer: Found, draws: bool) -> "tuple[TextSamples, DatasetFacts]":
    """The samples of all files, within the limits; a file that cannot be used is left out, and told. ``draws``: whether
    texts can be drawn."""
    windows: list[Ids] = []
    items: list[Item] = []
    left: list[tuple[Path, OdbError]] = []
    texts = False
    digests: list[bytes] = []
    limits = asked.limits
    for file in text_files(asked.dataset.folder):
        try:
            found = samples_of(file, decoder, tokenizer, limits.window)
        except (InputError, RunFailure) as error:
            left.append((file, error))
            continue
        windows += found.windows
        items += found.items
        texts = texts or found.texts
        digests.append(sha256(file.name.encode() + b"\0" + file.read_bytes()).digest())
    if not windows and not items:
        raise none_usable(asked.dataset.folder, *left[0])
    some = tuple(windows[i] for i in evenly(len(windows), limits.windows))
    asked_items = tuple(items[i] for i in some_items(items, limits))
    told: list[Sentence] = []
    if len(some) < len(windows):
        told.append(sentence("quality.limit.windows", kept=len(some), all=len(windows), tokens=limits.window))
    if len(asked_items) < len(items):
        told.append(sentence("quality.limit.questions", kept=len(asked_items), all=len(items)))
    if told:
        digests.append(repr(limits).encode())
    own, left_out = _prompts(asked, decoder, tokenizer, some)
    told += left_out
    sampling = sampling_of(asked.dataset)
    if sampling is not None and not draws:
        told.append(sentence("quality.limit.sampling_needs_logits"))
    samples = TextSamples(some, own, asked_items, limits.generated if own else 0, sampling)
    without = [LeftOut(file.name, file.name, problem_of(error)) for file, error in left]
    facts = _facts(asked, digests, without, samples, tuple(told))
    return samples, replace(facts, tokenizer=tokenizer()[1]) if texts else facts


def _prompts(
    asked: ToJudge, decoder: DecoderSpec, tokenizer: Found, windows: "tuple[Ids, ...]"
) -> "tuple[tuple[Ids, ...], list[Sentence]]":
    """The user's own, else beginnings from the texts; one that does not fit is left out, and told."""
    limits, own = asked.limits, load_prompts(asked.prompts)
    needed = any(prompt.prompt for prompt in own)
    found = encoded(own, decoder, tokenizer()[0] if needed else None) if own else list(beginnings(windows, limits))
    fit = [ids for ids in found if len(ids) + limits.generated <= asked.request.decode_context]
    some = tuple(fit[i] for i in evenly(len(fit), limits.prompts))
    told = []
    if len(fit) < len(found):
        told.append(
            sentence(
                "quality.limit.long_prompts",
                left_out=len(found) - len(fit),
                generated=limits.generated,
                context=asked.request.decode_context,
            )
        )
    if len(some) < len(fit):
        told.append(sentence("quality.limit.prompts", kept=len(some), all=len(fit)))
    return some, told


def _facts(
    asked: ToJudge,
    digests: list[bytes],
    left: list[LeftOut],
    samples: TextSamples | None = None,
    limits: tuple[Sentence, ...] = (),
) -> DatasetFacts:
    name, count = asked.dataset.folder.resolve().name, 0
    if samples is not None:
        count = len(samples.windows) + len(samples.items)
    return DatasetFacts(
        name,
        "multiple_choice" if samples is not None and not samples.windows else "perplexity",
        sha256(b"".join(digests)).hexdigest(),
        count,
        tuple(left),
        limits=limits,
        options=samples.sampling.stated() if samples is not None and samples.sampling is not None else {},
        tokens_sha256=tokens_sha256(samples.windows) if samples is not None and samples.windows else None,
    )
