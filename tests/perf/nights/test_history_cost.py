"""What a history of a thousand series over a thousand nights costs to open and read."""

from pathlib import Path
from typing import Any

import pytest
from million_points import SERIES, measured

pytestmark = pytest.mark.perf

LAST = 100

CODE = """
import json, sys, time
from bench.nights.history import History

began = time.perf_counter()
with History.open(sys.argv[1]) as history:
    opened = time.perf_counter() - began
    every = history.every(last=int(sys.argv[2]))
    loaded = time.perf_counter() - began
    assert history.notices == (), history.notices
    began = time.perf_counter()
    listed = history.overview()
    shown = time.perf_counter() - began
print(json.dumps([len(every), sum(map(len, every.values())), len(listed), opened, loaded, shown, peak]))
"""


def test_the_last_hundred_nights_of_a_thousand_series(benchmark: Any, million: Path) -> None:
    """Opened and loaded within 3 s and 300 MB, by a fresh process; listed within 3 s."""
    found = benchmark.pedantic(measured, (CODE, million, LAST), rounds=3)
    series, points, listed, opened, loaded, shown, peak = found
    print(f"{opened:.2f} s to open, {loaded:.2f} s with loading, {shown:.2f} s to list, {peak / 1e6:.0f} MB")  # noqa: T201
    assert (series, points, listed) == (SERIES, SERIES * LAST, SERIES)
    assert loaded <= 3
    assert shown <= 3
    assert peak <= 300e6
