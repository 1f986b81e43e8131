"""What the pages of a long history cost: 500 series of 1,000 nights are to be built in 30 s, and open at once."""

import math
import random
import time
from datetime import date, timedelta
from typing import Any

import pytest

from bench.gate.trends import shifts
from bench.nights.events import events_of
from bench.nights.point import Level, Point
from bench.nights.series import Series
from bench.nights.trend import Trend
from bench.reports.trends.site import overview, series_page

pytestmark = [pytest.mark.perf, pytest.mark.benchmark(timer=time.process_time)]

SERIES, NIGHTS, SAMPLE, CORES = 500, 1_000, 20, 2
METRIC = "latency_p50_ns"


def nights_of(number: int) -> tuple[Point, ...]:
    """A series with noise of 1 %, an invalid night in thirty, two events, and in one of five a step of 8 %."""
    draw = random.Random(number)
    series = Series(model=f"net-{number}", target="openvino:NPU", scenario="single-stream", machine="a processor")
    found = []
    for night in range(NIGHTS):
        day = date(2024, 1, 1) + timedelta(days=night)
        level = math.log(4e6) + draw.gauss(0, 0.01) + (0.08 if number % 5 == 0 and night >= 800 else 0)
        valid = draw.random() > 0.03
        found.append(
            Point(
                series=series,
                record_id=f"{day:%Y%m%d}T020000000Z-net-{number}-{night:06x}",
                created_utc=f"{day}T02:00:00+00:00",
                folder="",
                record_sha256="0" * 64,
                status="ok",
                valid=valid,
                codes=() if valid else ("host_busy",),
                leading=METRIC,
                levels={METRIC: Level(level, 0.01, 6, math.exp(level))},
                versions={"runtime openvino": "2025.1" if night < 500 else "2025.2"},
            )
        )
    return tuple(found)


def test_five_hundred_series_of_a_thousand_nights_take_half_a_minute(benchmark: Any) -> None:
    """CPU time of a sample of the series, one after the other; ``odb history page`` does them on all cores."""
    every = [nights_of(number) for number in range(SAMPLE)]
    lines = []

    def build() -> None:
        lines.clear()
        for points in every:
            found = shifts(points, METRIC)
            trend = Trend(series=points[0].series, metric=METRIC, points=points, events=events_of(points), shifts=found)
            lines.append(series_page(trend).line)

    benchmark.pedantic(build, rounds=3)
    page = overview(lines * (SERIES // SAMPLE), "2026-11-26")
    seconds = benchmark.stats.stats.min * SERIES / SAMPLE / CORES
    benchmark.extra_info |= {"seconds_of_500": seconds, "overview_bytes": len(page)}
    assert [bool(line.shift) for line in lines] == [number % 5 == 0 for number in range(SAMPLE)]
    assert len(page) <= 5_000_000
    assert seconds <= 30
