"""Targets whose figures should not be believed: one answers from a cache, one never answers the same. Loaded with
--plugin by the tests."""

import random
from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Any

from bench.contracts import Device, OpenRequest, Phase, Tensors, TensorSession, TokenSession
from bench.testing import FakeDecoder, FakeModel, FakeTensorSession, FakeTokenSession, NullTarget

WORK_NS = 2_000_000


def work() -> None:
    """Two milliseconds of it."""
    end = perf_counter_ns() + WORK_NS
    while perf_counter_ns() < end:
        pass


class CachingTensors(FakeTensorSession):
    """Keeps every answer by the bytes of its question, or the last one only."""

    answers: dict[bytes, bool] = {}  # noqa: RUF012 - a struct's default is copied
    keeps_all: bool = True

    def bind(self, feeds: Tensors) -> Callable[[], None]:
        self.feeds = dict(feeds)
        question = b"".join(array.tobytes() for array in self.feeds.values())

        def call() -> None:
            if question not in self.answers:
                work()
                if not self.keeps_all:
                    self.answers.clear()
                self.answers[question] = True

        return call


class CachingTokens(FakeTokenSession):
    """Keeps the prompts it has read, as a cache of prefixes does."""

    prompts: dict[bytes, bool] = {}  # noqa: RUF012 - a struct's default is copied

    def prefill(self, ids: Any) -> int:
        if ids.tobytes() not in self.prompts:
            work()
            self.prompts[ids.tobytes()] = True
        return super().prefill(ids)


class RandomTensors(FakeTensorSession):
    """Adds noise to what it copies: as much as rounding does, or as much as the signal."""

    noise: float = 1.0

    def results(self) -> Tensors:
        import numpy as np

        rng = np.random.default_rng()
        return {n: (a + self.noise * rng.standard_normal(a.shape)).astype(a.dtype) for n, a in self.feeds.items()}


class RandomTokens(FakeTokenSession):
    """Every token is drawn anew."""

    def decode(self) -> int:
        return random.SystemRandom().randrange(1_000_000)


class Suspicious(NullTarget):
    """Device ``cache`` answers what it has seen, ``last`` what it saw last; ``random`` and ``rounding`` add noise;
    ``honest`` works for two milliseconds whatever it is asked."""

    def devices(self) -> Sequence[Device]:
        return [Device(name, True, default=False) for name in ("cache", "last", "random", "rounding", "honest")]

    def open(self, request: OpenRequest, phase: Phase) -> TensorSession | TokenSession:
        facts, device = request.artifact.facts, request.device
        tensors = (facts.inputs, facts.outputs)
        with phase("compile"):
            if request.artifact.task == "text_generation":
                kinds = {"cache": CachingTokens, "random": RandomTokens}
                session = kinds.get(device, FakeTokenSession)({})
                return session if device != "honest" else FakeTokenSession({}, work=work)
            if device in ("cache", "last"):
                return CachingTensors({}, "odd", lambda: None, *tensors, keeps_all=device == "cache")
            if device in ("random", "rounding"):
                noise = 1.0 if device == "random" else 1e-6
                return RandomTensors({}, "odd", lambda: None, *tensors, noise=noise)
            return FakeTensorSession({}, "odd", work, *tensors)


PLUGINS = {"targets": {"odd": Suspicious}, "models": {"fake": FakeModel, "fake-decoder": FakeDecoder}}
