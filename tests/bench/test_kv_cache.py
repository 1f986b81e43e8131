"""How the KV cache is seen to grow: a process whose memory is a number."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from bench.contracts import DecoderSpec
from bench.measure.memory import MemoryProbe
from bench.measure.text_check import kv_cache, smallest_cache_bytes
from bench.record import MemoryPoint
from bench.testing import FakeTokenSession

DECODER = DecoderSpec(layers=5, kv_heads=4, head_dim=8, vocab_size=100, context_length=4096)
A_TOKEN = DECODER.kv_cache_bytes_per_token
OTHERS = 10_000_000


class Growing(FakeTokenSession):
    """Takes ``per_token`` bytes a token, and ``per_shape`` for each length that it has never held. What it has taken it
    gives back at a reset, or keeps."""

    per_token: int = A_TOKEN
    per_shape: int = 0
    keeps: bool = False
    tokens: int = 0
    most: int = 0
    lengths: dict[int, None] = {}  # noqa: RUF012 - a struct's default is copied

    def prefill(self, ids: "np.ndarray[Any, Any]") -> int:
        self.tokens += len(ids)
        self.most = max(self.most, self.tokens)
        self.lengths[self.tokens] = None
        return super().prefill(ids)

    def reset(self) -> None:
        self.tokens = 0

    def uss_bytes(self) -> int:
        held = self.most if self.keeps else self.tokens
        return OTHERS + self.per_token * held + self.per_shape * len(self.lengths)


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Callable[[Growing], MemoryProbe]:
    """A probe that reads the session's own account."""

    def of(session: Growing) -> MemoryProbe:
        monkeypatch.setattr(MemoryProbe, "read", lambda self, fresh: MemoryPoint(uss_bytes=session.uss_bytes()))
        return MemoryProbe()

    return of


@pytest.mark.parametrize("per_shape", [0, 1_800_000])
def test_what_a_new_shape_costs_is_not_the_caches(probe: Callable[[Growing], MemoryProbe], per_shape: int) -> None:
    """109,453 bytes a token were seen where the cache takes 1,280; the second growth shows the cache."""
    session = Growing({}, per_shape=per_shape)
    found = kv_cache(session, DECODER, probe(session))
    assert (1280, 1280, 512, "") == (
        found.bytes_per_token,
        found.observed_bytes_per_token,
        found.observed_tokens,
        found.reason,
    )


def test_copies_of_an_engine_are_seen(probe: Callable[[Growing], MemoryProbe]) -> None:
    """One that holds past and present side by side takes twice the cache."""
    session = Growing({}, per_token=2 * A_TOKEN)
    assert 2 * A_TOKEN == kv_cache(session, DECODER, probe(session)).observed_bytes_per_token


@pytest.mark.parametrize(("keeps", "per_token"), [(True, A_TOKEN), (False, 100), (False, 0)])
def test_less_than_the_cache_can_take_is_not_the_cache(
    probe: Callable[[Growing], MemoryProbe], keeps: bool, per_token: int
) -> None:
    """Memory kept over the reset, or taken at once: null, and the reason says what it can take at least."""
    session = Growing({}, keeps=keeps, per_token=per_token)
    found = kv_cache(session, DECODER, probe(session))
    grown = 0 if keeps else 512 * per_token
    assert (None, None) == (found.observed_bytes_per_token, found.observed_tokens)
    assert found.reason == (
        f"the process grew by {grown} bytes in 512 tokens, and the cache takes {320 * 512} at least: it lies in memory "
        "that was taken before"
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 320),
        ({"KV_CACHE_PRECISION": "f32"}, 1280),
        ({"KV_CACHE_PRECISION": "u8"}, 320),
        ({"KEY_CACHE_PRECISION": "u8", "VALUE_CACHE_PRECISION": "u4"}, 240),
        ({"KV_CACHE_PRECISION": "f16", "VALUE_CACHE_PRECISION": "u8"}, 480),
    ],
)
def test_the_smallest_cache_goes_by_the_types_that_the_runtime_names(options: Mapping[str, str], expected: int) -> None:
    """5 layers, 4 heads of 8, keys and values; one byte an element where nothing is said."""
    assert expected == smallest_cache_bytes(DECODER, options)


def test_a_quantised_cache_below_the_computed_one_is_believed(probe: Callable[[Growing], MemoryProbe]) -> None:
    """In u8 with its scales: 480 bytes of the 1,280 in float32."""
    session = Growing({"KV_CACHE_PRECISION": "u8"}, per_token=480)
    assert 480 == kv_cache(session, DECODER, probe(session)).observed_bytes_per_token
