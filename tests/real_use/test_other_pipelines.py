"""Real models of other kinds through whole pipelines: a keyword spotter on a recording, a road's segmentation."""

import wave
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odb_terminal import USER, Terminal

from bench.record.inputs import PipelineFacts
from bench.record.record import RecordedRun

pytestmark = [pytest.mark.real, pytest.mark.process, pytest.mark.long]

STAGES = ("decode", "preprocess", "infer", "postprocess")


def recording(folder: Path, seconds: int) -> Path:
    """A rising tone, 16 kHz."""
    folder.mkdir()
    at = np.arange(16_000 * seconds) / 16_000
    with wave.open(str(folder / "tone.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes((8_000 * np.sin(2 * np.pi * (200 + 100 * at) * at)).astype("<i2").tobytes())
    return folder


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    if find_spec("openvino") is None:
        pytest.skip("openvino is not installed")
    (home := tmp_path / USER).mkdir()
    return Terminal(home)


def measured(terminal: Terminal, model: Path, *more: str) -> tuple[RecordedRun, PipelineFacts]:
    """One repeat of a fifth of a second."""
    outcome = terminal.run("-m", str(model), "-t", "openvino:CPU", *more)
    (run,) = outcome.runs
    assert run.record.status == "ok", run.record.failure
    assert "from file to answer" in (outcome.folder / "report.html").read_text()
    assert run.record.plan.pipeline is not None
    return run, run.record.plan.pipeline


def arrays_of(run: RecordedRun) -> dict[str, Any]:
    """The arrays of the one repeat, whose stages are the whole."""
    (repeat,) = run.record.repeats
    arrays = {role: run.samples[key] for role, key in (repeat.samples.arrays if repeat.samples else {}).items()}
    assert (sum(arrays[f"stage_{name}_ns"] for name in STAGES) == arrays["latency_ns"]).all()
    return arrays


def test_a_keyword_spotter_hears_each_window(terminal: Terminal, realdata: Path, tmp_path: Path) -> None:
    """Windows of a second that hop by half a second: five of three seconds."""
    sound = str(recording(tmp_path / "sound", 3))
    scenario = ("-s", "end-to-end:pipeline=keyword-spotting,hop=500ms", "--inputs", sound)
    run, facts = measured(terminal, realdata / "models" / "mlperf_tiny_kws_int8.tflite", *scenario)
    assert ("keyword-spotting", 1, 5) == (facts.kind, facts.files, facts.inputs)
    assert 0 == len(arrays_of(run)["latency_ns"]) % 5
    assert "MFCC" in str(facts.stages[1].does)


def test_a_road_is_segmented(terminal: Terminal, realdata: Path) -> None:
    """A photograph of a road: a class for each of its pixels."""
    road = str(realdata / "images" / "empty_road_mapillary.jpg")
    model = realdata / "models" / "road-segmentation-adas-0001.xml"
    run, facts = measured(terminal, model, "--pipeline", "segmentation", "--inputs", road)
    assert ("segmentation", 1) == (facts.kind, facts.inputs)
    assert "class of each pixel" in str(facts.stages[3].does)
    assert len(arrays_of(run)["latency_ns"])


def test_openvino_makes_the_tensors_of_faces(terminal: Terminal, realdata: Path) -> None:
    """The stage names who made them, after its values were found equal to those of numpy; and how the head was
    published is said only where pictures are prepared otherwise."""
    faces = ("--pipeline", "detection", "--inputs", str(realdata / "images" / "grace_hopper.jpg"))
    model = realdata / "models" / "ultraface_rfb_320.onnx"
    _, facts = measured(terminal, model, *faces, "--preprocessing", "mean=127,scale=128")
    prepared = facts.stages[1]
    assert "OpenVINO PrePostProcessor" in prepared.by
    assert "published" not in str(prepared.does)
