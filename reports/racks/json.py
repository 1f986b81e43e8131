"""Results of a rack as one JSON document, the same in every language."""

from typing import Any

import msgspec

from bench.printable import printable_json
from bench.racks.rack import Entry, Gap, Rack, Row
from bench.reports.words.causes import status
from bench.reports.words.figures import figure, interval, leading
from bench.words import sentence


class JsonRack:
    summary = sentence("rack.format.json")
    suffix = ".json"

    def render(self, rack: Rack) -> bytes:
        """``{"devices": […], "rows": […], "missing": […]}``; docs/fleet.md has its keys. Sentences are codes with their
        figures."""
        document = {
            "devices": rack.devices,
            "rows": [_row(row) for row in rack.rows],
            "missing": [_gap(gap) for gap in rack.gaps],
        }
        return printable_json(msgspec.json.format(msgspec.json.encode(document), indent=2)) + b"\n"


def _row(row: Row) -> dict[str, Any]:
    return {
        "model": row.model,
        "scenario": row.scenario,
        "groups": row.groups,
        "runs": [_entry(one) for of_one in row.entries.values() for one in of_one],
    }


def _entry(one: Entry) -> dict[str, Any]:
    record = one.run.record
    text = record.summary.text_generation is not None
    metric = "decode_tokens_per_s" if text else leading(record)
    return {
        "device": record.device,
        "record_id": record.record_id,
        "target": record.plan.target.id,
        "precision": record.plan.model.precision,
        "status": status(record),
        "codes": () if record.verdict is None else record.verdict.invalidating,
        "failure": None if record.failure is None else record.failure.kind,
        "metric": metric,
        "value": figure(record, metric) if record.status == "ok" else None,
        "interval95": interval(record, metric) if record.status == "ok" else None,
        "group": one.group,
        "compared_with": one.against or None,
        "compared_with_target": one.against_target or None,
        "answer": one.answer,
        "reasons": [{"code": reason.code, "invalidates": reason.invalidates} for reason in one.reasons],
    }


def _gap(gap: Gap) -> dict[str, Any]:
    return msgspec.structs.asdict(gap)
