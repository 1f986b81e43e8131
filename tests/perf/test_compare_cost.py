"""What comparing a thousand records costs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.store.derived import judged
from bench.store.records import save
from bench.testing.records import MODEL, fake_run

pytestmark = pytest.mark.perf

RECORDS, PROCESSES, QUERIES = 1000, 5, 2000
FIGURES = {"cold_start_ns": 3e8, "peak_rss_bytes": 1e8, "cpu_seconds": 8.0, "joules": 9.0}

CODE = """
import json, resource, sys, time
began = time.perf_counter()
from pathlib import Path
from bench.comparison.folders import compare_folders
found = compare_folders(Path(sys.argv[1]), [Path(sys.argv[2])])
seconds = time.perf_counter() - began
used, theirs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
cpu = sum(one.ru_utime + one.ru_stime for one in (used, theirs))
print(json.dumps([found.compared, max(used.ru_maxrss, theirs.ru_maxrss) * 1024, seconds, cpu]))
"""


def test_a_thousand_records_take_three_seconds(benchmark: Any, tmp_path: Path) -> None:
    """500 pairs of 10,000 samples a record: read, hashed, computed anew and compared in a fresh command within 3 s, no
    process of it over 500 MB, on two quiet cores."""
    rng = np.random.default_rng(1)
    for side in ("base", "new"):
        (tmp_path / side).mkdir()
        for i in range(RECORDS // 2):
            latency = [
                np.rint(4e6 * np.exp(0.03 * rng.standard_normal(QUERIES))).astype(np.int64) for _ in range(PROCESSES)
            ]
            run = fake_run(f"{i}-{side}", latency, figures=[FIGURES] * PROCESSES, model=replace(MODEL, id=f"net{i}"))
            record = judged(run).record
            warmup = {f"warmup_latency_ns_{p}": array[:50] for p, array in enumerate(latency)}
            save(tmp_path / side, record, {**run.samples, **warmup})
    peaks: list[int] = []
    seconds: list[float] = []
    cpu_seconds: list[float] = []

    def once() -> None:
        command = [sys.executable, "-c", CODE, str(tmp_path / "base"), str(tmp_path / "new")]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})
        compared, peak, used, cpu = json.loads(done.stdout)
        assert compared == RECORDS // 2
        peaks.append(peak)
        seconds.append(used)
        cpu_seconds.append(cpu)

    benchmark.pedantic(once, rounds=3)
    benchmark.extra_info["peak_rss_mb"] = max(peaks) / 1e6
    benchmark.extra_info["seconds"] = min(seconds)
    benchmark.extra_info["cpu_ms_a_record"] = 1000 * min(cpu_seconds) / RECORDS
    assert min(seconds) <= 3
    assert max(peaks) <= 500e6
