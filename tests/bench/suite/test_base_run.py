"""The run that a record holds, as a suite: from typed fields alone, and what of them is refused."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.errors import InputError
from bench.plugins import Catalog, discover
from bench.record.asked import Asked, NamedFile
from bench.record.codec import decode
from bench.record.record import Record, Scenario
from bench.suite.base_run import Given, base_suite
from bench.suite.found_files import Places
from bench.suite.suite import ModelAsk, Suite, TargetAsk
from bench.testing.records import fake_run

NULL = Path(__file__).resolve().parents[3] / "bench" / "testing" / "plugins.py"
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
FILE = b"a file"
HASH = sha256(FILE).hexdigest()


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return discover([NULL])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def record(asked: Asked | None, **plan: Any) -> Record:
    made = fake_run("r", [np.full(20, 1_000_000)], **plan).record
    model = replace(made.plan.model, id="net", sha256=HASH, size_bytes=len(FILE))
    return replace(made, plan=replace(made.plan, asked=asked, model=model))


def rebuilt(one: Record, catalog: Catalog, given: Given | None = None) -> Suite:
    return base_suite(one, Path("sent"), catalog, Places((Path(),), (Path("sent"),)), given or Given())


def test_every_typed_field_is_taken(here: Path, catalog: Catalog) -> None:
    """The suite says what the record says, and nothing of its command."""
    for name in ("net.onnx", "x.npy", "twin.onnx"):
        Path(name).write_bytes(FILE)
    Path("photos").mkdir()
    named = NamedFile("x.npy", HASH, len(FILE))
    asked = Asked(
        "file",
        NamedFile("net.onnx"),
        shapes={"x": (1, 4)},
        inputs={"x": named},
        preprocessing="order=bgr",
        dataset=NamedFile("photos"),
        dataset_options="label_offset=1",
        reference=NamedFile("twin.onnx", HASH, len(FILE)),
        lanes=3,
        check_inputs=2,
        max_seconds=1.5,
    )
    target = replace(fake_run("r", [np.full(20, 1)]).record.plan.target, options_requested={"latency_us": "7"})
    one = record(asked, target=target, scenario=Scenario("offline", lanes=3), strict_placement=True)
    one = replace(one, plan=replace(one.plan, preset="strict", seed=4, command="rm -rf /"))
    model = ModelAsk(
        "net.onnx",
        shapes={"x": (1, 4)},
        inputs={"x": "x.npy"},
        preprocessing="order=bgr",
        dataset="photos",
        dataset_options="label_offset=1",
        reference="twin.onnx",
    )
    expected = Suite(
        models=(model,),
        targets=(TargetAsk("null:cpu", {"latency_us": "7"}),),
        scenarios=(Scenario("offline", lanes=3),),
        preset="strict",
        seed=4,
        strict_placement=True,
        max_seconds=1.5,
        check_inputs=2,
    )
    assert expected == rebuilt(one, catalog)


@pytest.mark.parametrize("name", ["/etc/passwd", "../x.npy", "C:\\x.npy", "a/b.npy", "~/x", "..", "", "a\\..\\b", "\0"])
@pytest.mark.parametrize("field", ["inputs", "prompts", "reference", "dataset", "model"])
def test_a_path_is_no_name(here: Path, catalog: Catalog, field: str, name: str) -> None:
    """A file is named, not reached: absolute paths, drives, folders and ``..`` are refused by field."""
    value: Any = {"x": NamedFile(name, HASH)} if field == "inputs" else NamedFile(name, HASH)
    Path("net.onnx").write_bytes(FILE)
    asked = replace(Asked("file", NamedFile("net.onnx")), **{field: value})
    with pytest.raises(InputError) as raised:
        rebuilt(record(asked), catalog)
    assert f"plan.asked.{field}" in raised.value.message


def test_an_unsafe_option_is_refused(here: Path, catalog: Catalog) -> None:
    """Unless the user gives the same with the same value."""
    Path("net.onnx").write_bytes(FILE)
    target = replace(fake_run("r", [np.full(20, 1)]).record.plan.target, options_requested={"report_file": "x"})
    one = record(Asked("file", NamedFile("net.onnx")), target=target)
    for given in (Given(), Given(options={"report_file": "y"})):
        with pytest.raises(InputError, match=r"plan\.target\.options_requested: option report_file"):
            rebuilt(one, catalog, given)
    assert {"report_file": "x"} == rebuilt(one, catalog, Given(options={"report_file": "x"})).targets[0].options


class TestOlder:
    def test_a_record_of_schema_1_is_the_base_of_the_same_run(self) -> None:
        """Written by the first version: all that it says, and nothing of its command, which names a folder."""
        old = decode((GOLDEN / "record-v1.json").read_bytes(), "record-v1.json")
        assert (None, "odb run -o o2") == (old.plan.asked, old.plan.command)
        expected = Suite(
            models=(ModelAsk("mobilenet_v2", precision="float32"),),
            targets=(TargetAsk("ort:cpu"),),
            scenarios=(Scenario("single-stream"),),
            max_seconds=3.0,  # its rule, not today's preset
        )
        assert expected == base_suite(old, Path("sent"), discover(), Places((Path(),)), Given())

    def test_shapes_and_file_by_hash(self, here: Path, catalog: Catalog) -> None:
        """The file by its hash, the shapes by what was fed."""
        Path("renamed.onnx").write_bytes(FILE)
        assert (ModelAsk("renamed.onnx", shapes={"x": (1, 4)}),) == rebuilt(record(None), catalog).models

    def test_a_built_in_model_by_its_id(self, here: Path, catalog: Catalog) -> None:
        """With the weights' precision that it had."""
        one = record(None)
        one = replace(one, plan=replace(one.plan, model=replace(one.plan.model, id="fake")))
        assert (ModelAsk("fake", precision="float32"),) == rebuilt(one, catalog).models

    @pytest.mark.parametrize(("source", "flag"), [("image", "inputs"), ("file", "inputs"), ("prompt_ids", "prompts")])
    def test_what_it_does_not_tell_is_named(self, here: Path, catalog: Catalog, source: str, flag: str) -> None:
        """The field, and the flag that tells it; given, it is taken."""
        one = record(None)
        assert one.plan.inputs is not None
        one = replace(one, plan=replace(one.plan, inputs=replace(one.plan.inputs, source=source)))
        with pytest.raises(InputError, match=f"plan.inputs.source is {source}"):
            rebuilt(one, catalog)
        Path("net.onnx").write_bytes(FILE)
        assert 1 == len(rebuilt(one, catalog, Given(flags=(flag,))).models)
