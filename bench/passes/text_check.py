"""The untimed pass of a language model: what it generates, and its logits along the way."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from bench.contracts import OpenRequest, Scenario
from bench.inputs.conversations import demand_lengths, refuse_long_conversation
from bench.inputs.prompts import Prompt, Query, encoded, load_prompts, queries, save_prompts
from bench.inputs.tokenizer_file import tokenizer_of
from bench.measure.generation import decoder_of, lengths
from bench.measure.text_driver import OpenedText
from bench.passes.answers import answers_checked
from bench.passes.determinism import compare_token_runs
from bench.passes.evidence import TextChecked
from bench.record.evidence import Determinism
from bench.record.text import TokenizerUsed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int64]

FORCED_TOKENS = 256
"""Most ids whose logits are kept: of a vocabulary of 150,000 they take 150 MB."""
EMULATED_TOKENS = 8  # generated again, to see whether they are the same


class TextFound(Struct, frozen=True):
    """The first prompt's tokens, the rest of what this pass finds out, and whether the tokens come again: ``None``
    where they were asked for once."""

    token_ids: tuple[int, ...]
    text: TextChecked
    determinism: Determinism | None


def check_text(
    session: OpenedText,
    request: OpenRequest,
    scenario: Scenario,
    *,
    seed: int,
    prompts: Path | None,
    forced: Path | None,
    tokenizer: Path | None,
    emulated: bool,
    again: bool,
    folder: Path,
) -> TextFound:
    """``prompts``, ``forced``, ``tokenizer``, ``emulated``, ``again``: as in ``CheckJob``. Arrays go to ``folder``, and
    prompts as ids. Raises ``RunFailure`` for a prompt of the user's that does not fit."""
    import numpy as np

    decoder, tokens = decoder_of(request), scenario.generate_tokens or 1
    given, used = _as_ids(load_prompts(prompts), session, request, tokenizer)
    lengths_of = [len(ids) for ids in given]
    demand_lengths(lengths_of, decoder, scenario)
    refuse_long_conversation(request.artifact.model_id, decoder, scenario, lengths_of)
    first = next(queries(given, decoder, lengths(request, scenario), seed))
    ids = session.greedy(first.context, first.prompt, tokens)
    exact = session.held_exactly()
    others = None if forced is not None else answers_checked(session, request, scenario, given, seed)
    determinism = None
    if again:
        determinism = _determinism(session, first, ids, min(tokens, EMULATED_TOKENS) if emulated else tokens)
    own = np.concatenate([first.prompt, np.array(ids, np.int64)])
    fed = own[-FORCED_TOKENS:] if forced is None else np.load(forced, allow_pickle=False)
    whole = len(first.context) == 0 and len(own) <= FORCED_TOKENS
    ids_file = folder / "forced.npy"
    np.save(ids_file, fed)
    text = TextChecked(
        prompt=tuple(int(i) for i in first.prompt),
        forced=ids_file,
        logits=_logits(session, fed, folder),
        comparable=exact,
        whole=whole,
        prompts=_saved(given, folder),
        tokenizer=used,
        answers=others,
    )
    return TextFound(ids, text, determinism)


def _determinism(session: OpenedText, first: Query, ids: tuple[int, ...], tokens: int) -> Determinism:
    """Whether the first ``tokens`` of ``ids`` come again. A context is computed again, too, unless the session cuts its
    cache back to it, as in the repeats, of which each computes it once."""
    if session.keeps_prefixes or not session.rewinds:
        session.forget()  # else the engine may find the prompt among what it has just seen
    found = session.greedy(first.context, first.prompt, tokens)
    return compare_token_runs(ids[:tokens], found)


def _as_ids(
    given: Sequence[Prompt], session: OpenedText, request: OpenRequest, file: Path | None
) -> "tuple[list[Ids], TokenizerUsed | None]":
    """The user's prompts as ids, and what made them of text; nothing is asked for where all are ids."""
    decoder = decoder_of(request)
    if not any(prompt.prompt for prompt in given):
        return encoded(given, decoder, None), None
    tokenizer, used = tokenizer_of(session.tokenizer(), file, request.artifact.source)
    return encoded(given, decoder, tokenizer), used


def _saved(given: "Sequence[Ids]", folder: Path) -> Path | None:
    if not given:
        return None
    path = folder / "prompts.json"
    save_prompts(path, [Prompt(ids=tuple(int(i) for i in ids)) for ids in given])
    return path


def _logits(session: OpenedText, ids: "Ids", folder: Path) -> Path | None:
    if session.logits is None:
        return None
    import numpy as np

    path = folder / "logits.npy"
    np.save(path, np.asarray(session.logits(ids), np.float32))
    return path
