"""A track that somebody wrote: whatever is wrong with it is named by file and field."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.submission.toml_text import toml_key, toml_value
from bench.submission.track import TRACKS, read_track
from bench.submission.track_check import check_track, checked_track, faults_of
from bench.words import speaking

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def own() -> dict[str, Any]:
    """The drone's track as a mapping, to be changed."""
    return tomllib.loads((TRACKS / "inspection-drone.toml").read_text(encoding="utf-8"))


def written(folder: Path, table: dict[str, Any]) -> Path:
    file = folder / "ours.toml"
    file.write_text("\n".join(f"{toml_key(name)} = {_inline(value)}" for name, value in table.items()), "utf-8")
    return file


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml_key(name)} = {_inline(one)}" for name, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return toml_value(value)


def _set(part: str, number: int, **fields: object) -> Change:
    return lambda table: table[part][number].update(fields)


def _drop(part: str, number: int, field: str) -> Change:
    return lambda table: table[part][number].pop(field)


def test_a_right_track_of_your_own_is_read(own: dict[str, Any], tmp_path: Path) -> None:
    """With an id of its own."""
    own["id"] = "bridge-drone"
    assert checked_track(written(tmp_path, own)).id == "bridge-drone"


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        (lambda t: t.update(id="Bridge Drone"), ": id: ", "regex"),
        (lambda t: t.pop("about"), "about", "missing"),
        (lambda t: t.update(colour="red"), "colour", "unknown key"),
        (lambda t: t.update(about={"ko": "드론", "en": " "}), "about", "both languages"),
        (lambda t: t.update(targets=[]), "targets", "at least one"),
        (lambda t: t.update(scenarios=[]), "scenarios", "at least one"),
        (lambda t: t.update(criteria=[]), "criteria", "at least one"),
        (_set("targets", 0, id="the NPU"), "targets[0].id", "plugin:device"),
        (_set("targets", 2, id="qnn:htp"), "targets[2].id", "given twice"),
        (_set("targets", 1, proves=[]), "targets[1].proves", "must list"),
        (_set("targets", 1, proves=["speed"]), "[[targets]] number 2: proves", "speed is none of"),
        (_set("targets", 0, proves=["outputs"]), "targets[0].proves", "Only a stand-in"),
        (_set("targets", 0, reason="the NPU"), "targets[0].reason", "both languages"),
        (_set("scenarios", 0, scenario="singel-stream"), "scenarios[0].scenario", "Did you mean single-stream?"),
        (_set("scenarios", 1, scenario="fixed-rat"), "scenarios[1].scenario", "Did you mean fixed-rate?"),
        (_set("scenarios", 0, scenario="multi-stream:streans=4"), "scenarios[0].scenario", "Did you mean streams?"),
        (_set("scenarios", 1, scenario="single-stream"), "scenarios[1].scenario", "given twice"),
        (_set("criteria", 1, id="frame-p99"), "criteria[1].id", "given twice"),
        (_set("criteria", 0, weight=16), "criteria", "101 %"),
        (_set("criteria", 0, weight=-1), "criteria[0].weight", "more than 0"),
        (_set("criteria", 0, weight=float("nan")), "criteria[0].weight", "more than 0"),
        (_set("criteria", 0, repeats=0), "criteria[0].repeats", "at least 1"),
        (_set("criteria", 0, target=float("inf")), "criteria[0].target", "finite"),
        (_set("criteria", 0, metric="summary.latency_ns.p98"), "criteria[0].metric", "Did you mean summary.latency_ns"),
        (_set("criteria", 0, metric="later.smell"), "criteria[0].metric", "later.smell"),
        (_set("criteria", 0, unit="MiB"), "criteria[0].unit", "is in ns"),
        (_set("criteria", 0, unit="msec"), "criteria[0].unit", "Did you mean"),
        (_set("criteria", 0, direction="at_least"), "criteria[0].direction", "at_most"),
        (_set("criteria", 2, direction="at_most"), "criteria[2].direction", "at_least"),
        (_set("criteria", 3, direction="at_most"), "criteria[3].direction", "at_least"),
        (_set("criteria", 2, target=101), "criteria[2].target", "between 0 and 100 %"),
        (_set("criteria", 0, scenario="offline:lanes=2"), "criteria[0].scenario", "Did you mean offline?"),
        (_set("criteria", 0, device="qnn:hpt"), "criteria[0].device", "Did you mean qnn:htp?"),
        (_set("criteria", 0, evidence=[]), "criteria[0].evidence", "device"),
        (_set("criteria", 2, evidence=[]), "criteria[2].evidence", "placement"),
        (_set("criteria", 3, evidence=["quality"]), "criteria[3].evidence", "reference"),
        (_set("criteria", 0, evidence=["hearsay"]), "[[criteria]] number 1: evidence", "hearsay is none of"),
        (_drop("criteria", 0, "applies"), "criteria[0].applies", "tensor"),
        (_set("criteria", 0, reason="as it is"), "criteria[0].reason", "both languages"),
        (_drop("criteria", 0, "method"), "criteria[0].method", "both languages"),
        (_set("criteria", 0, conditions={"ko": "실물"}), "criteria[0].conditions", "both languages"),
        (_set("criteria", 0, source=""), "criteria[0].source", "source is missing"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(
    change: Change, field: str, words: str, own: dict[str, Any], tmp_path: Path
) -> None:
    """With the file, and with what to do where a name is nearly right."""
    change(own)
    with pytest.raises(InputError) as caught:
        checked_track(written(tmp_path, own))
    told = str(caught.value)
    assert "ours.toml" in told
    assert field in told
    assert words in told


def test_every_fault_is_found(own: dict[str, Any], tmp_path: Path) -> None:
    """Not the first alone."""
    _set("criteria", 0, unit="MiB", source="")(own)
    _set("criteria", 4, weight=1)(own)
    track = read_track(written(tmp_path, own))
    assert [fault.field for fault in faults_of(track)] == ["criteria[0].source", "criteria[0].unit", "criteria"]


def test_faults_are_told_in_korean(own: dict[str, Any], tmp_path: Path) -> None:
    """The file and the field stay."""
    _set("criteria", 0, unit="MiB")(own)
    track = read_track(written(tmp_path, own))
    with speaking("ko"), pytest.raises(InputError, match=r"ours: criteria\[0\]\.unit: MiB는 .*단위가 아닙니다"):
        check_track(track, "ours")
