"""No traffic but the run's own: no socket, no look-up, no file outside output, cache and temporary folder."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from bench.process import telemetry
from bench.targets.distributions import importable

CODE = "import sys; sys.argv[0] = 'odb'; from bench.cli import main; main()"
GUARD = """
import os, sys
def told(event, arguments):
    if event in ("socket.__new__", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        if event == "socket.__new__" and arguments[1] not in (2, 10):
            return
        with open(os.environ["NETLOG"], "a") as file:
            file.write(f"{event} {arguments[1:]!r} {sys.argv[:1]}\\n")
sys.addaudithook(told)
"""
"""As sitecustomize.py it runs in every Python, before anything else."""

NET, TEXT = "net", "text"
CELLS = {
    "openvino:CPU": (NET, "openvino"),
    "ort:cpu": (NET, "onnxruntime"),
    "qnn:htp-emu": (NET, "onnxruntime_qnn"),
    "openvino-genai:CPU": (TEXT, "openvino_genai"),
    "ort-genai:cpu": (TEXT, "onnxruntime_genai"),
}


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network that every target takes."""
    path = tmp_path_factory.mktemp("net") / "net.onnx"
    values = np.linspace(-1, 1, 64, dtype=np.float32)
    weight = helper.make_tensor("w", TensorProto.FLOAT, [8, 8], values.tobytes(), raw=True)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Relu", ["m"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])],
        [weight],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


class House:
    """Folders of a run's own, with a home that must stay empty."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("home", "tmp", "cache", "guard", "here"):
            (root / name).mkdir()
        (root / "guard" / "sitecustomize.py").write_text(GUARD)

    def environment(self) -> dict[str, str]:
        """The user's, without what switches telemetry off."""
        kept = {k: v for k, v in os.environ.items() if k not in (telemetry.ONNX_RUNTIME, "CI", "XDG_CACHE_HOME")}
        own = {"HOME": "home", "TMPDIR": "tmp", "ODB_CACHE": "cache", "PYTHONPATH": "guard"}
        return (
            kept
            | {name: str(self.root / folder) for name, folder in own.items()}
            | {"NETLOG": str(self.root / "net.log"), "PYTHONDONTWRITEBYTECODE": "1"}
        )

    def run(self, target: str, model: Path, *before: str) -> dict[str, object]:
        """The record of one quick run, ``before`` being what the command is run under."""
        text = ("-p", "4", "-n", "4") if CELLS[target][0] == TEXT else ()
        quick = ("--repeats", "1", "--max-seconds", "0.2", "-o", str(self.root / "out"))
        command = [*before, sys.executable, "-c", CODE, "run", "-m", str(model), "-t", target, *text, *quick]
        done = subprocess.run(
            command,
            env=self.environment(),
            cwd=self.root / "here",
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        (record,) = (self.root / "out").glob("*/record.json")
        content: dict[str, object] = json.loads(record.read_text())
        assert "ok" == content["status"], done.stdout + done.stderr
        return content


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture(scope="module", params=CELLS)
def left(request: pytest.FixtureRequest, net: Path, realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of one run on each target that is installed; its system calls are in ``trace``, where there is
    strace."""
    kind, module = CELLS[request.param]
    if not importable(module):
        pytest.skip(f"{module} is not installed")
    house = House(tmp_path_factory.mktemp("house"))
    calls = "socket,connect,sendto,sendmsg,open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2"
    strace = ("strace", "-f", "-y", "-qq", "--seccomp-bpf", "-e", f"trace={calls}", "-o", str(house.root / "trace"))
    model = net if kind == NET else realdata / "llm" / "stories260K" / "model.onnx"
    house.run(request.param, model, *(strace if shutil.which("strace") else ()))
    return house.root


@pytest.mark.process
@pytest.mark.real
@pytest.mark.timeout(300)
def test_no_process_of_a_run_opens_a_socket(left: Path) -> None:
    """Python tells of every socket and look-up; the home folder stays as it was."""
    log = left / "net.log"
    assert "" == (log.read_text() if log.exists() else "")
    assert [] == list((left / "home").rglob("*"))


@pytest.mark.process
@pytest.mark.real
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.timeout(300)
def test_the_kernel_sees_no_traffic_and_no_foreign_file(left: Path) -> None:
    """Native libraries included: no socket but a local one, and files only in the folders of the run."""
    lines = (left / "trace").read_text(errors="replace").splitlines()
    assert any("execve" in line or "record.json" in line for line in lines), "nothing was traced"
    assert [] == [line for line in lines if re.search(r"socket\((?!AF_UNIX|AF_NETLINK)", line)]
    own = [left / name for name in ("out", "tmp", "cache")]
    foreign = [path for path in written(lines, left / "here") if not any(path.is_relative_to(o) for o in own)]
    assert [] == [path for path in foreign if not harmless(path)]


def harmless(path: Path) -> bool:
    """What belongs to no one: the null device, shared memory, and the process' own entries in /proc."""
    return path in (Path("/dev/null"), Path("/dev/tty")) or path.is_relative_to("/dev/shm") or path.parts[1] == "proc"


def written(lines: list[str], here: Path) -> Iterator[Path]:
    """The paths that were opened for writing, made or moved to, in a trace of ``strace -y``."""
    for line in lines:
        if re.search(r"= -1 E\w+", line):
            continue
        opened = re.search(r"(open|openat|openat2|creat)\(", line)
        if opened and not re.search(r"O_WRONLY|O_RDWR|O_CREAT|creat\(", line):
            continue
        if not opened and not re.search(r"(mkdir|rename)\w*\(", line):
            continue
        names = re.findall(r"(?:<([^>]*)>, )?\"((?:[^\"\\]|\\.)*)\"", line)
        for folder, name in names:
            yield Path(os.path.normpath(Path(folder or here, name)))


def test_both_switches_are_written() -> None:
    """Into the process' own environment and modules, whatever the user has there."""
    environ, modules = {telemetry.ONNX_RUNTIME: "0"}, {"openvino_telemetry": object()}
    telemetry.off(environ, modules)
    assert ({"ORT_DISABLE_TELEMETRY": "1"}, {"openvino_telemetry": None}) == (environ, modules)


@pytest.mark.parametrize(
    ("found", "asked", "words"),
    [
        ((), None, []),
        ((), "1", []),
        ((), "TRUE", []),
        ((), "0", ["ORT_DISABLE_TELEMETRY=0 asks"]),
        ((), "", ["ORT_DISABLE_TELEMETRY= asks"]),
        (("openvino",), None, ["openvino: imported as Python starts"]),
    ],
)
def test_what_turns_it_on_again_is_told(found: tuple[str, ...], asked: str | None, words: list[str]) -> None:
    told = telemetry.reasons(found, asked)
    assert words == [str(reason)[: len(word)] for reason, word in zip(told, words, strict=True)]


@pytest.mark.real
@pytest.mark.process
@pytest.mark.parametrize("value", [*telemetry.OFF, "TRUE"])
def test_every_value_that_is_said_to_switch_it_off_does(house: House, net: Path, value: str) -> None:
    """ONNX Runtime itself, without odb: with telemetry it would leave a device id in the home."""
    pytest.importorskip("onnxruntime")
    code = f"import onnxruntime as o; o.InferenceSession({str(net)!r}, providers=['CPUExecutionProvider'])"
    environment = house.environment() | {telemetry.ONNX_RUNTIME: value}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=240, cwd=house.root / "here")
    assert [] == list((house.root / "home").iterdir())
    assert () == telemetry.reasons((), value)


@pytest.mark.process
def test_doctor_tells_what_the_environment_does(house: House) -> None:
    """A variable that asks for reports, and a runtime that Python imports as it starts."""
    (house.root / "guard" / "sitecustomize.py").write_text("import sys\nsys.modules['openvino'] = sys\n")
    command = [sys.executable, "-c", CODE, "doctor", "--json"]
    environment = house.environment() | {telemetry.ONNX_RUNTIME: "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    told = [f for f in json.loads(done.stdout) if f["topic"] == "telemetry"]
    assert [("warning", True), ("warning", True)] == [(f["state"], "privacy.md" in f["remedy"]) for f in told]
