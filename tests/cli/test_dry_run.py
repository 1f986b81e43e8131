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
from bench.contracts import Artifact
from bench.errors import InputError, RunFailure
from bench.testing import NullTarget


class Choosy(NullTarget):
    def options(self, device):
        return {"chip": "which chip"}

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
    code = "import sys; sys.argv[0] = 'odb'; from bench.cli import main; main()"
    asked = ("run", "--plugin", "choosy.py", "-t", "choosy:cpu", "--dry-run", *arguments)
    return subprocess.run(
        [sys.executable, "-c", code, *asked], capture_output=True, text=True, timeout=120, cwd=place, check=False
    )


@pytest.mark.parametrize(
    ("asked", "status", "refused"),
    [
        (("-m", "net.onnx", "-O", "chip=b"), 0, None),
        (("-m", "net.onnx", "-O", "chip=a"), 0, "net is float, and chip a is not"),
        (("-m", "mobilenet_v2", "-O", "chip=a"), 0, "mobilenet_v2 is float, and chip a is not"),
        (("-m", "mobilenet_v2", "-O", "chip=c"), 2, "unknown chip: c"),
    ],
)
def test_what_a_target_would_refuse_is_told(
    place: Path, asked: tuple[str, ...], status: int, refused: str | None
) -> None:
    """By model and options, of a file and of a built-in that is not built; a value nobody knows is bad input."""
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
    assert sorted(["choosy.py", "net.onnx", "open.onnx"]) == sorted(path.name for path in place.iterdir())
