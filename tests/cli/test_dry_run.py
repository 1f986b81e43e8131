"""What a dry run tells before anything is opened."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

pytestmark = pytest.mark.process

PLUGIN = """
from bench.contracts import Artifact, Device
from bench.errors import InputError, RunFailure
from bench.testing import NullTarget


class Choosy(NullTarget):
    def options(self, device):
        return {"chip": "which chip"}

    def devices(self):
        return [*NullTarget.devices(self), Device("npu", False, "", "no driver", "Install it.", default=False)]

    def check(self, artifact, device, options):
        if options.get("chip", "b") not in "ab":
            raise InputError("unknown chip: " + options["chip"], "Known: a, b.")
        if options.get("chip") == "a" and artifact.precision == "float32":
            message = artifact.model_id + " is float, and chip a is not"
            raise RunFailure("unsupported_precision", message, "Quantise it.")


PLUGINS = {"targets": {"choosy": Choosy}}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "choosy.py").write_text(PLUGIN)
    for name, shape in (("net", [1, 4]), ("open", ["batch", "side", 4])):
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["y"])],
            name,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")],
        )
        onnx.save(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9),
            tmp_path / f"{name}.onnx",
        )
    return tmp_path


def dry_run(place: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return odb(place, "run", "--plugin", "choosy.py", "-t", "choosy:cpu", "--dry-run", *arguments)


def odb(place: Path, *asked: str) -> "subprocess.CompletedProcess[str]":
    code = "import sys; sys.argv[0] = 'odb'; from bench.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *asked], capture_output=True, text=True, timeout=120, cwd=place, check=False
    )


@pytest.mark.parametrize(
    ("asked", "status", "refused"),
    [
        (("-m", "net.onnx", "-O", "chip=b"), 0, None),
        (("-m", "net.onnx", "-O", "chip=a"), 3, "net is float, and chip a is not"),
        (("-m", "mobilenet_v2", "-O", "chip=a"), 3, "mobilenet_v2 is float, and chip a is not"),
        (("-m", "mobilenet_v2", "-O", "chip=c"), 2, "unknown chip: c"),
    ],
)
def test_what_a_target_would_refuse_is_told(
    place: Path, asked: tuple[str, ...], status: int, refused: str | None
) -> None:
    """By model and options, of a file and of a built-in that is not built; a value nobody knows is bad input. Where
    nothing would be measured, the status is 3, as the run's is."""
    done = dry_run(place, *asked, "--json")
    rows = json.loads(done.stdout)
    assert (status, [refused]) == (done.returncode, [row["refused"] for row in rows])


def test_a_file_that_cannot_be_measured_so_is_told(place: Path) -> None:
    """Dynamic shapes, with the remedy; what else was asked for stays in the plan, with its options."""
    done = dry_run(place, "-m", "net.onnx", "-m", "open.onnx", "-O", "chip=b")
    assert 2 == done.returncode
    assert "Refused: open.onnx: " in done.stdout
    assert "--shape x=" in done.stdout
    net, unread = (next(line for line in done.stdout.splitlines() if line.startswith(name)) for name in ("net", "open"))
    assert (True, True) == (net.rstrip().endswith("chip=b"), "refused: bad_input" in unread)
    left = {path.name for path in place.iterdir()} - {"__pycache__"}  # Python's own, of the plugin
    assert {"choosy.py", "net.onnx", "open.onnx"} == left


def test_a_skipped_run_is_told_with_its_remedy(place: Path) -> None:
    """Once for all models, for people and for scripts; what can be measured stays in the plan."""
    done = dry_run(place, "-t", "choosy:npu", "-m", "net.onnx", "-m", "mobilenet_v2")
    assert 0 == done.returncode
    assert 1 == done.stdout.count("\nSkipped: choosy:npu is not usable here: no driver\n  what to do: Install it.\n")
    assert 2 == done.stdout.count("skipped: unavailable")
    rows = json.loads(dry_run(place, "-t", "choosy:npu", "-m", "net.onnx", "--json").stdout)
    assert [None, "Install it."] == [row["what_to_do"] for row in rows]


def test_a_plan_of_which_nothing_is_left_is_not_done(place: Path) -> None:
    """Status 3, as the run's would be."""
    asked = ("run", "--plugin", "choosy.py", "-t", "choosy:npu", "-m", "net.onnx", "--dry-run")
    done = odb(place, *asked)
    assert (3, True) == (done.returncode, "nothing would be measured" in done.stdout)
