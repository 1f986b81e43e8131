"""A form as a suite: what is measured, and the same as a suite's file."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.contracts import Scenario
from bench.errors import InputError, OdbError, UnknownName
from bench.plugins import discover
from bench.submission.form import (
    Measuring,
    Submission,
    SubmittedModel,
    SubmittedScenario,
    SubmittedTarget,
)
from bench.submission.measuring.suite import suite_of, suite_text
from bench.suite.suite import ModelAsk, TargetAsk, load_suite
from bench.suite.untrusted import Untrusted

CATALOG = discover()
TASKS = {"eye": "tensor", "voice": "text_generation", "net": "tensor"}
FORM = Submission(
    format=1,
    track="t",
    rules=1,
    measuring=Measuring(preset="quick", seed=3, repeats=2, max_seconds=1.5),
    models=(
        SubmittedModel(id="eye", source="models/eye.onnx", shapes={"x": (1, 3)}, dataset="photos", reference="f.onnx"),
        SubmittedModel(id="voice", source="llm", prompts="prompts.txt"),
        SubmittedModel(id="net", source="mobilenet_v2", precision="int8", inputs={"x": "cat.jpg"}),
    ),
    targets=(
        SubmittedTarget(id="ort:cpu", options={"intra_op_num_threads": "1"}),
        SubmittedTarget(id="openvino:CPU"),
    ),
    scenarios=(
        SubmittedScenario(name="single-stream", parameters={"generate_tokens": 8, "compile_cache": "warm"}),
        SubmittedScenario(name="multi-stream", parameters={"streams": 4}),
        SubmittedScenario(name="offline", models=("net",)),
        SubmittedScenario(name="standby", parameters={"minutes": 10}),
    ),
)


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """The folder with everything that the form names."""
    for folder in ("models", "photos", "llm"):
        (tmp_path / folder).mkdir()
    for file in ("models/eye.onnx", "f.onnx", "cat.jpg", "prompts.txt"):
        (tmp_path / file).touch()
    return tmp_path


def test_every_field_is_asked_for(room: Path) -> None:
    """Paths are beside the form, and everything but a later scenario is played with the models that fit."""
    found = suite_of(FORM, room, CATALOG, TASKS)  # type: ignore[arg-type]
    suite, eye, voice = found.suite, str(room / "models/eye.onnx"), str(room / "llm")
    assert suite.models == (
        ModelAsk(eye, shapes={"x": (1, 3)}, dataset=str(room / "photos"), reference=str(room / "f.onnx")),
        ModelAsk(voice, prompts=str(room / "prompts.txt")),
        ModelAsk("mobilenet_v2", precision="int8", inputs={"x": str(room / "cat.jpg")}),
    )
    assert suite.targets == (TargetAsk("ort:cpu", {"intra_op_num_threads": "1"}), TargetAsk("openvino:CPU"))
    assert suite.scenarios == (
        Scenario("single-stream", generate_tokens=8, compile_cache="warm"),
        Scenario("multi-stream", parameters={"streams": 4}),
        Scenario("offline"),
    )
    assert suite.scenario_models == ((), (eye, "mobilenet_v2"), ("mobilenet_v2",))
    assert (suite.preset, suite.seed, suite.repeats, suite.max_seconds) == ("quick", 3, 2, 1.5)
    assert (["standby"], ()) == (list(found.later), found.unfit)


def test_options_of_a_form_are_not_the_users_own(room: Path) -> None:
    """Those of every target came from the file."""
    suite = suite_of(FORM, room, CATALOG, TASKS).suite  # type: ignore[arg-type]
    assert suite.untrusted == Untrusted(str(room / "submission.toml"), frozenset(), 2)


def test_the_suites_file_asks_for_the_same(room: Path) -> None:
    """Read from the same folder it is the same suite, but for where it came from."""
    (room / "suite.toml").write_text(suite_text(FORM, TASKS, CATALOG))  # type: ignore[arg-type]
    expected = suite_of(FORM, room, CATALOG, TASKS).suite  # type: ignore[arg-type]
    assert replace(load_suite(room / "suite.toml", CATALOG), untrusted=None) == replace(expected, untrusted=None)


def test_a_scenario_that_nothing_fits_is_named(room: Path) -> None:
    """And asks for nothing."""
    only = replace(FORM, models=FORM.models[1:2], scenarios=FORM.scenarios[:2])
    found = suite_of(only, room, CATALOG, {"voice": "text_generation"})
    assert (("multi-stream",), 1) == (found.unfit, len(found.suite.scenarios))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"models": ()}, "no models"),
        ({"targets": ()}, "no targets"),
        ({"scenarios": ()}, "no scenarios"),
        ({"models": (FORM.models[0], FORM.models[0])}, "two models have the id eye"),
        ({"scenarios": (SubmittedScenario(name="offline", models=("ear",)),)}, "no model has the id ear"),
        (
            {"scenarios": (SubmittedScenario(name="offline", parameters={"lanes": "two"}),)},
            "number 1: lanes: an integer",
        ),
        ({"scenarios": (SubmittedScenario(name="offline", parameters={"lane": 2}),)}, "lane"),
        ({"scenarios": (SubmittedScenario(name="ofline"),)}, "ofline"),
    ],
)
def test_what_is_wrong_names_file_and_field(changes: dict[str, object], told: str, room: Path) -> None:
    """Before anything is opened."""
    with pytest.raises(OdbError) as raised:
        suite_of(replace(FORM, **changes), room, CATALOG, TASKS)  # type: ignore[arg-type]
    assert told in raised.value.message
    assert isinstance(raised.value, UnknownName) or "submission.toml" in raised.value.message
    assert isinstance(raised.value, InputError)


def test_the_way_from_a_file_is_played_with_models_that_have_files(room: Path) -> None:
    """Without a dataset nothing could be read, which is no error of the form."""
    asked = replace(FORM, scenarios=(SubmittedScenario(name="end-to-end"),))
    found = suite_of(asked, room, CATALOG, TASKS)  # type: ignore[arg-type]
    assert [one.name for one in found.suite.scenarios] == ["end-to-end"]
    assert found.suite.scenario_models == ((str(room / "models/eye.onnx"),),)
    bare = replace(asked, models=tuple(replace(one, dataset="") for one in asked.models))
    found = suite_of(bare, room, CATALOG, TASKS)  # type: ignore[arg-type]
    assert (found.suite.scenarios, found.unfit) == ((), ("end-to-end",))
