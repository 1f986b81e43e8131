"""Perplexity on the user's texts."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.contracts import Scenario
from bench.errors import InputError
from bench.quality.text.files import text_files
from bench.quality.text.samples import tokens_sha256
from bench.record.record import RecordedRun
from bench.store.records import load, save
from bench.suite.suite import ModelAsk, TargetAsk

Run = Callable[..., list[RecordedRun]]
SHORT = (Scenario(prompt_tokens=8, generate_tokens=4),)
F32 = {"INFERENCE_PRECISION_HINT": "f32"}


def told(run: Run, realdata: Path, texts: Path, *targets: TargetAsk, reference: str = "") -> list[RecordedRun]:
    ask = ModelAsk(str(realdata / "llm" / "stories260K" / "model.onnx"), dataset=str(texts), reference=reference)
    return run([ask], list(targets), scenarios=SHORT, max_seconds=0.2)


@pytest.fixture
def story(realdata: Path) -> list[int]:
    ids: list[int] = json.loads((realdata / "llm" / "stories260K" / "golden.json").read_text())["greedy_ids"]
    return ids


@pytest.fixture
def texts(tmp_path: Path, story: list[int]) -> Path:
    """Twelve windows: the story from twelve beginnings, as ids."""
    folder = tmp_path / "texts"
    folder.mkdir()
    lines = [json.dumps({"ids": story[begin : begin + 60]}) for begin in range(0, 120, 10)]
    (folder / "story.jsonl").write_text("\n".join(lines))
    return folder


@pytest.mark.real
def test_perplexity_is_that_of_a_plain_run(run: Run, realdata: Path, texts: Path, story: list[int]) -> None:
    """Equal to e to the mean surprise computed by hand, on two engines, and the same as the reference's."""
    ort = pytest.importorskip("onnxruntime")
    found = told(run, realdata, texts, TargetAsk("ort:cpu"), TargetAsk("openvino:CPU", F32))
    session = ort.InferenceSession(realdata / "llm" / "stories260K" / "model.onnx", providers=["CPUExecutionProvider"])
    empty = np.zeros((1, 4, 0, 8), np.float32)
    surprises: list[float] = []
    for begin in range(0, 120, 10):
        ids = np.array([story[begin : begin + 60]], np.int64)
        feeds = {f"past_key_values.{i}.{part}": empty for i in range(5) for part in ("key", "value")}
        feeds |= {"input_ids": ids, "attention_mask": np.ones_like(ids), "position_ids": np.arange(ids.size)[None]}
        logits = session.run(["logits"], feeds)[0][0].astype(np.float64)
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        surprises += [-math.log(row[token]) for row, token in zip(shares[:-1], ids[0, 1:], strict=True)]
    expected = math.exp(sum(surprises) / len(surprises))
    for one in found:
        quality = one.record.quality
        assert quality is not None
        metric, *others = quality.metrics
        assert ("perplexity", 12) == (metric.name, metric.n)
        windows = [np.array(story[begin : begin + 60]) for begin in range(0, 120, 10)]
        assert tokens_sha256(windows) == quality.dataset.tokens_sha256
        beside = {one.name: one.value for one in others}
        assert (1.0, 1.0, 1.0, 32.0) == tuple(
            beside[name] for name in ("top1_agreement", "prompts_equal", "fdt_norm", "equal_prefix")
        )
        assert 0 <= beside["kl_divergence"] <= beside["kl_divergence_max"] < 1e-6
        assert 12 == len(quality.divergences)
        assert expected == pytest.approx(metric.value, rel=1e-4)
        assert metric.interval95 is not None
        assert metric.interval95[0] < metric.value < metric.interval95[1]
        assert ["same"] == [pair.word for pair in quality.paired]
        codes = [r.code for r in one.record.verdict.reasons] if one.record.verdict else []
        assert "quality_of_another" not in codes


def test_the_hash_of_tokens_tells_windows_apart() -> None:
    """The same ids, cut elsewhere or in another order, are other samples; their type is not part of it."""
    cuts = [[[1, 2, 3], [4]], [[1, 2], [3, 4]], [[4], [1, 2, 3]], [[1, 2, 3]], [[1, 2, 3], [5]]]
    hashes = [tokens_sha256([np.array(ids) for ids in cut]) for cut in cuts]
    assert len(cuts) == len(set(hashes))
    assert hashes[0] == tokens_sha256([np.array([1, 2, 3], np.int32), np.array([4], np.int16)])


@pytest.mark.real
def test_quality_of_a_language_model_is_read_as_it_was_written(
    run: Run, realdata: Path, texts: Path, tmp_path: Path
) -> None:
    """Questions next to texts; every figure is computed again from the samples in the file."""
    questions = [{"ids": [1, 403], "choices": [[407, 261], [9, 9]], "answer": 0} for _ in range(3)]
    (texts / "questions.jsonl").write_text("\n".join(map(json.dumps, questions)))
    (found,) = told(run, realdata, texts, TargetAsk("ort:cpu"))
    again = load(tmp_path / save(tmp_path, found.record, found.samples).record_id).record.quality
    assert found.record.quality == again
    assert again is not None
    assert (15, {"choice_accuracy": 3}) == (
        *(again.dataset.samples, {one.name: one.n for one in again.metrics if one.name == "choice_accuracy"}),
    )
    assert [1.0] == [one.value for one in again.metrics if one.name == "choice_accuracy"]


@pytest.mark.real
def test_a_model_that_is_worse_is_told_from_noise(run: Run, realdata: Path, texts: Path, tmp_path: Path) -> None:
    """Weights rounded to three bits lose, sample by sample, against the model they were made from."""
    import onnx
    from onnx import numpy_helper

    source = realdata / "llm" / "stories260K" / "model.onnx"
    model = onnx.load(source)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.ndim == 2:
            step = np.abs(values).max() / 3
            tensor.CopyFrom(numpy_helper.from_array((np.rint(values / step) * step).astype(np.float32), tensor.name))
    onnx.save(model, tmp_path / "rounded.onnx")
    ask = ModelAsk(str(tmp_path / "rounded.onnx"), dataset=str(texts), reference=str(source))
    (found,) = run([ask], ["ort:cpu"], scenarios=SHORT, max_seconds=0.2)
    quality = found.record.quality
    assert quality is not None
    (pair,) = quality.paired
    assert ("perplexity", "worse", True) == (pair.metric, pair.word, pair.difference > 0)
    assert pair.ratio is not None
    assert pair.ratio_interval95 is not None
    assert 1 < pair.ratio_interval95[0] < pair.ratio < pair.ratio_interval95[1]
    beside = {one.name: one for one in quality.metrics}
    assert beside["kl_divergence"].interval95 is not None
    assert 0.01 < beside["kl_divergence"].interval95[0] < beside["kl_divergence"].value
    assert beside["kl_divergence"].value < beside["kl_divergence_p99"].value <= beside["kl_divergence_max"].value
    assert beside["equal_prefix"].value < 32
    parted = [one for one in quality.divergences if one.token is not None]
    assert all((one.logit_gap or 0) > 0 and one.logit_error is not None for one in parted)
    text = found.record.summary.text_generation
    assert text is not None
    assert ["engine", "model"] == [a.of for a in text.agreement]


@pytest.mark.real
def test_text_needs_a_tokenizer_and_logits(
    run: Run, realdata: Path, ort_genai_folder: Path, openvino_genai_folder: Path, tmp_path: Path
) -> None:
    """The engine with the tokenizer judges text, its ids are the reference's; one that hides its logits says so."""
    folder = tmp_path / "texts"
    folder.mkdir()
    golden = json.loads((realdata / "llm" / "stories260K" / "golden.json").read_text())
    (folder / "story.txt").write_text(golden["text"], encoding="utf-8")
    asks = [ModelAsk(str(path), dataset=str(folder)) for path in (ort_genai_folder, openvino_genai_folder)]
    (shown,) = run([asks[0]], ["ort-genai:cpu"], scenarios=SHORT, max_seconds=0.2)
    (hidden,) = run([asks[1]], ["openvino-genai:CPU"], scenarios=SHORT, max_seconds=0.2)
    quality, verdict = shown.record.quality, shown.record.verdict
    assert quality is not None
    assert verdict is not None
    assert "quality_of_another" not in {reason.code for reason in verdict.reasons}
    assert quality.reference is not None
    assert quality.metrics[0].value == pytest.approx(quality.reference.metrics[0].value, rel=1e-3)
    assert 1 < quality.metrics[0].value < 10
    assert hidden.record.quality is not None
    assert hidden.record.quality.reference is not None
    assert "logits" in str(hidden.record.quality.reference.reason)
    assert ["equal_prefix", "prompts_equal", "fdt"] == [one.name for one in hidden.record.quality.metrics[:3]]


@pytest.mark.real
def test_texts_that_cannot_be_used_are_left_out(run: Run, realdata: Path, texts: Path) -> None:
    """Each with its file and reason; the rest is judged."""
    (texts / "a.txt").write_text("Once upon a time")
    (texts / "b.jsonl").write_text('{"ids": [1, 9999]}')
    (texts / "c.jsonl").write_text('{"ids": [1]}')
    (texts / "d.jsonl").write_text('{"messages": [{"role": "user", "content": "Hello"}]}')
    (found,) = told(run, realdata, texts, TargetAsk("ort:cpu"))
    quality = found.record.quality
    assert quality is not None
    reasons = {one.file: str(one.reason) for one in quality.dataset.left_out}
    assert {"a.txt", "b.jsonl", "c.jsonl", "d.jsonl"} == set(reasons)
    assert "d.jsonl: line 1: texts of a dataset are not put into a chat template" in reasons["d.jsonl"]
    assert ("tokenizer" in reasons["a.txt"], "9999" in reasons["b.jsonl"]) == (True, True)
    assert 12 == quality.dataset.samples


def test_a_folder_without_texts_is_said(tmp_path: Path) -> None:
    """Before anything is opened."""
    with pytest.raises(InputError, match="holds no text for a language model"):
        text_files(tmp_path)
