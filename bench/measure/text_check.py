"""The untimed pass of a language model: what it generates, its logits along the way, and how its KV cache grows."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts import DecoderSpec
from bench.errors import RunFailure
from bench.jobs import CheckJob, TextChecked
from bench.measure.determinism import compare_token_runs
from bench.measure.generation import decoder_of, lengths, tokenizer_of
from bench.measure.generator import Generator
from bench.measure.memory import MemoryProbe
from bench.measure.prompts import load_prompts, queries
from bench.record_evidence import Determinism
from bench.text_contracts import LogitsSession, StreamSession, TokenSession
from bench.text_record import KvCache

if TYPE_CHECKING:
    import numpy as np

    Ids = np.ndarray[Any, Any]

FORCED_TOKENS = 256
"""Most ids whose logits are kept: of a vocabulary of 150,000 they take 150 MB."""
EMULATED_TOKENS = 8  # generated again, to see whether they are the same
SHORT, LONG, CHUNK = 32, 544, 16
"""Tokens in the cache when its growth is read, and how many go in at once: few, since their logits take memory too."""


def check_text(
    session: TokenSession | StreamSession, job: CheckJob
) -> tuple[tuple[int, ...], TextChecked, Determinism]:
    """The first prompt's tokens, the rest of what this pass finds out, and whether the tokens come again. Arrays go to
    ``job.folder``."""
    import numpy as np

    decoder = decoder_of(job.request)
    cache = kv_cache(session, decoder, None if emulated(job) else MemoryProbe())
    endless = queries(
        load_prompts(job.prompts), decoder, lengths(job.request, job.scenario), job.seed, tokenizer_of(session)
    )
    first = next(endless)
    generator, tokens = Generator(session), job.scenario.generate_tokens or 1
    ids = generator.greedy(first.context, first.prompt, tokens)
    again = generator.greedy(first.context, first.prompt, min(tokens, EMULATED_TOKENS) if emulated(job) else tokens)
    determinism = compare_token_runs(ids[: len(again)] if emulated(job) else ids, again)
    own = np.concatenate([first.prompt, np.array(ids, np.int64)])[-FORCED_TOKENS:]
    forced = own if job.forced is None else np.load(job.forced, allow_pickle=False)
    ids_file = job.folder / "forced.npy"
    np.save(ids_file, forced)
    streams_at_depth = isinstance(session, StreamSession) and len(first.context) > 0
    prompt = tuple(int(i) for i in first.prompt)
    checked = TextChecked(prompt, ids_file, _logits(session, forced, job.folder), cache, not streams_at_depth)
    return ids, checked, determinism


def emulated(job: CheckJob) -> bool:
    """Whether a token takes long, and memory says nothing."""
    return "emu" in job.request.device


def _logits(session: TokenSession | StreamSession, ids: "Ids", folder: Path) -> Path | None:
    if not isinstance(session, LogitsSession):
        return None
    import numpy as np

    path = folder / "logits.npy"
    np.save(path, np.asarray(session.logits(ids), np.float32))
    return path


def kv_cache(session: TokenSession | StreamSession, decoder: DecoderSpec, probe: MemoryProbe | None) -> KvCache:
    """Bytes a token: as the layout says, and as the process grew while the cache went from ``SHORT`` to ``LONG``."""
    computed = decoder.kv_cache_bytes_per_token
    if probe is None:
        return KvCache(computed, reason="emulated: the process' memory is not the device's")
    longest = min(LONG, decoder.context_length)
    if longest <= SHORT:
        return KvCache(computed, reason=f"the context of {longest} tokens is too short to see it grow")
    try:
        _fill(session, SHORT)  # buffers for a chunk of this size are there from now on
        before = _filled_bytes(session, SHORT, probe)
        after = _filled_bytes(session, longest, probe)
    except RunFailure as failure:
        return KvCache(computed, reason=f"it cannot grow to {longest} tokens here: {failure.message}")
    if before is None or after is None:
        return KvCache(computed, reason="memory cannot be read here")
    grown = after - before
    if grown < computed * (longest - SHORT) / 10:
        reason = (
            f"the process grew by {max(0, grown)} bytes in {longest - SHORT} tokens: the cache was allocated before"
        )
        return KvCache(computed, reason=reason)
    return KvCache(computed, round(grown / (longest - SHORT)), longest - SHORT)


def _filled_bytes(session: TokenSession | StreamSession, tokens: int, probe: MemoryProbe) -> int | None:
    _fill(session, tokens)
    return probe.read(False).uss_bytes


def _fill(session: TokenSession | StreamSession, tokens: int) -> None:
    """Make the cache hold ``tokens`` times token 1."""
    import numpy as np

    if isinstance(session, StreamSession):
        session.fill(np.ones(tokens, np.int64))
        return
    session.reset()
    for begin in range(0, tokens, CHUNK):
        session.prefill(np.ones(min(CHUNK, tokens - begin), np.int64))
