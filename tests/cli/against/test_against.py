"""``odb run --against``: the base's own command carried out again beside what is new, in turns, and compared."""

import json
import os
import shutil
import sys
import sysconfig
import venv
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result

from bench.cli.compare_command import command as compare_command
from bench.cli.run_command import command
from bench.errors import InputError
from bench.record.asked import NamedFile
from bench.record.codec import encode, sealed
from bench.record.record import Failure, Record
from bench.store.records import load, load_records

pytestmark = pytest.mark.process

NULL = Path(__file__).resolve().parents[3] / "bench" / "testing" / "plugins.py"
QUICK = ("--max-seconds", "0.2")


def odb_run(*arguments: Any) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], standalone_mode=False)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder that holds a model file and a plugin."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ODB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "plugin.py").write_text(NULL.read_text())
    return tmp_path


def measured_in(room: Path, *asked: Any) -> Path:
    """Measure in the folder ``room``, which holds the plugin; the results are in its ``old``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(room)
        patch.setenv("ODB_CACHE", str(room / "cache"))
        (room / "plugin.py").write_text(NULL.read_text())
        odb_run(*asked, "-o", "old")
    return room / "old"


@pytest.fixture(scope="module")
def of_fake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record of the fake model, half a millisecond a query; made once."""
    asked = ("--plugin", "plugin.py", "-m", "fake", "-t", "null:cpu", "-O", "latency_us=500", "--repeats", "2", *QUICK)
    return measured_in(tmp_path_factory.mktemp("fake"), *asked)


@pytest.fixture(scope="module")
def of_file(tmp_path_factory: pytest.TempPathFactory, no_op: Callable[[Path, str], Path]) -> Path:
    """A record of net.onnx on ONNX Runtime; made once."""
    pytest.importorskip("onnxruntime")
    room = tmp_path_factory.mktemp("file")
    no_op(room, "net.onnx")
    return measured_in(room, "-m", "net.onnx", "-t", "ort:cpu", "--repeats", "1", *QUICK)


@pytest.fixture
def base(here: Path, of_fake: Path) -> Path:
    """A copy of that record, to be changed at will."""
    return shutil.copytree(of_fake, here / "old")


def records(folder: Path) -> tuple[Record, Record]:
    (one,), (other,) = load_records(folder / "base"), load_records(folder / "new")
    return one.record, other.record


def test_another_option_is_found_slower(base: Path, here: Path) -> None:
    """Only what is new is named; both are measured in turns, all files are written; four times slower is status 1."""
    done = odb_run("--against", base, "--plugin", "plugin.py", "-O", "latency_us=2000", *QUICK, "-o", "out")
    assert done.exception is None
    first, second = records(here / "out")
    assert ("500", "2000") == tuple(r.plan.target.options_requested["latency_us"] for r in (first, second))
    assert first.plan.alternation is not None
    assert second.plan.alternation is not None
    assert first.plan.alternation.group == second.plan.alternation.group
    assert (6, 6) == (len(first.repeats), len(second.repeats))
    assert (1, True) == (done.return_value, done.stdout.splitlines()[0].endswith("slower than base"))
    assert "6 pairs of fresh processes, which took turns on one machine" in " ".join(done.stdout.split())
    assert (here / "out" / "comparison.html").read_text().startswith("<!doctype html>")


def test_blocks_alternate_and_are_kept(base: Path, here: Path) -> None:
    """Each repeat holds the queries of each turn, twelve turns at least, as many as the other's."""
    odb_run("--against", base, "--plugin", "plugin.py", "--repeats", "2", *QUICK, "-o", "out")
    runs = [load_records(here / "out" / side)[0] for side in ("base", "new")]
    blocks = [run.arrays("block_queries") for run in runs]
    for one, other, latency in zip(*blocks, runs[0].arrays("latency_ns"), strict=True):
        assert len(one) == len(other) >= 12
        assert int(one.sum()) == len(latency)
        assert np.median(one) > 5


def test_the_preset_and_the_count_hold_for_both(base: Path, here: Path) -> None:
    """What is not about the model or its target is said once, for both sides, so that they agree in it."""
    done = odb_run(
        "--against", base, "--plugin", "plugin.py", "--repeats", "3", "--seed", "7", *QUICK, "--json", "-o", "out"
    )
    first, second = records(here / "out")
    assert [(3, 7)] * 2 == [(r.plan.repeats, r.plan.seed) for r in (first, second)]
    (found,) = json.loads(done.stdout)["comparisons"]
    assert (True, "comparable") == (found["alternated"], found["comparability"]["answer"].removesuffix("_with_caveats"))
    assert 3 == len(found["changes"][0]["pair_ratios"])


@pytest.mark.usefixtures("in_process")
def test_a_dry_run_says_what_would_alternate(base: Path, here: Path) -> None:
    """Both sides with their options and the number of pairs, for people and for scripts; nothing is measured."""
    asked = ("--against", base, "--plugin", "plugin.py", "-O", "latency_us=700", "--dry-run", "-o", "out")
    done = odb_run(*asked)
    assert done.exception is None
    lines = done.stdout.splitlines()
    assert ["side", "model", "target", "scenario", "pairs", "takes", "note"] == lines[0].split()
    assert [["base", "6", "latency_us=500"], ["new", "6", "latency_us=700"]] == [
        [words[0], words[4], words[-1]] for words in map(str.split, lines[1:3])
    ]
    assert "Nothing was measured" in lines[-1]
    found = json.loads(odb_run(*asked, "--json").stdout)
    (pair,) = found["pairs"]
    assert ("in_alternation", 6, 6) == (pair["how"], pair["base"]["repeats"], pair["new"]["repeats"])
    assert ("500", "700") == tuple(pair[side]["options"]["latency_us"] for side in ("base", "new"))
    assert ([], []) == (found["unmatched"], found["notes"])
    assert not (here / "out").exists()


class TestFiles:
    @pytest.fixture
    def file_base(self, here: Path, of_file: Path, no_op: Callable[[Path, str], Path]) -> Path:
        """net.onnx, and a copy of its record on ONNX Runtime."""
        no_op(here, "net.onnx")
        return shutil.copytree(of_file, here / "old")

    @pytest.mark.real
    def test_a_new_file_against_the_old(self, file_base: Path, here: Path, no_op: Callable[..., Path]) -> None:
        """Another file of the same inputs: the target is the base's, and the model is the subject."""
        no_op(here, "other.onnx", nodes=3)
        done = odb_run("--against", file_base, "-m", "other.onnx", "--repeats", "2", *QUICK, "--json", "-o", "out")
        assert done.exception is None
        first, second = records(here / "out")
        assert [("net", "ort:cpu"), ("other", "ort:cpu")] == [
            (r.plan.model.id, r.plan.target.id) for r in (first, second)
        ]
        (found,) = json.loads(done.stdout)["comparisons"]
        codes = {reason["code"] for reason in found["comparability"]["reasons"]}
        assert {"artifact_differs", "model_differs"} <= codes
        assert ("comparable_with_caveats", ["model"]) == (
            found["comparability"]["answer"],
            found["comparability"]["subjects"],
        )
        again = CliRunner().invoke(compare_command, ["out/base", "out/new", "--json"])
        assert json.loads(done.stdout) == json.loads(again.stdout)

    @pytest.mark.real
    def test_a_renamed_base_is_found_by_its_hash(self, file_base: Path, here: Path) -> None:
        """The base's file under another name in the current folder is the same file."""
        (here / "net.onnx").rename(here / "renamed.onnx")
        assert odb_run("--against", file_base, "--repeats", "2", *QUICK, "-o", "out").exception is None
        assert "renamed" == records(here / "out")[0].plan.model.id

    @pytest.mark.real
    def test_the_base_is_not_here(self, file_base: Path, here: Path) -> None:
        """Without the base's file there is nothing to measure again: refused, and what to do."""
        (here / "net.onnx").unlink()
        error = odb_run("--against", file_base, *QUICK, "-o", "out").exception
        assert isinstance(error, InputError)
        assert "it was measured with net.onnx" in error.message
        assert "--base-model FILE" in error.remedy
        assert not (here / "out").exists()

    @pytest.mark.real
    @pytest.mark.parametrize("flag", ["--reference", "--input"])
    def test_the_base_s_other_files(self, here: Path, no_op: Callable[..., Path], flag: str) -> None:
        """What else the base was measured with is looked for by its hash beside the record and below the current
        folder, under any name, and named where it is not there; another file of its name is not taken for it."""
        pytest.importorskip("onnxruntime")
        no_op(here, "net.onnx")
        elsewhere = here.parent / f"{here.name}-data"
        elsewhere.mkdir()
        other = elsewhere / "twin.onnx"
        no_op(elsewhere, "twin.onnx", nodes=2)
        if flag == "--input":
            other = elsewhere / "x.npy"
            np.save(other, np.ones((1, 4), np.float32))
        given = other if flag == "--reference" else f"x={other}"
        odb_run("-m", "net.onnx", "-t", "ort:cpu", flag, given, "--repeats", "1", *QUICK, "-o", "old")
        error = odb_run("--against", "old", "--dry-run").exception
        assert isinstance(error, InputError)
        assert f"it was measured with {other.name}, which is neither" in error.message
        assert f"plan.asked.{flag.removeprefix('--').replace('input', 'inputs.x')}" in error.message
        (here / other.name).write_bytes(b"another file of that name")
        error = odb_run("--against", "old", "--dry-run").exception
        assert isinstance(error, InputError)
        assert f"{other.name} is not the {other.name} of the record: its sha256 differs" in error.message
        (here / "data").mkdir()
        other.rename(here / "data" / f"renamed{other.suffix}")
        done = odb_run("--against", "old", "--dry-run")
        assert done.exception is None
        assert "Nothing was measured" in done.stdout

    @pytest.mark.real
    def test_another_file_of_that_name(self, file_base: Path, here: Path, no_op: Callable[..., Path]) -> None:
        """A file that was changed since is not the base: refused by its hash, with nothing measured."""
        no_op(here, "net.onnx", nodes=2)
        error = odb_run("--against", file_base, *QUICK, "-o", "out").exception
        assert isinstance(error, InputError)
        assert "net.onnx is not the file that" in error.message
        assert not list((here / "out").glob("*/*/record.json"))


class TestAnotherEnvironment:
    PLUGIN = """
import sys
from pathlib import Path
from msgspec.structs import replace
from bench.testing import FakeModel, FakeTensorSession, NullTarget

class Session(FakeTensorSession):
    def facts(self):
        return replace(super().facts(), versions={"environment": Path(sys.prefix).name})

class Where(NullTarget):
    def open(self, request, phase):
        facts = request.artifact.facts
        return Session(dict(request.options), "null", self.work(request), facts.inputs, facts.outputs)

PLUGINS = {"models": {"fake": FakeModel}, "targets": {"where": Where}}
"""

    @pytest.fixture
    def other(self, here: Path) -> Path:
        """The interpreter of another environment, which sees the packages of this one."""
        venv.create(here / "other", symlinks=os.name == "posix")
        (packages,) = (here / "other").glob("[Ll]ib/**/site-packages")
        (packages / "these.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
        return here / "other" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @pytest.fixture
    def asked(self, here: Path) -> tuple[str, ...]:
        """A base, and the words that measure against it."""
        (here / "where.py").write_text(self.PLUGIN)
        flags = ("--plugin", "where.py", *QUICK)
        odb_run(*flags, "-m", "fake", "-t", "where:cpu", "-O", "latency_us=200", "--repeats", "1", "-o", "old")
        return ("--against", "old", *flags, "--repeats", "2", "-o", "out")

    def test_the_base_runs_there(self, here: Path, other: Path, asked: tuple[str, ...]) -> None:
        """Each side's session lives in its own environment, which the comparison names as what differs."""
        done = odb_run(*asked, "--base-python", other, "--json")
        assert done.exception is None
        runtimes = [record.environment.runtime["environment"] for record in records(here / "out")]
        assert ["other", Path(sys.prefix).name] == runtimes
        (found,) = json.loads(done.stdout)["comparisons"]
        assert ["version"] == found["comparability"]["subjects"]
        assert 2 == len(found["changes"][0]["pair_ratios"])

    def test_an_interpreter_that_is_none(self, here: Path, asked: tuple[str, ...]) -> None:
        """A file that is not there, and an environment without the tool: said before anything is measured."""
        venv.create(here / "bare", symlinks=os.name == "posix")
        bare = here / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        for python, words in (("gone", "cannot be run"), (bare, "has no ondevice-bench: ModuleNotFoundError")):
            error = odb_run(*asked, "--base-python", python).exception
            assert isinstance(error, InputError)
            assert words in error.message
        assert not (here / "out").exists()

    def test_another_version_of_the_tool(self, here: Path, asked: tuple[str, ...], other: Path) -> None:
        """The records say one version for both sides: another is refused, and both are named."""
        (packages,) = (here / "other").glob("[Ll]ib/**/site-packages")
        (packages / "bench").mkdir()
        (packages / "bench" / "__init__.py").write_text('__version__ = "0.0.9"\n')
        error = odb_run(*asked, "--base-python", other).exception
        assert isinstance(error, InputError)
        assert "has ondevice-bench 0.0.9 on Python" in error.message

    @pytest.mark.parametrize("flag", ["--base-python", "--base-model"])
    def test_without_a_base(self, here: Path, flag: str) -> None:
        """What speaks of the base of --against needs one."""
        error = odb_run(flag, "file").exception
        assert isinstance(error, InputError)
        assert f"{flag}: can only be used with --against" in error.message


@pytest.mark.usefixtures("in_process")
class TestBadInput:
    def test_no_such_folder(self, here: Path) -> None:
        """A folder that is not there is named."""
        error = odb_run("--against", "gone").exception
        assert isinstance(error, InputError)
        assert "gone: no such folder" == error.message

    def test_an_empty_folder(self, here: Path) -> None:
        """So is one without records."""
        (here / "empty").mkdir()
        error = odb_run("--against", "empty").exception
        assert isinstance(error, InputError)
        assert "holds no records" in error.message

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"status": "skipped"}, "none of its records was measured"),
            ({"status": "failed"}, "none of its records was measured"),
            ({"target": {"emulated": True}}, "plan.target.emulated is true, but null:cpu is not an emulator"),
            ({"target": {"id": "ort:cpu"}}, "plan.target.id is ort:cpu, but plugin and device are null:cpu"),
            ({"target": {"plugin": "gone", "id": "gone:cpu"}}, "unknown target: gone"),
            ({"plan": {"preset": "endless"}}, "plan.preset is 'endless'"),
            ({"model": {"sha256": None}}, "plan.model.sha256 is null"),
            ({"asked": {"model": NamedFile("no-such-model")}}, "'no-such-model' is not a built-in model here"),
            ({"plan": {"seed": -1}}, "seed must be 0 or more"),
            ({"asked": {"max_seconds": -1.0}}, "max_seconds must be above 0"),
        ],
    )
    def test_a_record_that_cannot_be_measured_again(
        self, base: Path, here: Path, change: dict[str, Any], words: str
    ) -> None:
        """Not measured, or with a field that cannot be: each is said, and nothing is measured."""
        rewrite(base, change)
        error = odb_run("--against", base, "--plugin", "plugin.py", "-o", "out").exception
        assert isinstance(error, InputError)
        assert words in error.message
        assert not list((here / "out").glob("*/*/record.json"))

    @pytest.mark.parametrize("tolerance", ["0", "101", "nan"])
    def test_a_tolerance_is_a_percentage(self, here: Path, tolerance: str) -> None:
        """Above 0, up to 100; said before anything is read."""
        error = odb_run("--against", "gone", "--tolerance", tolerance).exception
        assert isinstance(error, InputError)
        assert error.message.startswith(f"--tolerance {tolerance}")

    def test_a_new_file_is_compared_with_the_base_of_its_name(self, here: Path, no_op: Callable[..., Path]) -> None:
        """Of a folder with two models the one of that name; where none has it, the folder does not say which."""
        files = [no_op(here, name) for name in ("first.onnx", "second.onnx")]
        asked = [word for file in files for word in ("-m", file)]
        null = ("--plugin", "plugin.py", "-t", "null:cpu")
        odb_run(*asked, *null, "--repeats", "1", *QUICK, "-o", "old")
        (here / "later").mkdir()
        later = no_op(here / "later", "second.onnx")
        done = odb_run("--against", "old", "-m", later, *null, "--dry-run", "--json")
        (pair,) = json.loads(done.stdout)["pairs"]
        assert ("second", "second") == (pair["base"]["model"], pair["new"]["model"])
        error = odb_run("--against", "old", "-m", no_op(here, "third.onnx"), *null, "--dry-run").exception
        assert isinstance(error, InputError)
        assert "--against old: holds first, second; -m" in error.message

    def test_two_targets_are_one_too_many(self, base: Path, here: Path) -> None:
        """One is measured against one."""
        error = odb_run("--against", base, "--plugin", "plugin.py", "-t", "null:cpu", "-t", "ort:cpu").exception
        assert isinstance(error, InputError)
        assert "holds records on null:cpu, and none on ort:cpu" in error.message


def rewrite(folder: Path, change: dict[str, Any]) -> None:
    """Change parts of the one record in ``folder`` and seal it anew, as anybody can."""
    (place,) = (path.parent for path in folder.glob("*/record.json"))
    record, replace = load(place).record, msgspec.structs.replace
    plan = replace(record.plan, **change.get("plan", {}))
    for part in ("target", "model", "asked"):
        plan = replace(plan, **{part: replace(getattr(plan, part), **change.get(part, {}))})
    changed = replace(record, plan=plan, status=change.get("status", record.status))
    if changed.status != "ok":
        phase = "plan" if changed.status == "skipped" else "compile"
        changed = replace(changed, failure=Failure(phase, "unavailable", "It is so.", ""))
    (place / "record.json").write_bytes(encode(sealed(changed)))


@pytest.fixture(scope="module")
def no_op() -> Callable[..., Path]:
    """``no_op(folder, name, nodes=1)``: an ONNX file of so many Identity operators on four floats."""
    onnx = pytest.importorskip("onnx")

    def write(folder: Path, name: str, nodes: int = 1) -> Path:
        names = ["x", *(f"h{i}" for i in range(nodes - 1)), "y"]
        made = [onnx.helper.make_node("Identity", [a], [b]) for a, b in pairwise(names)]
        ends = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1, 4]) for n in ("x", "y")]
        graph = onnx.helper.make_graph(made, "no-op", ends[:1], ends[1:])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
        onnx.save(model, folder / name)
        return folder / name

    return write
