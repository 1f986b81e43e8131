"""Exact fakes for tests of plugins; records made by hand are in ``bench.testing.records``."""

from bench.testing.plugins import (
    FakeClock,
    FakeDecoder,
    FakeFacts,
    FakeModel,
    FakeTarget,
    FakeTensorSession,
    FakeTokenSession,
    NullTarget,
    fake_artifact,
    no_phase,
    spin,
    throttled,
)

__all__ = [
    "FakeClock",
    "FakeDecoder",
    "FakeFacts",
    "FakeModel",
    "FakeTarget",
    "FakeTensorSession",
    "FakeTokenSession",
    "NullTarget",
    "fake_artifact",
    "no_phase",
    "spin",
    "throttled",
]
