"""``odb reproduce``: what a submission claims, measured again; two frauds are found by the audit."""

import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace
from onnx import TensorProto, helper, numpy_helper

from bench.cli.run_command import command as run_command
from bench.cli.submission.reproduce_command import command, figure_shown
from bench.cli.submission.rerun import Reviewer, suite_again
from bench.contracts import Scenario
from bench.errors import InputError
from bench.pipelines.asked import sha256_of_inputs
from bench.plugins import discover
from bench.record.asked import Asked, NamedFile
from bench.record.evidence import Alternation
from bench.record.inputs import PipelineFacts
from bench.store.records import load_records
from bench.testing.records import fake_run

NULL = Path(__file__).resolve().parents[3] / "bench" / "testing" / "plugins.py"
FRAUD = Path(__file__).resolve().parents[2] / "plugins" / "fraud.py"
FORM = """
format = 1
track = "inspection-drone"
rules = 1
models = [{ id = "net", source = "models/original.onnx" }]
targets = [{ id = "prepared:cpu" }, { id = "quick:cpu" }]
"""
CRITERION = """
[[criteria]]
id = "%s"
title = { ko = "%s", en = "%s" }
metric = "%s"
direction = "%s"
target = %s
unit = "%s"
weight = 30
device = "%s"
"""
CRITERIA = (
    ("outputs", "출력 일치도", "Outputs", "fidelity.cosine_min", "at_least", 0.99, "1", "prepared:cpu"),
    ("size", "크기", "Size", "plan.model.size_bytes", "at_most", 1, "MB", "prepared:cpu"),
    ("quick", "빠름", "Quick", "summary.latency_ns.p50", "at_most", 10, "ms", "quick:cpu"),
)


def net(path: Path) -> None:
    """Three layers of 96 channels: some work for a processor, and answers that depend on the weights."""
    rng = np.random.default_rng(0)
    weights = [numpy_helper.from_array(rng.normal(0, 0.2, (96, 96)).astype(np.float32), f"W{i}") for i in range(3)]
    nodes = [helper.make_node("MatMul", [f"h{i}", f"W{i}"], [f"h{i + 1}"]) for i in range(3)]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 96]) for name in ("h0", "h3"))
    model = helper.make_model(
        helper.make_graph(nodes, "g", [x], [y], weights), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 8
    onnx.save(model, path)


def odb(command: Any, *arguments: Any) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], standalone_mode=False)


def odb_raising(command: Any, *arguments: Any) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], standalone_mode=False, catch_exceptions=False)


@pytest.fixture(scope="module")
def claim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A submission's folder with one record for each target, and the plugin beside the model that it knows."""
    folder = tmp_path_factory.mktemp("claim")
    (folder / "models").mkdir()
    net(folder / "models" / "original.onnx")
    shutil.copy(FRAUD, folder / "models")
    (folder / "submission.toml").write_text(FORM + "".join(CRITERION % (c[0], c[1], *c[2:]) for c in CRITERIA))
    plugin, model = folder / "models" / "fraud.py", folder / "models" / "original.onnx"
    targets = ("-t", "prepared:cpu", "-t", "quick:cpu")
    quick = ("--repeats", "3", "--max-seconds", "0.2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ODB_CACHE", str(folder / "cache"))
        odb(run_command, "--plugin", plugin, "-m", model, *targets, *quick, "-o", folder / "records")
    return folder


@pytest.fixture(scope="module")
def reproduced(claim: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, dict[str, Any], Path]:
    """The result, the answers, and the folder of the records."""
    out = tmp_path_factory.mktemp("again") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ODB_CACHE", str(claim / "cache"))
        result = odb(command, claim, "--plugin", claim / "models" / "fraud.py", "--altered", "-o", out)
    return result, json.loads((out / "reproduction.json").read_bytes()), out


@pytest.mark.process
def test_exact_figures_are_reproduced(reproduced: tuple[Result, dict[str, Any], Path]) -> None:
    """Outputs and sizes, by records that were measured here."""
    result, found, out = reproduced
    assert result.exception is None, result.output
    words = {one["criterion"]: one["word"] for one in found["answers"]}
    assert words["outputs"] == words["size"] == "reproduced"
    assert all((out / one["again_record"] / "record.json").is_file() for one in found["answers"])


@pytest.mark.process
def test_the_audit_finds_both_frauds(reproduced: tuple[Result, dict[str, Any], Path]) -> None:
    """Prepared answers, and the speed of another model."""
    result, found, _ = reproduced
    assert code_of(found, "prepared") == "answers_prepared"
    assert code_of(found, "quick") == "speed_of_another"
    assert result.return_value == 1


def code_of(found: dict[str, Any], target: str) -> str:
    (audit,) = (one for one in found["audits"] if f"-{target}-cpu-" in one["record"])
    return str(audit["code"])


@pytest.mark.process
def test_the_words_of_the_table(reproduced: tuple[Result, dict[str, Any], Path]) -> None:
    """Each criterion by its title, and the audits below it."""
    result, _, _ = reproduced
    assert "Outputs" in result.output
    assert "answers_prepared" in result.output
    assert "with a margin of 5.0 %" in result.output.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.process
def test_a_dry_run_measures_nothing(claim: Path, tmp_path: Path) -> None:
    """It shows what would be, with its criteria."""
    out = tmp_path / "out"
    result = odb(command, claim, "--plugin", claim / "models" / "fraud.py", "--dry-run", "--json", "-o", out)
    runs = json.loads(result.output)["runs"]
    assert [run["criteria"] for run in runs] == [["outputs", "size"], ["quick"]]
    assert not out.exists()


@pytest.mark.process
def test_a_model_that_is_not_there_is_a_problem(claim: Path, tmp_path: Path) -> None:
    """Of a submission without its models; a file with the same name is not the one that was measured."""
    alone = tmp_path / "alone"
    shutil.copytree(claim / "records", alone / "records")
    shutil.copy(claim / "submission.toml", alone)
    plugin, another = claim / "models" / "fraud.py", tmp_path / "original.onnx"
    net(another)
    model = onnx.load(another)
    model.producer_name = "another"
    onnx.save(model, another)
    told = [
        odb(command, alone, "--plugin", plugin, *given, "--dry-run", "--json")
        for given in ((), ("-m", another), ("-m", claim / "models" / "original.onnx"))
    ]
    assert [one.return_value for one in told] == [2, 2, 0]
    problems = [json.loads(one.output)["runs"][0]["problem"] for one in told]
    assert ["original.onnx" in one for one in problems] == [True, True, False]
    assert ["does not hold the model" in one for one in problems] == [True, False, False]
    assert ["is the file that was measured" in one for one in problems] == [False, True, False]
    assert not any("-bundle-" in one or "plan.asked" in one for one in problems)
    with pytest.raises(InputError, match=r"nothing\.onnx does not exist"):
        odb_raising(command, alone, "-m", tmp_path / "nothing.onnx", "--dry-run")


@pytest.mark.parametrize("margin", ["0", "-5", "nan", "inf", "1e9", "50.1"])
def test_a_margin_that_decides_nothing_is_refused(margin: str, tmp_path: Path) -> None:
    """Before anything is measured: within it every figure would be reproduced, or none."""
    (tmp_path / "submission.toml").write_text(FORM + f"[measuring]\nmargin_percent = {margin}\n")
    with pytest.raises(InputError, match="margin_percent"):
        odb_raising(command, tmp_path, "-o", tmp_path / "again")
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(
    ("value", "unit", "stated", "shown"),
    [
        (1_220_000, "bytes", "MB", "1.22 MB"),
        (1_220_000, "bytes", "MiB", "1.16 MiB"),
        (1_500_000, "bytes", "GB", "1.43 MiB"),
        (1_500_000, "ns", "s", "1.50 ms"),
        (0.985, "fraction", "%", "98.5 %"),
        (None, "bytes", "MB", "–"),
        (None, "", "MB", "–"),
    ],
)
def test_figures_are_in_the_unit_of_their_target(value: float | None, unit: str, stated: str, shown: str) -> None:
    """A size, as far as that has three digits."""
    assert figure_shown(value, unit, stated) == shown


@pytest.mark.process
@pytest.mark.parametrize("turns", [None, Alternation("a", "new")])
def test_a_number_of_repeats_that_was_asked_for_is_asked_again(claim: Path, turns: Alternation | None) -> None:
    """Of a run alone, and of one beside its yardstick."""
    run = load_records(claim / "records")[0]
    plan = replace(run.record.plan, alternation=turns)
    catalog = discover([claim / "models" / "fraud.py"])
    asked = replace(run, record=replace(run.record, plan=plan))
    assert suite_again(asked, claim, catalog, Reviewer()).repeats == 3


def test_the_files_of_a_pipeline_are_named_by_the_reviewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle does not hold them. A folder of that name with other files is refused before anything is measured."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.onnx").write_bytes(b"a model")
    photos = tmp_path / "elsewhere" / "photos"
    photos.mkdir(parents=True)
    (photos / "a.png").write_bytes(b"a photograph")
    facts = PipelineFacts(
        kind="detection", stages=(), inputs=1, files=1, sha256=sha256_of_inputs((photos / "a.png",)), not_taken=()
    )
    run = fake_run("r", [np.full(20, 1_000_000)])
    plan = run.record.plan
    plan = replace(
        plan,
        asked=Asked("file", NamedFile("net.onnx"), pipeline_inputs=NamedFile("photos")),
        model=replace(plan.model, sha256=sha256(b"a model").hexdigest(), size_bytes=7),
        scenario=Scenario("end-to-end", parameters={"pipeline": "detection"}),
        pipeline=facts,
    )
    claimed = replace(run, record=replace(run.record, plan=plan))
    catalog, own = discover([NULL]), Reviewer(datasets=(photos,))
    assert str(photos) == suite_again(claimed, tmp_path, catalog, own).models[0].pipeline_inputs
    with pytest.raises(InputError, match=r"photos, which is neither .*; name it with --inputs PATH"):
        suite_again(claimed, tmp_path, catalog, Reviewer())
    (photos / "a.png").write_bytes(b"another")
    with pytest.raises(InputError, match="photos does not hold the 1 file"):
        suite_again(claimed, tmp_path, catalog, own)
