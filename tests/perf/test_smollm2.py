"""A trained model from its GGUF file, by the commands that a user types: minutes each, so they are run by name only.
Shorter tests of the same are tests/test_smollm2.py and tests/bench/quality/test_smollm2.py."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bench.cli.group import odb
from bench.record.record import Record
from bench.store.records import load_records

pytestmark = [pytest.mark.perf, pytest.mark.real, pytest.mark.timeout(1800)]

ENGINES = ("ort:cpu", "openvino:CPU", "openvino-genai:CPU", "ort-genai:cpu")
FLOAT32 = (
    *("-O", "INFERENCE_PRECISION_HINT=f32", "-O", "KV_CACHE_PRECISION=f32", "-O", "DYNAMIC_QUANTIZATION_GROUP_SIZE=0"),
    *("-O", "session.qdq_matmulnbits_accuracy_level=1"),
)
SHORT = ("--preset", "quick", "--repeats", "1", "--max-seconds", "1")


def measured(folder: Path, *asked: str) -> tuple[dict[str, Record], str]:
    """The records by target, and the page."""
    done = CliRunner().invoke(odb, ["run", *asked, "-o", str(folder)], standalone_mode=False)
    assert done.return_value in (0, 1), (done.output, done.exception)
    records = {run.record.plan.target.id: run.record for run in load_records(folder)}
    return records, (folder / "report.html").read_text(encoding="utf-8")


def ids_of(record: Record) -> tuple[int, ...]:
    assert record.summary.text_generation is not None, record.failure
    return record.summary.text_generation.token_ids


@pytest.mark.parametrize("precision", ["int4", "float32"])
def test_all_engines_say_what_the_exact_weights_say(
    precision: str, smollm2_gguf: Path, smollm2_golden: dict[str, Any], tmp_path: Path
) -> None:
    """With products and KV cache in float32, all 24 tokens; with the engines' defaults, the first, " Paris"."""
    prompt = tmp_path / "prompt.txt"
    prompt.write_text(f"{smollm2_golden['prompt_text']}\n", encoding="utf-8")
    asked = ["-m", str(smollm2_gguf), "--precision", precision, "--prompts", str(prompt), "-n", "24", *SHORT]
    asked += [word for engine in ENGINES for word in ("-t", engine)]
    records, _ = measured(tmp_path / "float32", *asked, *FLOAT32)
    exact = tuple(smollm2_golden["exact_float32"]["greedy_ids"])
    assert dict.fromkeys(ENGINES, exact) == {engine: ids_of(record) for engine, record in records.items()}
    assert {"float32"} == {record.plan.target.executed_kv_cache for record in records.values()}
    records, _ = measured(tmp_path / "defaults", *asked)
    assert dict.fromkeys(ENGINES, exact[0]) == {engine: ids_of(record)[0] for engine, record in records.items()}


def test_the_loss_of_the_engines_own_import_is_reported_as_its_doing(smollm2_gguf: Path, tmp_path: Path) -> None:
    """About 18 % in perplexity, with its interval; what is made here of the same file loses nothing."""
    texts = tmp_path / "texts"
    texts.mkdir()
    words = (smollm2_gguf.parent / "text.txt").read_text(encoding="utf-8")
    (texts / "text.txt").write_text(words, encoding="utf-8")
    asked = ("-m", str(smollm2_gguf), "-t", "openvino-genai:CPU", "-n", "24", "--dataset", str(texts), *SHORT)
    records, page = measured(tmp_path / "own", *asked, *FLOAT32[:6], "-O", "import=own")
    (record,) = records.values()
    assert record.quality is not None
    (pair,) = (one for one in record.quality.paired if one.metric == "perplexity")
    assert pair.ratio_interval95 is not None
    low, high = pair.ratio_interval95
    assert ("worse", True) == (pair.word, 1.05 < low < 1.18 < high < 1.35)
    assert "read by OpenVINO GenAI itself: its import changes the model" in page
