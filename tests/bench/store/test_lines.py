"""Journals: every line with its checksum, read whatever happened to the file."""

import json
import random

from msgspec import Struct
from msgspec.json import Decoder
from mutations import damaged_bytes

from bench.store.lines import line_of, lines_in
from bench.words import Sentence


class Note(Struct, frozen=True):
    text: str
    number: int = 0


READ = Decoder(Note)
NOTES = [Note("한국어, “quotes” and \n"), Note('","crc32":"00000000"}', 3), Note("")]


def test_lines_come_back_and_are_json_with_a_checksum() -> None:
    data = b"".join(map(line_of, NOTES))
    assert [*enumerate(NOTES, start=1)] == [*lines_in(data, READ)]
    assert [one.text for one in NOTES] == [json.loads(line)["text"] for line in data.splitlines()]
    assert all(len(json.loads(line)["crc32"]) == 8 for line in data.splitlines())


def test_a_line_that_a_person_wrote_has_none() -> None:
    """And counts; an empty one is passed over, and numbers are those of the file."""
    assert [(2, Note("a"))] == [*lines_in(b'\n{"text": "a"}\n\n', READ)]


def test_another_figure_is_not_believed() -> None:
    line = line_of(Note("a", 17)).replace(b"17", b"71")
    ((number, found),) = lines_in(line, READ)
    assert (1, "store.line_damaged") == (number, found.code if isinstance(found, Sentence) else found)


def test_any_damage_is_found() -> None:
    """Of 500 lines, each with bytes changed, lost or added, none is read as another; the next is not affected."""
    rng = random.Random(8)
    for _ in range(500):
        whole = line_of(NOTES[1])[:-1]
        damaged = damaged_bytes(whole, rng).replace(b"\n", b" ")
        found = dict(lines_in(damaged + b"\n" + line_of(NOTES[0]), READ))
        assert found.pop(2) == NOTES[0]
        assert all(isinstance(one, Sentence) or one == NOTES[1] for one in found.values())
