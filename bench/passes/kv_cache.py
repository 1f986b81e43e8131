"""The pass that observes a language model's KV cache: untimed, in a separate process, opened with ``exact_memory``.

The cache grows token by token, memory is read after each token, and ``cache_growth`` computes the memory per token. The
cache grows twice if the session can release its memory: during the first growth the runtime also allocates memory for
every new length, which does not belong to the cache, so the second growth is read. If an engine allocates the whole
cache for a given length, memory does not grow while it fills; it is opened with several lengths instead. An engine that
generates by itself continues while it delivers a token, so memory is read between generations of several lengths, when
it is idle.
"""

import ctypes
import sys
from collections.abc import Callable
from time import perf_counter_ns
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from bench.analysis.cache_growth import Reading, judged
from bench.contracts import DecoderSpec, OpenRequest, Target, TokenSession
from bench.errors import RunFailure
from bench.jobs import Failed, Job, Runner, Worker
from bench.measure.generation import decoder_of
from bench.measure.memory import MemoryProbe
from bench.measure.phases import untimed
from bench.measure.text_driver import OpenedText, open_text
from bench.passes.evidence import Evidence, known
from bench.plugins import load
from bench.record.text import KvCache, ReadFrom
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from bench.suite.plan import TargetChoice

LONGEST = 160
"""Most tokens that the cache is made to hold."""
FEWEST = 8
"""Of tokens: fewer show nothing."""
WARM_UP = 4  # tokens
BUDGET_NS = 5_000_000_000
"""What growing may take in all."""
SLOW = 3  # times as much for the minimum number of tokens
LENGTHS = 6  # that an engine is opened with, or generates
EXACT_HEAP = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
"""Small pieces that a thread has freed would count as handed out."""
EXECUTED_BITS = {"float32": 32, "float16": 16, "bfloat16": 16, "int8": 8, "int4": 4}
UNKNOWN_BITS = (8, 8)
"""Minimum size of an element of keys and of values: a runtime may quantise its cache without reporting it."""


class CacheJob(Job[KvCache], frozen=True, kw_only=True):
    """How much memory does a token take in the KV cache of a language model?"""

    request: OpenRequest

    def play(self, worker: Worker) -> KvCache:
        """Open with memory taken as it is needed, and make the KV cache grow."""
        decoder = decoder_of(self.request)
        target: Target = load(self.plugin)
        room = longest_cache(decoder) + 2
        alone = replace(self.request, depth_tokens=0, stop_tokens=(), converses=False, users=0)
        request = replace(alone, exact_memory=True, prompt_tokens=1, decode_context=room)
        session = open_text(target, request, untimed(worker.announce))
        worker.announce("cache")
        return observe(session, decoder, memory_in_use())


def evidence(so_far: Evidence, jobs: Runner) -> Evidence:
    """What a token takes in the KV cache, of a language model that has one."""
    decoder = known(so_far.prepared).artifact.decoder
    if decoder is None:
        return so_far
    jobs.say(sentence("run.observing_kv_cache"))
    found = cache_of(decoder, known(so_far.opening).request, so_far.run.target, jobs)
    kept = so_far.checked.facts.kv_cache_precision if so_far.checked else ""
    return replace(so_far, kv_cache=replace(found, executed_bytes_per_token=executed_cache_bytes(decoder, kept)))


def cache_of(decoder: DecoderSpec, request: OpenRequest, target: "TargetChoice", jobs: Runner) -> KvCache:
    """Memory per token. If it cannot be observed, the run is still measured, and the reason is stated."""
    computed = decoder.kv_cache_bytes_per_token
    if computed is None:
        return KvCache(None, reason=sentence("run.cache_layout_unknown", why=decoder.unknown))
    if computed == 0:
        return KvCache(computed, reason=sentence("run.states_of_fixed_size"))
    if target.device.emulated:
        return KvCache(computed, reason=sentence("run.memory_of_emulator"))
    result = jobs.attempt(CacheJob(target.plugin, request=request), environment=EXACT_HEAP)
    found = result.answer
    if isinstance(found, Failed):
        found = KvCache(computed, reason=sentence("run.pass_failed", message=found.failure.sentence))
    return replace(found, pass_ns=result.wall_ns)


class MemoryInUse(Struct, frozen=True):
    """``read`` gives bytes, ``None`` where they cannot be read; ``source`` says which."""

    read: Callable[[], int | None]
    source: ReadFrom


def memory_in_use() -> MemoryInUse:
    """What the allocator has handed out (glibc's ``mallinfo2``), where it says so: what it keeps after a release is not
    in it. Else the process' USS, in which such memory is."""
    heap = heap_reader()
    return MemoryInUse(heap, "heap") if heap else MemoryInUse(lambda: MemoryProbe().read(False).uss_bytes, "process")


class _Mallinfo2(ctypes.Structure):
    """glibc's ``struct mallinfo2``: ``uordblks``, bytes handed out from all arenas; ``hblkhd``, those mapped apart."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    )


def heap_reader() -> Callable[[], int] | None:
    """Bytes that ``malloc`` has handed out and not got back; ``None`` without glibc 2.33 or newer."""
    if sys.platform != "linux":
        return None
    function = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if function is None:
        return None
    function.restype = _Mallinfo2

    def read() -> int:
        info = function()
        return int(info.uordblks) + int(info.hblkhd)

    return read


def longest_cache(decoder: DecoderSpec) -> int:
    """Tokens that the cache is made to hold in this pass, at most."""
    return min(LONGEST, decoder.context_length - 2)


def observe(session: OpenedText, decoder: DecoderSpec, memory: MemoryInUse) -> KvCache:
    """Bytes a token, as the layout says and as memory shows; null with the reason where it does not show them."""
    computed = decoder.kv_cache_bytes_per_token
    least = smallest_cache_bytes(decoder, session.facts().kv_cache_bits)
    if memory.read() is None:
        return KvCache(computed, reason=sentence("run.memory_not_readable"))
    try:
        return _Observation(session, decoder, memory.read).result(computed, least, memory.source)
    except RunFailure as failure:
        return KvCache(computed, reason=sentence("run.cache_does_not_grow", message=failure.sentence))


def smallest_cache_bytes(decoder: DecoderSpec, bits: tuple[int, int] | None) -> int:
    """Bytes a token that keys and values cannot be below. ``bits``: of an element of each, as the runtime reports them.
    Scales are left out."""
    return decoder.kv_cache_elements_per_token * sum(bits or UNKNOWN_BITS) // 2 // 8


def executed_cache_bytes(decoder: DecoderSpec, kept: str) -> int | None:
    """Bytes a token in the types that keys and values were ``kept`` in (``int8``, or ``int8+int4``, keys first),
    without scales; ``None`` where these or the layout are not known."""
    if decoder.unknown:
        return None
    if kept == decoder.kv_cache_precision:
        return decoder.kv_cache_bytes_per_token
    bits = [EXECUTED_BITS.get(name) for name in kept.split("+")]
    if None in bits or not decoder.kv_cache_elements_per_token:
        return None
    return smallest_cache_bytes(decoder, (bits[0] or 0, bits[-1] or 0))


class _Observation:
    """One session, made to grow and read."""

    def __init__(self, session: OpenedText, decoder: DecoderSpec, read: Callable[[], int | None]) -> None:
        import numpy as np

        self._session, self._read_memory = session, read
        self._prompt, self._nothing = np.ones(1, np.int64), np.zeros(0, np.int64)
        self._longest = longest_cache(decoder)

    def result(self, computed: int | None, least: int, source: ReadFrom) -> KvCache:
        if self._longest < FEWEST:
            return KvCache(computed, reason=sentence("run.cache_room", too_few=_too_few(), longest=self._longest))
        steps = self._session.steps
        if steps is None:
            readings = self._generated()
        elif self._session.renew is not None:
            count = len(self._grown(steps, self._longest, BUDGET_NS // 2))
            readings = self._grown(steps, max(1, count), BUDGET_NS // 2)
        else:
            self._grown(steps, WARM_UP, BUDGET_NS)
            readings = self._grown(steps, self._longest, BUDGET_NS)
        if not readings or readings[-1].tokens < FEWEST:
            return KvCache(computed, reason=sentence("run.cache_time", too_few=_too_few()))
        found = judged(readings, computed, least, source, at_once=False)
        grown, tokens = readings[-1].used_bytes - readings[0].used_bytes, readings[-1].tokens
        if grown < least * tokens / 2 and steps is not None and self._session.renew is not None:
            told = judged(self._told_lengths(steps), computed, least, source, at_once=True)
            found = told if told.observed_bytes_per_token is not None else found
        return found

    def _grown(self, steps: TokenSession, tokens: int, budget_ns: int) -> list[Reading]:
        """One token in, then one after another until the cache holds ``tokens`` or time is up."""
        self._emptied(steps, tokens + 2)
        used, held = [0] * tokens, 0  # a list that grew would be counted too
        begin_ns = perf_counter_ns()
        while held < tokens and perf_counter_ns() - begin_ns < (budget_ns if held >= FEWEST else SLOW * budget_ns):
            if held == 0:
                steps.prefill(self._prompt)
            else:
                steps.decode()
            used[held] = self._read()
            held += 1
        return [Reading(index + 1, used[index]) for index in range(held)]

    def _generated(self) -> list[Reading]:
        """Generations from an empty cache, each longer than the one before, read when they have ended."""
        self._generate(WARM_UP)
        begin_ns = perf_counter_ns()
        self._generate(WARM_UP)
        pace_ns = max(1, (perf_counter_ns() - begin_ns) // WARM_UP)
        longest = min(self._longest, 2 * BUDGET_NS // pace_ns // (LENGTHS + 1))
        lengths = [longest * (index + 1) // LENGTHS for index in range(LENGTHS)]
        return [Reading(n, self._generate(n)) for n in lengths] if longest >= FEWEST else []

    def _generate(self, tokens: int) -> int:
        self._session.fill(self._nothing)
        self._session.generate(self._prompt, tokens, _ignored)
        return self._read()

    def _told_lengths(self, steps: TokenSession) -> list[Reading]:
        """Twice through the lengths; the second time is read."""
        readings: list[Reading] = []
        for _ in range(2):
            readings = []
            for index in range(LENGTHS):
                length = self._longest * (index + 1) // LENGTHS
                self._emptied(steps, length)
                steps.prefill(self._prompt)
                readings.append(Reading(length, self._read()))
        return readings

    def _emptied(self, steps: TokenSession, tokens: int) -> None:
        if self._session.renew is not None:
            self._session.renew(tokens)
        else:
            steps.reset()

    def _read(self) -> int:
        if self._session.settle is not None:
            self._session.settle()
        return self._read_memory() or 0


def _too_few() -> Sentence:
    return sentence("run.cache_too_short", fewest=FEWEST)


def _ignored(token: int) -> None:
    pass
