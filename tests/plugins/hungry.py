"""A target whose memory is known: its first query takes 24 MiB, or nothing. Loaded with --plugin by the tests."""

import mmap
from collections.abc import Callable, Sequence

from bench.contracts import Device, OpenRequest
from bench.testing import FakeDecoder, FakeModel, NullTarget, spin

TAKES_BYTES = {"hungry": 24 << 20, "frugal": 0}
QUERY_NS = 1_000_000


class Hungry(NullTarget):
    """Each query works for a millisecond."""

    def devices(self) -> Sequence[Device]:
        return [Device(name, True, default=False) for name in TAKES_BYTES]

    def work(self, request: OpenRequest) -> Callable[[], None]:
        held: list[mmap.mmap] = []
        takes_bytes, busy = TAKES_BYTES[request.device], spin(QUERY_NS)

        def call() -> None:
            if takes_bytes and not held:
                held.append(mmap.mmap(-1, takes_bytes))
                for page in range(0, takes_bytes, mmap.PAGESIZE):
                    held[0][page] = 1
            busy()

        return call


PLUGINS = {"targets": {"mem": Hungry}, "models": {"fake": FakeModel, "fake-decoder": FakeDecoder}}
