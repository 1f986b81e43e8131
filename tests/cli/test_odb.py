"""The command as a person or a script uses it: a real process, its output, its exit status."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import __version__
from bench.store.records import load, save

pytestmark = pytest.mark.process

MISBEHAVING = Path(__file__).resolve().parents[1] / "plugins" / "misbehaving.py"


def odb(*arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    code = "import sys; sys.argv[0] = 'odb'; from bench.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=240, cwd=cwd, check=False
    )


def fake_run(tmp_path: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    quick = ("--repeats", "1", "--max-seconds", "0.3", "-o", str(tmp_path / "out"))
    return odb("run", "--plugin", str(MISBEHAVING), *quick, *arguments)


def test_help_has_examples_and_exit_statuses() -> None:
    """The first help a newcomer sees tells what to type, and what the status means."""
    done = odb("--help")
    assert done.returncode == 0
    assert "odb run -m detector.onnx -t openvino:CPU -t ort:cpu" in done.stdout
    assert "3 nothing could be measured" in done.stdout.replace("\n", " ")


@pytest.mark.parametrize("name", ["run", "list", "doctor", "report", "schema", "completion"])
def test_every_command_has_help(name: str) -> None:
    """--help works on each, whatever is installed."""
    done = odb(name, "--help")
    assert (0, True) == (done.returncode, done.stdout.startswith(f"Usage: odb {name}"))


def test_the_version_is_the_packages() -> None:
    """--version prints one line."""
    assert f"odb, version {__version__}\n" == odb("--version").stdout


def test_a_mistyped_command_is_answered_with_the_right_one() -> None:
    """Exit 2 and a suggestion."""
    done = odb("rnu")
    assert (2, "odb: error: unknown command: rnu\n     Did you mean run?\n") == (done.returncode, done.stderr)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "-m", "gone.onnx"], "model gone.onnx: no such file"),
        (["run", "--repeats", "0"], "repeats must be 1 or more"),
        (["run", "--frobnicate"], "No such option"),
        (["run", "-m", "resnet50", "--dataset", "gone"], "dataset gone: no such folder"),
        (["run", "-m", "resnet50", "--reference", "gone.onnx"], "reference gone.onnx: no such file"),
        (["run", "--dataset", "."], "--dataset and --reference need a model, and none is named"),
        (["run", "-m", "resnet50", "--dataset-options", "label_offset=1"], "needs a dataset, and none is given"),
        (["run", "--check-inputs", "0"], "check_inputs must be 1 or more"),
        (["run", "--max-seconds", "inf"], "max_seconds must be above 0 and finite"),
        (["run", "--timeout", "nan"], "timeout_s must be above 0 and finite"),
        (["run", "--seed", "-1"], "seed must be 0 or more"),
        (["run", "-s", "ofline"], "Did you mean offline?"),
        (["run", "--preset", "strickt"], "Did you mean strict?"),
        (["run", "-m", "mobilenet_v3"], "Did you mean mobilenet_v2?"),
        (["run", "-t", "openvina:CPU"], "Did you mean openvino?"),
        (["run", "-O", "nonsense"], "-O nonsense: expected key=value"),
        (["run", "--shape", "x=a"], "expected whole numbers"),
        (["run", "--preprocessing", "order=bgr"], "--preprocessing applies to images of --input"),
        (["run", "gone.toml"], "gone.toml: no such file"),
        (["report", "gone"], "gone: no such folder"),
        (["list", "options"], "takes one target"),
        (["list", "options", "ort:cpx"], "Did you mean ort:cpu?"),
    ],
)
def test_bad_usage_exits_2_and_says_why(tmp_path: Path, arguments: list[str], words: str) -> None:
    """Every mistake is one sentence on stderr, no traceback, nothing on stdout."""
    done = odb(*arguments, cwd=tmp_path)
    assert (2, "") == (done.returncode, done.stdout)
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_an_output_folder_that_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    """Nothing is measured for nowhere."""
    (tmp_path / "file").write_text("x")
    done = odb("run", "-o", str(tmp_path / "file" / "out"))
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


def test_a_plugin_that_raises_on_import_is_named(tmp_path: Path) -> None:
    """--plugin with a defect: exit 2, the file and what it raised."""
    (tmp_path / "bad.py").write_text("import no_such_chip_sdk\n")
    done = odb("list", "targets", "--plugin", str(tmp_path / "bad.py"))
    assert done.returncode == 2
    assert "bad.py: raised ModuleNotFoundError on import: No module named 'no_such_chip_sdk'" in done.stderr


def test_a_run_prints_a_table_and_writes_a_page(tmp_path: Path) -> None:
    """Table on stdout, nothing on stderr in a pipe, records and report.html in the folder."""
    done = fake_run(tmp_path, "-m", "fake", "-t", "bad:fallback")
    assert done.returncode in (0, 1), done.stderr
    assert done.stderr == ""
    assert "bad:fallback" in done.stdout
    assert (tmp_path / "out" / "report.html").read_text().startswith("<!")
    assert len(list((tmp_path / "out").glob("*/record.json"))) == 1


def test_json_is_for_scripts(tmp_path: Path) -> None:
    """--json prints the records and nothing else."""
    done = fake_run(tmp_path, "-m", "fake", "-t", "bad:fallback", "--json")
    (record,) = json.loads(done.stdout)
    assert ("ok", "fake-tensor") == (record["status"], record["plan"]["model"]["id"])


def test_nothing_measured_exits_3(tmp_path: Path) -> None:
    """Only a skipped run: there is a record, and status 3."""
    done = fake_run(tmp_path, "-m", "fake", "-t", "bad:absent")
    assert (3, 1) == (done.returncode, len(list((tmp_path / "out").glob("*/record.json"))))


def test_a_failed_run_exits_1_beside_a_good_one(tmp_path: Path) -> None:
    """One of two runs crashed."""
    done = fake_run(tmp_path, "-m", "fake", "-t", "bad:crash-open", "-t", "bad:fallback")
    assert done.returncode == 1


def test_what_gives_status_1_can_be_named(tmp_path: Path) -> None:
    """One of two runs crashed: that is let pass where only wrong outputs are named, and is told where it is named. What
    is printed for scripts is the same."""
    asked = ("-m", "fake", "-t", "bad:crash-open", "-t", "bad:fallback", "--json")
    done = fake_run(tmp_path, *asked, "--fail-on", "outputs")
    assert (0, "") == (done.returncode, done.stderr)
    assert ["failed", "ok"] == [record["status"] for record in json.loads(done.stdout)]
    named = fake_run(tmp_path / "again", *asked, "--fail-on", "outputs,failed")
    said = "odb: status 1, as --fail-on asks: failed (fake on bad:crash-open)\n"
    assert 1 == named.returncode
    assert said == named.stderr.replace("fake-tensor", "fake")
    unknown = fake_run(tmp_path, *asked, "--fail-on", "output")
    assert (2, True) == (unknown.returncode, "Did you mean outputs?" in unknown.stderr)


def test_dry_run_measures_nothing(tmp_path: Path) -> None:
    """--dry-run prints the plan and leaves no folder; --json gives it as data."""
    done = fake_run(tmp_path, "-m", "fake", "-t", "null:cpu", "-t", "bad:absent", "--dry-run")
    assert done.returncode == 0
    assert "skipped: unavailable" in done.stdout
    assert "\nSkipped: bad:absent is not usable here: no such chip here\n  what to do: " in done.stdout
    assert not (tmp_path / "out").exists()
    plan = json.loads(fake_run(tmp_path, "-m", "fake", "-t", "null:cpu", "--dry-run", "--json").stdout)
    assert [("fake", "null:cpu", None)] == [(r["model"], r["target"], r["skip"]) for r in plan]


def test_report_formats(tmp_path: Path) -> None:
    """Every writer takes what a run left; an existing file is replaced only with --force."""
    fake_run(tmp_path, "-m", "fake", "-t", "bad:fallback")
    for name in ("md", "csv", "json", "terminal", "html"):
        assert "fake-tensor" in odb("report", str(tmp_path / "out"), "--format", name).stdout
    target = tmp_path / "page.md"
    assert odb("report", str(tmp_path / "out"), "-o", str(target)).returncode == 0
    assert target.read_text().startswith("#")
    again = odb("report", str(tmp_path / "out"), "-o", str(target))
    assert (2, True) == (again.returncode, "exists already" in again.stderr)
    assert odb("report", str(tmp_path / "out"), "-o", str(target), "--force").returncode == 0


@pytest.mark.parametrize("what", ["models", "targets", "scenarios", "presets", "reports", "sensors"])
def test_lists_are_json_too(what: str) -> None:
    """`odb list … --json` is a list of rows."""
    done = odb("list", what, "--json")
    assert done.returncode == 0
    assert isinstance(json.loads(done.stdout), list)


def test_targets_are_listed_without_their_packages(tmp_path: Path) -> None:
    """With every optional package missing, each device is listed as unusable with what to install."""
    (tmp_path / "sitecustomize.py").write_text(
        "from importlib.machinery import PathFinder\n"
        "find = PathFinder.find_spec\n"
        "hidden = {'openvino', 'openvino_genai', 'onnxruntime', 'onnxruntime_genai', 'onnxruntime_qnn'}\n"
        "PathFinder.find_spec = lambda name, *rest: None if name.split('.')[0] in hidden else find(name, *rest)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", "from bench.cli import main; main()", "list", "targets", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=True,
    )
    rows = json.loads(done.stdout)
    expected = {"openvino", "openvino-genai", "ort", "ort-genai", "qnn"}
    assert expected == {row["target"].partition(":")[0] for row in rows}
    assert [] == [row for row in rows if row["usable"] or not row["reason"] or not row["remedy"]]


def test_doctor_says_what_and_why() -> None:
    """Each finding has a state and a message; what is unavailable has a remedy where there is one."""
    findings = json.loads(odb("doctor", "--json").stdout)
    assert {"ok", "unavailable"} <= {f["state"] for f in findings}
    assert any(f["topic"] == "target ort:cpu" and f["state"] == "ok" for f in findings)
    assert all(f["message"] for f in findings)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    """Each shell gets a script for odb."""
    assert "_ODB_COMPLETE" in odb("completion", shell).stdout


def test_the_schema_is_published() -> None:
    """`odb schema` prints a JSON Schema of the record."""
    schema = json.loads(odb("schema").stdout)
    assert "Record" in json.dumps(schema)


def test_inputs_and_shapes_may_be_for_one_model() -> None:
    """MODEL:NAME=… reaches that model alone."""
    from bench.cli.asked import with_tensors
    from bench.suite.suite import ModelAsk

    models = [ModelAsk("a/net.onnx"), ModelAsk("other.onnx")]
    first, second = with_tensors(models, ["net:x=1,2", "y=3"], ["other:z=f.npy"], None)
    assert ({"x": (1, 2), "y": (3,)}, {}) == (first.shapes, first.inputs)
    assert ({"y": (3,)}, {"z": "f.npy"}) == (second.shapes, second.inputs)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("odb run -m mob", "mobilenet_v2"),
        ("odb run -t qnn:", "qnn:htp-emu"),
        ("odb run -t openvino:H", "openvino:HETERO:"),
        ("odb run -t ort-genai:", "ort-genai:qnn"),
        ("odb run -s off", "offline"),
        ("odb doc", "doctor"),
    ],
)
def test_the_shell_completes(words: str, expected: str) -> None:
    """What the completion script asks for is answered with names."""
    code = "import sys; sys.argv[0] = 'odb'; from bench.cli import main; main()"
    asked = {"_ODB_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **asked}, check=True
    )
    assert f"plain,{expected}" in done.stdout.splitlines()


def test_options_reach_targets_that_were_not_named() -> None:
    """-O goes to the default devices too: they are asked for the options they take."""
    done = odb("run", "--dry-run", "--json", "-m", "mobilenet_v2", "-O", "NUM_STREAMS=1", "-O", "qnn.soc=qcs8550")
    options = {row["target"]: row["options"] for row in json.loads(done.stdout)}
    assert {"NUM_STREAMS": "1"} == options["openvino:CPU"]
    assert {} == options["ort:cpu"]


def test_a_bad_record_beside_the_new_ones_is_named_and_left_out(tmp_path: Path) -> None:
    """An old record that cannot be read does not cost the report of what was just measured."""
    (tmp_path / "out" / "old").mkdir(parents=True)
    (tmp_path / "out" / "old" / "record.json").write_text("{")
    done = fake_run(tmp_path, "-m", "fake", "-t", "bad:fallback")
    assert "left out of the report" in done.stderr
    assert "Report:" in done.stdout


def test_a_report_is_of_what_can_be_read(tmp_path: Path) -> None:
    """A record whose samples are gone is named, the others are reported, and the status is 2; so are samples that
    agree with their hash and are no times."""
    fake_run(tmp_path, "-m", "fake", "-t", "null:cpu", "-t", "bad:fallback")
    (bad,) = (tmp_path / "out").glob("*null*")
    assert odb("report", str(tmp_path / "out")).returncode == 0
    run = load(bad)
    shutil.rmtree(bad)
    save(tmp_path / "out", run.record, {key: -array for key, array in run.samples.items()})
    done = odb("report", str(tmp_path / "out"), "--format", "md")
    assert (2, True, False) == (done.returncode, "bad:fallback" in done.stdout, "null:cpu" in done.stdout)
    assert "left out of the report" in done.stderr
    assert "holds negative times" in done.stderr


def test_a_typo_leaves_no_folder(tmp_path: Path) -> None:
    """What cannot be planned leaves nothing behind."""
    assert fake_run(tmp_path, "-m", "fake", "-t", "nope:x").returncode == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["sensors", "reports"])
def test_one_broken_plugin_costs_itself_only(tmp_path: Path, kind: str) -> None:
    """A sensor or a writer that cannot be made leaves runs and reports working."""
    (tmp_path / "broken.py").write_text(
        f"def broken(): raise KeyError('x')\nPLUGINS = {{'{kind}': {{'bad': broken}}}}\n"
    )
    extra = ["--plugin", str(tmp_path / "broken.py")]
    done = fake_run(tmp_path, "-m", "fake", "-t", "bad:fallback", *extra)
    assert done.returncode in (0, 1), done.stderr
    report = odb("report", str(tmp_path / "out"), "-o", str(tmp_path / "page.md"), *extra)
    assert report.returncode == 0, report.stderr


def test_datasets_and_references_are_given_to_their_models() -> None:
    """MODEL:DIR speaks to one, DIR to all; options go where a dataset is."""
    from bench.cli.asked import with_quality
    from bench.suite.suite import ModelAsk

    models = [ModelAsk("a/net.onnx"), ModelAsk("other.onnx"), ModelAsk("third.onnx")]
    first, second, third = with_quality(models, ["net:photos", "other:C:/faces"], "label_offset=1", ["net:float.onnx"])
    assert ("photos", "label_offset=1", "float.onnx") == (first.dataset, first.dataset_options, first.reference)
    assert ("C:/faces", "label_offset=1", "") == (second.dataset, second.dataset_options, second.reference)
    assert ModelAsk("third.onnx") == third
    assert ["all", "all"] == [model.dataset for model in with_quality(models[:2], ["all"], None, [])]


def test_a_dataset_that_cannot_be_read_is_bad_input(tmp_path: Path) -> None:
    """Status 2, with the file and the line, and nothing timed; a decoder takes texts."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "labels.json").write_text("{")
    for model, words in (("fake", "labels.json: line 1, column 2"), ("fake-decoder", "no text for a language model")):
        done = fake_run(tmp_path, "-m", model, "-t", "null:cpu", "--dataset", str(tmp_path / "photos"))
        assert (2, True) == (done.returncode, words in done.stdout + done.stderr)
