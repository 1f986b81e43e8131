"""What a record keeps of what was asked for: all of it that a suite may say of one run, and files by name and hash."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from bench.contracts import Device, Scenario
from bench.plugins import PluginRef
from bench.record.asked import NamedFile
from bench.suite.asked import asked_of
from bench.suite.plan import FOLDER, ModelChoice, PlannedRun, TargetChoice, make_plan
from bench.suite.suite import ModelAsk, Suite

TARGET = TargetChoice(PluginRef("targets", "t", "", "here"), Device("cpu", True), {}, ("onnx",), ("tensor",))


def planned(ask: ModelAsk, plugin: str = ".onnx", **suite: Any) -> PlannedRun:
    choice = ModelChoice(ask, PluginRef("models", plugin, "", "here"), "tensor", ("onnx",))
    (run,) = make_plan(Suite(models=(ask,), **suite), [choice], [TARGET]).runs
    return run


def test_everything_that_a_suite_may_say_is_kept(tmp_path: Path) -> None:
    """Each field of the model's table, lanes, checked inputs and seconds; no folder of any file."""
    for name in ("x.npy", "twin.onnx", "words.txt"):
        (tmp_path / name).write_bytes(name.encode())
    ask = ModelAsk(
        str(tmp_path / "net.onnx"),
        "onnx",
        "float32",
        {"x": (1, 4)},
        {"x": str(tmp_path / "x.npy")},
        "order=bgr",
        (1, 2),
        str(tmp_path / "words.txt"),
        str(tmp_path / "photos"),
        "label_offset=1",
        str(tmp_path / "twin.onnx"),
    )
    run = planned(ask, scenarios=(Scenario("offline", lanes=3),), check_inputs=2, max_seconds=1.5)
    found = asked_of(run)
    assert ("file", NamedFile("net.onnx"), "onnx", "float32") == (
        found.kind,
        found.model,
        found.format,
        found.precision,
    )
    expected = NamedFile("x.npy", sha256(b"x.npy").hexdigest(), 5)
    assert ({"x": (1, 4)}, {"x": expected}, "order=bgr", (1, 2)) == (
        found.shapes,
        found.inputs,
        found.preprocessing,
        found.prompt_ids,
    )
    assert ("words.txt", "twin.onnx", NamedFile("photos"), "label_offset=1") == (
        found.prompts and found.prompts.name,
        found.reference and found.reference.name,
        found.dataset,
        found.dataset_options,
    )
    assert (3, 2, 1.5) == (found.lanes, found.check_inputs, found.max_seconds)
    assert str(tmp_path) not in msgspec.json.encode(found).decode()
    assert {*ModelAsk.__struct_fields__} - {"source"} <= {*found.__struct_fields__}


def test_a_built_in_model_and_a_folder(tmp_path: Path) -> None:
    """A name that is no file, and a folder by its own name, however it was given."""
    (tmp_path / "llm").mkdir()
    assert ("built_in", NamedFile("resnet50")) == (
        (one := asked_of(planned(ModelAsk("resnet50"), "resnet50"))).kind,
        one.model,
    )
    folder = asked_of(planned(ModelAsk(str(tmp_path / "llm" / ".")), FOLDER))
    assert ("folder", NamedFile("llm")) == (folder.kind, folder.model)


def test_a_link_keeps_its_own_name(tmp_path: Path) -> None:
    """A cache of downloads links ``model.onnx`` to a file that is named by a hash, by which nothing would find it."""
    (tmp_path / "0a1b2c").write_bytes(b"net")
    (tmp_path / "model.onnx").symlink_to(tmp_path / "0a1b2c")
    assert NamedFile("model.onnx") == asked_of(planned(ModelAsk(str(tmp_path / "model.onnx")))).model
