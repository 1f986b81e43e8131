"""The ten tracks of the challenge: complete, in both languages, decided by figures that exist or are known to come."""

import re

import pytest

from bench.analysis.metrics import METRICS
from bench.contracts import Task
from bench.scenarios.kinds import KINDS
from bench.stats.processes import MIN_SAMPLES
from bench.submission.criterion import Criterion
from bench.submission.draft import rounded_to_100, tasks_of
from bench.submission.figures import LATER, figure_kind, later
from bench.submission.texts import Texts
from bench.submission.track import Track, track_named, track_names
from bench.submission.track_check import faults_of
from bench.suite.plan import GENERATE_TOKENS, PROMPT_TOKENS
from bench.suite.presets import PRESETS
from bench.targets.qnn.socs import named

LG = ("smart-tv", "lifestyle-screen", "earphone-speaker", "notebook-it", "signage", "smart-appliance")
QUALCOMM = ("robotics", "car-camera-edge-box", "inspection-drone", "industrial-handheld")
HANGUL = re.compile("[가-힣]")

TRACKS = [track_named(name) for name in track_names()]
CRITERIA = [pytest.param(track, one, id=f"{track.id}-{one.id}") for track in TRACKS for one in track.criteria]


def by_id(track: Track) -> str:
    return track.id


def test_the_ten_tracks_are_here() -> None:
    """With the partner of each."""
    partners = {track.id: track.partner.id for track in TRACKS}
    assert partners == dict.fromkeys(LG, "lg-intel") | dict.fromkeys(QUALCOMM, "qualcomm")


@pytest.mark.parametrize("track", TRACKS, ids=by_id)
def test_a_track_has_no_fault(track: Track) -> None:
    """By the check that a user's own track goes through; and it has 6 to 10 criteria."""
    assert list(faults_of(track)) == []
    assert 6 <= len(track.criteria) <= 10


@pytest.mark.parametrize("track", TRACKS, ids=by_id)
def test_targets_are_those_of_the_partner(track: Track) -> None:
    """In order of preference; an emulator stands in for the HTP, and is set to an SoC of the track."""
    ids = [one.id for one in track.targets]
    if track.partner.id == "lg-intel":
        assert ids == ["openvino:NPU", "openvino:GPU", "openvino:CPU"]
        return
    assert ids == ["qnn:htp", "qnn:htp-emu", "ort:cpu"]
    _, emulator, _ = track.targets
    assert emulator.stand_in
    assert emulator.options["soc"] == track.soc[0]
    assert [named(soc).name for soc in track.soc] == list(track.soc)


@pytest.mark.parametrize(("track", "one"), CRITERIA)
def test_every_value_is_a_proposal_with_a_source(track: Track, one: Criterion) -> None:
    """The challenge publishes none. A source is a publication, a link or the arithmetic."""
    assert one.proposed
    assert re.search(r"https?://|\d{4}|docs/|=", str(one.source))


@pytest.mark.parametrize(("track", "one"), CRITERIA)
def test_a_criterion_is_decided_or_known_to_come(track: Track, one: Criterion) -> None:
    """Its figure exists, or is one of a later version; its speed is never that of an emulator or of another machine."""
    assert later(one.metric) is not None or figure_kind(one.metric).path == one.metric
    if track.partner.id == "qualcomm" and one.metric != "plan.model.size_bytes":
        assert one.device == "qnn:htp"


@pytest.mark.parametrize(("track", "one"), CRITERIA)
def test_figures_of_a_device_state_the_repeats_of_the_preset(track: Track, one: Criterion) -> None:
    """The form asks for 반복 수: the fresh processes that the preset measures in; one where it takes minutes."""
    measurable = later(one.metric) is None and later(one.scenario) is None
    if not measurable or not figure_kind(one.metric).of_device:
        assert one.repeats is None
    else:
        assert one.repeats == (1 if one.scenario.startswith("sustained") else PRESETS["standard"].repeats.fewest)


@pytest.mark.parametrize("track", TRACKS, ids=by_id)
def test_korean_is_korean_and_english_is_not(track: Track) -> None:
    """Each text in its own language; a name such as Qualcomm is the same in both."""
    parts = [track.name, track.device, track.about]
    parts += [one.reason for one in (*track.targets, *track.scenarios)]
    parts += [text for one in track.criteria for text in (one.title, one.method, one.conditions, one.reason)]
    for text in parts:
        assert isinstance(text, Texts)
        assert HANGUL.search(text.ko), text
        assert not HANGUL.search(text.en), text
    for text in [text for text in parts if len(text.ko) > 60]:
        assert text.ko.rstrip().endswith("."), text


@pytest.mark.parametrize("track", TRACKS, ids=by_id)
def test_every_track_asks_for_more_than_speed(track: Track) -> None:
    """For placement on the NPU, for quality or outputs against the float model, for what a device has to endure."""
    kinds = {figure_kind(one.metric).about for one in track.criteria if later(one.metric) is None}
    assert {"speed", "placement", "quality"} <= kinds
    endures = ("fixed-rate", "server", "sustained", "wake", "end-to-end")
    assert [one for one in track.criteria if one.scenario.startswith(endures) or later(one.metric)]


def test_every_scenario_of_real_use_has_a_criterion() -> None:
    """Frames in time, the first answer after a rest, the largest rate, from file to answer, energy by a meter."""
    asked = {(one.scenario.partition(":")[0], one.metric) for track in TRACKS for one in track.criteria}
    assert {
        ("fixed-rate", "summary.figures.in_time_fraction.value"),
        ("fixed-rate", "summary.energy.joules_per_inference"),
        ("sustained", "summary.figures.retained_fraction.value"),
        ("sustained", "summary.figures.steady_rate_per_s.value"),
        ("sustained", "summary.figures.steady_tokens_per_s.value"),
        ("wake", "summary.figures.wake_p50_ns.value"),
        ("server", "summary.figures.largest_rate_per_s.value"),
        ("end-to-end", "summary.latency_ns.p90"),
    } <= asked
    metered = [one for track in TRACKS for one in track.criteria if "external_meter" in one.evidence]
    assert len(metered) >= 5
    assert all(figure_kind(one.metric).about == "energy" for one in metered)


def test_nothing_that_can_be_measured_is_said_to_come_later() -> None:
    """Neither a scenario of this version nor a figure of it."""
    assert not set(LATER) & set(KINDS)
    open_ = [one.metric for track in TRACKS for one in track.criteria if later(one.metric)]
    assert {metric.split(".")[1] for metric in open_} == {"temperature"}


def test_tails_state_how_many_samples_they_take() -> None:
    """p99.9 needs more than the preset ``standard`` measures."""
    tails = [one for track in TRACKS for one in track.criteria if one.metric == "summary.latency_ns.p999"]
    assert tails
    for one in tails:
        assert f"{MIN_SAMPLES[99.9]:,}" in one.conditions.en  # type: ignore[union-attr]


def test_conditions_of_text_are_the_defaults() -> None:
    """The lengths that a criterion of text states are those that are measured without flags."""
    for track in TRACKS:
        for one in (one for one in track.criteria if one.id in ("ttft", "tpot", "decode-rate")):
            assert f"{PROMPT_TOKENS} tokens and {GENERATE_TOKENS} generated" in one.conditions.en  # type: ignore[union-attr]


@pytest.mark.parametrize("track", TRACKS, ids=by_id)
@pytest.mark.parametrize("task", ["tensor", "text_generation"])
def test_criteria_of_one_kind_of_model_have_whole_weights(track: Track, task: Task) -> None:
    """They sum to 100 again, and none is for the other kind."""
    left = [one for one in track.criteria if task in tasks_of(one)]
    assert [one.applies for one in left if one.applies not in ("any", task)] == []
    weights = rounded_to_100([one.weight for one in left])
    assert sum(weights) == 100
    assert all(weight >= 1 and weight == int(weight) for weight in weights)


def test_a_criterion_of_one_kind_names_a_figure_of_that_kind() -> None:
    """The tail of latencies is of tensors, TPOT of text."""
    kinds = {metric.place: metric.applies for metric in METRICS}
    for track in TRACKS:
        for one in track.criteria:
            assert kinds.get(one.metric) in (None, one.applies)
