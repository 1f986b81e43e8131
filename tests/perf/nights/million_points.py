"""The index of a thousand series over a thousand nights, and fresh processes that read it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from bench.nights.index import Entry, Index
from bench.nights.kept_index import INDEX
from bench.nights.places import RECORDS, month_of
from bench.nights.point import Level, Point
from bench.nights.series import Series

SERIES, NIGHTS, MACHINES = 1_000, 1_000, 20
FIRST = datetime(2024, 1, 1, 3, tzinfo=UTC)
METRICS = ("latency_p50_ns", "latency_p90_ns", "latency_p99_ns", "throughput_per_s", "cold_start_ns", "peak_rss_bytes",
           "joules_per_inference", "cpu_seconds_per_inference")  # fmt: skip

# ru_maxrss would be that of the process which started this one, if that is larger: Linux keeps it through exec.
PEAK = """
import re
from pathlib import Path
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
"""


def entries() -> Iterator[Entry]:
    """Nights of eight metrics, with 1 % between nights and 1 % between processes."""
    rng = np.random.default_rng(1)
    for number in range(SERIES):
        machine = f"a processor of kind {number % MACHINES}"
        series = Series(model=f"model{number:04}", target="openvino:CPU", scenario="single-stream", machine=machine)
        levels = rng.normal(13.8, 0.01, (NIGHTS, len(METRICS))).tolist()
        for night, level in enumerate(levels):
            moment = FIRST + timedelta(days=night)
            created = moment.isoformat()
            record_id = f"{moment:%Y%m%dT%H%M%S000Z}-{series.model}-openvino-CPU-4f1a2b"
            yield Entry(
                Point(
                    series=series,
                    record_id=record_id,
                    created_utc=created,
                    folder=f"{RECORDS}/{month_of(created, '')}/{record_id}",
                    record_sha256=f"{night:064x}",
                    status="ok",
                    valid=True,
                    leading=METRICS[0],
                    levels={name: Level(one, 0.01, 3, 1e6) for name, one in zip(METRICS, level, strict=True)},
                    versions={"kernel": "6.9", "driver npu": f"32.{night // 50}", "runtime openvino": "2026.3"},
                    conditions={"temperature_celsius": 51.5, "clock_mhz": 3400.25},
                    outputs="right",
                ),
                moment,
            )


def make(folder: Path) -> None:
    """Its months are empty folders that have not changed since."""
    months = sorted({month_of((FIRST + timedelta(days=night)).isoformat(), "") for night in range(NIGHTS)})
    for month in months:
        (folder / RECORDS / month).mkdir(parents=True)
        os.utime(folder / RECORDS / month, ns=(10**18, 10**18))
    index = Index(folder / INDEX)
    for quicker in ("synchronous = OFF", "journal_mode = OFF", "cache_size = -500000"):
        index._base.execute(f"PRAGMA {quicker}")
    index.add(entries())
    index.note_months(dict.fromkeys(months, 10**18))
    index.close()


def measured(code: str, *arguments: object) -> list[float]:
    """What a fresh process prints that runs ``code``, and its peak memory in bytes as ``peak``, which the last line of
    ``code`` may use."""
    body, last = code.strip().rsplit("\n", 1)
    command = [sys.executable, "-c", f"{body}\n{PEAK}\n{last}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    found: list[float] = json.loads(done.stdout)
    return found
