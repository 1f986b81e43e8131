"""What a file states of its lineage, what the file beside it adds, and how a result is written."""

from pathlib import Path

import msgspec
import onnx
import pytest
from msgspec.structs import replace
from onnx import TensorProto, helper

from bench.contracts import Artifact, LineageStep, MadeFrom, ModelRequest
from bench.contracts.quantising.lineage import Lineage, Sidecar
from bench.contracts.quantising.stated import LINEAGE_KEY, encoded_steps, lineage_of, sidecar_of, with_step
from bench.digest import sha256_of
from bench.errors import InputError
from bench.models.files.onnx_file import OnnxFile
from bench.plugins import discover
from bench.quantising import lineage
from bench.quantising.asked import QuantiseAsk
from bench.quantising.lineage import not_over, result_of, write_result
from bench.quantising.samples import DataAsk

STEP = LineageStep(
    kind="quantised", tool="a tool", made_from=MadeFrom("net.onnx", "onnx", "a" * 64, 10), options={"method": "minmax"}
)


def beside(model: Path, sha256: str) -> None:
    found = Sidecar(name=model.name, sha256=sha256, size_bytes=1, lineage=(STEP,))
    sidecar_of(model).write_bytes(msgspec.json.encode(found))


def test_the_metadata_alone(tmp_path: Path) -> None:
    """They are the file's own words: nothing confirms them."""
    model = tmp_path / "m.onnx"
    assert Lineage((STEP,), None) == lineage_of(model, "b" * 64, encoded_steps((STEP,)))
    assert lineage_of(model, "b" * 64, "") is None


def test_the_file_beside_it_confirms_or_contradicts(tmp_path: Path) -> None:
    """By the checksum of the model; alone it counts only where that is the model's."""
    model = tmp_path / "m.onnx"
    beside(model, "b" * 64)
    for sha256, stated, expected in (
        ("b" * 64, encoded_steps((STEP,)), Lineage((STEP,), True)),
        ("c" * 64, encoded_steps((STEP,)), Lineage((STEP,), False)),
        ("b" * 64, "", Lineage((STEP,), True)),
        ("c" * 64, "", None),
    ):
        assert expected == lineage_of(model, sha256, stated)


@pytest.mark.parametrize(
    "stated",
    ["{}", "[1]", '[{"kind": "quantised"}]', "[" * 10_000, "no json", '[{"kind":1,"tool":2}]', "x" * (1 << 21)],
)
def test_what_cannot_be_read_is_no_lineage(tmp_path: Path, stated: str) -> None:
    """Neither in the metadata nor beside the model: other tools write what they like."""
    model = tmp_path / "m.onnx"
    assert lineage_of(model, "b" * 64, stated) is None
    sidecar_of(model).write_text(stated)
    assert lineage_of(model, "b" * 64, "") is None


def test_no_more_steps_than_a_person_reads(tmp_path: Path) -> None:
    """A file from other people could state thousands."""
    assert lineage_of(tmp_path / "m.onnx", "b" * 64, encoded_steps((STEP,) * 17)) is None


def prepared(path: Path, compiled: bool = False) -> Artifact:
    attributes = {"source": "QNN", "ep_sdk_version": "2.51", "main_context": 1} if compiled else {}
    node = helper.make_node(
        "EPContext" if compiled else "Relu", ["x"], ["y"], domain="com.microsoft" if compiled else "", **attributes
    )
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(helper.make_graph([node], "g", values[:1], values[1:]), opset_imports=opsets)
    model.ir_version = 8
    helper.set_model_props(model, {LINEAGE_KEY: encoded_steps((STEP,)), "other": "x"})
    onnx.save(model, path)
    return OnnxFile().prepare(ModelRequest(str(path)), path.parent)


def test_it_comes_with_the_artifact(tmp_path: Path) -> None:
    """Of a graph that was compiled, with the step that did so: providers keep the metadata."""
    assert Lineage((STEP,), None) == prepared(tmp_path / "net.onnx").lineage
    compiled = LineageStep(kind="compiled", tool="QNN", versions={"sdk": "2.51"})
    assert Lineage((STEP, compiled), None) == prepared(tmp_path / "ctx.onnx", compiled=True).lineage
    assert with_step(None, compiled) is None


def made(folder: Path) -> tuple[Path, ...]:
    folder.mkdir()
    files = folder / "quantised.xml", folder / "quantised.bin"
    for file in files:
        file.write_text(file.suffix)
    return files


def test_a_result_is_written_whole(tmp_path: Path) -> None:
    """With the file of its lineage, whose checksum is that of all files; nothing else is left there."""
    out = tmp_path / "out"
    out.mkdir()
    names = write_result(made(tmp_path / "made"), out / "net.xml", (STEP,))
    assert ["net.xml", "net.bin", "net.xml.lineage.json"] == [path.name for path in names]
    assert {*names} == {*out.iterdir()}
    found = lineage_of(names[0], sha256_of(names[:2]), "")
    assert Lineage((STEP,), True) == found


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither before the first file is in its place, nor behind it."""
    out = tmp_path / "out"
    out.mkdir()
    files = made(tmp_path / "made")

    def interrupted(*arguments: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lineage, "sidecar", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_result(files, out / "net.xml", (STEP,))
    assert [] == [*out.iterdir()]

    move, done = Path.replace, []

    def second_fails(self: Path, target: Path) -> Path:
        done.append(target)
        if len(done) == 2:
            raise KeyboardInterrupt
        return move(self, target)

    monkeypatch.setattr(Path, "replace", second_fails)
    with pytest.raises(KeyboardInterrupt):
        write_result(files, out / "net.xml", (STEP,))
    assert [] == [*out.iterdir()]


def test_an_interrupt_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``--force``: each old file has its old contents, and what had none is not there."""
    out = tmp_path / "out"
    out.mkdir()
    old = {"net.xml": b"old", "net.xml.lineage.json": b"{}"}
    for name, data in old.items():
        (out / name).write_bytes(data)
    files = made(tmp_path / "made")
    move, done = Path.replace, []

    def third_fails(self: Path, target: Path) -> Path:
        done.append(target)
        if len(done) == 3:
            raise KeyboardInterrupt
        return move(self, target)

    monkeypatch.setattr(Path, "replace", third_fails)
    with pytest.raises(KeyboardInterrupt):
        write_result(files, out / "net.xml", (STEP,))
    assert old == {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.mark.parametrize("taken", ["net.xml", "net.bin", "net.xml.lineage.json", "net.xml.html"])
def test_no_file_that_is_written_is_there(tmp_path: Path, taken: str) -> None:
    """Not the result alone: the weights beside it could be another model's."""
    ask = QuantiseAsk(source="m.onnx", data=DataAsk(path=tmp_path), quantiser="openvino")
    catalog, result = discover(), tmp_path / "net.xml"
    assert result == result_of(ask, result, catalog, force=False)
    (tmp_path / taken).touch()
    with pytest.raises(InputError, match=f"{taken} exists already"):
        result_of(ask, result, catalog, force=False)
    assert result == result_of(ask, result, catalog, force=True)
    (tmp_path / taken).unlink()
    (tmp_path / taken).mkdir()
    with pytest.raises(InputError, match=f"{taken} exists already"):
        result_of(ask, result, catalog, force=True)


def test_weights_of_the_source_are_not_replaced(tmp_path: Path) -> None:
    """``net.onnx`` with its weights in ``net.bin``, quantised to ``net.xml``."""
    source = prepared(tmp_path / "net.onnx")
    weights = tmp_path / "net.bin"
    weights.touch()
    not_over(replace(source, files=(*source.files, weights)), tmp_path / "other.xml")
    with pytest.raises(InputError, match=r"net\.bin would replace a file of the model"):
        not_over(replace(source, files=(*source.files, weights)), tmp_path / "net.xml")
