"""``odb run --against``: the status of a base that was not measured, and that of a dry run."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from against_room import PLUGIN, QUICK, against, odb_run, refused
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

from bench.cli.compare_command import command as compare_command
from bench.errors import InputError
from bench.record.codec import encode, sealed
from bench.record.record import Failure, Record
from bench.store.records import load, load_records
from bench.words import Sentence

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("in_process")]  # but for the pairs, which alternate
ALIKE = ("--tolerance", "100")
"""Two pairs of short processes of one target may differ by luck, but not by that much."""


class TestNotMeasured:
    """A run that the base did not measure is not known now either: as in ``odb compare``, status 3."""

    @pytest.fixture
    def failed(self, here: Path) -> Path:
        """The record of tiny on other:cpu as one of a run that crashed."""
        (place,) = here.glob("old/*-tiny-other-cpu-*/")
        self.rewrite(place, failure=Failure("steady", "crashed", "it crashed", ""), status="failed")
        return here

    def rewrite(self, place: Path, **changes: Any) -> Record:
        record = msgspec.structs.replace(load(place).record, **changes)
        (place / "record.json").write_bytes(encode(sealed(record)))
        return record

    @pytest.mark.parametrize("asked", [(), ("suite.toml",), ("-t", "other:cpu"), ("-m", "tiny")])
    def test_it_is_named_and_not_fine(self, failed: Path, asked: tuple[str, ...]) -> None:
        """In the dry run, whatever says what is asked for; and by name it may pass."""
        found = against(*asked, status=3)
        assert [("tiny", "other:cpu", True, False, "its run failed: it crashed")] == [
            (one["model"], one["target"], one["not_measured"], one["lost"], one["reason"]) for one in found["unmatched"]
        ]
        assert {"not-measured": 1} == found["result"]["not_decided"]
        assert 0 == against(*asked, "--accept", "not-measured")["result"]["status"]

    def test_the_run_ends_so_too(self, failed: Path) -> None:
        """The other pair is measured and compared."""
        asked = ("--against", "old", "--plugin", "plugin.py", "-m", "tiny", "--repeats", "2", *QUICK, *ALIKE, "--json")
        done = odb_run(*asked, "-o", "out", "--accept", "cannot-tell,invalid")
        assert done.exception is None
        found = json.loads(done.stdout)
        assert (3, 1, {"not-measured": 1}) == (
            done.return_value,
            len(found["comparisons"]),
            found["result"]["not_decided"],
        )

    def test_what_was_not_asked_for_does_not_count(self, failed: Path) -> None:
        """Another target or model, or a run that the suite no longer has."""
        assert 0 == against("-t", "null:cpu")["result"]["status"]
        assert 0 == against("-m", "fake")["result"]["status"]
        suite = failed / "suite.toml"
        suite.write_text(suite.read_text().replace("other:cpu", "null:cpu").replace('options = { turbo = "on" }', ""))
        assert {("tiny", False, False), ("fake", True, False)} == {
            (one["model"], one["lost"], one["not_measured"]) for one in against("suite.toml", status=3)["unmatched"]
        }

    def test_nothing_else_is_asked_for(self, failed: Path) -> None:
        """Then there is nothing to measure."""
        assert "none of the requested records was measured" in refused("-m", "tiny", "-t", "other:cpu").message

    def test_another_record_of_the_run_was_measured(self, failed: Path) -> None:
        """The run is known from that: the one that failed, before its file was read, is only named."""
        (place,) = failed.glob("old/*-tiny-other-cpu-*/")
        (again,) = failed.glob("old/*-tiny-null-cpu-*/")
        record = load(place).record
        target = msgspec.structs.replace(load(again).record.plan.target, id=record.plan.target.id)
        plan = msgspec.structs.replace(
            record.plan,
            target=msgspec.structs.replace(target, plugin="null", id="null:cpu"),
            model=msgspec.structs.replace(record.plan.model, sha256=None),
        )
        self.rewrite(place, plan=plan)
        found = against()
        assert ["another record of the same run was measured"] == [one["reason"] for one in found["unmatched"]]
        assert 0 == found["result"]["status"]


class TestNotRead:
    """A record of BASE that cannot be read is named, and the rest is measured: as in ``odb compare``, status 2."""

    @pytest.fixture
    def damaged(self, here: Path) -> Path:
        """The record of tiny on other:cpu is cut short."""
        (place,) = here.glob("old/*-tiny-other-cpu-*/")
        whole = (place / "record.json").read_bytes()
        (place / "record.json").write_bytes(whole[: len(whole) // 2])
        return here

    def test_the_dry_run_names_it(self, damaged: Path) -> None:
        found = against("-m", "tiny", status=2)
        assert (1, 1, 1) == (len(found["pairs"]), len(found["problems"]), found["result"]["unreadable"])
        told = odb_run("--against", "old", "--plugin", "plugin.py", "-m", "tiny", "--dry-run").stdout
        assert "Not read: old/" in told

    def test_the_rest_is_measured(self, damaged: Path) -> None:
        """The problem is told on stderr, in the JSON and on the page."""
        asked = ("--against", "old", "--plugin", "plugin.py", "-m", "tiny", "--repeats", "2", *QUICK, *ALIKE, "--json")
        done = odb_run(*asked, "-o", "out", "--accept", "cannot-tell,invalid")
        found = json.loads(done.stdout)
        assert (2, 1, 1) == (done.return_value, len(found["comparisons"]), found["result"]["unreadable"])
        said = str(msgspec.convert(found["problems"][0]["message"], Sentence))
        assert "tiny-other-cpu" in said
        assert f"odb: error: {said}\n" in done.stderr
        assert "tiny-other-cpu" in (damaged / "out" / "comparison.html").read_text()

    def test_nothing_readable_is_bad_input(self, here: Path) -> None:
        for record in here.glob("old/*/record.json"):
            record.write_text("{")
        assert "none of its records can be read" in refused().message


class TestForeseen:
    """A dry run ends as the run would, as far as that is known before anything is opened."""

    @pytest.mark.parametrize(("turbo", "status", "word"), [("breaks", 1, "failed"), ("unfit", 3, "skipped")])
    def test_what_the_new_side_would_be_refused_for(self, here: Path, turbo: str, status: int, word: str) -> None:
        """A run that breaks where the base works is worse; one that cannot be measured here leaves the pair unknown.
        The run says the same."""
        asked = ("-m", "fake", "-t", "other:cpu", "-O", f"turbo={turbo}")
        found = against(*asked, status=status)
        assert [(None, f"turbo {turbo}")] == [(p["base"]["refused"], p["new"]["refused"]) for p in found["pairs"]]
        assert status == found["result"]["status"]
        told = odb_run("--against", "old", "--plugin", "plugin.py", *asked, "--dry-run").stdout
        assert f"Refused: turbo {turbo}\n  what to do: Turn it off." in told
        run = ("--against", "old", "--plugin", "plugin.py", *asked, "--repeats", "1", *QUICK)
        assert status == odb_run(*run, "-o", "out").return_value
        ((new,),) = [load_records(here / "out" / "new")]
        assert word == new.record.status
        again = CliRunner().invoke(compare_command, ["out/base", "out/new"], standalone_mode=False)
        assert status == again.return_value

    def test_what_is_lost_is_not_fine(self, here: Path) -> None:
        """Status 3, and 0 where that is accepted."""
        suite = here / "suite.toml"
        suite.write_text(suite.read_text().replace('"tiny"', '"llama-15M"'))
        assert {"unmatched": 2} == against("suite.toml", status=3)["result"]["not_decided"]
        assert 0 == against("suite.toml", "--accept", "unmatched")["result"]["status"]

    def test_a_target_that_is_not_there(self, here: Path) -> None:
        """The only pair cannot be measured: skipped, and status 3, as the run ends."""
        gone = PLUGIN.replace(
            "class Other(Unhurried):",
            "from bench.contracts import Device\n\n\nclass Other(Unhurried):\n"
            '    def devices(self):\n        return (Device("cpu", False, reason="no driver", remedy="Get it."),)\n',
        )
        (here / "plugin.py").write_text(gone)
        asked = ("-m", "fake", "-t", "other:cpu")
        found = against(*asked, status=3)
        assert {"not-measured": 1} == found["result"]["not_decided"]
        run = ("--against", "old", "--plugin", "plugin.py", *asked, "--repeats", "1", *QUICK, "-o", "out")
        assert 3 == odb_run(*run).return_value


def write_with_weights(path: Path, weight: float) -> None:
    """A graph [1, 64] -> [1, 64] whose weights, all the same, lie in a file beside it."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 64]) for name in "xy")
    weights = numpy_helper.from_array(np.full((64, 64), weight, np.float32), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    for file in (path, path.with_suffix(".data")):
        file.unlink(missing_ok=True)
    onnx.save(model, path, save_as_external_data=True, location=f"{path.stem}.data", size_threshold=0)


@pytest.mark.real
@pytest.mark.parametrize("flags", [(), ("--base-model", "net.onnx")])
def test_weights_that_were_changed_since(here: Path, flags: tuple[str, ...]) -> None:
    """A graph whose weights lie beside it is proved only as it is read: the dry run reads it, and ends as the run
    does, with the file's name and status 2."""
    pytest.importorskip("onnxruntime")
    write_with_weights(here / "net.onnx", 1.0)
    odb_run("-m", "net.onnx", "-t", "ort:cpu", "--repeats", "1", *QUICK, "-o", "weighty")
    assert 0 == odb_run("--against", "weighty", "--dry-run", *flags).return_value
    write_with_weights(here / "net.onnx", 2.0)
    for last in (("--dry-run",), ("-o", "out")):
        error = odb_run("--against", "weighty", *QUICK, *flags, *last).exception
        assert isinstance(error, InputError)
        assert "net.onnx is not the file that" in error.message
        assert "--base-model" in error.remedy
    assert not list((here / "out").glob("*/*/record.json"))
