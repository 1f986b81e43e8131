"""A review as one JSON document, the same in every language."""

import msgspec
from msgspec.structs import asdict

from bench.printable import printable_json
from bench.review.entry import Entry
from bench.review.review import Review
from bench.words import sentence

INTERNAL = ("observations", "bases")


class JsonReview:
    summary = sentence("review.format.json")
    suffix = ".json"

    def render(self, review: Review) -> bytes:
        """``{"tracks": […], "submissions": […], "standings": […], "shared": […]}``; standings
        and shared records name submissions by their index."""
        document = {
            "tracks": review.tracks,
            "submissions": [_entry(entry) for entry in review.entries],
            "standings": review.standings,
            "shared": review.shared,
        }
        return printable_json(msgspec.json.format(msgspec.json.encode(document), indent=2)) + b"\n"


def _entry(entry: Entry) -> dict[str, object]:
    return {name: value for name, value in asdict(entry).items() if name not in INTERNAL}
