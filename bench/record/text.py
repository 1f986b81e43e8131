"""Text generation in a record. Part of ``bench.record.record``'s layout."""

from typing import Literal

from bench.record.part import Part
from bench.words import Sentence


class TokenizedTimes(Part, frozen=True):
    """The same work with the tokenizer inside the timed part: the prompt's text is encoded before it, and every token
    is decoded to text as it arrives. Medians of ``queries`` queries, in a separate pass."""

    queries: int
    ttft_ns: int | None = None
    tpot_ns: int | None = None
    e2e_ns: int | None = None


class TokenizerUsed(Part, frozen=True):
    """What turned the user's prompts into tokens. ``source``: ``engine``, the engine's own; ``file``, the
    ``tokenizer.json`` beside the model, read by the library ``tokenizers``, with the ``sha256`` of the file and the
    ``version`` of the library. ``around``: the ids (``bos``, ``eos``) that ``tokenizer_config.json`` has put around a
    text; ``None`` where it does not decide."""

    source: Literal["engine", "file"]
    sha256: str | None = None
    version: str = ""
    around: dict[str, int] | None = None


class CachedPrefix(Part, frozen=True):
    """Queries whose prompt the engine may have taken from its prefix cache: an earlier prompt of the same process began
    with more than one token of it. Medians of the ``queries``; none of them is in the ``ttft_ns``, ``e2e_ns`` and
    ``prefill_tokens_per_s`` of new prompts."""

    queries: int
    ttft_ns: int | None = None
    e2e_ns: int | None = None


CacheState = Literal["empty", "filled"]
"""What the cache held as the tokens of the first prompt were generated: nothing, in a process that had generated
nothing before, or the context of the depth alone."""


ReadFrom = Literal["heap", "process", ""]


class KvCache(Part, frozen=True):
    """``bytes_per_token``: computed from the layout, keys and values of all layers; null, with the ``reason``, if the
    layout is not known. ``executed_bytes_per_token``: computed likewise, with the types that the cache was kept in
    (``executed_kv_cache``), without the scales of integers; null if the runtime does not report the types.
    ``observed_bytes_per_token``: growth of memory for each token that the cache received, or was
    allocated for, in a separate untimed pass, over ``observed_tokens`` tokens; ``observed_ci95`` is its 95 % interval.
    Null, with the ``reason``, if the growth does not show it.

    ``read_from``: ``heap``, what the C library's allocator has handed out; ``process``, the process' USS; records
    before 0.1.0 leave it empty and read USS. ``at_once``: the engine allocates the whole cache for a given length, and
    was opened with several lengths. ``pass_ns``: duration of the pass, including opening the model.
    """

    bytes_per_token: int | None
    observed_bytes_per_token: int | None = None
    observed_tokens: int | None = None
    reason: Sentence | str = ""
    observed_ci95: tuple[int, int] | None = None
    read_from: ReadFrom = ""
    at_once: bool = False
    pass_ns: int | None = None
    executed_bytes_per_token: int | None = None


class TokenEnergy(Part, frozen=True):
    """Power proxies per token. The figure of a prompt token comes from a pass that generates one token per query; that
    of a generated token is the additional cost of whole generations. Null: not measured, or below the noise."""

    cpu_seconds_per_prompt_token: float | None = None
    cpu_seconds_per_generated_token: float | None = None
    joules_per_prompt_token: float | None = None
    joules_per_generated_token: float | None = None
    sensor_channel: str | None = None


class Divergence(Part, frozen=True):
    """The first token that differs: number ``index`` (from 0) of those generated. ``logit_gap``: by how much the
    reference prefers its own token to this one; ``logit_error``: by how much this run's preference between the two
    differs from that. An error above the gap explains the swap. Null where logits cannot be seen."""

    index: int
    token: int
    reference_token: int
    logit_gap: float | None = None
    logit_error: float | None = None


class Agreement(Part, frozen=True):
    """Greedy tokens, and the distributions behind them, against a reference run.

    ``of``: ``engine``, the same file run unoptimised in float32, or ``model``, the float32 weights of the same model.
    ``token_prefix``: equal tokens before the first difference; ``tokens_equal_share``: fraction equal at the same
    position. Over ``positions`` of one sequence fed to both: ``kl_divergence_nats``, reference from this run, mean and
    maximum; ``top1_agreement``. All of these are computed from ``token_ids``, ``reference_token_ids``,
    ``divergences_nats`` (one a position) and ``top1_differs_at`` (positions), which older records do not have.
    ``reference_types``: the types of the reference's ``weights``, ``activations`` and ``kv_cache``, as far as its
    runtime reports them.
    """

    of: Literal["engine", "model"]
    reference: str
    tokens_compared: int = 0
    token_prefix: int | None = None
    tokens_equal_share: float | None = None
    positions: int = 0
    kl_divergence_nats: float | None = None
    kl_divergence_nats_max: float | None = None
    top1_agreement: float | None = None
    first_divergence: Divergence | None = None
    reason: Sentence | str = ""
    token_ids: tuple[int, ...] = ()
    reference_token_ids: tuple[int, ...] = ()
    divergences_nats: tuple[float, ...] = ()
    top1_differs_at: tuple[int, ...] = ()
    reference_types: dict[str, str] = {}


class AnswersChecked(Part, frozen=True):
    """Greedy answers under the scenario's conditions, and without them: of a conversation by turn, with the prefix
    kept in the cache and with the whole history computed again in each turn, which is the same history; of
    users by user, all at once and each alone. ``token_ids`` and ``other_token_ids``: one list a turn or user; the
    second is empty where there was nothing to compare. ``again``: whether the first came again."""

    token_ids: tuple[tuple[int, ...], ...]
    other_token_ids: tuple[tuple[int, ...], ...] = ()
    again: bool | None = None


class TextGeneration(Part, frozen=True):
    """TTFT = issue to first token. TPOT = (t_last − t_first)/(n − 1), per query. ITL = every gap. Medians of a
    repeat, geometric mean over repeats; ``itl_ns`` also its percentiles, of all gaps together where one repeat has too
    few. ``e2e_ns``: issue to last token. All without tokenizer; ``tokenized`` is with it. ``…_ci95``: 95 %
    intervals between processes.

    ``prompt_tokens``: the median of the prompts'. ``generated_tokens``: the minimum over queries. ``token_ids``: the
    output for the first prompt, the first of a new process. ``tokenizer``: of the user's prompts; null for prompts of
    ids. ``cached``: queries with a prompt seen before, where the engine keeps prefixes. ``cache_state``: what was in
    the cache as ``token_ids`` were generated; null in older records. ``stop_token_ids``: those that ended generations,
    where that was asked for. ``answers``: of a conversation, or of several users.
    ``prefilled_tokens``: of a conversation, the tokens that each turn computed before its first one; the median.
    """

    prompt_tokens: int
    generated_tokens: int
    token_ids: tuple[int, ...]
    ttft_ns: int | None = None
    tpot_ns: int | None = None
    itl_ns: dict[str, int | None] = {}
    prefill_tokens_per_s: float | None = None
    decode_tokens_per_s: float | None = None
    depth_tokens: int = 0
    e2e_ns: int | None = None
    tpot_ns_ci95: tuple[int, int] | None = None
    tokenized: TokenizedTimes | None = None
    kv_cache: KvCache | None = None
    energy: TokenEnergy | None = None
    agreement: tuple[Agreement, ...] = ()
    ttft_ns_ci95: tuple[int, int] | None = None
    tokenizer: TokenizerUsed | None = None
    cached: CachedPrefix | None = None
    cache_state: CacheState | None = None
    stop_token_ids: tuple[int, ...] = ()
    answers: AnswersChecked | None = None
    prefilled_tokens: tuple[int, ...] = ()
