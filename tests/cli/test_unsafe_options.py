"""Suites with options that act: refused before a runtime sees them, taken when the user names them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

pytestmark = pytest.mark.process


def odb(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    code = "import sys; sys.argv[0] = 'odb'; from bench.cli import main; main()"
    quick = ("--repeats", "1", "--max-seconds", "0.1", "-o", str(folder / "out"))
    command = [sys.executable, "-c", code, "run", *arguments, *quick]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=240,
        cwd=folder,
        env=os.environ | environment,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a small net and a suite for it, whose options a test adds."""
    weight = helper.make_tensor("w", TensorProto.FLOAT, [4, 4], np.eye(4, dtype=np.float32).tobytes(), raw=True)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Relu", ["m"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "net.onnx")
    return tmp_path


def write(folder: Path, target: str, options: str) -> None:
    text = f'[[models]]\nsource = "net.onnx"\n[[targets]]\nid = "{target}"\n[options]\n{options}\n'
    (folder / "suite.toml").write_text(text)


@pytest.mark.real
def test_a_suite_writes_no_file(folder: Path) -> None:
    """Status 2, the option named, nothing written; the same with the option named by the user does write."""
    write(folder, "ort:cpu", '"optimized_model_filepath" = "VICTIM"')
    done = odb(folder, "suite.toml")
    assert 2 == done.returncode
    assert "suite.toml: option optimized_model_filepath: not taken from somebody else's file" in done.stderr
    assert "--allow-unsafe-options optimized_model_filepath" in done.stderr
    assert ["net.onnx", "suite.toml"] == sorted(path.name for path in folder.iterdir())
    allowed = odb(folder, "suite.toml", "--allow-unsafe-options", "optimized_model_filepath")
    assert "options accepted by --allow-unsafe-options: optimized_model_filepath" in allowed.stderr
    assert (folder / "VICTIM").is_file()


@pytest.mark.real
def test_a_suite_loads_no_library(folder: Path) -> None:
    """The constructor of the library that op_packages names does not run."""
    pytest.importorskip("onnxruntime_qnn")
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to make a library with")
    code = f'__attribute__((constructor)) static void f(void){{FILE*g=fopen("{folder}/LOADED","a");if(g)fclose(g);}}'
    (folder / "e.c").write_text(f"#include <stdio.h>\n{code}\n")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "evil.so", folder / "e.c"], check=True)
    write(folder, "qnn:htp-emu", f'"qnn.op_packages" = "Relu:{folder}/evil.so:f:CPU"')
    done = odb(folder, "suite.toml")
    assert (2, False) == (done.returncode, (folder / "LOADED").exists())
    assert "option op_packages" in done.stderr


@pytest.mark.real
def test_a_flag_is_the_users_own(folder: Path) -> None:
    """No leave is needed for it, and it stands in place of the suite's."""
    write(folder, "ort:cpu", '"optimized_model_filepath" = "VICTIM"\nintra_op_num_threads = "1"')
    done = odb(folder, "suite.toml", "-O", "optimized_model_filepath=MINE")
    assert (True, False) == ((folder / "MINE").is_file(), (folder / "VICTIM").exists()), done.stderr


def test_leave_without_a_suite_is_refused(folder: Path) -> None:
    """Flags need none."""
    done = odb(folder, "-m", "net.onnx", "-t", "ort:cpu", "--allow-unsafe-options", "op_packages")
    assert (2, True) == (done.returncode, "--allow-unsafe-options: applies to options of a suite file" in done.stderr)


@pytest.mark.real
def test_a_model_sets_no_options(folder: Path) -> None:
    """ONNX Runtime would profile into the current folder if the model's metadata ask for it and the environment lets
    them."""
    model = onnx.load(folder / "net.onnx")
    asked = json.dumps({"session_options": {"enable_profiling": 1, "intra_op_num_threads": 1}})
    helper.set_model_props(model, {"ort_config": asked})
    onnx.save(model, folder / "net.onnx")
    odb(folder, "-m", "net.onnx", "-t", "ort:cpu", ORT_LOAD_CONFIG_FROM_MODEL="1")
    (record,) = (folder / "out").glob("*/record.json")
    assert "ok" == json.loads(record.read_text())["status"]
    assert [] == list(folder.rglob("*profile*"))


def test_the_list_of_options_says_which_are_safe(folder: Path) -> None:
    code = "import sys; sys.argv[0] = 'odb'; from bench.cli import main; main()"
    command = [sys.executable, "-c", code, "list", "options", "ort:cpu", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=folder, check=False)
    safe = {row["name"]: row["safe"] for row in json.loads(done.stdout)}
    assert (True, False) == (safe["intra_op_num_threads"], safe["optimized_model_filepath"])
