"""A notebook whose accelerator answers in a millisecond. Loaded with --plugin by the tests."""

from collections.abc import Callable, Sequence

from bench.contracts import Device, OpenRequest
from bench.testing import NullTarget, spin

QUERY_NS = 1000_000


class Notebook(NullTarget):
    """``chip:npu``."""

    def devices(self) -> Sequence[Device]:
        return (Device("npu", True, "a notebook whose accelerator answers in a millisecond"),)

    def work(self, request: OpenRequest) -> Callable[[], None]:
        return spin(QUERY_NS)


PLUGINS = {"targets": {"chip": Notebook}}
