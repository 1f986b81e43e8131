"""The draft of a form holds what of its track fits the models, and nothing that the applicant did not confirm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bench.submission.draft import (
    DraftModel,
    Named,
    drafted,
    name_and_values,
    not_measurable,
    rounded_to_100,
    worth_filling_in,
)
from bench.submission.form import Measuring, SubmittedModel, SubmittedScenario, SubmittedTarget
from bench.submission.matching import targets_of
from bench.submission.track import Track, TrackScenario, track_named

EYE = DraftModel(SubmittedModel(id="eye", source="eye.onnx"), "tensor")
VOICE = DraftModel(SubmittedModel(id="voice", source="voice.onnx"), "text_generation")


@pytest.fixture
def track() -> Track:
    """The drone's, with a criterion and a scenario of text besides."""
    drone = track_named("inspection-drone")
    first = replace(drone.criteria[0], applies="any")
    ttft = replace(first, id="ttft", metric="summary.text_generation.ttft_ns", unit="ms", weight=100)
    plain = replace(first, id="speed", weight=40)
    speech = TrackScenario(scenario="single-stream:prompt_tokens=64", reason="r", parameters={"generate_tokens": 8})
    many = TrackScenario(scenario="multi-stream", reason="r")
    scenarios = (TrackScenario(scenario="single-stream", reason="why"), speech, many)
    return replace(
        drone,
        criteria=(plain, ttft, replace(first, id="many", scenario="multi-stream", weight=60)),
        scenarios=scenarios,
    )


def test_everything_stays_without_a_model(track: Track) -> None:
    """What fits is not known yet; the weights are the track's, scaled to 100."""
    made = drafted(track, Named(track="t"))
    assert ["speed", "ttft", "many"] == [one.id for one in made.submission.criteria]
    assert [20, 50, 30] == [one.weight for one in made.submission.criteria]
    assert [(), (), ()] == [one.models for one in made.submission.scenarios]
    assert ["", "", ""] == [one.model for one in made.submission.criteria]


def test_a_model_gets_what_fits_it(track: Track) -> None:
    """Criteria of text need a language model, and multi-stream a tensor model."""
    made = drafted(track, Named(track="t", models=(EYE,)))
    assert ["speed", "many"] == [one.id for one in made.submission.criteria]
    assert ("ttft",) == made.left_out
    assert [40, 60] == [one.weight for one in made.submission.criteria]
    assert not made.reweighted
    assert ["single-stream", "multi-stream"] == [one.name for one in made.submission.scenarios]


def test_a_first_look_leaves_out_what_takes_long(track: Track) -> None:
    """With the preset quick: scenarios that no preset shortens, and their criteria. Short ones stay."""
    first = track.criteria[0]
    flight, minutes = "sustained:minutes=30,rate=30", "sustained:minutes=2"
    awake = "wake:idle=600s"
    long = replace(
        track,
        criteria=tuple(
            replace(first, id=name, scenario=asked, weight=25)
            for name, asked in (("speed", ""), ("flight", flight), ("minutes", minutes), ("awake", awake))
        ),
        scenarios=tuple(TrackScenario(scenario=one, reason="r") for one in ("single-stream", flight, minutes, awake)),
    )
    quick = drafted(long, Named(track="t", models=(EYE,), measuring=Measuring(preset="quick")))
    assert ["speed", "minutes"] == [one.id for one in quick.submission.criteria]
    assert ["single-stream", minutes] == [one.asked for one in quick.submission.scenarios]
    assert (("flight", "awake"), ()) == (quick.too_long, quick.left_out)
    assert [50, 50] == [one.weight for one in quick.submission.criteria]
    whole = drafted(long, Named(track="t", models=(EYE,)))
    assert ((), 4, 4) == (whole.too_long, len(whole.submission.criteria), len(whole.submission.scenarios))


def test_each_of_two_models_gets_its_own(track: Track) -> None:
    """Criteria name the first model that fits, scenarios all that do where not all do."""
    made = drafted(track, Named(track="t", models=(VOICE, EYE)))
    assert ["voice", "voice", "eye"] == [one.model for one in made.submission.criteria]
    assert made.submission.scenarios == (
        SubmittedScenario(name="single-stream"),
        SubmittedScenario(
            name="single-stream", parameters={"prompt_tokens": 64, "generate_tokens": 8}, models=("voice",)
        ),
        SubmittedScenario(name="multi-stream", models=("eye",)),
    )


def test_a_criterion_that_states_its_kind_of_model_has_that() -> None:
    """Single-stream alone would fit both."""
    track = track_named("notebook-it")
    made = drafted(track, Named(track="t", models=(VOICE, EYE)))
    kinds = {one.id: one.applies for one in track.criteria}
    models = {one.id: one.model for one in made.submission.criteria}
    assert {models[one] for one in models if kinds[one] == "tensor"} == {"eye"}
    assert {models[one] for one in models if kinds[one] == "text_generation"} == {"voice"}


def test_two_scenarios_of_one_name_keep_their_reasons(track: Track) -> None:
    """They are told apart by their parameters."""
    made = drafted(track, Named(track="t"))
    by_scenario = [made.reasons[one.asked] for one in made.submission.scenarios]
    assert by_scenario == ["why", "r", "r"]


def test_values_of_the_track_stay_proposals(track: Track) -> None:
    """Until the applicant changes the field."""
    assert all(one.proposed for one in drafted(track, Named(track="t")).submission.criteria)


def test_targets_are_those_of_the_track_in_its_order(track: Track) -> None:
    """But those that this version does not know; stand-ins are marked."""
    made = drafted(track, Named(track="t"), lambda target: target != "qnn:htp")
    assert [("qnn:htp-emu", True), ("ort:cpu", False)] == [(o.id, o.stand_in) for o in made.submission.targets]
    assert ("qnn:htp",) == made.unknown


def test_named_targets_replace_them(track: Track) -> None:
    """And nothing of the track is missed then."""
    own = SubmittedTarget(id="openvino:CPU")
    made = drafted(track, Named(track="t", targets=(own,)), lambda target: False)
    assert ((own,), ()) == (made.submission.targets, made.unknown)


def test_what_nobody_else_knows_is_worth_filling_in(track: Track) -> None:
    """What was named is not."""
    made = drafted(track, Named(track="t", project="p", device="d", models=(EYE,)))
    left = worth_filling_in(made.submission)
    assert "applicant.organisation" in left
    assert not {"project.name", "device.name", "models"} & set(left)


def test_what_cannot_be_measured_is_named(track: Track) -> None:
    """By its metric or by its scenario."""
    first = track.criteria[0]
    later = replace(track, criteria=(first, replace(first, id="hours", scenario="standby:minutes=10")))
    assert ("hours",) == not_measurable(drafted(later, Named(track="t")).submission)


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=20))
def test_weights_sum_to_100(weights: list[int]) -> None:
    """As whole numbers, none of them more than one away from its exact part."""
    found = rounded_to_100(weights)
    assert sum(found) == 100
    assert all(abs(one - 100 * weight / sum(weights)) < 1 for one, weight in zip(found, weights, strict=True))


def test_a_scenario_is_taken_apart() -> None:
    """As ``-s`` takes it; numbers are numbers."""
    one = TrackScenario(scenario="single-stream:prompt_tokens=64,compile_cache=warm,x=1.5", reason="")
    assert ("single-stream", {"prompt_tokens": 64, "compile_cache": "warm", "x": 1.5}) == name_and_values(one)


@pytest.mark.parametrize(
    ("target", "device", "kept"),
    [
        (SubmittedTarget(id="ort:cpu"), "", False),
        (SubmittedTarget(id="qnn:htp"), "qnn:htp", True),
        (SubmittedTarget(id="qnn:htp-emu", stand_in=True), "qnn:htp", True),
    ],
)
def test_a_criterion_keeps_its_device_where_a_target_fits(target: SubmittedTarget, device: str, kept: bool) -> None:
    """Without one any target decides it, but for placement, which is a figure of that very device. Nothing is about a
    device that the form does not have."""
    track = track_named("inspection-drone")
    made = drafted(track, Named(track="t", models=(EYE,), targets=(target,)))
    criteria = {one.id: one for one in made.submission.criteria}
    assert criteria["frame-p99"].device == device
    assert ("placement" in criteria, "placement" in made.without_target) == (kept, not kept)
    assert ("frame-p99" in made.any_target) is not kept
    assert sum(one.weight for one in criteria.values()) == 100
    assert all(targets_of(made.submission, one) for one in criteria.values())
