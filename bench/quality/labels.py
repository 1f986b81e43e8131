"""Reads ``labels.json`` and ``labels.csv``: which file is labelled how, and which line is wrong.

A file that is not JSON, or not a table, is an error of the whole dataset. A single wrong entry leaves out its sample,
and the rest is evaluated.
"""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from bench.errors import InputError
from bench.reading import MOST_LABEL_BYTES, NOT_DECODED, read_text
from bench.record.quality import LeftOut
from bench.words import Sentence, sentence

JSON_FORM = sentence("quality.form_of_labels_json")
CSV_FORM = sentence("quality.form_of_labels_csv")


MOST_CLASSES = 999_999_999  # no model has as many classes


class Labels(Struct, frozen=True):
    """``of``: file -> what is expected of it. ``wrong``: entries that say nothing usable. ``categories``: of boxes, the
    ids that the file lists, or else uses, in ascending order. ``names``: of those that have one."""

    file: str
    of: dict[str, Any]
    wrong: tuple[LeftOut, ...]
    categories: tuple[int, ...] = ()
    names: dict[int, str] = {}


def read_json(path: Path, class_ids: bool = True) -> Labels:
    """``{"file": label}``. ``class_ids``: a label is an id or a list of them; otherwise any JSON value."""
    repeated: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        repeated.extend({name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else ())
        return dict(pairs)

    try:
        stored = json.loads(read_text(path, MOST_LABEL_BYTES, path.name), object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise InputError(
            sentence("quality.not_json_at", file=path.name, line=error.lineno, column=error.colno, error=error.msg),
            JSON_FORM,
        ) from None
    except NOT_DECODED as error:  # a number of thousands of digits, thousands of brackets
        raise InputError(sentence("quality.cannot_read", file=path.name, error=str(error)[:100]), JSON_FORM) from None
    if not isinstance(stored, dict):
        raise InputError(sentence("quality.not_an_object", file=path.name), JSON_FORM)
    good: dict[str, Any] = {}
    wrong = []
    for name, label in stored.items():
        ids = _ids(label) if class_ids else label
        if not _is_text(name):
            known = name.encode("utf-8", "replace").decode()
            wrong.append(LeftOut(known, f"{path.name}: {known}", sentence("quality.left_out.not_unicode")))
        elif name in repeated:
            wrong.append(LeftOut(name, f"{path.name}: {name}", sentence("quality.left_out.listed_twice")))
        elif class_ids and ids is None:
            reason = sentence("quality.left_out.no_class_ids", label=_shown(label))
            wrong.append(LeftOut(name, f"{path.name}: {name}", reason))
        else:
            good[name] = ids
    return Labels(path.name, good, tuple(wrong))


def _ids(label: Any) -> tuple[int, ...] | None:
    """The acceptable ids; ``None`` unless there is at least one and all are integers of 0 or more."""
    ids = label if isinstance(label, list) else [label]
    if not ids or not all(type(i) is int and 0 <= i <= MOST_CLASSES for i in ids):
        return None
    return tuple(ids)


def _is_text(name: str) -> bool:
    return name.encode("utf-8", "replace") == name.encode("utf-8", "surrogatepass")


def _shown(label: Any) -> Sentence | str:
    try:
        return json.dumps(label)[:60]
    except NOT_DECODED:
        return sentence("quality.enormous_label")


def read_csv(path: Path) -> Labels:
    """``file,label[,label…]``, one line a file."""
    try:
        stream = io.StringIO(read_text(path, MOST_LABEL_BYTES, path.name), newline="")
        lines = [(reader.line_num, row) for reader in [csv.reader(stream, strict=True)] for row in reader]
    except csv.Error as error:
        raise InputError(sentence("quality.cannot_read", file=path.name, error=error), CSV_FORM) from None
    lines = [(number, [cell.strip() for cell in row]) for number, row in lines if any(cell.strip() for cell in row)]
    if lines and lines[0][1][:2] == ["file", "label"]:
        lines = lines[1:]
    first: dict[str, int] = {}
    good: dict[str, Any] = {}
    wrong = []
    for number, (name, *cells) in lines:
        field = f"{path.name}: line {number}"
        if name in first:
            wrong.append(LeftOut(name, field, sentence("quality.left_out.listed_in_line", line=first[name])))
            good.pop(name, None)
        elif (ids := _numbers(cells)) is None:
            shown = ",".join(cells)[:60]
            code = "quality.left_out.no_class_id" if shown else "quality.left_out.nothing_no_class_id"
            wrong.append(LeftOut(name or "?", field, sentence(code, label=shown)))
        else:
            good[name] = ids
        first.setdefault(name, number)
    return Labels(path.name, good, tuple(wrong))


def _numbers(cells: Sequence[str]) -> tuple[int, ...] | None:
    found = [cell for cell in cells if cell]
    if not found or not all(cell.isascii() and cell.isdecimal() and len(cell) <= 9 for cell in found):
        return None
    return tuple(map(int, found))
