"""What a gate over a thousand series of a thousand nights costs."""

from pathlib import Path
from typing import Any

import pytest
from million_points import SERIES, measured

pytestmark = pytest.mark.perf

CODE = """
import json, sys, time
from bench.cli.gate.gate_command import LAST
from bench.cli.gate.tonight import bases
from bench.gate.judge import judge
from bench.nights.history import History

began, used = time.perf_counter(), time.process_time()
with History.open(sys.argv[1]) as history:
    tonight = {series: history.points(series.id, last=1)[0] for series in history.series()}
    asked = time.process_time() - used
    judgement = judge(history.each(LAST), tonight, bases(history, "", LAST), created_utc="")
gate = judgement.gate
done = time.perf_counter() - began, time.process_time() - used
print(json.dumps([len(gate.findings), gate.stated.nights, gate.status, *done, asked, peak]))
"""


def test_a_gate_over_a_million_points(benchmark: Any, million: Path) -> None:
    """In a fresh process, index and all: 10 s of processor time and 500 MB. Time by the wall is stated beside it."""
    found = benchmark.pedantic(measured, (CODE, million), rounds=1)
    findings, nights, _, wall_s, cpu_s, asked_s, peak = found
    benchmark.extra_info |= {"wall_s": wall_s, "cpu_s": cpu_s, "asking_tonight_s": asked_s, "peak_mb": peak / 1e6}
    assert findings == SERIES
    assert nights >= 100
    assert cpu_s <= 10
    assert peak <= 500e6
