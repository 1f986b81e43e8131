"""``odb run --on``, with a recorded phone behind ``adb``."""

import json
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner, Result
from fake_adb import PERF_TEST, SERIAL, calls, elf, install
from onnx import TensorProto, helper

from bench.cli.run_command import command
from bench.errors import OdbError
from bench.store.records import load_records

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("in_process")]


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a recorded phone, with a small net and both programs in it."""
    monkeypatch.setenv("PATH", str(install(tmp_path, program=PERF_TEST)))
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "net.onnx")
    elf(tmp_path / "onnxruntime_perf_test")
    elf(tmp_path / "benchmark_model")
    return tmp_path


def run(folder: Path, *arguments: str) -> Result:
    """``odb run`` in this process; what it wrote is below ``folder/out``."""
    given = ["-m", str(folder / "net.onnx"), "-o", str(folder / "out"), *arguments]
    return CliRunner().invoke(command, given, standalone_mode=False)


def on_phone(folder: Path, *arguments: str) -> Result:
    return run(folder, "--on", "adb", "--runner", str(folder / "onnxruntime_perf_test"), *arguments)


def test_a_model_is_measured_on_a_phone_by_its_program(phone: Path) -> None:
    """The record names device, program and figures as printed; what the program does not tell is null."""
    done = on_phone(phone, "-O", "r=5", "-O", "x=1")
    assert (0, None) == (done.return_value, done.exception)
    (run,) = load_records(phone / "out")
    record, tool = run.record, run.record.other_tool
    assert tool is not None
    assert ("onnxruntime_perf_test", 5, 98_961_997, 99_508_600, None) == (
        tool.name,
        tool.inferences,
        tool.mean_ns,
        tool.p50_ns,
        tool.std_ns,
    )
    assert ("-I", "-s", "-m", "times", "-r", "5", "-e", "cpu", "-x", "1", "net.onnx", "result.csv") == tool.arguments
    target = record.plan.target
    assert ("onnxruntime_perf_test:android", "Snapdragon 888 (SM8350)") == (target.id, str(target.device_name))
    assert ("Android", "SM8350") == (record.environment.host["os"], record.environment.host["cpu"])
    assert (None, (), "ok") == (record.summary.latency_ns, record.repeats, record.status)
    assert record.verdict is not None
    assert ["other_tool"] == [one.code for one in record.verdict.reasons if one.code != "output_unchecked"]
    assert record.verdict.valid
    assert SERIAL not in (phone / "out" / record.record_id / "record.json").read_text()
    page = (phone / "out" / "report.html").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "mean 99.0 ms, median 99.5 ms, 5 inferences" in page
    assert "mean 99.0 ms, median 99.5 ms over 5 queries" in " ".join(done.output.split())
    assert (None, "") == (record.plan.inputs, record.plan.command)
    pushed = [Path(call[4]).name for call in calls(phone) if call[2:3] == ["push"]]
    assert ["onnxruntime_perf_test", "net.onnx"] == pushed
    assert "rm -rf" in calls(phone)[-1][3]


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"full": True}, "unavailable", "there is no room on adb:1234ABCD for onnxruntime_perf_test"),
        ({"cut": True}, "unavailable", "the connection to adb:1234ABCD was lost"),
        ({"status": 1, "program": "no such provider\n"}, "runtime_error", "onnxruntime_perf_test ended with status 1"),
        ({"program": "STARTING!\n"}, "runtime_error", "onnxruntime_perf_test printed no result"),
    ],
)
def test_what_goes_wrong_on_the_phone_is_in_the_record(
    phone: Path, changes: dict[str, object], kind: str, said: str
) -> None:
    """Status 3: nothing was measured; what the program printed last is kept."""
    install(phone, **{"program": PERF_TEST, **changes})
    assert 3 == on_phone(phone).return_value
    (run,) = load_records(phone / "out")
    assert run.record.failure is not None
    assert (kind, "failed", None) == (run.record.failure.kind, run.record.status, run.record.other_tool)
    assert said in run.record.failure.message
    assert ("no such provider" in run.record.log_tail) == ("status" in changes)


def refused(folder: Path, *arguments: str) -> OdbError:
    done = run(folder, *arguments)
    assert isinstance(done.exception, OdbError)
    assert not (folder / "out").exists()
    return done.exception


def test_without_a_program_it_is_unavailable_with_the_remedy(phone: Path) -> None:
    """Neither ONNX Runtime nor LiteRT publishes one in a package that could be installed along."""
    error = refused(phone, "--on", "adb")
    assert (3, "no benchmark program for the device was given") == (error.exit_status, error.message)
    assert "Build benchmark_model or onnxruntime_perf_test for arm64-v8a" in error.remedy


def test_a_model_whose_name_begins_with_a_dash(phone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither adb nor the program takes it for an option."""
    monkeypatch.chdir(phone)
    (phone / "net.onnx").rename(phone / "-망.onnx")
    given = ["-m", "./-망.onnx", "-o", "out", "--on", "adb", "--runner", "onnxruntime_perf_test"]
    assert CliRunner().invoke(command, given, standalone_mode=False).return_value == 0
    pushed = [Path(call[3]) for call in calls(phone) if call[2:3] == ["push"]]
    assert [True, True] == [file.is_absolute() for file in pushed]
    (run,) = load_records(phone / "out")
    assert run.record.other_tool is not None
    assert "./-망.onnx" == run.record.other_tool.arguments[-2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--runner", "no/benchmark_model"), "--runner benchmark_model: no such file"),
        (("--runner", "{}/net.onnx"), "--runner net.onnx: the name is not that of a known benchmark program"),
        (("--runner", "{}/onnxruntime_perf_test.exe"), "is not a program for arm64-v8a"),
        (("--runner", "{}/onnxruntime_perf_test", "-t", "ort:cpu"), "--target cannot be given with --on"),
        (("--runner", "{}/onnxruntime_perf_test", "--profile"), "--profile cannot be given with --on"),
        (
            ("--runner", "{}/onnxruntime_perf_test", "--meter-marker"),
            "--meter-marker: a meter is not joined to a run on another device",
        ),
        (("--runner", "{}/onnxruntime_perf_test", "--check-inputs", "9"), "--check-inputs cannot be given with --on"),
        (("--runner", "{}/onnxruntime_perf_test", "--deadline", "3ms"), "--deadline cannot be given with --on"),
        (("--runner", "{}/onnxruntime_perf_test", "--until", "decided"), "--until"),
        (("--runner", "{}/onnxruntime_perf_test", "--again"), "--again"),
    ],
)
def test_bad_usage_is_told_before_anything_is_pushed(phone: Path, arguments: tuple[str, ...], said: str) -> None:
    """Status 2."""
    elf(phone / "onnxruntime_perf_test.exe", machine=62)
    error = refused(phone, "--on", "adb", *(word.format(phone) for word in arguments))
    assert 2 == error.exit_status
    assert said in error.message


def test_a_program_for_another_format_is_told(phone: Path) -> None:
    """In the record of that model: others may fit."""
    assert 3 == run(phone, "--on", "adb", "--runner", str(phone / "benchmark_model")).return_value
    (found,) = load_records(phone / "out")
    assert found.record.failure is not None
    assert "benchmark_model opens tflite, but net is onnx" == found.record.failure.message


def test_a_runner_without_a_device_is_told(phone: Path) -> None:
    """It runs nowhere else."""
    error = refused(phone, "--runner", str(phone / "onnxruntime_perf_test"))
    assert "--runner is for --on only" == error.message


def test_a_dry_run_names_device_and_program(phone: Path) -> None:
    """Nothing is pushed; the same for scripts."""
    done = on_phone(phone, "--dry-run")
    said = "net.onnx would be measured on adb:1234ABCD (Xiaomi M2011K2G, SM8350, Android 12) by onnxruntime_perf_test."
    assert (0, True) == (done.return_value, said in done.output)
    told = json.loads(on_phone(phone, "--dry-run", "--json").output)
    assert ("adb:1234ABCD", "SM8350") == (told["on"], told["device"]["soc"])
    assert not [call for call in calls(phone) if "push" in call]
