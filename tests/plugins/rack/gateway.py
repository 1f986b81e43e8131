"""A gateway whose accelerator answers in two milliseconds. Loaded with --plugin by the tests."""

from collections.abc import Callable, Sequence

from bench.contracts import Device, OpenRequest
from bench.testing import NullTarget, spin

QUERY_NS = 2000_000


class Gateway(NullTarget):
    """``chip:npu``."""

    def devices(self) -> Sequence[Device]:
        return (Device("npu", True, "a gateway whose accelerator answers in two milliseconds"),)

    def work(self, request: OpenRequest) -> Callable[[], None]:
        return spin(QUERY_NS)


PLUGINS = {"targets": {"chip": Gateway}}
