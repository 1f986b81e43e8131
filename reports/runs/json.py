"""The records themselves as one JSON document."""

from collections.abc import Sequence

import msgspec

from bench.printable import printable_json
from bench.record.record import RecordedRun
from bench.record.refused import RefusedRecord
from bench.words import sentence


class JsonReport:
    summary = sentence("report.summary.json")
    suffix = ".json"

    def __init__(self, refused: Sequence[RefusedRecord] = ()) -> None:
        self.refused = tuple(refused)

    def telling(self, refused: Sequence[RefusedRecord]) -> "JsonReport":
        return JsonReport(refused)

    def render(self, runs: Sequence[RecordedRun]) -> bytes:
        """``{"records": [...]}``; each record as in its ``record.json``. Raw samples stay in ``samples.npz``. The
        document is the same in every language: a sentence is its code and its figures.

        Of several folders also ``"folders"``, the one of each record in the same order; where records could not be read
        also ``"refused"``: ``name``, ``message``, ``remedy`` and ``folder`` of each.
        """
        document: dict[str, object] = {"records": [run.record for run in runs]}
        if any(run.folder for run in runs):
            document["folders"] = [run.folder for run in runs]
        if self.refused:
            document["refused"] = self.refused
        return printable_json(msgspec.json.format(msgspec.json.encode(document), indent=2)) + b"\n"
