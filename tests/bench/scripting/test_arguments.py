"""What ``bench.run``, ``bench.load``, ``bench.compare`` and ``bench.history`` refuse before they do anything."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench
from bench.errors import InputError
from bench.scripting.arguments import WrongType
from bench.store.unfinished import unfinished
from bench.testing.records import fake_run


@pytest.fixture
def run() -> bench.RecordedRun:
    return fake_run("one", [np.full(8, 1_000_000, np.int64)] * 2)


@pytest.mark.parametrize("argument", ["models", "targets", "scenarios"])
@pytest.mark.parametrize("nothing", [[], ()])
def test_an_empty_list_is_not_everything(tmp_path: Path, argument: str, nothing: Any) -> None:
    given: dict[str, Any] = {"models": "fake", "targets": "null:cpu", "scenarios": "offline", argument: nothing}
    with pytest.raises(InputError) as error:
        bench.run(**given, out=tmp_path / "out")
    assert f"{argument} is empty" == error.value.message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"models": 5}, "models must be str | os.PathLike | ModelAsk | Suite, not int"),
        ({"models": ["a", 5]}, "models[1] must be str | os.PathLike | ModelAsk | Suite, not int"),
        ({"models": {"net": 1}}, "models must be str | os.PathLike | ModelAsk | Suite, not dict"),
        ({"targets": 5}, "targets must be str | TargetAsk, not int"),
        ({"scenarios": [None]}, "scenarios[0] must be str | Scenario, not NoneType"),
        ({"out": 5}, "out must be str | os.PathLike, not int"),
        ({"plugins": 5}, "plugins must be str | os.PathLike | Catalog, not int"),
        ({"progress": "no"}, "progress must be Callable[[Progress], None], not str"),
        ({"cache": b"x"}, "cache must be str | os.PathLike, not bytes"),
        ({"repeats": "3"}, "repeats must be int | None, not str"),
        ({"repeats": 2.5}, "repeats must be int | None, not float"),
        ({"repeats": True}, "repeats must be int | None, not bool"),
        ({"max_seconds": "1s"}, "max_seconds must be float | None, not str"),
        ({"options": {"threads": 2}}, "options must be dict[str, str], not dict"),
        ({"options": ["threads=2"]}, "options must be dict[str, str], not list"),
        ({"settings": {"deadline": 33}}, "settings must be dict[str, str], not dict"),
        ({"strict_placement": "no"}, "strict_placement must be bool, not str"),
        ({"preset": 1}, "preset must be str, not int"),
    ],
)
def test_a_wrong_type_names_the_argument(given: Any, message: str) -> None:
    with pytest.raises(WrongType) as error:
        bench.run(**{"models": "mobilenet_v2", **given})
    assert message == error.value.message
    assert isinstance(error.value, TypeError)


def test_numbers_of_numpy_are_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bench.Suite] = []
    monkeypatch.setattr("bench.scripting.measuring.run_suite", lambda suite, *others, **more: asked.append(suite))
    given: Any = {"repeats": np.int64(3), "max_seconds": np.float32(0.5)}
    bench.run("mobilenet_v2", "ort:cpu", out=tmp_path / "out", **given)
    assert [(3, 0.5)] == [(suite.repeats, suite.max_seconds) for suite in asked]


def test_more_processes_than_anyone_waits_for_are_refused() -> None:
    with pytest.raises(InputError) as error:
        bench.run("mobilenet_v2", "ort:cpu", repeats=100_000_000)
    assert "repeats must be at most 10,000, not 100,000,000" == error.value.message


def test_comparing_names_the_argument(run: bench.RecordedRun) -> None:
    for given, message in (
        ({"base": 5}, "base must be RecordedRun | str | os.PathLike, not int"),
        ({"new": [run, None]}, "new[1] must be RecordedRun | str | os.PathLike, not NoneType"),
        ({"tolerance": "3 %"}, "tolerance must be float, not str"),
        ({"subjects": "target"}, "subjects must be Collection[str], not str"),
    ):
        with pytest.raises(WrongType) as error:
            bench.compare(**{"base": run, "new": run, **given})  # type: ignore[call-overload]
        assert message == error.value.message


def test_reading_names_the_argument(tmp_path: Path) -> None:
    with pytest.raises(WrongType, match=r"^paths\[1\] must be str \| os.PathLike, not int$"):
        bench.load(tmp_path, 5)  # type: ignore[arg-type]
    with pytest.raises(WrongType, match=r"^folder must be str \| os.PathLike, not NoneType$"):
        bench.history(None)  # type: ignore[arg-type]


def test_a_folder_of_unfinished_runs_says_so(tmp_path: Path, run: bench.RecordedRun) -> None:
    with unfinished(tmp_path) as kept:
        kept.keep(run)
        with pytest.raises(InputError) as error:
            bench.load(tmp_path)
    assert "no finished record; 1 record of interrupted runs, or of runs that are still measured" in str(error.value)
    assert f"odb report {tmp_path} makes records" in error.value.remedy


def test_errors_name_arguments_and_not_flags(run: bench.RecordedRun) -> None:
    with pytest.raises(InputError) as error:
        bench.run("mobilenet_v2", "ort:cpu", settings={"deadline": "33 parsecs"})
    assert error.value.message.startswith('settings["deadline"]')
    with pytest.raises(InputError) as error:
        bench.compare([run], [run], accept="nothing")  # type: ignore[call-overload]
    assert "--" not in str(error.value)
