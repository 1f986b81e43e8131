"""Preflights as one JSON document; its keys are those of docs/preflight.md."""

from collections.abc import Sequence

import msgspec

from bench.preflight.found import Preflight
from bench.printable import printable_json
from bench.words import Sentence, sentence


class JsonPreflight:
    summary = sentence("preflight.format.json")
    suffix = ".json"

    def render(self, found: Sequence[Preflight]) -> bytes:
        """``{"preflights": […]}``. A sentence is its code, its figures and its text in the language that is spoken."""
        document = {"preflights": [_plain(msgspec.structs.asdict(one)) for one in found]}
        return printable_json(msgspec.json.format(msgspec.json.encode(document), indent=2)) + b"\n"


def _plain(value: object) -> object:
    """``value`` as data that JSON has."""
    if isinstance(value, Sentence):
        return {"code": value.code, "figures": _plain(value.figures), "text": str(value)}
    if isinstance(value, msgspec.Struct):
        return _plain({field.encode_name: getattr(value, field.name) for field in msgspec.structs.fields(value)})
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
