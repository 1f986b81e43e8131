"""``odb gate --confirm`` from end to end, with a real runtime in real processes: twice the work is planted, suspected,
measured again in alternation with the base in a session of its own, and red.

The models are real, and so is all that is measured again. The times of the two nights are given, so that it is certain
that they are a suspicion, on a machine that is busy as well.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from bench.cli.group import odb as commands
from bench.errors import InputError
from bench.record.evidence import RepeatRule
from bench.record.record import Record, RecordedRun
from bench.store.records import chosen_folders, load, load_records, prepare_folder, save
from bench.testing.records import fake_run

pytestmark = [pytest.mark.process, pytest.mark.real]

WIDTH, ROWS = 256, 32
ODB = "from bench.cli import main; main()"


def products(path: Path, count: int, rows: int = ROWS) -> Path:
    """So many products of [rows, 256] with [256, 256]: the work is in proportion to ``count``."""
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    rng, nodes, weights, name = np.random.default_rng(count), [], [], "x"
    for i in range(count):
        weights.append(onnx.numpy_helper.from_array(rng.normal(0, 0.06, (WIDTH, WIDTH)).astype(np.float32), f"w{i}"))
        nodes.append(helper.make_node("MatMul", [name, f"w{i}"], [name := f"h{i}"]))
    ends = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [rows, WIDTH]) for n in ("x", name)]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    path.parent.mkdir(parents=True)
    onnx.save(model, path)
    return path


def odb(room: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-P", "-c", ODB, *map(str, arguments)]
    return subprocess.run(command, cwd=room, capture_output=True, text=True, check=False, timeout=240)


def here(room: Path, *arguments: object) -> Result:
    """The command in this process, which spares its start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(room)
        return CliRunner().invoke(commands, [str(one) for one in arguments])


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history with one night of ``old/net.onnx``, and tonight's record of ``new/net.onnx``, which takes twice as
    long."""
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("nightly")
    for name, count in (("old", 6), ("new", 12)):
        model = products(folder / name / "net.onnx", count)
        asked = ("--preset", "quick", "--repeats", 1, "--max-seconds", 0.1, "--check-inputs", 1)
        here(folder, "run", "-m", model, "-t", "ort:cpu", *asked, "-o", f"measured/{name}")
        (run,) = load_records(folder / "measured" / name)
        timed = with_times(run.record, count * 40_000)
        save(prepare_folder(folder / "results" / name), timed.record, timed.samples)
    done = here(folder, "history", "add", "results/old", "results/new", "--history", "nightly")
    assert done.exit_code == 0, done.output
    return folder


def with_times(record: Record, ns: int) -> RecordedRun:
    """The same of five processes whose queries take so long."""
    made = fake_run(record.record_id, [np.full(60, ns + 100 * i, np.int64) for i in range(5)])
    figures = {name: getattr(made.record, name) for name in ("repeats", "summary", "verdict", "harness")}
    plan = replace(record.plan, repeats=5, repeat_rule=RepeatRule(5, 5))
    return RecordedRun(replace(record, plan=plan, **figures), made.samples)


def test_twice_the_work_is_a_suspect_and_red_once_a_new_session_shows_it(room: Path) -> None:
    plain = json.loads(here(room, "gate", "results/new", "--history", "nightly", "--json").stdout)
    assert (plain["status"], [one["word"] for one in plain["findings"]]) == (3, ["suspect"])

    asked = ("--confirm", "--wait", 0, "-o", "sessions", "--junit", "gate.xml", "--json")
    done = odb(room, "gate", "results/new", "--history", "nightly", *asked)
    status, (one,) = done.returncode, json.loads(done.stdout)["findings"]
    assert (status, one["word"]) == (1, "worse")
    confirmation = one["confirmation"]
    assert (confirmation["how"], confirmation["confirmed"]) == ("alternating", True)
    changed = {metric["metric"]: metric["change"] for metric in confirmation["metrics"]}
    assert 0.6 < changed["latency_p50_ns"] < 1.5
    assert "in alternation" in done.stderr
    assert 'failures="1"' in (room / "gate.xml").read_text(encoding="utf-8")

    (series,) = (room / "sessions").iterdir()
    sides = [load(chosen_folders(series / side)[0]).record for side in ("base", "new")]
    assert confirmation["records"] == [side.record_id for side in sides]
    for side, name in zip(sides, ("old", "new"), strict=True):
        (measured,) = chosen_folders(room / "measured" / name)
        assert side.plan.model.sha256 == load(measured).record.plan.model.sha256
        assert side.plan.alternation is not None


def test_inputs_of_another_shape_are_refused_before_a_pair_is_measured(room: Path) -> None:
    wider = products(room / "wider" / "net.onnx", 6, rows=2 * ROWS)
    done = here(room, "run", "--against", "measured/old", "-m", wider, "--max-seconds", 0.1, "-o", "refused")
    assert isinstance(done.exception, InputError)
    assert "the two sides cannot be compared, so nothing is measured: " in done.exception.message
    assert "x=(64, 256)" in done.exception.message
    assert [] == [*room.glob("refused/*/*/record.json")]
