"""Made series over time."""

import math
from datetime import date, timedelta
from typing import Any

from bench.nights.decisions import Decision
from bench.nights.events import events_of
from bench.nights.point import Level, Point
from bench.nights.series import Series
from bench.nights.trend import Shift, Trend


def made_points(series: Series, nights: int, **parts: Any) -> tuple[Point, ...]:
    """One a night, 4 ms, then 5 % slower from the middle on; the third is not valid."""
    found = []
    for number in range(nights):
        day = date(2026, 1, 1) + timedelta(days=number)
        level = math.log(4e6 * (1.05 if number >= nights // 2 else 1))
        fields = {
            "record_id": f"r{number}",
            "valid": number != 2,
            "codes": ("host_busy",) if number == 2 else (),
            "versions": {"runtime ort": "1" if number < 4 else "2"},
            **parts,
        }
        found.append(
            Point(
                series=series,
                created_utc=f"{day}T02:00:00+00:00",
                folder="",
                record_sha256="",
                status="ok",
                leading="latency_p50_ns",
                levels={"latency_p50_ns": Level(level, 0.01, 6, math.exp(level))},
                **fields,
            )
        )
    return tuple(found)


def made_trend(model: str = "net", nights: int = 20, target: str = "ort:cpu", **parts: Any) -> Trend:
    series = Series(model=model, target=target, scenario="single-stream", machine="a processor")
    made = made_points(series, nights)
    shift = Shift(metric="latency_p50_ns", record_id="r10", night="2026-01-11", change=0.05, p_value=0.001)
    pin = Decision(kind="pin", series=series.id, record_id="r0", why="release 1", at_utc="2026-01-02T00:00:00+00:00")
    fields = {"events": events_of(made), "shifts": (shift,), "base_id": "r0", "decisions": (pin,), **parts}
    return Trend(series=series, metric="latency_p50_ns", points=made, **fields)
