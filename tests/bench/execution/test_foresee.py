"""What is known of a run before anything is built or opened, and that the run itself says the same."""

from pathlib import Path

import pytest
from made_gguf import made_gguf
from published_folders import LLAMA, random_weights, write_folder

from bench.execution.foresee import foresee
from bench.execution.suite_run import plan_suite, run_suite
from bench.execution.workbench import Bench
from bench.plugins import Catalog, discover
from bench.record.record import Failure
from bench.suite.suite import ModelAsk, Suite, TargetAsk

PLUGIN = """
from bench.testing import NullTarget


class Raw(NullTarget):
    def tokenizes(self, artifact, options):
        return False


PLUGINS = {"targets": {"raw": Raw, "null": NullTarget}}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    (tmp_path / "raw.py").write_text(PLUGIN)
    return discover([tmp_path / "raw.py"])


@pytest.fixture
def cases(tmp_path: Path) -> dict[str, ModelAsk]:
    """Models with prompts by what is wrong with these; a GGUF file has a tokenizer and no chat template, the folder has
    neither."""
    pytest.importorskip("tokenizers")
    gguf = str(made_gguf(tmp_path).path)
    folder = str(write_folder(tmp_path / "tiny-llama", LLAMA, random_weights(LLAMA)))
    texts = {
        "short.txt": "abab",
        "long.jsonl": '{"prompt": "ab"}\n{"prompt": "' + "ab" * 100 + '"}\n',
        "nul.txt": "a\0b",
        "none.jsonl": '{"prompt": ""}',
        "talk.jsonl": '{"messages": [{"role": "user", "content": "ab"}]}',
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    short = str(tmp_path / "short.txt")
    return {
        "prompt 2 has 100 tokens": ModelAsk(gguf, prompts=str(tmp_path / "long.jsonl")),
        "no chat template lies beside tiny": ModelAsk(gguf, prompts=short, chat=True),
        "needs the model's chat template": ModelAsk(gguf, prompts=str(tmp_path / "talk.jsonl")),
        "nul.txt: line 1: contains a NUL": ModelAsk(gguf, prompts=str(tmp_path / "nul.txt")),
        "none.jsonl: line 1: prompt is empty": ModelAsk(gguf, prompts=str(tmp_path / "none.jsonl")),
        "no tokenizer.json lies beside it": ModelAsk(folder, prompts=short),
        "no chat template lies beside tiny-llama": ModelAsk(folder, prompts=short, chat=True),
        "token id 64 is outside the vocabulary": ModelAsk(folder, prompt_ids=(1, 64)),
        "prompt 1 has 100 tokens": ModelAsk(folder, prompt_ids=(1,) * 100),
        "the prompt is text": ModelAsk("llama-15M", prompts=short),
        "do not apply to mobilenet_v2": ModelAsk("mobilenet_v2", prompts=short),
        "": ModelAsk(gguf, prompts=short),
    }


def suite_of(target: str, *models: ModelAsk) -> Suite:
    return Suite(models=models, targets=(TargetAsk(target),), preset="quick", repeats=1, max_seconds=0.1)


def foreseen(suite: Suite, catalog: Catalog, place: Path) -> list[Failure | None]:
    (place / "work").mkdir(exist_ok=True)
    bench = Bench(catalog, suite, place / "work", place / "cache", Path("/"))
    return foresee(bench, plan_suite(bench).runs)


def told(failure: Failure | None) -> tuple[str, ...]:
    return () if failure is None else (failure.phase, failure.kind, failure.message, failure.remedy)


@pytest.mark.usefixtures("in_process")
def test_prompts_are_refused_as_the_run_refuses_them(
    cases: dict[str, ModelAsk], catalog: Catalog, tmp_path: Path
) -> None:
    """With the same words, kind and phase, in all that is told of them; and nothing is built for it."""
    suite = suite_of("raw:cpu", *cases.values())
    before = foreseen(suite, catalog, tmp_path)
    assert not (tmp_path / "cache").exists()
    assert {} == {
        words: failure and failure.message
        for words, failure in zip(cases, before, strict=True)
        if (failure is not None) != bool(words) or (failure is not None and words not in failure.message)
    }
    assert {"bad_input"} == {failure.kind for failure in before if failure is not None}
    (tmp_path / "out").mkdir()
    recorded = [one.record for one in run_suite(suite, catalog, tmp_path / "out", cache=tmp_path / "cache")]
    assert [told(failure) for failure in before] == [told(record.failure) for record in recorded]
    assert ["failed"] * 11 + ["ok"] == [record.status for record in recorded]


@pytest.mark.usefixtures("in_process")
def test_what_only_an_open_engine_tells_is_left_to_the_run(
    cases: dict[str, ModelAsk], catalog: Catalog, tmp_path: Path
) -> None:
    """A target that does not say whether it tokenizes may do so; too long is too long on each."""
    asks = [cases["no tokenizer.json lies beside it"], cases["prompt 2 has 100 tokens"]]
    unknown, known = foreseen(suite_of("null:cpu", *asks), catalog, tmp_path)
    assert (None, True) == (unknown, known is not None and "does not fit the context of 128" in known.message)
