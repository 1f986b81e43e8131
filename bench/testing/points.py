"""Nights made by hand: points of a history with levels that are given, for tests of what is concluded from them."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from bench.nights.point import Level, Point
from bench.nights.series import Series

FIRST = datetime(2026, 1, 1, 2, tzinfo=UTC)


def fake_series(model: str = "net", target: str = "null:cpu", machine: str = "a processor") -> Series:
    """A series of one model on one target."""
    return Series(model=model, target=target, scenario="single-stream", machine=machine)


def fake_point(
    series: Series,
    night: int,
    figures: Mapping[str, float],
    *,
    processes: int = 5,
    deviation: float = 0.0,
    versions: Mapping[str, str] = MappingProxyType({}),
    **fields: Any,
) -> Point:
    """The point of a valid record, made ``night`` days after the first. ``figures``: metric -> figure, each with the
    same ``deviation`` of logarithms between ``processes``. ``fields`` replaces others."""
    levels = {name: Level(math.log(value), deviation, processes, value) for name, value in figures.items()}
    named = {
        "created_utc": (FIRST + timedelta(days=night)).isoformat(timespec="seconds"),
        "folder": f"records/{series.model}-{series.target}-{night}",
        "record_sha256": "0" * 64,
        "status": "ok",
        "valid": True,
        "leading": next(iter(levels), None),
        "outputs": "right",
        **fields,
    }
    name = f"{series.model}-{series.target}-{night}".replace(":", "-")
    return Point(**{"record_id": name, "series": series, "levels": levels, "versions": dict(versions), **named})
