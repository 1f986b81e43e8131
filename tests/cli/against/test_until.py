"""``odb run --against --until decided``: measured until it is known, recorded so that it can be found again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bench.cli.against.until import MAX_MINUTES, asked_until
from bench.cli.compare_command import command as compare_command
from bench.cli.run_command import command
from bench.errors import InputError
from bench.execution import interleaved
from bench.record.evidence import Until
from bench.stats.sequential import looks, spent
from bench.store.records import load_records

PLUGINS = Path(__file__).resolve().parents[3] / "bench" / "testing" / "plugins.py"
QUICK = ("--preset", "quick", "--max-seconds", "0.2")


def odb_run(*arguments: Any) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], standalone_mode=False)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory, plays_here: Callable[..., Any]) -> Path:
    """A folder with a record of the fake model at half a millisecond a query, and what is four times as slow measured
    against it until that was decided; made once."""
    room = tmp_path_factory.mktemp("until")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(room)
        patch.setenv("ODB_CACHE", str(room / "cache"))
        for module in ("runner", "probe"):
            patch.setattr(f"bench.execution.{module}.run_job", plays_here)
        shutil.copy(PLUGINS, room / "plugin.py")
        fake = ("--plugin", "plugin.py", "-m", "fake", "-t", "null:cpu", "-O", "latency_us=500")
        odb_run(*fake, "--repeats", "1", *QUICK, "-o", "old")
        done = odb_run(*AGAINST, "-O", "latency_us=2000", "--until", "decided", *QUICK, "--json", "-o", "out")
        assert done.exception is None, done.exception
        (room / "answer.json").write_text(done.stdout)
        (room / "status").write_text(str(done.return_value))
    return room


AGAINST = ("--against", "old", "--plugin", "plugin.py")


@pytest.fixture
def here(room: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(room)
    monkeypatch.setenv("ODB_CACHE", str(room / "cache"))
    return room


def until_of(folder: Path) -> list[Until]:
    runs = [run for side in ("base", "new") for run in load_records(folder / side)]
    turns = [run.record.plan.alternation for run in runs]
    return [one.until for one in turns if one is not None and one.until is not None]


@pytest.mark.usefixtures("in_process")
@pytest.mark.process
class TestMeasured:
    def test_four_times_slower_is_known_after_a_few_pairs(self, here: Path) -> None:
        """One of the first looks decides it: status 1, and both records say by which looks and why it ended."""
        (found,) = json.loads((here / "answer.json").read_text())["comparisons"]
        lead, (first, second) = found["changes"][0], until_of(here / "out")
        pairs = len(lead["pair_ratios"])
        assert "1" == (here / "status").read_text()
        assert ("slower", True) == (lead["word"], pairs in (4, 5, 7, 9))
        assert first == second
        assert (looks(pairs), "decided", 0.03, 30) == (first.looks, first.ended, first.tolerance, first.most)
        assert spent(first.looks) == pytest.approx((first.spent_different, first.spent_same))
        run = load_records(here / "out" / "new")[0].record
        assert ("ok", "comparison", pairs) == (run.status, run.repeats_ended, len(run.repeats))
        assert found["until"]["looks"] == list(first.looks)

    def test_the_records_give_the_same_answer_later(self, here: Path) -> None:
        """``odb compare`` of the two folders: the same p-values, interval and words, by the same fractions."""
        done = CliRunner().invoke(compare_command, ["out/base", "out/new", "--json"], standalone_mode=False)
        assert 1 == done.return_value
        now, then = json.loads(done.stdout), json.loads((here / "answer.json").read_text())
        assert then["comparisons"][0]["changes"] == now["comparisons"][0]["changes"]
        assert then["result"] == now["result"]

    def test_without_time_it_cannot_be_told(self, here: Path) -> None:
        """A limit that is used up by the first pair: one pair, ``cannot_tell``, status 3."""
        done = odb_run(*AGAINST, "--until", "decided", "--max-minutes", "0.001", *QUICK, "--json", "-o", "late")
        assert 3 == done.return_value
        (found,) = json.loads(done.stdout)["comparisons"]
        assert ("not_decided", "cannot-tell") == (found["outcome"], found["not_decided"])
        told = CliRunner().invoke(compare_command, ["late/base", "late/new"], standalone_mode=False).stdout
        assert "Measuring ended because the time was used up." in " ".join(told.split())
        assert {("time", (1,))} == {(until.ended, until.looks) for until in until_of(here / "late")}

    def test_an_interrupt_keeps_the_pairs(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-C in the second pair: both records hold the first, and nothing is compared."""
        in_turns, begun = interleaved.run_in_turns, []

        def run(*pair: Any) -> Any:
            begun.append(pair)
            if len(begun) == 2:
                raise KeyboardInterrupt
            return in_turns(*pair)

        monkeypatch.setattr(interleaved, "run_in_turns", run)
        done = odb_run(*AGAINST, "--until", "decided", *QUICK, "-o", "broken")
        assert done.exception is not None
        runs = [run for side in ("base", "new") for run in load_records(here / "broken" / side)]
        assert [("failed", 1)] * 2 == [(run.record.status, len(run.record.repeats)) for run in runs]
        failure = runs[0].record.failure
        assert failure is not None
        assert failure.message == "interrupted after 1 pair, before the comparison was decided"


@pytest.mark.usefixtures("in_process")
@pytest.mark.process
class TestDryRun:
    def test_it_says_when_it_is_tested_and_where_it_ends(self, here: Path) -> None:
        """The looks, the maximum and the time, for people and for scripts; nothing is measured."""
        asked = (*AGAINST, "--until", "decided", "--max-minutes", "5", "--dry-run")
        done = odb_run(*asked)
        assert done.exception is None, done.exception
        assert "4 to 30" in done.stdout
        assert done.stdout.splitlines()[-1] == (
            "Until decided: the results are tested after 4, 5, 7, 9, 12, 16, 21, 28, 30 pairs. "
            "At most 30 pairs of each two runs, and 5 minutes in all."
        )
        found = json.loads(odb_run(*asked, "--json").stdout)
        assert ([4, 5, 7, 9, 12, 16, 21, 28, 30], 300_000_000_000) == (
            found["until"]["looks"],
            found["until"]["limit_ns"],
        )
        (pair,) = found["pairs"]
        assert (4, 30) == (pair["new"]["repeats"], pair["new"]["repeats_at_most"])


class TestAsked:
    @pytest.mark.parametrize(
        ("params", "told"),
        [
            ({"max_minutes": 5.0}, "--max-minutes: can only be used with --until decided"),
            ({"until": "decided", "max_minutes": 0.0}, "--max-minutes: must be above 0"),
            ({"until": "decided", "max_minutes": float("inf")}, "--max-minutes: must be above 0 and finite, not inf"),
            ({"until": "decided", "max_minutes": 1e300}, "--max-minutes: must be above 0 and finite, not 1e+300"),
            ({"until": "decided", "max_minutes": float("nan")}, "--max-minutes: must be above 0"),
            ({"until": "decided", "repeats": 4}, "--repeats 4 with --until decided: `same` takes at least 5 pairs"),
        ],
    )
    def test_bad_bounds(self, params: dict[str, Any], told: str) -> None:
        """Named with the flag, before anything is measured."""
        with pytest.raises(InputError, match=r"max-minutes|repeats") as error:
            asked_until({"until": None, "max_minutes": None, "repeats": None, **params}, (), 0.03)
        assert error.value.message.startswith(told)

    def test_the_defaults(self) -> None:
        """30 pairs and an hour."""
        found = asked_until({"until": "decided", "max_minutes": None, "repeats": None}, (), 0.05)
        assert Until(0.05, 1, 30, round(MAX_MINUTES * 60e9)) == found

    @pytest.mark.parametrize("flags", [("--until", "decided"), ("--max-minutes", "5")])
    def test_only_with_against(self, flags: tuple[str, ...]) -> None:
        """Without a base there is nothing to be decided."""
        error = odb_run("-m", "fake", *flags).exception
        assert isinstance(error, InputError)
        assert error.message == f"{flags[0]}: can only be used with --against, which is not given"
