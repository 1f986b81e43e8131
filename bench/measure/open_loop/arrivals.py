"""When the queries of an open loop are due, in nanoseconds since it began: int64 [n], the first at 0.

Arrivals of the server scenario are those of MLPerf LoadGen for the same seed, rate and number of queries (loadgen.cc,
``GenerateQueries``): the 32-bit Mersenne Twister, two draws a gap, of which libstdc++ makes an exponential
distribution. So at another rate the same gaps are stretched: a higher rate is the same run, faster.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Moments = np.ndarray[Any, Any]

NS_PER_S = 1_000_000_000
SEEDS = 1 << 32


def poisson_ns(rate_per_s: float, queries: int, seed: int) -> "Moments":
    """A Poisson process of ``rate_per_s``. ``seed``: its last 32 bits are used."""
    import numpy as np

    drawn = np.frombuffer(np.random.RandomState(seed % SEEDS).bytes(8 * max(0, queries - 1)), "<u4").astype(np.float64)
    uniform = (drawn[0::2] + drawn[1::2] * 2.0**32) / 2.0**64
    gaps_ns = (-np.log(1.0 - uniform) / rate_per_s * NS_PER_S).astype(np.int64)
    return np.concatenate([np.zeros(min(1, queries), np.int64), gaps_ns.cumsum()])


def regular_ns(rate_per_s: float, queries: int) -> "Moments":
    """``rate_per_s`` at equal distances, each rounded by itself, so that no error adds up."""
    import numpy as np

    due_ns: Moments = np.rint(np.arange(queries) * (NS_PER_S / rate_per_s)).astype(np.int64)
    return due_ns
