"""Quality in whole runs: real processes, on models that copy and targets that err in a known way."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from judged_runs import in_words
from onnx import TensorProto, helper, save

from bench.execution.suite_run import run_suite
from bench.plugins import discover
from bench.record.quality import LeftOut, Quality
from bench.record.record import RecordedRun
from bench.store.records import load
from bench.suite.suite import ModelAsk, Suite, TargetAsk

JUDGING = Path(__file__).resolve().parents[2] / "plugins" / "judging.py"
CLASSES = 8
pytestmark = [pytest.mark.real, pytest.mark.process]


def identity(path: Path) -> Path:
    """A graph that returns its input [1, 8] as y."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, CLASSES]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"], "same")], "same", [x], [y])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def scores(folder: Path, skewed: int, right: int, wrong: int = 0) -> Path:
    """Samples whose input is their scores: best at the label, or for ``wrong`` ones beside it. The ``skewed`` ones are
    those that ``skewed:cpu`` turns round."""
    folder.mkdir()
    labels = {}
    for i in range(skewed + right + wrong):
        best = 2 + i % (CLASSES - 3)  # never in the middle: turned round, another class is best
        row = np.linspace(0.1, 0.2, CLASSES, dtype=np.float32)
        row[0] = -1.0 if i < skewed else 0.5
        row[best] = 2.0
        np.save(folder / f"s{i:03}.npy", row.reshape(1, CLASSES))
        labels[f"s{i:03}.npy"] = best if i < skewed + right else best - 1
    (folder / "labels.json").write_text(json.dumps(labels))
    return folder


def measured(tmp_path: Path, ask: ModelAsk, targets: Sequence[str]) -> list[RecordedRun]:
    out = tmp_path / "out"
    out.mkdir()
    suite = Suite(models=(ask,), targets=tuple(map(TargetAsk, targets)), repeats=1, max_seconds=0.05)
    return run_suite(suite, discover([JUDGING]), out, cache=tmp_path / "cache")


def quality_of(run: RecordedRun) -> Quality:
    assert run.record.failure is None
    assert run.record.quality is not None
    return run.record.quality


def test_a_loss_is_told_from_noise(tmp_path: Path) -> None:
    """A target that errs on 12 of 40 samples lost 30 points, by McNemar's test; the reference's own target none."""
    net = identity(tmp_path / "net.onnx")
    ask = ModelAsk(str(net), dataset=str(scores(tmp_path / "scores", skewed=12, right=24, wrong=4)))
    runs = measured(tmp_path, ask, ("ort:cpu", "skewed:cpu"))
    assert [False, False] == [run.record.fidelity.float_reference for run in runs if run.record.fidelity is not None]
    plain, skewed = (quality_of(run) for run in runs)
    assert (0.9, 0.6) == (plain.metrics[0].value, pytest.approx(skewed.metrics[0].value))
    assert plain.reference is not None
    assert ("ort:cpu, fp32, ORT_DISABLE_ALL", 0.9) == (plain.reference.name, plain.reference.metrics[0].value)
    lost = skewed.paired[0]
    assert ("top1", "exact McNemar", "worse", 0, 12, 40) == (
        lost.metric,
        lost.test,
        lost.word,
        lost.better_samples,
        lost.worse_samples,
        lost.n,
    )
    assert (pytest.approx(-0.3), 2 / 2**12) == (lost.difference, lost.p_value)
    assert lost.interval95 is not None
    assert lost.interval95[1] < 0
    assert [("top1", 0.0, 1.0, "cannot_tell"), ("top5", 0.0, 1.0, "cannot_tell")] == [
        (pair.metric, pair.difference, pair.p_value, pair.word) for pair in plain.paired
    ]


def test_the_record_proves_what_was_judged(tmp_path: Path) -> None:
    """File, target and options of quality are those of speed; per-sample results are in the samples, so that a pair
    can be tested again; the dataset is named without its path."""
    ask = ModelAsk(str(identity(tmp_path / "net.onnx")), dataset=str(scores(tmp_path / "scores", 2, 10)))
    (run,) = measured(tmp_path, ask, ("ort:cpu",))
    record, quality = run.record, quality_of(run)
    plan = record.plan
    assert (plan.model.sha256, plan.target.id, plan.target.options_effective) == (
        quality.artifact_sha256,
        quality.target,
        quality.options_effective,
    )
    assert ("scores", 12, ()) == (quality.dataset.name, quality.dataset.samples, quality.dataset.left_out)
    stored = load(tmp_path / "out" / record.record_id)
    assert {"top1": "quality_top1", "top5": "quality_top5"} == quality.samples
    assert ("int8", [1] * 12) == (str(stored.samples["quality_top1"].dtype), stored.samples["quality_top1"].tolist())
    assert record.fidelity is not None
    assert (4, "dataset") == (record.fidelity.inputs, record.fidelity.inputs_source)
    assert str(tmp_path) not in (tmp_path / "out" / record.record_id / "record.json").read_text()


def test_a_file_that_is_not_the_planned_one_is_told(tmp_path: Path) -> None:
    """The hash is taken anew when the samples are judged; where it is another, the verdict says so."""
    folder = tmp_path / "angles"
    folder.mkdir()
    np.save(folder / "a.npy", np.ones((1, 4), np.float32))
    (folder / "labels.json").write_text('{"a.npy": {"angle": 1}}')
    (run,) = measured(tmp_path, ModelAsk("fickle", dataset=str(folder)), ("skewed:cpu",))
    assert run.record.verdict is not None
    assert ["Quality and speed are of a different file."] == [
        reason.message for reason in run.record.verdict.reasons if reason.code == "quality_of_another"
    ]


def test_a_plugins_own_judge(tmp_path: Path) -> None:
    """Its scores become metrics by their names, with the direction that it states; what it refuses is left out."""
    folder = tmp_path / "angles"
    folder.mkdir()
    labels: dict[str, object] = {}
    for i in range(12):
        np.save(folder / f"{i:02}.npy", np.full((1, 4), i + 1, np.float32))
        labels[f"{i:02}.npy"] = {"angle": i} if i else "none"
    (folder / "labels.json").write_text(json.dumps(labels))
    (run,) = measured(tmp_path, ModelAsk("spring", dataset=str(folder)), ("skewed:cpu",))
    quality = quality_of(run)
    assert ("judged", 11) == (quality.dataset.task, quality.dataset.samples)
    assert (LeftOut("00.npy", "labels.json: 00.npy", "no angle is expected"),) == quality.dataset.left_out
    assert [("distance", 1.0, False), ("upright", 1.0, True)] == [
        (metric.name, metric.value, metric.higher_is_better) for metric in quality.metrics
    ]
    assert quality.metrics[0].interval95 == (1.0, 1.0)
    assert quality.reference is not None
    assert quality.reference.reason  # ONNX Runtime cannot open what is no graph


def test_what_cannot_be_used_is_left_out_and_the_rest_judged(tmp_path: Path) -> None:
    """Missing, truncated, unlabelled, out of range, of another shape: each named by file and field, none fatal."""
    folder = scores(tmp_path / "scores", 0, 12)
    (folder / "s001.npy").write_bytes((folder / "s001.npy").read_bytes()[:100])
    np.save(folder / "s002.npy", np.zeros((1, 9), np.float32))
    np.save(folder / "extra.npy", np.zeros((1, 8), np.float32))
    labels = json.loads((folder / "labels.json").read_text())
    (folder / "labels.json").write_text(json.dumps({**labels, "s000.npy": 8, "gone.npy": 1, "s003.npy": None}))
    (run,) = measured(tmp_path, ModelAsk(str(identity(tmp_path / "net.onnx")), dataset=str(folder)), ("ort:cpu",))
    quality = quality_of(run)
    assert (8, 1.0) == (quality.dataset.samples, quality.metrics[0].value)
    assert [
        ("extra.npy", "labels.json", "has no label"),
        ("gone.npy", "labels.json: gone.npy", "no such file"),
        ("s000.npy", "labels.json: s000.npy", "class id 8 is outside of the model's 8 classes"),
        ("s001.npy", "s001.npy", "s001.npy: is not a whole .npy file of plain arrays"),
        ("s002.npy", "s002.npy", "x: has the shape [1, 9], but the model takes [1, 8]"),
        ("s003.npy", "labels.json: s003.npy", "null is neither a class id nor a list of them"),
    ] == [(left.file, left.field, left.reason) for left in in_words(quality.dataset.left_out)]
    assert run.record.verdict is not None
    (said,) = [reason for reason in run.record.verdict.reasons if reason.code == "dataset_incomplete"]
    assert "6 of 14 samples of scores left out" in said.message
    assert not said.invalidates


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ("{", "", "labels.json: line 1, column 2: Expecting property name"),
        (
            '{"a.npy": 9}',
            "",
            "no sample can be used; a.npy: class id 9 is outside of the model's 8 classes (labels.json: a.npy)",
        ),
        ('{"a.npy": 7}', "label_offset=1", "class id 7 with label_offset 1 is outside of the model's 8 classes"),
        ('{"a.npy": 1}', "output=probs", "--dataset-options output: the model has no output probs"),
        ('{"a.npy": 1}', "task=segmentation", "a.npy: a label is not an array"),
    ],
)
def test_a_dataset_that_is_wrong_fails_the_run(tmp_path: Path, labels: str, options: str, message: str) -> None:
    """Before anything is timed, with the file and the field."""
    folder = tmp_path / "scores"
    folder.mkdir()
    np.save(folder / "a.npy", np.zeros((1, CLASSES), np.float32))
    (folder / "labels.json").write_text(labels)
    ask = ModelAsk(str(identity(tmp_path / "net.onnx")), dataset=str(folder), dataset_options=options)
    (run,) = measured(tmp_path, ask, ("ort:cpu",))
    assert run.record.failure is not None
    assert ("failed", "bad_input", ()) == (run.record.status, run.record.failure.kind, run.record.repeats)
    assert message in run.record.failure.message


def test_pairs_of_arrays(tmp_path: Path) -> None:
    """Errors of real numbers against NAME.expected.npz; a target that answers as the reference is shown to be the
    same."""
    net, random = identity(tmp_path / "net.onnx"), np.random.default_rng(0)
    folder = tmp_path / "real"
    folder.mkdir()
    for i in range(12):
        x = random.normal(0, 1, (1, CLASSES)).astype(np.float32)
        np.savez(folder / f"{i}.npz", x=x)
        np.savez(folder / f"{i}.expected.npz", y=x + 0.5)
    (run,) = measured(tmp_path, ModelAsk(str(net), dataset=str(folder)), ("ort:cpu",))
    found = {metric.name: metric.value for metric in quality_of(run).metrics}
    assert (0.5, 0.5) == (pytest.approx(found["mae"], abs=1e-6), pytest.approx(found["rmse"], abs=1e-6))
    assert {"same"} == {pair.word for pair in quality_of(run).paired}


def test_a_float_model_as_the_reference(tmp_path: Path) -> None:
    """--reference takes the place of the same file, in fidelity and in quality, and is named."""
    net, twin = identity(tmp_path / "net.onnx"), identity(tmp_path / "float.onnx")
    twin.write_bytes(twin.read_bytes() + b"\x3a\x00")  # an empty field more: the same graph, another file
    ask = ModelAsk(str(net), dataset=str(scores(tmp_path / "scores", 4, 8)), reference=str(twin))
    (run,) = measured(tmp_path, ask, ("skewed:cpu",))
    quality = quality_of(run)
    assert quality.reference is not None
    assert "float.onnx on ort:cpu, fp32, ORT_DISABLE_ALL" == quality.reference.name
    assert quality.reference.artifact_sha256 not in (None, quality.artifact_sha256)
    assert (1.0, -4 / 12) == (quality.reference.metrics[0].value, pytest.approx(quality.paired[0].difference))
    assert run.record.fidelity is not None
    assert (quality.reference.name, False) == (run.record.fidelity.reference, run.record.fidelity.ok)
    assert run.record.fidelity.float_reference is True
