"""A board whose accelerator answers in half a millisecond. Loaded with --plugin by the tests."""

from collections.abc import Callable, Sequence

from bench.contracts import Device, OpenRequest
from bench.testing import NullTarget, spin

QUERY_NS = 500_000


class Snapdragon(NullTarget):
    """``chip:npu``."""

    def devices(self) -> Sequence[Device]:
        return (Device("npu", True, "a board whose accelerator answers in half a millisecond"),)

    def work(self, request: OpenRequest) -> Callable[[], None]:
        return spin(QUERY_NS)


PLUGINS = {"targets": {"chip": Snapdragon}}
