"""The records themselves as one JSON document."""

from collections.abc import Sequence

import msgspec

from bench.record import RecordedRun


class JsonReport:
    summary = "all records in one JSON document, for scripts"
    suffix = ".json"

    def render(self, runs: Sequence[RecordedRun]) -> bytes:
        """``{"records": [...]}``; each record as in its ``record.json``. Raw samples stay in ``samples.npz``."""
        document = msgspec.json.encode({"records": [run.record for run in runs]})
        return msgspec.json.format(document, indent=2) + b"\n"
