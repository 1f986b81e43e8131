"""Perplexity of a real language model, from its GGUF file, against exact weights computed in numpy."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.analysis.quality import compare, summarise
from bench.contracts import Artifact, ModelRequest, OpenRequest
from bench.measure.text_driver import open_text
from bench.models.files.gguf_file import GgufFile
from bench.plugins import discover, load
from bench.quality.text.answers import TextAnswers, answer, load_answers
from bench.quality.text.metrics import own_results
from bench.quality.text.pairs import compared
from bench.quality.text.samples import TextSamples, windows_of
from bench.testing import no_phase

TOKENS = 768
pytestmark = [pytest.mark.real, pytest.mark.long]


def made(source: Path, precision: str, cache: Path) -> Artifact:
    return GgufFile().prepare(ModelRequest(str(source), precision=precision), cache)


def answers(artifact: Artifact, samples: TextSamples, folder: Path) -> TextAnswers:
    folder.mkdir()
    session = open_text(load(discover([]).find("targets", "ort")), OpenRequest(artifact, "cpu", {}), no_phase)
    assert artifact.decoder is not None
    return load_answers(answer(session, samples, artifact.decoder.vocab_size, folder))


def test_perplexity_of_a_gguf_is_that_of_its_exact_weights(realdata: Path, tmp_path: Path) -> None:
    """42.17 on windows of 512 and 256 tokens in float32, to 0.1 %; the same blocks in four bits keep it to 0.5 %."""
    pytest.importorskip("onnxruntime")
    tokenizers = pytest.importorskip("tokenizers")
    folder = realdata / "llm" / "smollm2-135m"
    (source,) = folder.glob("*.gguf")
    exact = json.loads((folder / "golden.json").read_text())["exact_float32"]["perplexity"]["windows_of_512_and_256"]
    whole, rounded = (made(source, precision, tmp_path) for precision in ("float32", "int4"))
    tokenizer = tokenizers.Tokenizer.from_file(str(whole.path.with_name("tokenizer.json")))
    ids = np.array(tokenizer.encode((folder / "text.txt").read_text(encoding="utf-8")).ids[:TOKENS], np.int64)
    samples = TextSamples(tuple(windows_of(ids, 512)))
    reference, run = answers(whole, samples, tmp_path / "float32"), answers(rounded, samples, tmp_path / "int4")
    (metric,), theirs = own_results(samples, reference)
    _, ours = own_results(samples, run)
    assert exact == pytest.approx(summarise((metric,), theirs, 2)[0].value, rel=1e-3)
    (found,) = summarise((metric,), ours, 2)
    assert exact == pytest.approx(found.value, rel=5e-3)
    (pair,) = compare((found,), theirs, ours)
    assert pair.ratio_interval95 is not None
    assert ("same", True) == (pair.word, pair.ratio_interval95[0] < 1 < pair.ratio_interval95[1])
    beside = compared(samples, reference, run)
    figures = {one.name: one for one in summarise(beside.metrics, beside.results, 2)}
    assert 0 < figures["kl_divergence"].value < figures["kl_divergence_p99"].value < figures["kl_divergence_max"].value
    assert figures["kl_divergence"].value < 0.02
    assert figures["top1_agreement"].value > 0.9
