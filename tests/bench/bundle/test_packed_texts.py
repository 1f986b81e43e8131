"""A language model's file in a bundle: the tokenizer beside it goes in with it, so that texts can be measured again."""

import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forged_bundles import failed
from made_bundles import (
    WEIGHTS,
    changed,
    dossier,
    files_of,
    submission,
    write_files,
    write_packed,
    write_submission,
)
from msgspec.structs import replace

from bench.bundle import open_bundle
from bench.bundle.verification import verify
from bench.cli.submission.rerun import Reviewer, suite_again
from bench.errors import InputError
from bench.inputs.tokenizer_file import tokenizer_beside
from bench.plugins import discover
from bench.record.inputs import ModelSource, PipelineFacts
from bench.record.quality import DatasetFacts, Quality
from bench.record.text import TextGeneration as TextSummary
from bench.record.text import TokenizerUsed
from bench.store.derived import judged
from bench.store.records import load, save
from bench.submission.form import read_submission
from bench.testing.records import fake_run

CATALOG = discover([Path(__file__).resolve().parents[3] / "bench" / "testing" / "plugins.py"])
SHA256 = sha256(WEIGHTS).hexdigest()
BESIDE = (
    *("tokenizer.json", "tokenizer_config.json", "config.json", "vocab.json", "merges.txt", "tokenizer.model"),
    *("openvino_tokenizer.xml", "openvino_tokenizer.bin", "openvino_detokenizer.xml", "openvino_detokenizer.bin"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = write_submission(tmp_path / "s", submission())
    for name in (*BESIDE, "vocab.txt"):
        (found / name).write_text("{}")
    return found


def of_texts(folder: Path, tokenizer: str = "", source: ModelSource | None = None, dataset: str = "") -> None:
    """The first record took texts through a pipeline; ``tokenizer``: it generated, by the file with this hash;
    ``dataset``: it was evaluated on texts by that one."""
    (place, *_) = sorted((folder / "records").iterdir())
    run = load(place)
    model = replace(run.record.plan.model, source=source)
    pipeline = PipelineFacts(kind="text", stages=(), inputs=1, files=1, sha256="f" * 64)
    plan = replace(run.record.plan, model=model, pipeline=pipeline)
    record, samples = replace(run.record, plan=plan), run.samples
    if tokenizer:
        made = fake_run("t", [np.full(20, 9_000_000)] * 6, [np.tile([4_000_000, 8_000_000], (20, 1))] * 6)
        plan = replace(
            made.record.plan, model=replace(model, task="text_generation"), asked=plan.asked, command="", rule=plan.rule
        )
        record = replace(record, plan=plan, repeats=made.record.repeats)
        summary = replace(
            record.summary, text_generation=TextSummary(8, 2, (), tokenizer=TokenizerUsed("file", tokenizer))
        )
        record, samples = replace(record, summary=summary), made.samples
    if dataset:
        facts = DatasetFacts("texts", "perplexity", "f" * 64, 1, tokenizer=TokenizerUsed("file", dataset))
        record = replace(record, quality=Quality(facts, SHA256, "null:cpu"))
    found = judged(replace(run, record=record, samples=samples)).plain()
    shutil.rmtree(place)
    save(folder / "records", found.record, found.samples)


def models_in(bundle: Path) -> list[str]:
    """The files of models in a bundle."""
    return sorted(name.partition("/models/net/")[2] for name in files_of(bundle) if "/models/" in name)


def refused(bundle: Path) -> list[str]:
    with open_bundle(bundle) as opened:
        return failed(verify(opened, render=dossier))


def test_what_lies_beside_a_file_that_takes_texts_is_packed(folder: Path, tmp_path: Path) -> None:
    """And nothing else that lies there; every rule holds, and who measures again opens the model with its tokenizer."""
    of_texts(folder)
    bundle = write_packed(folder, tmp_path / "b.zip", despite_rejections=True)
    assert sorted(["net.onnx", *BESIDE]) == models_in(bundle)
    assert refused(bundle) == []
    with open_bundle(bundle) as opened:
        run = load(next(iter(sorted((opened.data / "records").iterdir()))))
        suite = suite_again(run, opened.data, CATALOG, Reviewer(), read_submission(opened.data).models)
        assert opened.data / "models/net/tokenizer.json" == tokenizer_beside(Path(suite.models[0].source))


def test_without_texts_or_without_models_it_stays_out(folder: Path, tmp_path: Path) -> None:
    """As with a model that was made from its file, which holds the tokenizer."""
    assert ["net.onnx"] == models_in(write_packed(folder, tmp_path / "a.zip", despite_rejections=True))
    of_texts(folder)
    bare = write_packed(folder, tmp_path / "b.zip", despite_rejections=True, with_models=False)
    assert ([], []) == (models_in(bare), refused(bare))
    of_texts(folder, source=ModelSource("gguf", "net.onnx", ("net.onnx",), SHA256, len(WEIGHTS), "q4"))
    assert ["net.onnx"] == models_in(write_packed(folder, tmp_path / "c.zip", despite_rejections=True))


def test_another_tokenizer_than_the_record_states_is_found(folder: Path, tmp_path: Path) -> None:
    """In the folder that is packed, and in a bundle that was changed."""
    of_texts(folder, tokenizer=sha256(b"{}").hexdigest())
    bundle = write_packed(folder, tmp_path / "a.zip", despite_rejections=True)
    assert "ODB-B-010" not in refused(bundle)
    with changed(bundle, "data/models/net/tokenizer.json", lambda data: b"{ }") as files:
        assert "ODB-B-010" in refused(write_files(tmp_path / "b.zip", files))
    (folder / "tokenizer.json").write_text("{  }")
    assert "ODB-B-010" in refused(write_packed(folder, tmp_path / "c.zip", despite_rejections=True))


def test_another_tokenizer_than_quality_states_is_found(folder: Path, tmp_path: Path) -> None:
    """Of a run that generated from seeded prompts, and was evaluated on texts."""
    of_texts(folder, dataset=sha256(b"{}").hexdigest())
    assert "ODB-B-010" not in refused(write_packed(folder, tmp_path / "a.zip", despite_rejections=True))
    (folder / "tokenizer.json").write_text("{  }")
    assert "ODB-B-010" in refused(write_packed(folder, tmp_path / "b.zip", despite_rejections=True))


def test_a_name_that_is_a_word_of_a_vocabulary_is_packed(folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """Every tokenizer has first names; that of the account is still found in another file beside it."""
    monkeypatch.setenv("USER", "johnny")
    of_texts(folder)
    (folder / "tokenizer.json").write_text('{"model": {"vocab": {"johnny": 1}}}')
    (folder / "openvino_tokenizer.bin").write_bytes(b"\0johnny\0")
    bundle = write_packed(folder, tmp_path / "a.zip", despite_rejections=True)
    assert "tokenizer.json" in models_in(bundle)
    (folder / "config.json").write_text('{"by": "johnny"}')
    with pytest.raises(InputError, match="johnny"):
        write_packed(folder, tmp_path / "b.zip", despite_rejections=True)
