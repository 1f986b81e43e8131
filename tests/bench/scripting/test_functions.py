"""``bench.run``, ``bench.load`` and ``bench.compare``, as a script calls them. The fakes answer in this process."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

import bench
from bench.contracts import Scenario
from bench.errors import InputError, UnknownName
from bench.plugins import discover
from bench.record.evidence import Alternation
from bench.record.refused import RefusedRecord
from bench.record.runner import FleetDevice
from bench.scripting.measuring import measure
from bench.store.records import save
from bench.testing.records import fake_run

MISBEHAVING = Path(__file__).resolve().parents[2] / "plugins" / "misbehaving.py"
SHORT = {"repeats": 1, "max_seconds": 0.02, "check_inputs": 1}


def measured(models: object, targets: object = "null:cpu", **asked: object) -> list[bench.RecordedRun]:
    return bench.run(models, targets, plugins=[MISBEHAVING], **{**SHORT, **asked})  # type: ignore[arg-type]


def steady(record_id: str, ns: int, processes: int = 5) -> bench.RecordedRun:
    """A run whose queries take ``ns``, give or take one in a thousand, the processes as well."""
    spread = np.random.default_rng(3).permutation(np.linspace(0.999, 1.001, 300))
    return fake_run(record_id, [(spread * (ns + ns * i / 2000)).astype(np.int64) for i in range(processes)])


def written(folder: Path, runs: Sequence[bench.RecordedRun]) -> Path:
    folder.mkdir()
    for run in runs:
        save(folder, run.record, run.samples)
    return folder


@pytest.mark.usefixtures("in_process")
def test_a_run_is_measured_and_on_disk(tmp_path: Path) -> None:
    """The runs returned are those on disk, with what was asked for."""
    out = tmp_path / "out"
    (run,) = measured("fake", out=out, options={"latency_us": "200"}, settings={"deadline": "33ms"}, seed=7)
    record = run.record
    assert ("ok", 1, 7, {"deadline_ns": 33_000_000}) == (
        record.status,
        len(record.repeats),
        record.plan.seed,
        record.plan.settings,
    )
    assert record.summary.latency_ns is not None
    assert record.summary.latency_ns.min >= 200_000
    assert [record] == [loaded.record for loaded in bench.load(out)]
    assert [record] == [loaded.record for loaded in bench.load(str(out / record.record_id))]


@pytest.mark.usefixtures("in_process")
def test_progress_is_told_in_order(tmp_path: Path) -> None:
    """Planned first, then each run with its repeats, and every run once as written, with its record: a run that fails
    before the others are measured."""
    told: list[bench.Progress] = []
    runs = measured("fake", ["null:cpu", "bad:refuse-open"], out=tmp_path / "out", progress=told.append)
    events = [one.event for one in told]
    assert ("planned", 2) == (told[0].event, told[0].runs)
    assert [0, 1] == [one.index for one in told if one.event == "began"]
    assert [0] == [one.index for one in told if one.event == "repeat"]
    written_runs = [(one.index, one.recorded.record) for one in told if one.recorded is not None]
    assert [(1, runs[1].record), (0, runs[0].record)] == written_runs
    assert events.index("began") < events.index("written") < events.index("repeat")
    assert "written" == events[-1]
    targets = {(0, "null:cpu"), (1, "bad:refuse-open")}
    assert targets == {(one.index, one.target) for one in told if one.index is not None}
    assert {("fake", 2)} == {(one.model, one.runs) for one in told[1:]}
    assert all(str(one.step) for one in told if one.event == "step")


@pytest.mark.usefixtures("in_process")
def test_a_callback_that_raises_ends_the_suite(tmp_path: Path) -> None:
    """What it raises is raised, and the record that was finished stays."""

    def stop(progress: bench.Progress) -> None:
        if progress.event == "written":
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        measured("fake", "bad:refuse-open", out=tmp_path / "out", progress=stop)
    assert ["failed"] == [run.record.status for run in bench.load(tmp_path / "out")]


@pytest.mark.usefixtures("in_process")
def test_what_does_not_fit_is_returned_with_its_reason(tmp_path: Path) -> None:
    """A failed run is a record, not an exception."""
    (run,) = measured("fake", "bad:refuse-open", out=tmp_path / "out")
    assert "failed" == run.record.status
    assert run.record.failure is not None
    assert run.record.failure.message


def test_models_targets_and_scenarios_in_every_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names, ``ModelAsk``, scenarios as text and as structs, a suite, and a suite's file, which arguments add to."""
    asked: list[bench.Suite] = []
    monkeypatch.setattr("bench.scripting.measuring.run_suite", lambda suite, *others, **more: asked.append(suite))
    monkeypatch.chdir(tmp_path)
    null, offline = bench.TargetAsk("null:cpu"), Scenario("offline", lanes=2)
    Path("net.onnx").touch()
    Path("suite.toml").write_text('preset = "strict"\n[[models]]\nsource = "fake"\n', encoding="utf-8")
    measured([bench.ModelAsk("fake", precision="int8"), Path("net.onnx")], [null], scenarios=["single-stream", offline])
    measured(bench.Suite(targets=(null,), scenarios=(offline,), options={"a": "1"}), None, scenarios="offline:lanes=3")
    measured(Path("suite.toml"), "null:cpu", options={"b": "2"})
    every, of_suite, of_file = asked
    assert (("fake", "int8"), ("net.onnx", None)) == tuple((m.source, m.precision) for m in every.models)
    assert ((null,), (Scenario(), offline), "quick", 1) == (
        every.targets,
        every.scenarios,
        every.preset,
        every.repeats,
    )
    assert ((), (null,), 3, {"a": "1"}) == (
        of_suite.models,
        of_suite.targets,
        of_suite.scenarios[0].lanes,
        of_suite.options,
    )
    assert ("strict", "fake", (null,), {"b": "2"}) == (
        of_file.preset,
        of_file.models[0].source,
        of_file.targets,
        of_file.options,
    )


@pytest.mark.parametrize(
    ("models", "changes", "error"),
    [
        ("gone.onnx", {}, "no such file"),
        ("fake", {"repeats": 0}, "repeats must be 1 or more"),
        ("fake", {"repeats": 1.5}, "repeats must be int"),
        ("fake", {"seed": 0.5}, "seed must be int, not float"),
        ("fake", {"repeat": 3}, "unknown argument of bench.run: repeat\nDid you mean repeats?"),
        ("fake", {"preset": "strickt"}, "strict"),
        ("fake", {"settings": {"deadlin": "33ms"}}, "unknown setting: deadlin\nDid you mean deadline?"),
        ("fake", {"settings": {"deadline": "33 parsecs"}}, "parsecs"),
        ("fake", {"scenarios": "ofline"}, "offline"),
    ],
)
@pytest.mark.usefixtures("in_process")
def test_bad_requests_are_named(models: str, changes: dict[str, object], error: str, tmp_path: Path) -> None:
    """As at the command line; no folder stays behind."""
    with pytest.raises(InputError, match=error):
        measured(models, out=tmp_path / "out", **changes)
    assert not (tmp_path / "out").exists()


def test_a_record_that_cannot_be_read_is_named_or_told(tmp_path: Path) -> None:
    """By an error with the file, or by the callback; the others are read."""
    folder = written(tmp_path / "out", [steady("a", 1_000_000), steady("b", 1_000_000)])
    (folder / "b" / "record.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=f"b{os.sep}record.json"):
        bench.load(folder)
    refused: list[RefusedRecord] = []
    assert ["a"] == [run.record.record_id for run in bench.load(folder, on_refused=refused.append)]
    assert ["b"] == [one.name for one in refused]


def test_several_folders_are_told_apart(tmp_path: Path) -> None:
    """Each run says which folder it was read from."""
    folders = [written(tmp_path / name, [steady(name, 1_000_000)]) for name in ("one", "two")]
    assert [("one", "one"), ("two", "two")] == [(r.folder, r.record.record_id) for r in bench.load(*folders)]


def test_two_runs_are_compared() -> None:
    """The same, and twice as slow, by the rule of ``odb compare``."""
    base, same, slow = steady("a", 1_000_000), steady("b", 1_000_000), steady("c", 2_000_000)
    assert not bench.compare(base, same).worse
    found = bench.compare(base, slow)
    assert found.worse
    assert ("latency_p50_ns", "slower") == (found.changes[0].metric, found.changes[0].word)
    assert found.changes[0].ratio == pytest.approx(2.0)
    wide = bench.compare(base, steady("d", 1_040_000), tolerance=0.5)
    assert "same" == wide.changes[0].word


def test_folders_and_lists_give_the_same_findings(tmp_path: Path) -> None:
    """Whether runs are given, folders, or one of each."""
    base, new = steady("a", 1_000_000), steady("b", 2_000_000)
    before, after = written(tmp_path / "before", [base]), written(tmp_path / "after", [new])
    of_folders = bench.compare(before, after)
    assert of_folders.worse
    for found in (
        bench.compare(bench.load(before), bench.load(after)),
        bench.compare(before, bench.load(after)),
        bench.compare([*bench.load(before)], after),
        bench.compare(str(before), [after]),
    ):
        assert msgspec.structs.asdict(of_folders) == msgspec.structs.asdict(found)


def test_one_name_is_not_taken_for_its_letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One path or name stands for itself wherever several may be given."""
    folder = written(tmp_path / "runs", [steady("a", 1_000_000)])
    assert ("cannot-tell", "unmatched") == bench.compare(folder, folder, accept="cannot-tell,unmatched").accepted
    with bench.history(tmp_path / "history", create=True) as history:
        assert ["a"] == [point.record_id for point in history.add(str(folder)).points]
        assert ("a",) == history.add(folder).present
    asked: list[bench.Suite] = []
    monkeypatch.setattr("bench.scripting.measuring.run_suite", lambda suite, *others, **more: asked.append(suite))
    bench.run("fake", "bad:refuse-open", plugins=str(MISBEHAVING), out=tmp_path / "out")
    assert [(bench.TargetAsk("bad:refuse-open"),)] == [suite.targets for suite in asked]


def test_a_history_is_begun_only_when_asked(tmp_path: Path) -> None:
    """A folder that is not there, or is none, is named; what was begun opens again."""
    with pytest.raises(InputError, match="nightly"):
        bench.history(tmp_path / "nightly")
    assert not (tmp_path / "nightly").exists()
    bench.history(tmp_path / "nightly", create=True).close()
    with bench.history(str(tmp_path / "nightly")) as history:
        assert ([], ()) == (history.series(), history.notices)


def test_yardsticks_in_lists_are_left_out_as_those_in_folders(tmp_path: Path) -> None:
    """A record that was measured as a yardstick of another is no pair of its own."""

    def runs(name: str) -> list[bench.RecordedRun]:
        own = steady(name, 1_000_000)
        turns = Alternation(group=name, side="base", yardstick=True)
        plan = msgspec.structs.replace(own.record.plan, alternation=turns)
        record = msgspec.structs.replace(own.record, record_id=f"{name}-yardstick", plan=plan)
        return [own, bench.RecordedRun(record, own.samples)]

    found = bench.compare(runs("a"), runs("b"))
    assert (1, 2) == (len(found.comparisons), found.yardsticks)


@pytest.mark.parametrize("tolerance", [0.0, -0.1, 1.5, float("nan")])
def test_a_tolerance_is_a_fraction(tolerance: float) -> None:
    """Zero, less, more than 1 and no number are refused, with the script's own number and not that of the flag."""
    run = steady("a", 1_000_000)
    with pytest.raises(InputError, match=f"tolerance {tolerance:g}: must be a fraction above 0 and at most 1"):
        bench.compare(run, run, tolerance=tolerance)


def test_a_subject_is_one_of_three() -> None:
    """A misspelt subject would refuse the comparison that was asked for."""
    run = steady("a", 1_000_000)
    with pytest.raises(UnknownName, match="unknown subject of a comparison: modle\nDid you mean model"):
        bench.compare(run, run, subjects=["modle"])  # type: ignore[list-item]


def test_what_may_stay_open_is_checked(tmp_path: Path) -> None:
    """An unknown name is refused with the nearest."""
    folder = written(tmp_path / "one", [steady("a", 1_000_000)])
    with pytest.raises(UnknownName, match="cannot-tell"):
        bench.compare(folder, folder, accept=["cannot-tel"])


@pytest.mark.usefixtures("in_process")
def test_a_record_names_the_device_and_the_order_of_a_fleet(tmp_path: Path) -> None:
    """A worker of a fleet measures as ``bench.run`` does. Outside of a fleet nothing is named."""
    suite = bench.Suite(
        models=(bench.ModelAsk("fake"),), targets=(bench.TargetAsk("null:cpu"),), repeats=1, max_seconds=0.02
    )
    place = FleetDevice("board-1", "0123456789abcdef0123")
    (run,) = measure(suite, discover([MISBEHAVING]), tmp_path, fleet=place)
    assert (run.record.status, run.record.fleet, run.record.device) == ("ok", place, "board-1")
    assert [run.record] == [loaded.record for loaded in bench.load(tmp_path)]
    (alone,) = measured("fake", out=tmp_path / "alone")
    assert (alone.record.fleet, alone.record.device) == (None, "")
