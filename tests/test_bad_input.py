"""Bad input as a user makes it: through the real command, judged by its status, its records and its words."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.record.record import Record
from bench.store.records import load_records

pytestmark = [pytest.mark.real, pytest.mark.process]

DETECTOR, NETWORK, QUANTISED = "ultraface_rfb_320.onnx", "road-segmentation-adas-0001", "mobilenet_v2_int8.tflite"
BOTH = ("openvino:CPU", "ort:cpu")

VANISHING = '''"""An energy counter that is pulled out after its first reading in each process."""

from bench.contracts import Channel


class Vanishing:
    summary = "vanishes"

    def __init__(self):
        self.readings = 0

    def channels(self, root):
        return [Channel("vanishing", "meter", "energy", "board", "counter")]

    def read(self, root, channel):
        self.readings += 1
        if self.readings > 1:
            raise OSError("unplugged")
        return 1.0


PLUGINS = {"sensors": {"vanishing": Vanishing}}
'''


class Outcome(NamedTuple):
    """What one ``odb run`` said and left."""

    status: int
    stdout: str
    stderr: str
    out: Path

    @property
    def records(self) -> list[Record]:
        return [run.record for run in load_records(self.out)]

    def record(self, model: str, target: str) -> Record:
        """The one record of that model on that target."""
        (found,) = (r for r in self.records if (r.plan.model.id, r.plan.target.id) == (model, target))
        return found


def odb_run(folder: Path, *words: str) -> Outcome:
    """``odb run`` with one short repeat, typed in ``folder``. Never a traceback, whatever was given."""
    out = folder / f"out-{len(list(folder.glob('out-*')))}"
    quick = ("--repeats", "1", "--max-seconds", "0.2", "-o", str(out))
    done = subprocess.run(
        [sys.executable, "-c", "from bench.cli import main; main()", "run", *quick, *words],
        capture_output=True,
        text=True,
        timeout=280,
        cwd=folder,
        env={**os.environ, "ODB_CACHE": str(folder / "cache")},
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return Outcome(done.returncode, done.stdout, done.stderr, out)


def save(path: Path, nodes: list[Any], x: list[Any], y: list[Any], **weights: Any) -> Path:
    """An ONNX file with float32 ``x`` and ``y``; operators may come from the domain ``acme.ai``."""
    made = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, y)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("acme.ai", 1)]
    onnx.save(helper.make_model(made, opset_imports=opsets, ir_version=9), path)
    return path


def dense(path: Path, *leading: Any) -> Path:
    """x [*leading, 4] -> y [*leading, 3]."""
    product = helper.make_node("MatMul", ["x", "w"], ["y"], "product")
    return save(path, [product], [*leading, 4], [*leading, 3], w=np.ones((4, 3), np.float32))


def endless(path: Path) -> Path:
    """A graph whose one constant would take 4 PiB, more than a process can address."""
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["c"], "fill"),
        helper.make_node("ReduceSum", ["c"], ["sum"], "sum", keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"], "add"),
    ]
    return save(path, nodes, [1, 4], [1, 4], size=np.array([1 << 20, 1 << 20, 1 << 10], np.int64))


def external(path: Path, location: str) -> Path:
    """A dense layer whose weights are said to be in ``location``, which is not there."""
    model = onnx.load(dense(path, 1))
    onnx.save(model, path, save_as_external_data=True, location="weights.data", size_threshold=0)
    (path.parent / "weights.data").unlink()
    model = onnx.load(path, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    onnx.save(model, path)
    return path


def cut(source: Path, path: Path) -> Path:
    """The first half of ``source``."""
    path.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    return path


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which everything is typed."""
    for package in ("openvino", "onnxruntime"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    return tmp_path_factory.mktemp("desk")


@pytest.fixture(scope="module")
def damaged(desk: Path, realdata: Path) -> Outcome:
    """Every file that cannot be used, and a good one last, in one command on two targets."""
    models, photo = realdata / "models", realdata / "images" / "grace_hopper.jpg"
    (desk / "empty.onnx").write_bytes(b"")
    for name in ("jpeg_as_onnx.onnx", "jpeg_as_tflite.tflite", "jpeg_as_ir.xml"):
        shutil.copy(photo, desk / name)
    shutil.copy(models / QUANTISED, desk / "tflite_as_onnx.onnx")
    shutil.copy(models / DETECTOR, desk / "onnx_as_tflite.tflite")
    cut(models / DETECTOR, desk / "cut_onnx.onnx")
    cut(models / QUANTISED, desk / "cut_tflite.tflite")
    cut(models / f"{NETWORK}.xml", desk / "cut_ir.xml")
    for name in ("no_bin", "cut_bin"):
        shutil.copy(models / f"{NETWORK}.xml", desk / f"{name}.xml")
    cut(models / f"{NETWORK}.bin", desk / "cut_bin.bin")
    external(desk / "no_weights.onnx", "weights.data")
    external(desk / "weights_outside.onnx", "../../secret.data")
    save(desk / "own_operator.onnx", [helper.make_node("Frobnicate", ["x"], ["y"], "f", domain="acme.ai")], [4], [4])
    save(desk / "no_operator.onnx", [helper.make_node("Frobnicate", ["x"], ["y"], "f")], [4], [4])
    dense(desk / "dynamic.onnx", "batch", "length")
    endless(desk / "endless.onnx")
    dense(desk / "good.onnx", 1)
    names = sorted(p.name for p in desk.iterdir() if p.suffix in (".onnx", ".tflite", ".xml") and p.stem != "good")
    flags = [word for name in (*names, "good.onnx") for word in ("-m", name)]
    return odb_run(desk, *flags, "-t", BOTH[0], "-t", BOTH[1])


BAD_FILES = [
    ("empty", BOTH, "bad_input", "empty.onnx: is empty", "export it again"),
    ("jpeg_as_onnx", BOTH, "bad_input", "jpeg_as_onnx.onnx: is not an ONNX file", "export it again"),
    ("jpeg_as_tflite", BOTH[:1], "bad_input", "jpeg_as_tflite.tflite: is not a TFLite file", "export it again"),
    ("jpeg_as_ir", BOTH[:1], "bad_input", "jpeg_as_ir.xml: is not XML", "export it again"),
    ("tflite_as_onnx", BOTH, "bad_input", "tflite_as_onnx.onnx: is not an ONNX file", "export it again"),
    ("onnx_as_tflite", BOTH[:1], "bad_input", "onnx_as_tflite.tflite: is not a TFLite file", "export it again"),
    ("cut_onnx", BOTH, "bad_input", "cut_onnx.onnx: is not an ONNX file, or only a part of one", "cut short"),
    ("cut_tflite", BOTH[:1], "bad_input", "cut_tflite.tflite: is a damaged TFLite file", "cut short"),
    ("cut_ir", BOTH[:1], "bad_input", "cut_ir.xml: is not XML, or only a part of it", "cut short"),
    ("no_bin", BOTH[:1], "bad_input", "no_bin.xml: its weights file no_bin.bin is missing", "Put no_bin.bin next to"),
    ("cut_bin", BOTH[:1], "bad_input", "cut_bin.xml: its weights end at byte 737192", "cut_bin.bin is truncated"),
    (
        "no_weights",
        BOTH,
        "bad_input",
        "no_weights.onnx: its weights file weights.data is missing",
        "weights.data next to",
    ),
    ("weights_outside", BOTH, "bad_input", "outside its own folder: '../../secret.data'", "next to it"),
    ("own_operator", BOTH, "unsupported_operator", "Frobnicate", "standard o"),
    ("no_operator", BOTH, "unsupported_operator", "Frobnicate", "standard o"),
    (
        "dynamic",
        BOTH,
        "bad_input",
        "dynamic.onnx: an input has dynamic shapes: x [batch,length,4]",
        "--shape x=1,128,4",
    ),
    ("endless", BOTH[:1], "out_of_memory", "endless.onnx on CPU: not enough memory", "smaller model"),
]


@pytest.mark.parametrize(("model", "targets", "kind", "message", "remedy"), BAD_FILES)
def test_a_file_that_cannot_be_used_is_a_record(
    damaged: Outcome, model: str, targets: tuple[str, ...], kind: str, message: str, remedy: str
) -> None:
    """It names the file, says what is wrong with it, and what to do."""
    for target in targets:
        record = damaged.record(model, target)
        assert record.failure is not None
        assert ("failed", kind) == (record.status, record.failure.kind)
        assert message in record.failure.message
        assert remedy in record.failure.remedy


def test_memory_that_runs_out_within_a_call(damaged: Outcome) -> None:
    """ONNX Runtime asks for it only when it runs the graph; that is the same failure, with the same remedy."""
    failure = damaged.record("endless", "ort:cpu").failure
    assert failure is not None
    assert "out_of_memory" == failure.kind
    assert "smaller model" in failure.remedy


def test_the_suite_goes_on_past_them(damaged: Outcome) -> None:
    """The last model is measured on both targets, every pair has a record, and the status is 1."""
    assert ["ok", "ok"] == [damaged.record("good", target).status for target in BOTH]
    assert (1, "") == (damaged.status, damaged.stderr)
    names = sorted([*(row[0] for row in BAD_FILES), "good"] * 2)
    assert names == sorted(r.plan.model.id for r in damaged.records)


def test_what_a_target_does_not_open_is_only_skipped(damaged: Outcome) -> None:
    """ONNX Runtime skips IR and TFLite, damaged or not, by their suffix."""
    skipped = [r for r in damaged.records if r.status == "skipped"]
    assert {"ort:cpu"} == {r.plan.target.id for r in skipped}
    assert {"unsupported_format"} == {r.failure.kind for r in skipped if r.failure is not None}


def test_no_folder_is_told(damaged: Outcome, desk: Path) -> None:
    """Messages, remedies and logs of damaged files name files, not where they are."""
    files = list(damaged.out.glob("*/record.json"))
    assert [] != files
    assert [] == [f.parent.name for f in files if str(desk) in f.read_text()]
    assert str(desk) not in (damaged.out / "report.html").read_text()


@pytest.fixture(scope="module")
def misfed(desk: Path, realdata: Path) -> Outcome:
    """A good model under many names, each fed something else that it cannot take, in one command."""
    np.save(desk / "right.npy", np.ones((1, 4), np.float32))
    np.save(desk / "five.npy", np.ones((1, 5), np.float32))
    np.save(desk / "thirds.npy", np.full((1, 4), 1 / 3))
    cut(desk / "right.npy", desk / "cut.npy")
    np.save(desk / "objects.npy", np.array([[{}, 1, 2, 3]], dtype=object), allow_pickle=True)
    np.savez(desk / "other.npz", z=np.ones((1, 4), np.float32))
    (desk / "notes.txt").write_text("1 2 3 4")
    shutil.copy(realdata / "images" / "grace_hopper.jpg", desk / "photo.jpg")
    cut(desk / "photo.jpg", desk / "cut.jpg")
    for name, *_ in MISFED:
        if name.endswith("_image"):
            shutil.copy(realdata / "models" / DETECTOR, desk / f"{name}.onnx")
        else:
            dense(desk / f"{name}.onnx", 1)
    flags = [word for name, flag, given, *_ in MISFED for word in ("-m", f"{name}.onnx", flag, f"{name}:{given}")]
    return odb_run(desk, *flags, "-t", "ort:cpu")


MISFED = [
    ("wrong_name", "--input", "X=right.npy", "unknown input of the model: X", "Did you mean x?"),
    ("wrong_shape", "--input", "x=five.npy", "--input x: has the shape [1, 5], but the model takes [1, 4]", "--shape"),
    (
        "wrong_type",
        "--input",
        "x=thirds.npy",
        "--input x: holds float64, but the model takes float32",
        "astype('float32')",
    ),
    ("truncated", "--input", "x=cut.npy", "cut.npy: is not a whole .npy file", "numpy.save"),
    ("pickled", "--input", "x=objects.npy", "objects.npy: is not a whole .npy file", "without Python objects"),
    ("other_names", "--input", "other.npz", "unknown input of the model in other.npz: z", "Known: x."),
    ("wrong_kind", "--input", "x=notes.txt", "notes.txt: files that end in .txt are not read", ".npy"),
    ("no_image_input", "--input", "x=photo.jpg", "--input x: the shape [1, 4] is not that of one image", ".npy"),
    ("broken_image", "--input", "input=cut.jpg", "cut.jpg: is not a whole image", "again"),
    (
        "fixed_shape",
        "--shape",
        "x=2,4",
        "fixed_shape.onnx: --shape x=2,4 does not fit: the file fixes [1,4]",
        "dynamic",
    ),
    ("wrong_rank", "--shape", "x=1,1,4", "wrong_rank.onnx: --shape x=1,1,4 has 3 dimensions", "Give 2 dimensions"),
    ("no_such_shape", "--shape", "z=1,4", "unknown input of no_such_shape.onnx in --shape: z", "Known: x."),
]


@pytest.mark.parametrize(("model", "message", "remedy"), [(row[0], row[3], row[4]) for row in MISFED])
def test_an_input_that_does_not_fit_is_a_record(misfed: Outcome, model: str, message: str, remedy: str) -> None:
    """It names the flag and the field, or the file, and what would fit."""
    failure = misfed.record(model, "ort:cpu").failure
    assert failure is not None
    assert "bad_input" == failure.kind
    assert message in failure.message
    assert remedy in failure.remedy


def test_nothing_but_bad_input_exits_2(misfed: Outcome) -> None:
    """With nothing measured for want of good input, the status is 2, and each mistake is on the screen."""
    assert 2 == misfed.status
    assert len(MISFED) == len(misfed.records)
    shown = " ".join(misfed.stdout.split())
    assert [] == [name for name, *_ in MISFED if f"{name} on ort:cpu" not in shown]


@pytest.mark.parametrize(
    ("options", "message", "remedy"),
    [
        (("-t", "qnn:htp-emu", "-O", "soc=snapdragon-x-elit"), "snapdragon-x-elit", "snapdragon-x-elite?"),
        (("-t", "ort:cpu", "-O", "intra_op_num_threads=many"), "intra_op_num_threads=many: not a whole number", "=4"),
        (
            ("-t", "openvino:CPU", "-O", "NUM_STREAMS=lots"),
            "NUM_STREAMS=lots: CPU does not take it",
            "odb list options",
        ),
    ],
    ids=["soc", "ort", "openvino"],
)
def test_a_bad_value_of_an_option(desk: Path, options: tuple[str, ...], message: str, remedy: str) -> None:
    """A SoC nobody knows, a number that is none: status 2, the option named, the nearest or an example offered."""
    if "qnn:htp-emu" in options and find_spec("onnxruntime_qnn") is None:
        pytest.skip("onnxruntime-qnn is not installed")
    dense(desk / "layer.onnx", 1)
    outcome = odb_run(desk, "-m", "layer.onnx", *options)
    (record,) = outcome.records
    assert record.failure is not None
    assert (2, "bad_input") == (outcome.status, record.failure.kind)
    assert message in record.failure.message
    assert remedy in record.failure.remedy


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-m", "layer.onnx", "-t", "ort:cpu", "-O", "sco=qcs6490"), "unknown option: sco"),
        (("-m", "layer.onnx", "-t", "ort:cpu", "--input", "x=gone.npy"), "x=gone.npy: no such file"),
        (("-m", "layer.pt", "-t", "ort:cpu"), "layer.pt: no plugin takes files that end in .pt"),
        (("-m", "layer.onnx", "-t", "ort:cpu", "--shape", "x=-1,4"), "x=-1,4: every dimension must be 0 or more"),
    ],
)
def test_what_can_be_told_at_once_is_refused_at_once(desk: Path, words: tuple[str, ...], message: str) -> None:
    """Status 2 and a sentence on stderr, before any record is written."""
    dense(desk / "layer.onnx", 1)
    (desk / "layer.pt").write_bytes(b"PK")
    outcome = odb_run(desk, *words)
    assert (2, "") == (outcome.status, outcome.stdout)
    assert message in outcome.stderr
    assert not list(outcome.out.glob("*/record.json"))


def test_an_input_for_a_decoder_is_not_ignored(desk: Path) -> None:
    """A decoder takes its prompt from the scenario: an array given for it is an error, not silence."""
    np.save(desk / "ids.npy", np.ones((1, 4), np.int64))
    outcome = odb_run(desk, "-m", "llama-15M", "-t", "ort:cpu", "--input", "input_ids=ids.npy")
    assert 2 == outcome.status


def test_a_sensor_that_vanishes_midway_loses_its_channel_only(desk: Path) -> None:
    """The run is measured; its energy is null, not 0, and the verdict says which reading was lost."""
    dense(desk / "layer.onnx", 1)
    (desk / "vanishing.py").write_text(VANISHING)
    outcome = odb_run(desk, "-m", "layer.onnx", "-t", "ort:cpu", "--plugin", "vanishing.py")
    (record,) = outcome.records
    assert "ok" == record.status
    assert record.repeats[0].energy is not None
    (channel,) = (c for c in record.repeats[0].energy.channels if c.sensor == "vanishing")
    assert (True, None, None) == (channel.lost, channel.joules_total, channel.joules)
    assert record.summary.energy is not None
    assert record.summary.energy.joules_per_inference is None
    assert "vanishing/meter lost its reading" in str(record.summary.energy.reason)
    assert record.verdict is not None
    assert "sensor_lost" in {reason.code for reason in record.verdict.reasons}
