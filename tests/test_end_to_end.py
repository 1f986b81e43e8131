"""Photographs through a face detector, and lines through a language model, from file to answer, in real processes."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from stories_tokenizer import write_tokenizer

from bench import run
from bench.contracts import Scenario
from bench.record.record import RecordedRun, Verdict
from bench.record.samples import STAGE_ROLES
from bench.reporting import Report
from bench.reports.runs.html import HtmlReport
from bench.reports.runs.terminal import TerminalReport
from bench.scenarios.staged import TEXT
from bench.store.records import load
from bench.suite.suite import ModelAsk

pytestmark = [pytest.mark.real, pytest.mark.process]


@pytest.fixture(scope="module")
def measured(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> RecordedRun:
    """UltraFace on OpenVINO, on three photographs, one of which is broken."""
    room = tmp_path_factory.mktemp("photos")
    photos = room / "photos"
    photos.mkdir()
    for name in ("satya.jpg", "grace_hopper.jpg"):
        (photos / name).symlink_to(realdata / "images" / name)
    (photos / "broken.jpg").write_bytes(b"no picture")
    ask = ModelAsk(
        str(realdata / "models" / "ultraface_rfb_320.onnx"),
        preprocessing="mean=127,scale=128",
        dataset_options="score_threshold=0.7",
        pipeline_inputs=str(photos),
    )
    scenario = Scenario("end-to-end", parameters={"pipeline": "detection"})
    (found,) = run([ask], ["openvino:CPU"], scenarios=[scenario], repeats=1, max_seconds=0.4, out=room / "out")
    assert found.record.failure is None
    return load(next((room / "out").glob("*/record.json")).parent)


def test_stages_and_the_network_are_measured(measured: RecordedRun) -> None:
    """What a record that was read again says: its stages add up, and the network has a part of the whole."""
    figures = measured.record.summary.figures
    fraction = figures["network_fraction"].value
    assert fraction is not None
    assert 0 < fraction < 1
    (repeat,) = measured.record.repeats
    assert repeat.samples is not None
    arrays = {role: measured.samples[key] for role, key in repeat.samples.arrays.items()}
    assert (sum(arrays[role] for role in STAGE_ROLES) == arrays["latency_ns"]).all()
    assert len(arrays["network_alone_ns"])
    assert len(arrays["overlapped_latency_ns"])
    assert pytest.approx(arrays["stage_infer_ns"].sum() / arrays["latency_ns"].sum()) == fraction


def test_what_was_timed_is_said(measured: RecordedRun) -> None:
    """The head whose boxes accuracy is judged by, the libraries, and the file that was left out."""
    facts = measured.record.plan.pipeline
    assert facts is not None
    assert ("detection", 2, 2, False) == (facts.kind, facts.inputs, facts.files, facts.bound_each)
    assert ["broken.jpg"] == [one.file for one in facts.not_taken]
    assert "ultraface" in str(facts.stages[-1].does)
    assert "pillow" in facts.stages[0].by
    assert "--inputs photos" in measured.record.plan.command
    assert "-s end-to-end:pipeline=detection" in measured.record.plan.command


@pytest.mark.parametrize("writer", [HtmlReport(), TerminalReport()], ids=["page", "terminal"])
def test_every_writer_says_which_fraction_the_network_takes(measured: RecordedRun, writer: Report) -> None:
    """Of a run that is valid; one that is not claims nothing."""
    valid = replace(measured.record, verdict=Verdict(True, False))
    assert "the network takes" in writer.render([RecordedRun(valid, measured.samples)]).decode()


@pytest.fixture(scope="module")
def written(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> RecordedRun:
    """stories260K on ONNX Runtime, on three lines."""
    pytest.importorskip("tokenizers", reason="the extra text is not installed")
    room, stories = tmp_path_factory.mktemp("lines"), realdata / "llm/stories260K"
    (room / "model.onnx").symlink_to(stories / "model.onnx")
    write_tokenizer(stories / "tok512.bin", room)
    (room / "lines.txt").write_text("Once upon a time\n\nLily went to the park.\nThe dog\n")
    ask = ModelAsk(str(room / "model.onnx"), pipeline_inputs=str(room / "lines.txt"))
    scenario = Scenario("end-to-end", generate_tokens=8, parameters={"pipeline": TEXT})
    (found,) = run([ask], ["ort:cpu"], scenarios=[scenario], repeats=1, max_seconds=0.4, out=room / "out")
    assert found.record.failure is None
    return load(next((room / "out").glob("*/record.json")).parent)


def test_a_language_model_is_timed_from_the_line_to_its_answer(written: RecordedRun) -> None:
    """Its stages add up, its tokens come within them, and the prompts are those of the lines."""
    (repeat,), plan, text = written.record.repeats, written.record.plan, written.record.summary.text_generation
    assert repeat.samples is not None
    assert plan.pipeline is not None
    assert text is not None
    arrays = {role: written.samples[key] for role, key in repeat.samples.arrays.items()}
    assert (sum(arrays[role] for role in STAGE_ROLES) == arrays["latency_ns"]).all()
    assert (len(arrays["latency_ns"]), 8) == arrays["token_ns"].shape
    assert 3 == len({*arrays["prompt_tokens"].tolist()})
    assert len(arrays["network_alone_ns"])
    assert len(arrays["overlapped_latency_ns"])
    assert (TEXT, 3, "lines.txt :1") == (plan.pipeline.kind, plan.pipeline.inputs, plan.pipeline.each[0].name)
    assert ["tokenizers"] == [*plan.pipeline.stages[1].by] == [*plan.pipeline.stages[3].by]
    fraction = written.record.summary.figures["network_fraction"].value
    assert fraction is not None
    assert 0.3 < fraction < 1
    assert text.ttft_ns is not None
    assert "--inputs lines.txt" in plan.command
