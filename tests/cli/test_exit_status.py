"""What ``odb run`` ends with, by the records it left and by what ``--fail-on`` names."""

import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from onnx import TensorProto, helper

from bench.analysis.verdict.codes import CODES, Cause, codes_of
from bench.analysis.verdict.fail_on import DEFAULT, GROUPS, checked_fail_on, exit_status, failing, why
from bench.cli.run_command import command
from bench.errors import InputError, UnknownName
from bench.record.record import Failure, Reason, Record, Verdict
from bench.testing.records import fake_run

MISREADING = Path(__file__).resolve().parents[1] / "plugins" / "misreading.py"


def ended(name: str, valid: bool = True, kind: Any = None, status: Any = "ok") -> Record:
    run = fake_run(name, [np.full(20, 1_000_000)])
    failure = None if kind is None else Failure("plan", kind, "It is so.", "")
    reasons = () if valid else (Reason("host_busy" if kind is None else "not_measured", "It is so."),)
    return replace(run.record, status=status, failure=failure, verdict=Verdict(valid, False, reasons))


def told(*reasons: tuple[str, bool]) -> Record:
    """A record that was measured, with a reason for each (code, whether it invalidates)."""
    found = tuple(Reason(code, "It is so.", invalidates=invalidates) for code, invalidates in reasons)
    verdict = Verdict(not any(one.invalidates for one in found), False, found)
    return replace(ended("a"), verdict=verdict)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([ended("a"), ended("b")], 0),
        ([ended("a"), ended("b", valid=False)], 1),
        ([ended("a"), ended("b", False, "unsupported_format", "skipped")], 0),
        ([ended("a"), ended("b", False, "crashed", "failed")], 1),
        ([ended("a", False, "bad_input", "failed")], 2),
        ([ended("a", False, "bad_input", "failed"), ended("b", False, "crashed", "failed")], 3),
        ([ended("a", False, "unsupported_format", "skipped")], 3),
    ],
)
def test_the_exit_status_of_records(records: list[Record], expected: int) -> None:
    """0 what was measured is valid; 1 it is not, or one failed; 2 nothing, for bad input; 3 nothing, for else."""
    assert expected == exit_status(records)


BUSY, WRONG = told(("host_busy", True), ("drift", True)), told(("output_mismatch", True), ("host_busy", True))
FELL_BACK, CRASHED = told(("fallback", False)), ended("b", False, "crashed", "failed")
SKIPPED = ended("c", False, "unsupported_format", "skipped")


@pytest.mark.parametrize(
    ("asked", "busy", "wrong", "fell_back", "crashed", "skipped"),
    [
        (None, 1, 1, 0, 1, 0),
        ("invalid,failed", 1, 1, 0, 1, 0),
        ("outputs,failed", 0, 1, 0, 1, 0),
        ("outputs", 0, 1, 0, 0, 0),
        ("noise", 1, 1, 0, 0, 0),
        ("output_mismatch", 0, 1, 0, 0, 0),
        ("host_busy, failed", 1, 1, 0, 1, 0),
        ("placement", 0, 0, 0, 0, 0),
        ("fallback", 0, 0, 1, 0, 0),
        ("not_measured", 0, 0, 0, 1, 1),
    ],
)
def test_what_is_named_gives_status_1(
    asked: str | None, busy: int, wrong: int, fell_back: int, crashed: int, skipped: int
) -> None:
    """A group counts where it invalidates, a code by itself also where it is only said. A valid run is beside it."""
    names = checked_fail_on(asked)
    found = [exit_status([ended("a"), other], names) for other in (BUSY, WRONG, FELL_BACK, CRASHED, SKIPPED)]
    assert [busy, wrong, fell_back, crashed, skipped] == found


def test_nothing_measured_is_never_let_pass() -> None:
    """Whatever is named, a suite of which nothing could be measured does not end with 0."""
    assert 3 == exit_status([CRASHED], ("outputs",))
    assert 2 == exit_status([ended("a", False, "bad_input", "failed")], ("noise",))


def test_what_ended_it_is_named() -> None:
    """The codes that were asked for, and no others, with their run."""
    assert ("output_mismatch",) == failing(WRONG, ("outputs",))
    told = why([BUSY, WRONG, CRASHED], ("outputs", "failed"))
    assert "output_mismatch (fake on null:cpu); failed (fake on null:cpu)" == str(told)


MEMBERS = {
    "failed": {"not_measured"},
    "outputs": {
        *("output_mismatch", "seeded_mismatch", "seeded_work", "nondeterministic_output", "output_unchecked"),
        *("cached_results", "cache_unchecked", "record_edited", "recomputed", "repeats_set_aside"),
        *("quality_of_another", "dataset_incomplete", "short_generation", "degenerate_generation", "answers_differ"),
        *("other_tool", "deadline_missed"),
    },
    "placement": {"fallback", "emulated", "emulated_processor"},
    "noise": {
        *("too_few_samples", "not_converged", "processes_differ", "single_process", "drift", "not_steady"),
        *("host_busy", "frequency_changed", "on_battery", "timer_too_coarse", "sensor_lost"),
        *("meter_not_aligned", "meter_gap", "meter_uncertain", "idle_not_idle", "load_not_generated"),
        *("throttled", "unplugged_midway", "idle_overran"),
    },
}


def test_every_code_is_in_one_stated_group() -> None:
    """Each code in exactly one, which --fail-on takes, and no code has the name of a group."""
    assert sorted(CODES) == sorted(code for codes in MEMBERS.values() for code in codes)
    assert {code: group for group, codes in MEMBERS.items() for code in codes} == {
        code: known.group for code, known in CODES.items()
    }
    assert set(GROUPS) == {*MEMBERS, "invalid"}
    assert set() == set(GROUPS) & set(CODES)
    assert set(DEFAULT) <= set(GROUPS)


@pytest.mark.parametrize("code", sorted(MEMBERS["outputs"] | MEMBERS["placement"] | MEMBERS["noise"]))
def test_a_busy_machine_is_told_from_wrong_figures(code: str) -> None:
    """What the README asks for ends with 1 for every code of outputs that makes a run invalid, and for no other."""
    asked = checked_fail_on("outputs,failed")
    assert (code in MEMBERS["outputs"]) == exit_status([told((code, True), ("host_busy", True))], asked)
    assert 0 == exit_status([told((code, False))], asked)
    assert ((code,) if code in MEMBERS["noise"] else ()) == failing(told((code, True)), ("noise",))


def test_a_cause_shows_in_codes_of_one_group() -> None:
    """An unsteady machine is noise, wrong outputs are outputs."""
    assert {"unsteady_machine": {"noise"}, "wrong_outputs": {"outputs"}} == {
        cause: {CODES[code].group for code in codes_of(cause)} for cause in get_args(Cause)
    }


@pytest.mark.parametrize(("asked", "nearest"), [("output", "outputs"), ("output_mismach", "output_mismatch")])
def test_a_name_that_nobody_knows_is_refused(asked: str, nearest: str) -> None:
    """With the nearest; an empty list is no list."""
    with pytest.raises(UnknownName, match=f"Did you mean {nearest}?"):
        checked_fail_on(f"failed,{asked}")
    with pytest.raises(UnknownName):
        checked_fail_on(",")


def test_it_does_not_go_with_a_comparison() -> None:
    """The status of --against is the comparison's."""
    error = CliRunner().invoke(command, ["--against", "base", "--fail-on", "outputs"]).exception
    assert isinstance(error, InputError)
    assert "--accept" in error.remedy


@pytest.mark.process
@pytest.mark.real
@pytest.mark.parametrize(("target", "expected"), [("swapping:CPU", 1), ("openvino:CPU", 0)])
def test_wrong_outputs_are_told_from_a_busy_machine(tmp_path: Path, target: str, expected: int) -> None:
    """What the README asks for ends with 1 where a target misreads its input, and with 0 where it does not, however
    busy this machine is."""
    pytest.importorskip("openvino")
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])]
    weights = helper.make_tensor("w", TensorProto.FLOAT, [3], [1.0, 10.0, 100.0])
    graph = helper.make_graph([helper.make_node("Mul", ["x", "w"], ["y"])], "weighted", inputs, outputs, [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    np.save(tmp_path / "x.npy", np.array([[1.0, 2.0, 3.0]], np.float32))
    asked = ["--plugin", MISREADING, "-m", "net.onnx", "-t", target, "--input", "x=x.npy", "-o", "out"]
    short = ["--repeats", "1", "--max-seconds", "0.1", "--fail-on", "outputs,failed"]
    done = subprocess.run(
        [sys.executable, "-c", "from bench.cli import main; main()", "run", *asked, *short],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=tmp_path,
        check=False,
    )
    assert expected == done.returncode, done.stderr
    assert ("output_mismatch (net on swapping:CPU)" in done.stderr) is (expected == 1)
