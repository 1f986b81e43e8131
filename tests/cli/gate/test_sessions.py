"""The sessions that measure a suspect again: real processes, of a target that does nothing but wait."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from against_room import PLUGIN, odb_run
from onnx import TensorProto, helper, numpy_helper

from bench.cli.gate.confirm import Session, again_alone, alternating
from bench.store.records import chosen_folders, load
from bench.words import Sentence

pytestmark = pytest.mark.process


def model(path: Path, seed: int) -> Path:
    """One product, with weights of its own."""
    weights = numpy_helper.from_array(np.random.default_rng(seed).normal(size=(4, 4)).astype(np.float32), "w")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "net", ends[:1], ends[1:], [weights])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 9
    path.parent.mkdir(exist_ok=True)
    onnx.save(made, path)
    return path


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``old`` and ``new``: a record each of two files of one name."""
    folder = tmp_path_factory.mktemp("room")
    (folder / "plugin.py").write_text(PLUGIN)
    for seed, name in enumerate(("old", "new")):
        file = model(folder / "models" / "net.onnx" if name == "old" else folder / "net.onnx", seed)
        asked = ("-m", file, "-t", "null:cpu", "--plugin", folder / "plugin.py", "--preset", "quick", "--repeats", "2")
        odb_run(*asked, "--max-seconds", "0.2", "-o", folder / name)
    return folder


def session(room: Path) -> Session:
    return Session(
        out=room / "sessions",
        base_models=(room / "models" / "net.onnx",),
        plugins=(room / "plugin.py",),
    )


def record(folder: Path) -> Path:
    (found,) = chosen_folders(folder)
    return found


def test_both_sides_are_measured_in_a_session_of_their_own(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(room)
    done = alternating(record(room / "old"), record(room / "new"), room / "sessions" / "both", session(room))
    assert not isinstance(done, Sentence), str(done)
    hashes = [load(record(room / name)).record.plan.model.sha256 for name in ("old", "new")]
    assert [run.record.plan.model.sha256 for run in done] == hashes
    assert hashes[0] != hashes[1]
    turns = [run.record.plan.alternation for run in done]
    assert [turn.side for turn in turns if turn is not None] == ["base", "new"]


def test_one_side_is_measured_again_as_its_record_says(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(room)
    before = load(record(room / "new")).record
    again = again_alone(record(room / "new"), room / "sessions" / "one", session(room))
    assert not isinstance(again, Sentence), str(again)
    assert again.record.record_id != before.record_id
    assert (again.record.plan.model.sha256, again.record.plan.alternation) == (before.plan.model.sha256, None)


def test_a_model_that_is_gone_is_said(room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = Session(out=tmp_path, plugins=(room / "plugin.py",))
    both = alternating(record(room / "old"), record(room / "new"), tmp_path / "both", given)
    one = again_alone(record(room / "new"), tmp_path / "one", given)
    assert isinstance(both, Sentence)
    assert isinstance(one, Sentence)
    assert (both.code, one.code) == ("gate.confirm.no_model", "gate.confirm.session_failed")
    assert "net.onnx" in str(one)
