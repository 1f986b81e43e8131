"""Perplexity of a real language model, from its GGUF file, against exact weights computed in numpy."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from whole_records import text

from bench.analysis.quality import compare, summarise
from bench.contracts import Artifact, OpenRequest, SessionFacts
from bench.measure.text_driver import open_text
from bench.plugins import discover, load
from bench.quality.text.answers import TextAnswers, answer, load_answers
from bench.quality.text.metrics import own_results
from bench.quality.text.pairs import compared
from bench.quality.text.samples import TextSamples, windows_of
from bench.record.inputs import ModelSource
from bench.record.quality import Paired
from bench.record.record import Record
from bench.reports.words.imports import import_words
from bench.testing import no_phase

TOKENS = 768
FLOAT32 = {
    "INFERENCE_PRECISION_HINT": "f32",
    "KV_CACHE_PRECISION": "f32",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",
}
pytestmark = [pytest.mark.real, pytest.mark.long]

Answered = tuple[TextAnswers, SessionFacts]


@pytest.fixture(scope="module")
def samples(smollm2_gguf: Path, smollm2: Callable[[str], Artifact]) -> TextSamples:
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer.from_file(str(smollm2("int4").path.with_name("tokenizer.json")))
    ids = tokenizer.encode((smollm2_gguf.parent / "text.txt").read_text(encoding="utf-8")).ids[:TOKENS]
    return TextSamples(tuple(windows_of(np.array(ids, np.int64), 512)))


@pytest.fixture(scope="module")
def answered(
    smollm2: Callable[[str], Artifact], samples: TextSamples, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Answered]:
    """``answered(target, precision, **options)``: what the engine gives, and what it says of itself."""

    def run(name: str, precision: str, **options: str) -> Answered:
        folder = tmp_path_factory.mktemp(name)
        plugin: Any = load(discover().find("targets", name))
        pytest.importorskip(plugin.requires[0].replace("-", "_"))
        device = plugin.device_names[0]
        made = plugin.convert(smollm2(precision), folder, device, options)
        session = open_text(plugin, OpenRequest(made, device, options, inspect=True), no_phase)
        assert made.decoder is not None
        return load_answers(answer(session, samples, made.decoder.vocab_size, folder)), session.facts()

    return run


@pytest.fixture(scope="module")
def reference(answered: Callable[..., Answered]) -> TextAnswers:
    """The float32 graph, on ONNX Runtime."""
    return answered("ort", "float32")[0]


@pytest.fixture(scope="module")
def exact(smollm2_golden: Mapping[str, Any]) -> float:
    """42.17, over windows of 512 and 256 tokens."""
    return float(smollm2_golden["exact_float32"]["perplexity"]["windows_of_512_and_256"])


def compared_with(reference: TextAnswers, run: TextAnswers, samples: TextSamples) -> tuple[float, Paired]:
    """The perplexity of the run, and how it compares with the reference's."""
    (metric,), theirs = own_results(samples, reference)
    _, ours = own_results(samples, run)
    (found,) = summarise((metric,), ours, 2)
    (pair,) = compare((found,), theirs, ours)
    return found.value, pair


def test_perplexity_in_float32_is_that_of_the_exact_weights(
    reference: TextAnswers, answered: Callable[..., Answered], samples: TextSamples, exact: float
) -> None:
    """To 0.1 % on both runtimes."""
    on_openvino, _ = answered("openvino", "float32", **FLOAT32)
    for run in (reference, on_openvino):
        value, _ = compared_with(reference, run, samples)
        assert exact == pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize(
    ("target", "options", "words"),
    [("ort", {}, ("same",)), ("openvino", {"INFERENCE_PRECISION_HINT": "f32"}, ("same", "cannot_tell"))],
)
def test_the_same_blocks_in_four_bits_keep_it(
    target: str,
    options: dict[str, str],
    words: tuple[str, ...],
    reference: TextAnswers,
    answered: Callable[..., Answered],
    samples: TextSamples,
    exact: float,
) -> None:
    """To 0.5 %, and no difference from float32 is shown; activations are rounded to 8 bits. On OpenVINO so few texts
    leave it open whether the margin of 1 % holds (90 % interval up to 1.0 %)."""
    run, _ = answered(target, "int4", **options)
    value, pair = compared_with(reference, run, samples)
    assert exact == pytest.approx(value, rel=5e-3)
    assert pair.ratio_interval95 is not None
    low, high = pair.ratio_interval95
    assert low < 1 < high
    assert pair.word in words
    beside = compared(samples, reference, run)
    figures = {one.name: one.value for one in summarise(beside.metrics, beside.results, 2)}
    assert 0 < figures["kl_divergence"] < figures["kl_divergence_p99"] < figures["kl_divergence_max"]
    assert figures["kl_divergence"] < 0.02
    assert figures["top1_agreement"] > 0.9


def test_what_the_engine_reads_itself_is_worse_and_its_import_is_named(
    reference: TextAnswers,
    answered: Callable[..., Answered],
    samples: TextSamples,
    smollm2: Callable[[str], Artifact],
    smollm2_golden: Mapping[str, Any],
) -> None:
    """OpenVINO GenAI's own reading of the file, products and cache in float32: 18 % above the exact weights, and the
    paired interval excludes no difference."""
    run, facts = answered("openvino-genai", "int4", **FLOAT32, **{"import": "own"})
    value, pair = compared_with(reference, run, samples)
    theirs = smollm2_golden["openvino_genai_2026.4.1"]["perplexity_of_its_own_import"]["windows_of_512_and_256"]
    assert theirs == pytest.approx(value, rel=5e-3)
    assert pair.ratio_interval95 is not None
    low, high = pair.ratio_interval95
    assert 1.05 < low < 1.18 < high < 1.35
    assert "worse" == pair.word
    record = judged_record(smollm2("int4"), facts, pair)
    assert "read by OpenVINO GenAI itself: its import changes the model" == import_words(record)


def judged_record(artifact: Artifact, facts: SessionFacts, pair: Paired) -> Record:
    """A record that says of model, target and loss what a run of them does."""
    record, source = text().record, artifact.source
    assert source is not None
    assert record.quality is not None
    names = tuple(file.name for file in source.files)
    of = ModelSource(source.format, source.path.name, names, source.sha256, source.size_bytes, source.stored_as)
    target = replace(
        record.plan.target,
        imported_by=facts.imported_by,
        executed_activations=facts.precisions.activations,
        executed_kv_cache=facts.kv_cache_precision,
    )
    plan = replace(record.plan, model=replace(record.plan.model, source=of), target=target)
    return replace(record, plan=plan, quality=replace(record.quality, paired=(pair,)))
