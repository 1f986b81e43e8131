"""Which old records of a series may go. What is kept says the same of the series as before: where it began, each event,
its base, and what people decided about it."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from bench.nights.decisions import Decision
from bench.nights.events import events_of
from bench.nights.places import moment_of, month_of
from bench.nights.point import Point


def prunable(
    points: Sequence[Point], decisions: Iterable[Decision], before: datetime, keep_per_month: int = 0
) -> list[Point]:
    """Those of one series' ``points``, oldest first, that were made before ``before`` and that nothing refers to.

    Kept are its first record, the first of each event, the first that counts, those pinned or accepted, and of
    each month the first ``keep_per_month`` that count. ``events_of`` finds the same events in what is kept.
    """
    referred = {one.record_id for one in decisions}
    referred |= {event.record_id for event in events_of(points)}
    referred |= {point.record_id for point in points[:1]}
    referred |= {point.record_id for point in [*filter(_counts, points)][:1]}
    referred |= _of_each_month(points, keep_per_month)
    return [one for one in points if one.record_id not in referred and moment_of(one.created_utc, one.folder) < before]


def _counts(point: Point) -> bool:
    return point.counts


def _of_each_month(points: Sequence[Point], number: int) -> set[str]:
    months: dict[str, list[str]] = {}
    for point in filter(_counts, points):
        months.setdefault(month_of(point.created_utc, point.folder), []).append(point.record_id)
    return {record_id for records in months.values() for record_id in records[:number]}
