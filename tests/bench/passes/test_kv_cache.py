"""How the KV cache is seen to grow: sessions whose memory is a number, and the allocator's own account."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.analysis.cache_growth import Reading, full, judged, slope
from bench.contracts import CacheTensor, DecoderSpec
from bench.measure.text_driver import OpenedText
from bench.passes.kv_cache import (
    MemoryInUse,
    cache_of,
    executed_cache_bytes,
    heap_reader,
    observe,
    smallest_cache_bytes,
)
from bench.record.text import KvCache
from bench.testing import FakeFacts, FakeTokenSession
from bench.words import sentence

DECODER = DecoderSpec(layers=5, kv_heads=4, head_dim=8, vocab_size=100, context_length=4096)
A_TOKEN = DECODER.kv_cache_bytes_per_token
OTHERS = 10_000_000


def as_needed(tokens: int) -> int:
    return tokens


def doubling(tokens: int) -> int:
    """Room for twice the tokens there are, whenever it is too small: 2, 6, 14, 30, …"""
    room = 0
    while room < tokens:
        room = 2 * (room + 1)
    return room


def blocks(tokens: int) -> int:
    """Blocks of 32 tokens, twice as many whenever there are too few."""
    room = 32
    while room < tokens:
        room *= 2
    return room


class Account(FakeTokenSession):
    """Takes ``per_token`` bytes for each of the tokens that it has ``room`` for, and ``per_shape`` for each length that
    it has never held."""

    per_token: int = A_TOKEN
    per_shape: int = 0
    room: Callable[[int], int] = as_needed
    tokens: int = 0
    taken: int = 0
    lengths: dict[int, None] = {}  # noqa: RUF012 - a struct's default is copied

    def prefill(self, ids: "np.ndarray[Any, Any]") -> int:
        self.put(len(ids))
        return super().prefill(ids)

    def decode(self) -> int:
        self.put(1)
        return super().decode()

    def put(self, tokens: int) -> None:
        self.tokens += tokens
        self.taken = max(self.taken, self.room(self.tokens))
        self.lengths[self.tokens] = None

    def reset(self) -> None:
        self.tokens = 0

    def used(self) -> int:
        return OTHERS + self.per_token * self.taken + self.per_shape * len(self.lengths)


class Renewable(Account):
    """Gives its cache's memory back."""

    def renew(self, tokens: int) -> None:
        self.tokens = self.taken = 0


class AtOnce(Account):
    """Takes the cache for the length that it is told."""

    def renew(self, tokens: int) -> None:
        self.tokens, self.taken = 0, tokens


class Streaming(FakeFacts):
    """Generates by itself, and keeps its memory."""

    taken: int = 0

    def fill(self, ids: "np.ndarray[Any, Any]") -> None:
        pass

    def generate(self, ids: "np.ndarray[Any, Any]", tokens: int, on_token: Callable[[int], None]) -> None:
        for index in range(tokens):
            self.taken = max(self.taken, len(ids) + index)
            on_token(1)

    def held_exactly(self) -> bool:
        return True

    def used(self) -> int:
        return OTHERS + A_TOKEN * self.taken


def seen(session: Any) -> KvCache:
    return observe(OpenedText(session), DECODER, MemoryInUse(session.used, "heap"))


@pytest.mark.parametrize("per_shape", [0, 109_453])
def test_what_a_new_length_costs_is_not_the_caches(per_shape: int) -> None:
    """109,453 bytes a token were seen where the cache takes 1,280; the second growth shows the cache, exactly."""
    expected = KvCache(1280, 1280, 158, "", (1280, 1280), "heap")
    assert expected == seen(Renewable({}, per_shape=per_shape))


@pytest.mark.parametrize(("room", "over"), [(doubling, 124), (blocks, 96)])
def test_memory_taken_ahead_is_counted_by_the_tokens_it_holds(room: Callable[[int], int], over: int) -> None:
    """A cache that takes room for twice its tokens, or blocks of them: the readings just before each step count. The
    fullest are at 2 to 126 tokens, and at 32 to 128."""
    found = seen(Renewable({}, room=room))
    assert (1280, (1280, 1280), over) == (
        found.observed_bytes_per_token,
        found.observed_ci95,
        found.observed_tokens,
    )


def test_an_engine_that_generates_by_itself_and_keeps_its_memory_grows_once() -> None:
    """It is read when it rests, six times, after 26 to 160 tokens, of which the last are not known to be full."""
    found = seen(Streaming({}))
    assert (1280, 107, "heap") == (found.observed_bytes_per_token, found.observed_tokens, found.read_from)


def test_a_cache_taken_at_once_is_told_several_lengths() -> None:
    """It shows nothing as it fills, and 1,280 bytes for each token of the length told."""
    found = seen(AtOnce({}))
    assert (1280, 134, True, "") == (
        found.observed_bytes_per_token,
        found.observed_tokens,
        found.at_once,
        str(found.reason),
    )


@pytest.mark.parametrize("per_token", [480, 2 * A_TOKEN])
def test_a_quantised_cache_and_copies_of_an_engine_are_seen(per_token: int) -> None:
    """Below the computed size in u8 with its scales, above it where past and present are held side by side."""
    assert per_token == seen(Renewable({}, per_token=per_token)).observed_bytes_per_token


@pytest.mark.parametrize("per_token", [0, 100, 300])
def test_less_than_the_cache_can_take_is_not_the_cache(per_token: int) -> None:
    """320 bytes in one byte an element: less lies elsewhere, and the reason says so."""
    found = seen(Renewable({}, per_token=per_token))
    assert (None, None, None) == (found.observed_bytes_per_token, found.observed_tokens, found.observed_ci95)
    assert str(found.reason) == (
        f"memory grew by {159 * per_token} bytes over 159 tokens, but the cache takes at least {320 * 159} bytes: it "
        "is in memory that was allocated before, or that does not belong to the process"
    )


def test_memory_kept_over_a_reset_shows_nothing_the_second_time() -> None:
    """A session that was filled before, and cannot give its memory back."""
    session = Account({})
    session.put(4000)
    assert "memory grew by 0 bytes over 159 tokens" in str(seen(session).reason)


def test_a_slope_that_is_not_known_is_not_reported() -> None:
    """Noise of 150 kB beside 200 kB of cache."""
    noise = np.random.default_rng(1).integers(0, 150_000, 4000).tolist()
    session = Renewable({})
    found = observe(OpenedText(session), DECODER, MemoryInUse(lambda: session.used() + noise.pop(), "process"))
    assert found.observed_bytes_per_token is None
    assert "5 % is required" in str(found.reason)


def test_too_few_steps_are_no_slope() -> None:
    """One block of 100 tokens, and another: two points give a line through anything."""
    found = seen(Renewable({}, room=lambda tokens: -(-tokens // 100) * 100))
    expected = "memory grew by 128000 bytes over 159 tokens in 2 steps, too few to tell the size per token (at least 4)"
    assert (None, expected) == (found.observed_bytes_per_token, str(found.reason))


def test_a_context_without_room_says_so() -> None:
    decoder = DecoderSpec(layers=5, kv_heads=4, head_dim=8, vocab_size=100, context_length=9)
    session = Renewable({})
    found = observe(session, decoder, MemoryInUse(session.used, "heap"))
    assert "fewer than 8 tokens can be put into the cache: it has room for 7" == str(found.reason)


def test_unreadable_memory_says_so() -> None:
    found = observe(Renewable({}), DECODER, MemoryInUse(lambda: None, "process"))
    assert (None, "memory cannot be read here") == (found.observed_bytes_per_token, str(found.reason))


@pytest.mark.parametrize("per_token", [1280, 46_080])
@pytest.mark.parametrize("noise", [0, 1_000, 20_000])
def test_the_interval_holds_the_truth(per_token: int, noise: int) -> None:
    """Of a hundred noisy growths the 95 % interval holds the true slope in 88 or more."""
    random = np.random.default_rng(7)
    held = 0
    for _ in range(100):
        added = random.normal(0, noise, 64)
        found = slope([Reading(n, OTHERS + per_token * n + int(added[n - 1])) for n in range(1, 65)])
        assert found is not None
        held += found.low - 1 <= per_token <= found.high + 1
    assert held >= 88


def test_full_readings_are_those_before_a_step() -> None:
    """Small changes are others' memory."""
    readings = [Reading(1, 0), Reading(2, 100), Reading(3, 4_000), Reading(4, 4_100), Reading(5, 12_000)]
    assert [Reading(2, 100), Reading(4, 4_100)] == full(readings, 1280)


def test_a_stated_size_below_the_least_is_refused_even_if_it_is_precise() -> None:
    readings = [Reading(n, 200 * n) for n in range(1, 65)]
    assert judged(readings, 1280, 320, "heap", at_once=True).observed_bytes_per_token is None


@pytest.mark.parametrize(
    ("bits", "expected"), [(None, 320), ((32, 32), 1280), ((8, 8), 320), ((8, 4), 240), ((16, 8), 480)]
)
def test_the_smallest_cache_goes_by_the_types_that_the_runtime_reports(
    bits: tuple[int, int] | None, expected: int
) -> None:
    """5 layers, 4 heads of 8, keys and values; one byte an element where the runtime reports nothing."""
    assert expected == smallest_cache_bytes(DECODER, bits)


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ("float32", 5 * 4 * 8 * 2 * 4),
        ("bfloat16", 5 * 4 * 8 * 2 * 2),
        ("int8", 5 * 4 * 8 * 2),
        ("int8+int4", 5 * 4 * 8 * 3 // 2),
        ("", None),
        ("packed", None),
    ],
)
def test_the_cache_as_it_was_kept(kept: str, expected: int | None) -> None:
    """5 layers, 4 heads of 8, keys and values, in the types that the runtime reports, keys first; null without them,
    and where the layout is not known."""
    assert expected == executed_cache_bytes(DECODER, kept)
    assert executed_cache_bytes(replace(DECODER, layers=0, unknown="several graphs"), kept) is None


def test_only_what_grows_with_tokens_is_counted() -> None:
    """Keys and values of one layer of attention among convolutions, and keys and values packed into one tensor."""
    state = CacheTensor("past_conv.0", "present_conv.0", "float32", (1, 64, 4), None)
    key, value = (CacheTensor(f"past.1.{part}", f"present.1.{part}", "float16", (1, 4, 0, 8), 2) for part in "kv")
    hybrid = replace(DECODER, cache=(key, value, *[state] * 9))
    assert (64, 128, 64) == (
        hybrid.kv_cache_elements_per_token,
        hybrid.kv_cache_bytes_per_token,
        smallest_cache_bytes(hybrid, None),
    )
    packed = replace(DECODER, cache=(CacheTensor("past_0", "present_0", "float32", (2, 1, 4, 0, 8), 3, 1),))
    assert (64, 256) == (packed.kv_cache_elements_per_token, packed.kv_cache_bytes_per_token)


@pytest.mark.parametrize(
    ("decoder", "expected"),
    [
        (
            replace(DECODER, layers=0, unknown="the graphs are several"),
            KvCache(None, reason=sentence("run.cache_layout_unknown", why="the graphs are several")),
        ),
        (
            replace(DECODER, cache=(CacheTensor("past_conv.0", "present_conv.0", "float32", (1, 64, 4), None),)),
            KvCache(0, reason=sentence("run.states_of_fixed_size")),
        ),
    ],
)
def test_without_keys_and_values_that_are_known_nothing_is_opened(decoder: DecoderSpec, expected: KvCache) -> None:
    """Their growth could not be told from any other: there is no least size."""
    assert expected == cache_of(decoder, None, None, None)  # type: ignore[arg-type]


@pytest.mark.skipif(sys.platform != "linux", reason="mallinfo2 is glibc's")
def test_the_allocators_account_is_of_what_it_has_handed_out() -> None:
    """Forty arrays of 100 kB come and go, and the account with them, to a percent, whatever the allocator keeps."""
    read = heap_reader()
    if read is None:
        pytest.skip("no mallinfo2: not glibc 2.33 or newer")
    before = read()
    arrays = [np.ones(100_000, np.uint8) for _ in range(40)]
    held = read()
    del arrays
    assert (pytest.approx(4_000_000, rel=0.01), pytest.approx(0, abs=40_000)) == (held - before, read() - before)
