"""Folders of GenAI runtimes, end to end in real processes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.record import RecordedRun
from bench.suite import ScenarioAsk

pytestmark = pytest.mark.real
SHORT = (ScenarioAsk("single-stream", prompt_tokens=8, generate_tokens=8),)


def test_a_folder_of_onnxruntime_genai_is_measured(
    run: Callable[..., list[RecordedRun]], ort_genai_folder: Path
) -> None:
    """On its own runtime and on the raw one, under the folder's name."""
    pytest.importorskip("onnxruntime_genai")
    recorded = run([str(ort_genai_folder)], ["ort-genai:cpu", "ort:cpu"], scenarios=SHORT, max_seconds=0.5)
    assert ["ok", "ok"] == [each.record.status for each in recorded]
    assert {ort_genai_folder.name} == {each.record.plan.model.id for each in recorded}
    texts = [each.record.summary.text_generation for each in recorded]
    assert texts[0] is not None
    assert texts[1] is not None
    assert texts[0].token_ids == texts[1].token_ids


def test_a_folder_meets_only_targets_of_its_format(
    run: Callable[..., list[RecordedRun]], openvino_genai_folder: Path
) -> None:
    """A stateful IR on the raw OpenVINO runs; on ONNX Runtime it is refused with the reason."""
    recorded = run([str(openvino_genai_folder)], ["openvino:CPU", "ort:cpu"], scenarios=SHORT, max_seconds=0.5)
    assert ["ok", "skipped"] == [each.record.status for each in recorded]
    failure = recorded[1].record.failure
    assert failure is not None
    assert f"ort:cpu opens onnx, and {openvino_genai_folder.name} is openvino_ir" == failure.message


def test_a_bare_folder_name_is_a_model(
    run: Callable[..., list[RecordedRun]], ort_genai_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a slash, and with a dot in it that is no suffix."""
    pytest.importorskip("onnxruntime_genai")
    shutil.copytree(ort_genai_folder, tmp_path / "stories-v1.0")
    monkeypatch.chdir(tmp_path)
    recorded = run(["stories-v1.0"], ["ort-genai:cpu"], scenarios=SHORT, max_seconds=0.5)
    assert ["stories-v1.0"] == [each.record.plan.model.id for each in recorded]
    assert "-m ./stories-v1.0 " in recorded[0].record.plan.command


def test_a_decoder_without_kv_inputs_is_no_language_model(
    run: Callable[..., list[RecordedRun]], realdata: Path
) -> None:
    """A vision model on a target that only generates text."""
    pytest.importorskip("onnxruntime_genai")
    recorded = run([str(realdata / "models" / "ultraface_rfb_320.onnx")], ["ort-genai:cpu"])
    failure = recorded[0].record.failure
    assert failure is not None
    assert ("unsupported_task", "plan") == (failure.kind, failure.phase)
