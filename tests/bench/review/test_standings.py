"""Ranks are given among what may be compared, and only what is shown to be worse is ranked lower."""

from pathlib import Path
from typing import Any

import pytest
from made_bundles import changed, write_files, write_packed, write_submission
from msgspec.structs import replace
from submissions.good import Good, good, run

from bench.errors import InputError
from bench.review.entry import Entry, entry_of, read_entry, reproduced_by
from bench.review.review import Shared, bundles_in, review, shared
from bench.review.standings import Group, Standing, standings
from bench.submission.dossier.reproduction import Answer, Reproduction
from bench.submission.track import track_named


def entry(name: str, slower: float = 1.0, **parts: Any) -> Entry:
    """The good submission, ``slower`` by a factor."""
    made: Good = good()._replace(runs=(run(f"record-{name}", slower, **parts),))
    found = made.checked()
    return entry_of(found.assessment, found.findings, name, Path(name))


def on_machine(entry: Entry, cpu: str) -> Entry:
    """The same, measured elsewhere."""
    changed = {}
    for name, seen in entry.observations.items():
        environment = seen.record.environment
        elsewhere = replace(environment, host={**environment.host, "cpu": cpu})
        changed[name] = replace(seen, record=replace(seen.record, environment=elsewhere))
    return replace(entry, observations=changed)


def of(criterion: str, *entries: Entry) -> Standing:
    (found,) = (one for one in standings(entries) if one.criterion == criterion)
    return found


def places(group: Group) -> list[tuple[int, int]]:
    return [(place.entry, place.position) for place in group.places]


def test_what_is_shown_to_be_slower_is_ranked_lower() -> None:
    """The two that do not differ share the first place."""
    found = of("latency", entry("a"), entry("b", 1.001), entry("c", 1.5), entry("d", 2.0))
    assert [places(group) for group in found.groups] == [[(0, 1), (1, 1), (2, 3), (3, 4)]]


def test_a_standing_has_no_single_applicants_title() -> None:
    """What all call it; else the track's own title, or the criterion's id where the track has none."""
    first, second = entry("a"), entry("b")
    assert of("latency", first, second).title == first.rows[0].criterion.title

    def named(found: Entry, title: str, **fields: Any) -> Entry:
        rows = tuple(
            replace(row, criterion=replace(row.criterion, title=title, **fields))
            if row.criterion.id == "latency"
            else row
            for row in found.rows
        )
        return replace(found, rows=rows, track="inspection-drone")

    assert of("latency", first, named(second, "Ours")).title == "latency"
    track = next(one for one in track_named("inspection-drone").criteria if one.metric == "summary.latency_ns.p99")
    both = [named(one, name, id=track.id, metric=track.metric) for one, name in ((first, "Mine"), (second, "Ours"))]
    assert of(track.id, *both).title == track.title


def test_machines_of_two_kinds_are_ranked_apart() -> None:
    """With the reason; sizes and answers need no machine."""
    entries = entry("a"), on_machine(entry("b", 0.5), "another"), entry("c", 1.5)
    found = of("latency", *entries)
    assert [places(group) for group in found.groups] == [[(1, 1)], [(0, 1), (2, 2)]]
    assert "machine" in str(found.groups[1].why_apart)
    assert len(of("placement", *entries).groups) == 1


def test_an_invalid_run_has_no_place() -> None:
    """Nor has a criterion without a record."""
    slow, without = entry("b"), replace(entry("c"), observations={})
    found = entry("a")
    bad = replace(found, bases=tuple(replace(one, doubt="noise") for one in found.bases))
    standing = of("latency", slow, bad)
    assert [one.entry for one in standing.apart] == [1]
    assert [places(group) for group in of("latency", slow, without).groups] == [[(0, 1)], [(1, 1)]]


def test_equal_figures_share_a_place() -> None:
    """Exact figures are told apart by their values alone."""
    assert places(of("outputs", entry("a"), entry("b"), entry("c")).groups[0]) == [(0, 1), (1, 1), (2, 1)]


def test_two_copies_of_one_record_are_not_compared() -> None:
    """A record cannot be compared with itself: the second submission stands apart, with the reason."""
    one = entry("a")
    found = of("latency", one, replace(one, name="b"))
    assert [places(group) for group in found.groups] == [[(0, 1)], [(1, 1)]]
    assert "same record" in str(found.groups[1].why_apart)


def test_what_is_no_bundle_is_an_entry_with_its_problem(tmp_path: Path) -> None:
    """And does not end the review of the others."""
    (tmp_path / "broken.zip").write_bytes(b"PK\3\4 and nothing more")
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "submission.toml").write_text('format = "one"')
    found = review([tmp_path])
    assert [one.name for one in found.entries] == ["broken", "s"]
    assert all(one.problem for one in found.entries)
    assert found.standings == ()


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_a_path_without_a_bundle_is_an_error(name: str, tmp_path: Path) -> None:
    """It is named."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=name):
        bundles_in(tmp_path / name)


def reproduction(word: Any, sha256: str = "a" * 64) -> Reproduction:
    return Reproduction(
        tool_version="0",
        created_utc="2026-05-04T10:11:12+00:00",
        subject="a",
        subject_sha256=sha256,
        margin_percent=5,
        answers=(Answer(criterion="latency", word=word),),
    )


@pytest.mark.parametrize(("word", "reached"), [("reproduced", True), ("not_reproduced", False), ("cannot_tell", None)])
def test_a_reproduction_decides_the_last_step(word: str, reached: bool | None) -> None:
    """Of the bundle whose manifest it names."""
    found = reproduced_by(entry("a"), [reproduction(word)])
    assert next(one.reached for one in found.steps if one.rung == "reproduced") is reached
    (told,) = found.again
    assert told.figures == {name: int(name == word) for name in ("reproduced", "not_reproduced", "cannot_tell")}


@pytest.mark.parametrize(
    ("words", "reached"),
    [(("reproduced", "cannot_tell"), True), (("not_reproduced", "reproduced"), False), (("cannot_tell",) * 2, None)],
)
def test_several_reproductions_decide_the_last_step_together(words: tuple[str, ...], reached: bool | None) -> None:
    """In whichever order they are named; a refutation is not undone by another's success."""
    for order in (words, words[::-1]):
        found = reproduced_by(entry("a"), [reproduction(word) for word in order])
        assert next(one.reached for one in found.steps if one.rung == "reproduced") is reached
        assert len(found.again) == 2


def test_a_reproduction_of_none_of_the_bundles_is_an_error(tmp_path: Path) -> None:
    """It would be silently ignored."""
    import msgspec

    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "submission.toml").write_text('format = 1\ntrack = "t"\nrules = 1\n')
    (tmp_path / "reproduction.json").write_bytes(msgspec.json.encode(reproduction("reproduced")))
    with pytest.raises(InputError, match="none of these bundles"):
        review([tmp_path / "s"], [tmp_path / "reproduction.json"])


def test_a_reproduction_of_a_refused_bundle_is_no_error(tmp_path: Path) -> None:
    """The bundle is listed with the reason, which the error would hide."""
    import msgspec

    (tmp_path / "b.zip").write_bytes(b"no archive")
    (tmp_path / "reproduction.json").write_bytes(msgspec.json.encode(reproduction("reproduced")))
    (found,) = review([tmp_path / "b.zip"], [tmp_path / "reproduction.json"]).entries
    assert found.problem


def test_a_folder_is_read_as_a_submission(tmp_path: Path) -> None:
    """With what can be told of it."""
    (tmp_path / "submission.toml").write_text('format = 1\ntrack = "t"\nrules = 1\n[project]\nname = "Cracks"\n')
    found = read_entry(tmp_path)
    assert (found.problem, found.project, found.track, found.rows) == ("", "Cracks", "t", ())


def test_a_bundle_that_does_not_verify_is_refused_by_its_rules(tmp_path: Path) -> None:
    """One changed figure; the bundle beside it is reviewed."""
    folder = write_submission(tmp_path / "s")
    good_one, forged = write_packed(folder, tmp_path / "a.zip"), tmp_path / "b.zip"
    with changed(good_one, "assessment.json", lambda data: data.replace(b'"met"', b'"not_met"', 1)) as files:
        write_files(forged, files)
    found = review([good_one, forged])
    assert found.entries[0].problem == ""
    assert found.entries[0].sha256
    assert str(found.entries[1].problem).startswith("It does not verify: ODB-B-")


def test_the_same_records_in_two_submissions_are_told() -> None:
    """By their ids, and by their samples under another id; those that two submissions share stand together."""
    entries = [
        replace(entry("a"), records={"r1": "1" * 64, "r2": "2" * 64}),
        replace(entry("b"), records={"x1": "1" * 64, "r2": "3" * 64}),
        replace(entry("c"), records={"r3": "4" * 64, "r4": ""}),
        replace(entry("d"), records={"r5": ""}),
        Entry(name="broken", path="broken.zip", problem="no zip"),
    ]
    assert shared(entries) == (Shared((0, 1), ("r1", "r2", "x1")),)
    assert shared(entries[2:]) == ()


def test_whatever_a_reader_meets_is_a_problem_of_that_bundle(tmp_path: Path, monkeypatch: Any) -> None:
    """And of no other."""

    def check(path: Path) -> Any:
        if path.name == "bad":
            raise RecursionError
        return good().checked()

    monkeypatch.setattr("bench.review.entry.check", check)
    for name in ("bad", "fine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "submission.toml").write_text("")
    bad, fine = review([tmp_path]).entries
    assert "RecursionError" in str(bad.problem)
    assert fine.problem == ""
