"""A process that ends with the one that started it."""

import sys


def end_with_parent() -> None:
    """On Linux: the kernel kills this process when the thread that started it ends."""
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig, sigkill = 1, 9
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, sigkill)
