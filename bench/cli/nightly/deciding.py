"""Writes down what a person decided about a series."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click

from bench.cli.nightly.asked import opened, record_named, series_named
from bench.errors import InputError, of_flag
from bench.nights.decisions import Decision
from bench.printable import clean
from bench.words import say, sentence

PINNED = "pinned"
"""What ``odb gate --base`` calls the usual base, which has no name."""


def decide(
    kind: Literal["pin", "accept"], folder: Path | None, series: str, record: str | None, why: str, name: str = ""
) -> None:
    """Pin or accept a record of ``series``: ``record``, or the newest that counts; and say which. Raises
    ``InputError``."""
    if not why.strip():
        raise InputError(of_flag("--why", sentence("cli.history.why_is_empty")))
    if name.strip() == PINNED:
        raise InputError(of_flag("--name", sentence("cli.history.name_of_the_usual_base", name=PINNED)))
    with opened(folder) as history:
        found = series_named(history, series)
        point = record_named(history, found, record)
        at_utc = datetime.now(UTC).isoformat(timespec="seconds")
        history.decide(
            Decision(kind=kind, series=found.id, record_id=point.record_id, why=why, at_utc=at_utc, name=name)
        )
    code = "cli.history.now_accepted" if kind == "accept" else "cli.history.now_pinned"
    click.echo(say(code, series=clean(found.name), night=point.night, record=clean(point.record_id)))
