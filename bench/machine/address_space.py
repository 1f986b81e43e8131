"""Is there room to work in? A process whose address space is limited (``ulimit -v``) dies or spins inside native code:
OpenBLAS, which numpy and scipy load, maps memory for every thread, and retries without end or aborts when it gets none.
"""

import os

from bench.errors import InputError
from bench.words import sentence

BASE_BYTES = 512 << 20
"""Python, numpy, scipy and a runtime, before any model. A run of a small model needs 450 MiB on two processors."""
THREAD_BYTES = 100 << 20
"""What each thread of the two OpenBLAS and of a runtime maps: buffers of 32 MiB and a stack of 8 MiB, and room."""
MOST_THREADS = 64


def needed_bytes(processors: int, threads: str | None) -> int:
    """``threads``: what ``OPENBLAS_NUM_THREADS`` says, if anything."""
    counted = threads is not None and threads.isascii() and threads.isdigit() and len(threads) <= 9
    asked = int(threads or 0) if counted else processors
    return BASE_BYTES + THREAD_BYTES * max(1, min(asked, processors, MOST_THREADS))


def demand_address_space() -> None:
    """Raise ``InputError`` if this process may map less memory than needed. Without such limits, as on Windows, it does
    nothing."""
    try:
        import resource
    except ImportError:
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        refuse_less(limit, needed_bytes(os.cpu_count() or 1, os.environ.get("OPENBLAS_NUM_THREADS")))


def refuse_less(limit_bytes: int, bytes_needed: int) -> None:
    """Raise ``InputError`` if the limit is below what is needed."""
    if limit_bytes < bytes_needed:
        raise InputError(
            sentence(
                "machine.address_space_limited",
                limit_bytes=limit_bytes >> 20,
                bytes_needed=bytes_needed >> 20,
            ),
            sentence("machine.raise_ulimit"),
        )
