"""Folders of GenAI runtimes, end to end in real processes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hybrid_decoders import write_ir, write_renamed
from stories_pipelines import STORIES, write_windowed

from bench.contracts import Scenario
from bench.record.record import RecordedRun
from bench.suite.suite import ModelAsk, TargetAsk

pytestmark = pytest.mark.real
SHORT = (Scenario("single-stream", prompt_tokens=8, generate_tokens=8),)


@pytest.mark.parametrize("target", ["openvino-genai:CPU", "ort-genai:cpu"])
def test_a_folder_runs_from_text_to_text(
    run: Callable[..., list[RecordedRun]],
    request: pytest.FixtureRequest,
    golden_ids: list[int],
    tmp_path: Path,
    target: str,
) -> None:
    """The user's text through the folder's own tokenizer; timed without it and with it, and said how."""
    pytest.importorskip(target.partition(":")[0].replace("ort", "onnxruntime").replace("-", "_"))
    folder = request.getfixturevalue("openvino_genai_folder" if target.startswith("openvino") else "ort_genai_folder")
    (tmp_path / "prompt.txt").write_text("Once upon a time")
    ask = ModelAsk(str(folder), prompts=str(tmp_path / "prompt.txt"))
    options = {"INFERENCE_PRECISION_HINT": "f32"} if target.startswith("openvino") else {}
    scenario = (Scenario(generate_tokens=16),)
    (found,) = run([ask], [TargetAsk(target, options)], scenarios=scenario, max_seconds=0.1)
    text = found.record.summary.text_generation
    assert text is not None
    assert golden_ids[5:21] == list(text.token_ids)
    assert text.tokenized is not None


@pytest.mark.parametrize("target", ["openvino-genai:CPU", "ort-genai:cpu"])
def test_a_folder_is_measured_at_a_depth(
    run: Callable[..., list[RecordedRun]], request: pytest.FixtureRequest, target: str
) -> None:
    """With 64 tokens in the cache already."""
    pytest.importorskip(target.partition(":")[0].replace("ort", "onnxruntime").replace("-", "_"))
    folder = request.getfixturevalue("openvino_genai_folder" if target.startswith("openvino") else "ort_genai_folder")
    deep = (Scenario(prompt_tokens=8, generate_tokens=8, depth_tokens=64),)
    (found,) = run([str(folder)], [target], scenarios=deep, max_seconds=0.1)
    assert (None, "ok") == (found.record.failure, found.record.status)
    text = found.record.summary.text_generation
    assert text is not None
    assert 8 == text.generated_tokens


def test_a_compile_cache_is_used_by_openvino_genai(
    run: Callable[..., list[RecordedRun]], openvino_genai_folder: Path
) -> None:
    """Cold and warm are results of their own."""
    scenarios = tuple(Scenario(prompt_tokens=8, generate_tokens=8, compile_cache=state) for state in ("cold", "warm"))
    recorded = run([str(openvino_genai_folder)], ["openvino-genai:CPU"], scenarios=scenarios, max_seconds=0.1)
    assert [None, None] == [each.record.failure for each in recorded]
    assert ["cold", "warm"] == [each.record.repeats[0].compile_cache for each in recorded]


def test_a_folder_of_onnxruntime_genai_is_measured(
    run: Callable[..., list[RecordedRun]], ort_genai_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On its own runtime and on the raw one, under the folder's name: a bare one, without a slash, and with a dot in it
    that is no suffix."""
    pytest.importorskip("onnxruntime_genai")
    shutil.copytree(ort_genai_folder, tmp_path / "stories-v1.0")
    monkeypatch.chdir(tmp_path)
    recorded = run(["stories-v1.0"], ["ort-genai:cpu", "ort:cpu"], scenarios=SHORT, max_seconds=0.1)
    assert ["ok", "ok"] == [each.record.status for each in recorded]
    assert {"stories-v1.0"} == {each.record.plan.model.id for each in recorded}
    assert "-m ./stories-v1.0 " in recorded[0].record.plan.command
    texts = [each.record.summary.text_generation for each in recorded]
    assert texts[0] is not None
    assert texts[1] is not None
    assert texts[0].token_ids == texts[1].token_ids


def test_a_folder_meets_only_targets_of_its_format(
    run: Callable[..., list[RecordedRun]], openvino_genai_folder: Path
) -> None:
    """A stateful IR on the raw OpenVINO runs; on ONNX Runtime it is refused with the reason."""
    recorded = run([str(openvino_genai_folder)], ["openvino:CPU", "ort:cpu"], scenarios=SHORT, max_seconds=0.1)
    assert ["ok", "skipped"] == [each.record.status for each in recorded]
    failure = recorded[1].record.failure
    assert failure is not None
    assert f"ort:cpu opens onnx, but {openvino_genai_folder.name} is openvino_ir" == failure.message


def test_a_decoder_without_kv_inputs_is_no_language_model(
    run: Callable[..., list[RecordedRun]], realdata: Path
) -> None:
    """A vision model on a target that only generates text."""
    pytest.importorskip("onnxruntime_genai")
    recorded = run([str(realdata / "models" / "ultraface_rfb_320.onnx")], ["ort-genai:cpu"])
    failure = recorded[0].record.failure
    assert failure is not None
    assert ("unsupported_task", "plan") == (failure.kind, failure.phase)


def test_a_decoder_of_one_runtime_is_measured_there_and_skipped_elsewhere(
    run: Callable[..., list[RecordedRun]], tmp_path: Path
) -> None:
    """What cannot be known is null, with its reason: the cache, and a reference."""
    pytest.importorskip("onnxruntime_genai")
    folder = tmp_path / "renamed"
    folder.mkdir()
    write_renamed(folder)
    own, other = (found.record for found in run([str(folder)], ["ort-genai:cpu", "ort:cpu"], scenarios=SHORT))
    text = own.summary.text_generation
    assert ("ok", None) == (own.status, own.failure)
    assert text is not None
    assert text.kv_cache is not None
    assert (8, None, None) == (len(text.token_ids), text.kv_cache.bytes_per_token, own.plan.target.executed_kv_cache)
    assert "the layout of the cache is not known" in str(text.kv_cache.reason)
    assert own.fidelity is not None
    assert "none" == own.fidelity.reference
    assert "would be compared with itself" in str(own.fidelity.reason)
    assert own.verdict is not None
    assert "output_unchecked" in {reason.code for reason in own.verdict.reasons}
    assert other.failure is not None
    assert ("skipped", "unsupported_format") == (other.status, other.failure.kind)
    assert "only onnxruntime-genai can, with the folder's own configuration" in other.failure.message


def test_a_pipeline_is_measured_and_judged_by_the_graph_in_one_piece(
    run: Callable[..., list[RecordedRun]], realdata: Path, golden_ids: list[int], tmp_path: Path
) -> None:
    """Its graphs are in the record; the same weights in another form, named as the reference, judge its outputs. On
    another target it is skipped with the reason."""
    pytest.importorskip("onnxruntime_genai")
    folder = tmp_path / "stories-npu"
    folder.mkdir()
    ask = ModelAsk(
        str(write_windowed(realdata, folder)), prompt_ids=(1,), reference=str(realdata / STORIES / "model.onnx")
    )
    scenario = (Scenario(generate_tokens=16),)
    own, other = (found.record for found in run([ask], ["ort-genai:cpu", "ort:cpu"], scenarios=scenario))
    text, model = own.summary.text_generation, own.plan.model
    assert ("ok", None) == (own.status, own.failure)
    assert text is not None
    assert golden_ids[1:17] == list(text.token_ids)
    assert own.fidelity is not None
    assert True is own.fidelity.ok
    assert ["embeddings.onnx", "context.onnx", "iterator.onnx", "lm_head.onnx"] == [
        graph.file for graph in model.graphs
    ]
    assert [(True, True), (True, False), (False, True), (True, True)] == [
        (g.on_prompt, g.on_token) for g in model.graphs
    ]
    assert sum(graph.size_bytes for graph in model.graphs) < (model.size_bytes or 0)
    assert other.failure is not None
    assert ("skipped", "unsupported_format") == (other.status, other.failure.kind)
    assert "genai_config.json: model.decoder is a pipeline of several graphs" in other.failure.message


def test_a_hybrid_ir_is_measured_and_compared(run: Callable[..., list[RecordedRun]], tmp_path: Path) -> None:
    """A convolution's state beside keys and values: the raw runtime is the reference of the pipeline."""
    pytest.importorskip("openvino_genai")
    folder = tmp_path / "hybrid"
    folder.mkdir()
    write_ir("convolution", folder)
    options = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}
    (found,) = run([str(folder)], [TargetAsk("openvino-genai:CPU", options)], scenarios=SHORT)
    text, fidelity = found.record.summary.text_generation, found.record.fidelity
    assert ("ok", None) == (found.record.status, found.record.failure)
    assert text is not None
    assert text.kv_cache is not None
    assert 2 * 16 * 4 == text.kv_cache.bytes_per_token
    assert fidelity is not None
    assert ("", text.agreement[0].first_divergence) == (fidelity.reason, None)
