"""``odb init``: the form of a submission, from a track and from flags."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bench.cli.submission import questions
from bench.cli.submission.init_command import command
from bench.errors import InputError, OdbError, UnknownName
from bench.submission.form import Submission, read_submission
from bench.submission.track import TRACKS, track_named, track_names

MODEL = ("-m", "mobilenet_v2")


def init(*arguments: Any, answers: str | None = None) -> Result:
    return CliRunner().invoke(command, [str(one) for one in arguments], standalone_mode=False, input=answers)


def made(folder: Path, *arguments: Any) -> Submission:
    done = init("inspection-drone", folder, *arguments)
    assert done.exception is None, done.exception
    return read_submission(folder)


def refused(*arguments: Any) -> OdbError:
    error = init(*arguments).exception
    assert isinstance(error, OdbError)
    return error


@pytest.mark.parametrize("name", track_names())
def test_every_track_makes_a_form(name: str, tmp_path: Path) -> None:
    """With its criteria, all of them proposals, and weights that sum to 100."""
    done = init(name, tmp_path, *MODEL)
    assert done.exception is None
    submission, track = read_submission(tmp_path), track_named(name)
    assert (submission.track, submission.demand_company.organisation) == (name, track.partner.name)
    assert submission.criteria
    assert {one.id for one in submission.criteria} <= {one.id for one in track.criteria}
    assert all(one.proposed for one in submission.criteria)
    assert sum(one.weight for one in submission.criteria) == 100
    order = [one.id for one in track.targets]
    assert [one.id for one in submission.targets] == [one for one in order if one in {t.id for t in submission.targets}]


def test_flags_are_in_the_form(tmp_path: Path) -> None:
    """Whatever quotes they hold."""
    found = made(tmp_path, *MODEL, "--project", 'a "b" \\', "--applicant", "㈜가", "--device", "d", "--preset", "quick")
    assert (found.project.name, found.applicant.organisation, found.device.name) == ('a "b" \\', "㈜가", "d")
    assert found.measuring.preset == "quick"


def test_paths_are_relative_to_the_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dataset meant for one model goes to that model."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    found = made(Path("sub"), *MODEL, "-m", "resnet50", "--dataset", "resnet50:photos")
    assert [(one.source, one.dataset) for one in found.models] == [("mobilenet_v2", ""), ("resnet50", "../photos")]


def test_a_form_is_not_replaced(tmp_path: Path) -> None:
    """Unless asked to."""
    made(tmp_path, *MODEL)
    before = (tmp_path / "submission.toml").read_bytes()
    assert "exists already" in refused("inspection-drone", tmp_path, "--applicant", "x").message
    assert before == (tmp_path / "submission.toml").read_bytes()
    assert made(tmp_path, "--force", "--applicant", "x").applicant.organisation == "x"


def test_a_track_of_your_own_is_copied(tmp_path: Path) -> None:
    """Beside the form, which names it."""
    own = tmp_path / "ours.toml"
    own.write_bytes((TRACKS / "inspection-drone.toml").read_bytes())
    done = init("--track", own, tmp_path / "sub", *MODEL)
    assert done.exception is None, done.exception
    assert read_submission(tmp_path / "sub").track == "ours.toml"
    assert (tmp_path / "sub" / "ours.toml").read_bytes() == own.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "kind", "told"),
    [
        (["inspection-dron"], UnknownName, "inspection-drone"),
        ([], InputError, "no track"),
        (["inspection-drone", "DIR", "--track", "x.toml"], InputError, "two tracks"),
        (["--track", "x.json"], InputError, ".toml"),
        (["inspection-drone", "DIR", "--preset", "quik"], UnknownName, "quick"),
        (["inspection-drone", "DIR", "-m", "nothing.onnx"], InputError, "nothing.onnx"),
        (["inspection-drone", "DIR", "-m", "mobilenet"], UnknownName, "mobilenet_v2"),
        (["inspection-drone", "DIR", "-t", "nothing:cpu"], UnknownName, "nothing:cpu"),
        (["inspection-drone", "DIR", "--dataset", "x"], InputError, "dataset"),
    ],
)
def test_what_is_wrong_is_named(
    arguments: list[str], kind: type[OdbError], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is written."""
    monkeypatch.chdir(tmp_path)
    error = refused(*arguments)
    assert isinstance(error, kind)
    assert told in error.message + error.remedy
    assert [] == list(tmp_path.iterdir())


def test_json_is_for_scripts(tmp_path: Path) -> None:
    """Ids and fields, the same in every language."""
    found = json.loads(init("inspection-drone", tmp_path, *MODEL, "--json").stdout)
    assert found["submission"] == str(tmp_path / "submission.toml")
    assert (found["track"], found["models"]) == ("inspection-drone", ["mobilenet_v2"])
    assert found["targets"] == ["qnn:htp", "qnn:htp-emu", "ort:cpu"]
    assert "applicant.organisation" in found["worth_filling_in"]


def test_a_script_is_asked_nothing(tmp_path: Path) -> None:
    """What it does not name stays empty."""
    found = made(tmp_path)
    assert (found.project.name, found.applicant.organisation, found.models) == ("", "", ())


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "may_ask", lambda no_input, as_json: not no_input and not as_json)


@pytest.mark.usefixtures("at_a_terminal")
def test_a_person_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was given is not asked, and an empty answer is the default."""
    monkeypatch.chdir(tmp_path)
    done = init("inspection-drone", "drone", "--device", "d", answers="\nAcme\nmobilenet_v2, resnet50\n")
    assert done.exception is None, done.output
    found = read_submission(tmp_path / "drone")
    assert (found.project.name, found.applicant.organisation, found.device.name) == ("drone", "Acme", "d")
    assert ["mobilenet_v2", "resnet50"] == [one.id for one in found.models]


@pytest.mark.usefixtures("at_a_terminal")
def test_the_track_may_be_chosen_by_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers are those of the list; the folder is named after the track."""
    monkeypatch.chdir(tmp_path)
    number = track_names().index("inspection-drone") + 1
    done = init("--applicant", "a", "--device", "d", "--project", "p", *MODEL, answers=f"{number}\n")
    assert done.exception is None, done.output
    assert read_submission(tmp_path / "inspection-drone").project.name == "p"


def test_models_that_lie_there_are_offered(tmp_path: Path) -> None:
    """Files of a known suffix, each once, in the order of their names."""
    (tmp_path / "models").mkdir()
    for name in ("b.onnx", "a.onnx", "notes.txt", "models/c.xml"):
        (tmp_path / name).touch()
    found = questions.found_models((tmp_path, tmp_path / "models", tmp_path, tmp_path / "none"), [".onnx", ".xml"])
    assert [str(tmp_path / name) for name in ("a.onnx", "b.onnx", "models/c.xml")] == found
