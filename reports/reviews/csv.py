"""A review for spreadsheets: one row for each criterion of each submission."""

import csv
import io
from collections.abc import Iterator

from bench.reports.runs.csv import Value, written
from bench.review.entry import Entry
from bench.review.review import Review
from bench.submission.assessment import Row
from bench.submission.units import base_of
from bench.words import sentence

COLUMNS = (
    *("submission", "track", "bundle_sha256", "project", "applicant", "device"),
    *("complete", "consistent", "rerun", "reproduced", "met_percent", "not_met_percent", "cannot_tell_percent"),
    *("achievement", "rejections", "flags", "warnings"),
    *("criterion", "metric", "unit", "direction", "target", "weight_percent", "value", "low", "high", "decision"),
    *("criterion_achievement", "rank", "group", "record_id", "problem", "record_shared_with"),
)


class CsvReview:
    summary = sentence("review.format.csv")
    suffix = ".csv"

    def render(self, review: Review) -> bytes:
        """UTF-8 with a header, in words that are the same in every language. ``value``, ``low`` and ``high`` are in
        ``unit``. ``group``: only ranks of one group may be compared. A submission that could not be read has a row with
        its ``problem``."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        places = {
            (standing.criterion, place.entry): (place.position, number)
            for standing in review.standings
            for number, group in enumerate(standing.groups, 1)
            for place in group.places
        }
        sharing = {
            (index, name): "; ".join(review.entries[other].name for other in one.submissions if other != index)
            for one in review.shared
            for index in one.submissions
            for name in one.records
        }
        for index, entry in enumerate(review.entries):
            for row in entry.rows or (None,):
                rank = places.get((row.criterion.id, index), (None, None)) if row is not None else (None, None)
                values = {**_submission(entry), **(_criterion(row) if row is not None else {})}
                values |= {"rank": rank[0], "group": rank[1]}
                values["record_shared_with"] = sharing.get((index, row.record_id)) if row is not None else None
                writer.writerow([written(values.get(name)) for name in COLUMNS])
        return out.getvalue().encode("utf-8", "replace")


def _submission(entry: Entry) -> dict[str, Value]:
    steps = dict(_steps(entry))
    return {
        "submission": entry.name,
        "track": entry.track,
        "bundle_sha256": entry.sha256,
        "project": str(entry.project),
        "applicant": str(entry.applicant),
        "device": str(entry.device),
        **steps,
        "met_percent": None if entry.problem else entry.met,
        "not_met_percent": None if entry.problem else entry.not_met,
        "cannot_tell_percent": None if entry.problem else entry.undecided,
        "achievement": entry.achievement,
        "rejections": None if entry.problem else entry.count("reject"),
        "flags": None if entry.problem else entry.count("flag"),
        "warnings": None if entry.problem else entry.count("warn"),
        "problem": str(entry.problem),
    }


def _steps(entry: Entry) -> Iterator[tuple[str, Value]]:
    yield from ((step.rung, step.reached) for step in entry.steps)


def _criterion(row: Row) -> dict[str, Value]:
    one, factor = row.criterion, base_of(row.criterion.unit)[1] if row.seen.value is not None else 1.0

    def shown(value: float | None) -> float | None:
        return None if value is None else value / factor

    return {
        "criterion": one.id,
        "metric": one.metric,
        "unit": one.unit,
        "direction": one.direction,
        "target": one.target,
        "weight_percent": one.weight,
        "value": shown(row.seen.value),
        "low": shown(row.seen.low),
        "high": shown(row.seen.high),
        "decision": row.decision.word,
        "criterion_achievement": row.decision.achievement,
        "record_id": row.record_id,
    }
