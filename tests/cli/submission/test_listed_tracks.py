"""``odb list tracks``: all tracks as a table, one of them in full."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench.cli.list_command import command
from bench.cli.submission.listed_tracks import as_json, in_full, rows, track_of
from bench.cli.terminal.columns import columns
from bench.errors import InputError, UnknownName
from bench.submission.track import TRACKS, track_named, track_names
from bench.words import languages, speaking
from bench.words.cells import cells

NARROW = 80


def listed(*arguments: object) -> Result:
    return CliRunner().invoke(command, [*map(str, arguments)], standalone_mode=False)


@pytest.mark.parametrize("language", languages())
def test_the_table_fits_a_terminal(language: str) -> None:
    """Every track with its partner, its targets and the number of its criteria."""
    with speaking(language):
        found = rows()
        table = columns([*found[0]], [[str(value) for value in row.values()] for row in found], NARROW)
    assert [row["id"] for row in found] == list(track_names())
    assert all(row["criteria"] >= 6 and len(row["targets"]) == 3 for row in found)
    assert max(map(cells, table.splitlines())) <= NARROW


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("name", track_names())
def test_a_track_in_full_fits_a_terminal(name: str, language: str) -> None:
    """All its targets, scenarios, criteria, and whether each can be measured; in the language spoken."""
    track = track_named(name)
    with speaking(language):
        text = in_full(track, NARROW)
    flat = "".join(text.split())
    assert max(map(cells, text.splitlines())) <= NARROW
    for part in (*(one.id for one in track.targets), *(one.scenario for one in track.scenarios)):
        assert part in text
    for one in track.criteria:
        title, reason = (one.title.ko, one.reason.ko) if language == "ko" else (one.title.en, one.reason.en)  # type: ignore[union-attr]
        assert "".join(f"{one.id}: {title}".split()) in flat
        assert "".join(reason.split()) in flat
    assert text.count("측정 가능" if language == "ko" else "measurable  ") == len(track.criteria)


def test_a_track_says_what_is_proposed_and_what_cannot_be_measured() -> None:
    """In words and numbers of the language."""
    track = track_named("smart-tv")
    with speaking("en"):
        english = in_full(track, 200)
    with speaking("ko"):
        korean = in_full(track, 200)
    handheld = {}
    for language in languages():
        with speaking(language):
            handheld[language] = in_full(track_named("industrial-handheld"), 200)
    assert "at most 16.6 ms (proposed)" in english
    assert "16.6 ms 이하(제안값)" in korean
    assert "no: The temperature of a surface takes a thermometer outside the device" in handheld["en"]
    assert "아니요. 표면 온도는 기기 밖의 온도계로 재야 하며" in handheld["ko"]


def test_json_is_the_file_and_what_can_be_measured() -> None:
    """The same in every language."""
    with speaking("ko"):
        found = json.loads(listed("tracks", "industrial-handheld", "--json").stdout)
    track = track_named("industrial-handheld")
    with speaking("en"):
        assert found == json.loads(json.dumps(as_json(track)))
    assert found["name"] == {"ko": "산업용 핸드헬드기기", "en": "Industrial handheld devices"}
    measurable = {one["id"]: one["measurable"] for one in found["criteria"]}
    assert (measurable["reading-p90"], measurable["surface-temperature"]) == (True, False)
    assert {one["measurable"] for one in found["scenarios"] if one["scenario"].startswith("wake")} == {True}
    assert all(bool(one["not_measurable_because"]) != one["measurable"] for one in found["criteria"])


def test_the_command_lists_in_korean() -> None:
    """Heads and names."""
    with speaking("ko"):
        done = listed("tracks")
    assert done.exception is None
    assert done.stdout.splitlines()[0].split() == ["id", "이름", "수요기업", "타깃", "평가항목"]
    assert "인스펙션 드론" in done.stdout


def test_json_of_the_list_has_stable_keys() -> None:
    """For scripts."""
    (first, *_) = json.loads(listed("tracks", "--json").stdout)
    assert first == {
        "id": "car-camera-edge-box",
        "name": "AI edge box with in-vehicle AI cameras",
        "partner": "Qualcomm",
        "targets": ["qnn:htp", "qnn:htp-emu", "ort:cpu"],
        "criteria": 10,
    }


def test_a_track_of_your_own_is_checked_and_shown(tmp_path: Path) -> None:
    """By the name of its file."""
    own = tmp_path / "ours.toml"
    text = (TRACKS / "robotics.toml").read_text(encoding="utf-8").replace('id = "robotics"', 'id = "our-robot"')
    own.write_text(text, encoding="utf-8")
    assert listed("tracks", own).stdout.startswith("our-robot: ")
    own.write_text(text.replace('unit = "ms"', 'unit = "kB"', 1), encoding="utf-8")
    error = listed("tracks", own).exception
    assert isinstance(error, InputError)
    assert "ours.toml: criteria[0].unit" in error.message


def test_what_is_no_track_is_told() -> None:
    """A name nearly right, a file that is missing, a name for a list that takes none."""
    with pytest.raises(UnknownName, match="Did you mean signage"):
        track_of("signaeg")
    with pytest.raises(InputError, match=r"gone\.toml: cannot be read"):
        track_of("gone.toml")
    assert isinstance(listed("presets", "quick").exception, InputError)
