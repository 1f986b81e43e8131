"""The untimed pass of a language model: what it generates, its logits along the way, and how its KV cache grows."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts import DecoderSpec
from bench.errors import RunFailure
from bench.jobs import CheckJob, TextChecked
from bench.measure.determinism import compare_token_runs
from bench.measure.generation import decoder_of, lengths, tokenizer_of
from bench.measure.generator import Generator
from bench.measure.memory import MemoryProbe
from bench.measure.prompts import encoded, load_prompts, queries
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

CACHE_BITS = {"u4": 4, "i4": 4, "u8": 8, "i8": 8, "f16": 16, "bf16": 16, "f32": 32}
"""Of the types that OpenVINO's properties name."""


def check_text(
    session: TokenSession | StreamSession, job: CheckJob
) -> tuple[tuple[int, ...], TextChecked, Determinism]:
    """The first prompt's tokens, the rest of what this pass finds out, and whether the tokens come again. Arrays go to
    ``job.folder``. Raises ``RunFailure`` for a prompt of the user's that does not fit."""
    import numpy as np

    decoder, tokenizer = decoder_of(job.request), tokenizer_of(session)
    given, tokens = load_prompts(job.prompts), job.scenario.generate_tokens or 1
    _demand_room(encoded(given, decoder, tokenizer), decoder, (job.scenario.depth_tokens or 0) + tokens)
    cache = kv_cache(session, decoder, None if job.emulated else MemoryProbe())
    first = next(queries(given, decoder, lengths(job.request, job.scenario), job.seed, tokenizer))
    generator = Generator(session)
    ids = generator.greedy(first.context, first.prompt, tokens)
    exact = not isinstance(session, StreamSession) or session.held_exactly()
    again = generator.greedy(first.context, first.prompt, min(tokens, EMULATED_TOKENS) if job.emulated else tokens)
    determinism = compare_token_runs(ids[: len(again)] if job.emulated else ids, again)
    own = np.concatenate([first.prompt, np.array(ids, np.int64)])
    forced = own[-FORCED_TOKENS:] if job.forced is None else np.load(job.forced, allow_pickle=False)
    whole = len(first.context) == 0 and len(own) <= FORCED_TOKENS
    ids_file = job.folder / "forced.npy"
    np.save(ids_file, forced)
    prompt = tuple(int(i) for i in first.prompt)
    checked = TextChecked(prompt, ids_file, _logits(session, forced, job.folder), cache, exact, whole)
    return ids, checked, determinism


def _demand_room(prompts: "list[Ids]", decoder: DecoderSpec, beside: int) -> None:
    """Raise ``RunFailure`` for the first prompt that does not fit the context with ``beside`` other tokens."""
    for number, ids in enumerate(prompts, start=1):
        if len(ids) + beside > decoder.context_length:
            raise RunFailure(
                "bad_input",
                f"prompt {number} of the user's has {len(ids)} tokens, and with {beside} of depth and answer it does "
                f"not fit the context of {decoder.context_length}",
                "Shorten it, or ask for fewer tokens with --generate-tokens and --depth.",
            )


def _logits(session: TokenSession | StreamSession, ids: "Ids", folder: Path) -> Path | None:
    if not isinstance(session, LogitsSession):
        return None
    import numpy as np

    path = folder / "logits.npy"
    np.save(path, np.asarray(session.logits(ids), np.float32))
    return path


def kv_cache(session: TokenSession | StreamSession, decoder: DecoderSpec, probe: MemoryProbe | None) -> KvCache:
    """Bytes a token: as the layout says, and as the process grew while the cache went from ``SHORT`` to ``LONG``.

    It grows twice. The first time every new shape costs the runtime memory of its own, which is not the cache's; the
    second, after a reset, is read.
    """
    computed = decoder.kv_cache_bytes_per_token
    if probe is None:
        return KvCache(computed, reason="emulated: the process' memory is not the device's")
    longest = min(LONG, decoder.context_length)
    if longest <= SHORT:
        return KvCache(computed, reason=f"the context of {longest} tokens is too short to see it grow")
    try:
        _fill(session, longest)
        before = _filled_bytes(session, SHORT, probe)
        after = _filled_bytes(session, longest, probe)
    except RunFailure as failure:
        return KvCache(computed, reason=f"it cannot grow to {longest} tokens here: {failure.message}")
    if before is None or after is None:
        return KvCache(computed, reason="memory cannot be read here")
    least = smallest_cache_bytes(decoder, session.effective_options())
    return observed_cache(computed, least, after - before, longest - SHORT)


def smallest_cache_bytes(decoder: DecoderSpec, options: Mapping[str, str]) -> int:
    """Bytes a token that keys and values cannot be below: in the types that the runtime's options name, else in one
    byte an element, since a runtime may quantise its cache and not say so. Scales are left out."""
    both = options.get("KV_CACHE_PRECISION", "")
    names = (options.get(f"{part}_CACHE_PRECISION", both) for part in ("KEY", "VALUE"))
    elements = decoder.layers * decoder.kv_heads * decoder.head_dim
    return elements * sum(CACHE_BITS.get(name, 8) for name in names) // 8


def observed_cache(computed: int, least: int, grown: int, tokens: int) -> KvCache:
    """What a growth of the process by ``grown`` bytes in ``tokens`` tokens says of the cache: nothing, where it is
    below what the cache takes at ``least`` a token."""
    if grown < least * tokens:
        reason = (
            f"the process grew by {max(0, grown)} bytes in {tokens} tokens, and the cache takes {least * tokens} at "
            "least: it lies in memory that was taken before"
        )
        return KvCache(computed, reason=reason)
    return KvCache(computed, round(grown / tokens), tokens)


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
