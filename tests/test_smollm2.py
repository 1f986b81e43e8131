"""A trained model from its GGUF file, on every engine: with float32 products and a float32 KV cache each generates the
tokens of the exact weights, which were computed in numpy. The commands of a user, minutes each, are run by name only:
``pytest tests/test_smollm2.py -m perf``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from bench.cli.group import odb
from bench.contracts import Artifact, OpenRequest
from bench.measure.text_driver import OpenedText, open_text
from bench.plugins import discover, load
from bench.record.record import Record
from bench.store.records import load_records
from bench.testing import no_phase

pytestmark = [pytest.mark.real, pytest.mark.long]

OPENVINO = {
    "INFERENCE_PRECISION_HINT": "f32",
    "KV_CACHE_PRECISION": "f32",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",
}
ORT = {"session.qdq_matmulnbits_accuracy_level": "1"}
"""In which no activation is rounded to 8 bits."""
ENGINES = {
    "ort:cpu": ("onnxruntime", ORT),
    "openvino:CPU": ("openvino", OPENVINO),
    "ort-genai:cpu": ("onnxruntime_genai", ORT),
    "openvino-genai:CPU": ("openvino_genai", OPENVINO),
}
NOTHING = np.zeros(0, np.int64)
PARIS = 7042
BY_FLAGS = (
    *("-O", "INFERENCE_PRECISION_HINT=f32", "-O", "KV_CACHE_PRECISION=f32", "-O", "DYNAMIC_QUANTIZATION_GROUP_SIZE=0"),
    *("-O", "session.qdq_matmulnbits_accuracy_level=1"),
)
SHORT = ("--preset", "quick", "--repeats", "1", "--max-seconds", "1")


def opened(target: str, artifact: Artifact, folder: Path) -> OpenedText:
    package, options = ENGINES[target]
    pytest.importorskip(package)
    name, _, device = target.partition(":")
    plugin: Any = load(discover().find("targets", name))
    made = plugin.convert(artifact, folder, device, options)
    return open_text(plugin, OpenRequest(made, device, options, prompt_tokens=5, decode_context=32), no_phase)


@pytest.mark.parametrize("target", ENGINES)
def test_four_bit_weights_in_float32_give_the_tokens_of_the_exact_weights(
    target: str, smollm2: Callable[[str], Artifact], smollm2_golden: dict[str, Any], tmp_path: Path
) -> None:
    """All 24, " Paris" first, although two of them are decided by less than 0.15 logits; where the engine shows its
    logits, the margins are those of the exact weights."""
    exact, prompt = smollm2_golden["exact_float32"], np.array(smollm2_golden["prompt_ids"])
    session = opened(target, smollm2("int4"), tmp_path)
    ids = session.greedy(NOTHING, prompt, 24)
    assert (PARIS, tuple(exact["greedy_ids"])) == (ids[0], ids)
    assert ids[:5] == tuple(smollm2_golden["llama_cpp_0.3.36"]["greedy_ids"][:5])
    if session.logits is not None:
        rows = np.sort(session.logits(np.concatenate([prompt, ids[:-1]]))[len(prompt) - 1 :], axis=1)
        np.testing.assert_allclose(exact["logit_margin"], rows[:, -1] - rows[:, -2], atol=0.005)


def measured(folder: Path, *asked: str) -> tuple[dict[str, Record], str]:
    """The records by target, and the page."""
    done = CliRunner().invoke(odb, ["run", *asked, "-o", str(folder)], standalone_mode=False)
    assert done.return_value in (0, 1), (done.output, done.exception)
    records = {run.record.plan.target.id: run.record for run in load_records(folder)}
    return records, (folder / "report.html").read_text(encoding="utf-8")


def ids_of(record: Record) -> tuple[int, ...]:
    assert record.summary.text_generation is not None, record.failure
    return record.summary.text_generation.token_ids


@pytest.mark.perf
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("precision", ["int4", "float32"])
def test_all_engines_say_what_the_exact_weights_say(
    precision: str, smollm2_gguf: Path, smollm2_golden: dict[str, Any], tmp_path: Path
) -> None:
    """With products and KV cache in float32, all 24 tokens; with the engines' defaults, the first, " Paris"."""
    prompt = tmp_path / "prompt.txt"
    prompt.write_text(f"{smollm2_golden['prompt_text']}\n", encoding="utf-8")
    asked = ["-m", str(smollm2_gguf), "--precision", precision, "--prompts", str(prompt), "-n", "24", *SHORT]
    asked += [word for engine in ENGINES for word in ("-t", engine)]
    records, _ = measured(tmp_path / "float32", *asked, *BY_FLAGS)
    exact = tuple(smollm2_golden["exact_float32"]["greedy_ids"])
    assert dict.fromkeys(ENGINES, exact) == {engine: ids_of(record) for engine, record in records.items()}
    assert {"float32"} == {record.plan.target.executed_kv_cache for record in records.values()}
    records, _ = measured(tmp_path / "defaults", *asked)
    assert dict.fromkeys(ENGINES, exact[0]) == {engine: ids_of(record)[0] for engine, record in records.items()}


@pytest.mark.perf
@pytest.mark.timeout(1800)
def test_the_loss_of_the_engines_own_import_is_reported_as_its_doing(smollm2_gguf: Path, tmp_path: Path) -> None:
    """About 18 % in perplexity, with its interval; what is made here of the same file loses nothing."""
    texts = tmp_path / "texts"
    texts.mkdir()
    words = (smollm2_gguf.parent / "text.txt").read_text(encoding="utf-8")
    (texts / "text.txt").write_text(words, encoding="utf-8")
    asked = ("-m", str(smollm2_gguf), "-t", "openvino-genai:CPU", "-n", "24", "--dataset", str(texts), *SHORT)
    records, page = measured(tmp_path / "own", *asked, *BY_FLAGS[:6], "-O", "import=own")
    (record,) = records.values()
    assert record.quality is not None
    (pair,) = (one for one in record.quality.paired if one.metric == "perplexity")
    assert pair.ratio_interval95 is not None
    low, high = pair.ratio_interval95
    assert ("worse", True) == (pair.word, 1.05 < low < 1.18 < high < 1.35)
    assert "read by OpenVINO GenAI itself: its import changes the model" in page
