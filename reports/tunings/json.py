"""A search's result as JSON: the fields of ``bench.tuning.result.Tuning``."""

import msgspec

from bench.tuning.result import Tuning
from bench.words import sentence


class JsonTuning:
    summary = sentence("tune.writer.json")
    suffix = ".json"

    def render(self, tuning: Tuning) -> bytes:
        return msgspec.json.format(msgspec.json.encode(tuning), indent=2) + b"\n"
