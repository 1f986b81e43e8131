"""docs/tracks.md says what the tracks and their check say."""

import re
from pathlib import Path

from doc_pages import DOCS, blocks, text_of

from bench.submission.figures import figure_kind, figure_kinds, later
from bench.submission.track import track_named, track_names
from bench.submission.track_check import checked_track
from bench.submission.units import base_of

ROW = re.compile(r"^\| (`[a-z].+) \|$", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below the line that begins with ``heading``."""
    text = text_of("tracks").partition(f"\n{heading}")[2].partition("\n\n")[2 if heading.startswith("#") else 0]
    return [row.split(" | ") for row in ROW.findall(text.partition("\n\n")[0])]


def test_the_table_of_tracks_is_that_of_the_files() -> None:
    """Names in both languages, the partner, and how many criteria there are."""
    tracks = [track_named(name) for name in track_names()]
    expected = [
        [f"`{one.id}`", one.name.ko, one.name.en, one.partner.name.ko, str(len(one.criteria))] for one in tracks
    ]
    assert sorted(rows("| id | 분야 |")) == sorted(expected)


def test_every_metric_is_in_the_table_with_its_units() -> None:
    """A name without a dot continues the one before it; NAME stands for a metric of a dataset."""
    stated = {}
    for cell, units, _ in rows("## Metrics that a criterion may name"):
        names: list[str] = []
        for name in CODE.findall(cell):
            names.append(name if "." in name else f"{names[-1].rpartition('.')[0]}.{name}")
        stated |= dict.fromkeys(names, CODE.findall(units))
    known = {name: units for name, units in stated.items() if "NAME" not in name}
    assert set(known) == set(figure_kinds())
    for name, units in known.items():
        assert figure_kind(name).unit in [base_of(unit)[0] for unit in units], name
    assert figure_kind("quality.paired.top1.ratio").unit == base_of("%")[0]


def test_the_track_shown_is_a_track(tmp_path: Path) -> None:
    """It passes the check that the page describes."""
    (shown,) = [block.text for block in blocks(text_of("tracks")) if block.language == "toml"]
    file = tmp_path / "ours.toml"
    file.write_text(shown, encoding="utf-8")
    assert checked_track(file).id == "orchard-robot"


def test_the_ready_example_has_every_scenario_of_real_use() -> None:
    """It is a track without a fault; each of its criteria can be measured, and one needs a meter."""
    track = checked_track(DOCS / "examples" / "real-use.toml")
    played = {one.scenario.partition(":")[0] for one in track.criteria}
    assert {"fixed-rate", "server", "sustained", "wake", "end-to-end"} <= played
    assert [one.id for one in track.criteria if later(one.metric) or later(one.scenario)] == []
    assert [one.id for one in track.criteria if "external_meter" in one.evidence] == ["energy"]
