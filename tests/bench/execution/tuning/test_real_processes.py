"""The whole search with real processes, of a target whose settings are worth a known factor each."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from bench.execution import interleaved
from bench.execution.tuning.journal import JOURNAL
from bench.execution.tuning.question import Asked
from bench.execution.tuning.tuner import tune
from bench.plugins import Catalog, discover
from bench.store.records import UNFINISHED, load, record_folders
from bench.suite.suite import ModelAsk, Suite, TargetAsk, load_suite
from bench.tuning import halving
from bench.tuning.result import Tuning
from bench.tuning.suite_text import suite_text

pytestmark = pytest.mark.process

KNOBS = Path(__file__).with_name("knobs.py")
SUITE = Suite(models=(ModelAsk("fake"),), targets=(TargetAsk("knobs:cpu"),))


def catalog() -> Catalog:
    """The plugins of the file alone: the reference is then the target itself, without settings."""
    return Catalog(tuple(ref for ref in discover([KNOBS]).refs if ref.from_file))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tuning, Path]:
    """A search of 3 settings, each in one process."""
    out = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(halving, "PROCESSES", (1,))
        return tune(asked(tmp_path_factory.mktemp("cache")), out), out


def asked(cache: Path) -> Asked:
    return Asked(suite=SUITE, goal="latency", budget_ns=600_000_000_000, tolerance=0.03, catalog=catalog(), cache=cache)


def test_the_faster_setting_is_found_and_confirmed_and_the_wrong_one_is_dropped(found: tuple[Tuning, Path]) -> None:
    """``pace`` 2 halves the time of a call; ``round`` changes the outputs."""
    tuning, _ = found
    assert ("found", {"pace": "2"}) == (tuning.end, tuning.best)
    assert {"wrong_outputs"} == {one.state for one in tuning.tried if "round" in one.options}
    change = tuning.confirmation.change if tuning.confirmation else None
    assert change is not None
    assert "faster" == change.word
    assert change.ratio is not None
    assert change.ratio < 0.8


def test_the_front_has_latency_throughput_memory_and_quality(found: tuple[Tuning, Path]) -> None:
    """Of the default and of the setting that was found."""
    tuning, _ = found
    names = {"latency_p50_ns", "throughput_per_s", "peak_rss_bytes", "sqnr_db"}
    assert names == {axis.metric for axis in tuning.axes}
    measured = [one for one in tuning.tried if one.state == "measured"]
    assert all(names <= one.figures.keys() for one in measured)
    assert [True] == [one.on_front for one in measured if one.options]


def test_the_records_of_the_confirmation_are_there(found: tuple[Tuning, Path]) -> None:
    """They took turns, and the new one has the setting."""
    tuning, out = found
    assert tuning.confirmation is not None
    base, new = (load(out / name).record for name in tuning.confirmation.records)
    assert [{}, {"pace": "2"}] == [record.plan.target.options_requested for record in (base, new)]
    assert base.plan.alternation is not None
    assert new.plan.alternation is not None
    assert base.plan.alternation.group == new.plan.alternation.group


def test_the_suite_asks_for_the_setting(found: tuple[Tuning, Path], tmp_path: Path) -> None:
    """As ``odb run`` reads it, with the answer in its comments."""
    tuning, _ = found
    file = tmp_path / "suite.toml"
    file.write_text(suite_text(tuning, SUITE, tmp_path), encoding="utf-8")
    suite = load_suite(file, catalog())
    assert [TargetAsk("knobs:cpu", {"pace": "2"})] == list(suite.targets)
    assert ["single-stream"] == [scenario.name for scenario in suite.scenarios]
    assert "# Found pace=2" in file.read_text(encoding="utf-8")


def test_a_killed_confirmation_goes_on_behind_its_last_pair(
    found: tuple[Tuning, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in its last pair, with a record of one side written and the states of both left: one more pair is
    measured, and there is one record a side, of all pairs."""
    tuning, whole = found
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    lines = (out / JOURNAL).read_bytes().splitlines(keepends=True)
    pairs = [index for index, line in enumerate(lines) if b'"what":"pair"' in line]
    (out / JOURNAL).write_bytes(b"".join(lines[: pairs[-1]]) + lines[pairs[-1]][:100])
    shutil.rmtree(out / "new")
    left = out / "base" / f"{UNFINISHED}killed"
    left.mkdir()
    (left / ".odb-owner").touch()
    measured: list[Any] = []
    real = interleaved.run_in_turns
    monkeypatch.setattr(interleaved, "run_in_turns", lambda *given: measured.append(given) or real(*given))
    monkeypatch.setattr(halving, "PROCESSES", (1,))
    again = tune(asked(tmp_path / "cache"), out)
    assert ("found", tuning.best, 1) == (again.end, again.best, len(measured))
    assert again.confirmation is not None
    assert len(pairs) == again.confirmation.pairs
    for side, name in zip(("base", "new"), again.confirmation.records, strict=True):
        assert [out / name] == record_folders(out / side)
        record = load(out / name).record
        assert ("ok", len(pairs)) == (record.status, len(record.repeats))
    assert not left.exists()
