"""One command, one model in several precisions on every CPU engine, at several depths: one page."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.cli.group import odb
from bench.record.record import Record
from bench.store.records import load_records

pytestmark = pytest.mark.process

ENGINES = ("ort:cpu", "openvino:CPU", "ort-genai:cpu", "openvino-genai:CPU")
PRECISIONS = ("float32", "int8", "int4")
SMALL_DECODER = Path(__file__).parent / "plugins" / "small_decoder.py"


def measured(model: str, folder: Path, *more: str) -> tuple[list[Record], str]:
    """What ``odb run`` left: its records, and its page."""
    targets = [word for engine in ENGINES for word in ("-t", engine)]
    command = ["run", "-m", model, "--precision", ",".join(PRECISIONS), *targets, "-o", str(folder), *more]
    done = CliRunner().invoke(odb, command, standalone_mode=False)
    assert done.return_value in (0, 1), (done.output, done.exception)
    records = [run.record for run in load_records(folder)]
    return records, (folder / "report.html").read_text(encoding="utf-8")


def check(records: list[Record], page: str, model: str, depths: tuple[int, ...]) -> None:
    """Every cell was measured and says its speed, memory, cost of a token and agreement; the page has them all."""
    cells = {(r.plan.model.precision, r.plan.target.id, r.plan.scenario.depth_tokens) for r in records}
    assert {(p, e, d) for p in PRECISIONS for e in ENGINES for d in depths} == cells
    for record in records:
        assert ("ok", None) == (record.status, record.failure)
        text = record.summary.text_generation
        assert text is not None
        assert text.tpot_ns is not None
        assert text.kv_cache is not None
        assert text.energy is not None
        assert record.summary.memory_bytes is not None
        expected = ["engine"] if record.plan.model.precision == "float32" else ["engine", "model"]
        assert expected == [a.of for a in text.agreement]
        hidden = record.plan.target.plugin == "openvino-genai"
        shown = [a for a in text.agreement if a.kl_divergence_nats is not None]
        assert (0 if hidden else len(expected)) == len(shown)
    assert "Language models side by side" in page
    assert 3 == len(re.findall(rf"{re.escape(model)}, weights \w+: TPOT over depth", page)) // 2
    assert len(records) == page.count('id="run-')


@pytest.mark.real
@pytest.mark.timeout(900)
def test_precisions_engines_and_depths_in_one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder of two layers, with so few queries that only the page is proven, not its figures. A second at most, as
    the median of a repeat needs 11 queries."""
    pytest.importorskip("openvino_genai")
    pytest.importorskip("onnxruntime_genai")
    monkeypatch.setenv("ODB_CACHE", str(tmp_path / "cache"))
    quick = ("-p", "8", "-n", "4", "-d", "0,32", "--repeats", "1", "--max-seconds", "1")
    records, page = measured("small-decoder", tmp_path / "out", "--plugin", str(SMALL_DECODER), *quick)
    check(records, page, "small-decoder", (0, 32))


@pytest.mark.perf
@pytest.mark.timeout(3600)
def test_the_135m_model_in_one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same of the 135M model, measured as a user would."""
    pytest.importorskip("openvino_genai")
    pytest.importorskip("onnxruntime_genai")
    monkeypatch.setenv("ODB_CACHE", str(tmp_path / "cache"))
    records, page = measured("smollm2-135M", tmp_path / "out", "-p", "64", "-n", "32", "-d", "0,512")
    check(records, page, "smollm2-135M", (0, 512))
