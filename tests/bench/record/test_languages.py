"""A record holds no sentence of a language, but codes and figures: either language says them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from onnx import TensorProto, helper, save
from whole_records import failed, offline, several, tensors, text

from bench.execution.suite_run import run_suite
from bench.plugins import discover
from bench.record.codec import decode, encode
from bench.record.record import RecordedRun
from bench.reports.runs.markdown import MarkdownReport
from bench.store import records
from bench.store.derived import judged
from bench.suite.suite import ModelAsk, Suite, TargetAsk
from bench.words import Sentence, speaking

PLUGIN = Path(__file__).resolve().parents[2] / "plugins" / "suspicious.py"
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
MADE = {"tensors": tensors, "text": text, "offline": offline, "several": several, "failed": failed}

ENGLISH = re.compile(r"(?<![\w:./=-])[A-Za-z]{2,}[,;:]? [A-Za-z]{2,}")
"""Two English words, one after another."""
NAMES = re.compile(
    r"log_tail|environment\.(host|runtime|accelerator|driver)|plan\.(target\.device_name|command|inputs\.source)"
    r"|(fidelity|quality|agreement)(\[\])?\.reference(\.name)?|placement\.(source|fallback)"
    r"|quality\.(dataset\.(name|options)|(metrics|reference\.metrics)\[\]\.interval_method|paired\[\]\.test)"
    r"|verdict\.reasons\[\]\.figures|figures\.(reference|channels?|operators|text|error|input|output)"
)
"""Fields that hold names of machines, targets, nodes and methods, a runtime's own words, and words for scripts."""


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string of a record as plain values, with its field."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from texts(one, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts(one, f"{path}[]")
    elif isinstance(value, str):
        yield path, value


def english(run: RecordedRun) -> list[tuple[str, str]]:
    found = texts(json.loads(encode(run.record)))
    return [(path, told) for path, told in found if ENGLISH.search(told) and not NAMES.search(path)]


def identity(path: Path) -> Path:
    """A graph that returns its input [1, 8] as y."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"], "same")], "same", [x], [y])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def labelled(folder: Path) -> Path:
    """Six samples, one that is no array, and one without a label."""
    folder.mkdir()
    for i in range(7):
        np.save(folder / f"{i}.npy", np.eye(8, dtype=np.float32)[i : i + 1])
    (folder / "6.npy").write_bytes(b"nothing")
    (folder / "labels.json").write_text(json.dumps({f"{i}.npy": i for i in (1, 2, 3, 4, 5, 6)}))
    return folder


def measured(tmp_path: Path, *asks: ModelAsk, target: str = "ort:cpu") -> list[RecordedRun]:
    out = tmp_path / f"out-{len(list(tmp_path.iterdir()))}"
    out.mkdir()
    suite = Suite(models=asks, targets=(TargetAsk(target),), repeats=1, max_seconds=0.05)
    return run_suite(suite, discover([PLUGIN]), out, cache=tmp_path / "cache")


@pytest.mark.parametrize("name", list(MADE))
def test_a_record_as_this_version_writes_it_holds_no_sentence(name: str) -> None:
    """Whatever it is of; judged again, it holds the same in either language."""
    run = MADE[name]()
    assert [] == english(run)
    with speaking("ko"):
        korean = encode(judged(MADE[name]()).record)
    assert korean == encode(judged(run).record)


@pytest.mark.real
@pytest.mark.process
def test_a_measured_record_holds_no_sentence_and_is_read_in_both_languages(tmp_path: Path) -> None:
    """Of a model with a dataset, of one that does not open, of a decoder: measured while Korean is spoken."""
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    net = ModelAsk(str(identity(tmp_path / "net.onnx")), dataset=str(labelled(tmp_path / "digits")))
    with speaking("ko"):
        runs = measured(tmp_path, net, ModelAsk(str(broken)))
        runs += measured(tmp_path, ModelAsk("fake-decoder"), target="odd:honest")
    assert {"ok", "failed"} <= {run.record.status for run in runs}
    for run in runs:
        assert [] == english(run)
        assert run.record.verdict is not None
        assert run.record.verdict.reasons
        for reason in run.record.verdict.reasons:
            assert isinstance(reason.sentence, Sentence)
            said = {language: in_language(reason.sentence, language) for language in ("en", "ko")}
            assert re.search("[가-힣]", said["ko"]), said
            assert not re.search("[가-힣]", said["en"]), said


def in_language(told: Sentence, language: str) -> str:
    with speaking(language):
        return str(told)


def test_one_record_is_reported_in_both_languages(tmp_path: Path) -> None:
    """The same file; its reasons in the language that is spoken as it is read."""
    run = tensors()
    records.save(tmp_path, run.record, run.samples)
    pages = {}
    for language in ("en", "ko"):
        with speaking(language):
            pages[language] = MarkdownReport().render(records.load_records(tmp_path)).decode()
    assert "The machine ran on battery" in pages["en"]
    assert "시스템이 배터리로 동작했습니다" in pages["ko"]
    assert "The machine ran on battery" not in pages["ko"]


@pytest.mark.parametrize("name", list(MADE))
def test_text_in_the_place_of_sentences_is_no_change_of_a_record(tmp_path: Path, name: str) -> None:
    """Older records hold what a sentence says as text: figures and codes decide whether a record was edited."""
    run = MADE[name]()
    older = decode(json.dumps(worded(msgspec.to_builtins(run.record))).encode())
    assert older.verdict != run.record.verdict or older.failure != run.record.failure
    records.save(tmp_path, replace(older, record_sha256=None), run.samples)
    (read,) = records.load_records(tmp_path)
    assert () == read.corrections


def worded(value: Any) -> Any:
    """Plain values of a record with its sentences as English text."""
    if isinstance(value, dict) and value.keys() == {"code", "figures"}:
        return str(msgspec.convert(value, Sentence))
    if isinstance(value, dict):
        return {key: worded(one) for key, one in value.items()}
    return [worded(one) for one in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("file", ["record-v1.json", "record-v2.json"])
def test_text_of_older_records_is_read_and_shown(file: str) -> None:
    """As it was written, in whatever language."""
    record = decode((GOLDEN / file).read_bytes(), file)
    told = [str(one.sentence) for one in (record.verdict.reasons if record.verdict is not None else ())]
    with speaking("ko"):
        again = decode((GOLDEN / file).read_bytes(), file)
        assert told == [one.message for one in (again.verdict.reasons if again.verdict is not None else ())]
