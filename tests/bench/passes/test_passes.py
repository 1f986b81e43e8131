"""A pass is one file: its job, what the worker does with it, and what it adds to the evidence. Typed throughout."""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import get_type_hints

import pytest

import bench.passes
from bench.contracts import OpenRequest, Scenario
from bench.execution.suite_run import run_suite
from bench.execution.untimed import UNTIMED
from bench.jobs import Job, decode_job, encode_job
from bench.measure.repeat import Measured, MeasureJob
from bench.plugins import PluginRef, discover
from bench.process.probe import ProbeJob
from bench.record.record import RecordedRun
from bench.suite.presets import PRESETS
from bench.suite.suite import ModelAsk, Suite, TargetAsk
from bench.testing import fake_artifact

ROOT = Path(__file__).resolve().parents[3]
TYPED = ("bench/execution", "bench/passes", "bench/process", "bench/jobs.py")
TARGET = PluginRef("targets", "null", "bench.testing:NullTarget", "test")

ANY = {
    "bench/execution/preflight/survey.py: waited": "concurrent.futures.wait takes futures of one type",
    "bench/process/job_objects.py: __init__": "the functions of a library of ctypes are found by name at run time",
    "bench/process/job_objects.py: kernel32": "the same",
    "bench/process/trees.py: begin": "the keywords of subprocess.Popen pass through",
    "bench/process/telemetry.py: off": "sys.modules takes None in the place of a module, which its type does not allow",
}
"""Functions and classes whose annotations hold ``Any``, and why."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    for place in TYPED:
        path = ROOT / place
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            yield file.relative_to(ROOT).as_posix(), ast.parse(file.read_text(encoding="utf-8"))


def annotations(node: ast.AST) -> Iterator[ast.expr]:
    """What ``node`` itself annotates."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        arguments = node.args
        every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
        yield from (one.annotation for one in every if one is not None and one.annotation is not None)
        if node.returns is not None:
            yield node.returns
    elif isinstance(node, ast.AnnAssign):
        yield node.annotation


def names(node: ast.expr) -> Iterator[str]:
    """The names in an annotation, those in quoted ones too."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Attribute):
            yield inner.attr
        elif isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield from names(ast.parse(inner.value, mode="eval").body)


def holders(tree: ast.Module) -> Iterator[str]:
    """Where ``Any`` is written: the names of functions, aliases, fields and variables."""
    for node in ast.walk(tree):
        if any("Any" in names(one) for one in annotations(node)):
            yield node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else assigned(node)
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            subscripted = (inner for inner in ast.walk(node.value) if isinstance(inner, ast.Subscript))
            if any("Any" in names(inner.slice) for inner in subscripted):
                yield assigned(node)


def assigned(node: ast.AST) -> str:
    """What an assignment gives a value to."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return ", ".join(map(ast.unparse, targets))


def test_no_any() -> None:
    """A job's answer has its own type from the worker to the record: no annotation of these rooms gives up."""
    assert ANY.keys() == {f"{file}: {holder}" for file, tree in sources() for holder in holders(tree)}


def test_any_is_found_wherever_it_stands() -> None:
    """In arguments, results, fields, quoted annotations, aliases and variables; by names, which stay as lines move."""
    text = (
        'def a(x: Any): ...\ndef b() -> "list[np.ndarray[Any, Any]]": ...\nclass C:\n    d: dict[str, Any]\n'
        "Ids = np.ndarray[Any, Any]\ndef fine(x: AnyEvent) -> None:\n    seen: list[Any] = []\n"
    )
    assert ["Ids", "a", "b", "d", "seen"] == sorted(holders(ast.parse(text)))


def test_no_answer_is_asserted_to_be_of_a_type() -> None:
    """The checker knows what a job answers; nothing has to be claimed while the program runs."""
    found = [
        f"{file}:{node.lineno}"
        for file, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
        if any(isinstance(inner, ast.Call) and ast.unparse(inner.func) == "isinstance" for inner in ast.walk(node.test))
    ]
    assert [] == found


@cache
def modules() -> tuple[ModuleType, ...]:
    return tuple(import_module(f"bench.passes.{one.name}") for one in iter_modules(bench.passes.__path__))


def jobs_in(module: ModuleType) -> list[type[Job[object]]]:
    """The jobs that a module defines."""
    return [
        one
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, Job) and one.__module__ == module.__name__
    ]


PASSES = [module for module in modules() if jobs_in(module)]


@pytest.mark.parametrize("module", PASSES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_pass_has_its_job_its_play_and_its_evidence(module: ModuleType) -> None:
    """One job, with a ``play`` of its own that returns what the job answers; one ``evidence``, which is carried out."""
    (job,) = jobs_in(module)
    assert "play" in vars(job)
    assert job.answers() is get_type_hints(job.play)["return"]
    assert module.evidence in UNTIMED


def test_no_evidence_without_a_pass() -> None:
    """Each function of that name is of a file with a job."""
    assert [m.__name__ for m in PASSES] == [m.__name__ for m in modules() if hasattr(m, "evidence")]


def examples(folder: Path) -> list[Job[object]]:
    (folder / "m.onnx").write_text("m")
    artifact = fake_artifact(folder / "m.onnx")
    request = OpenRequest(artifact, "cpu", {"latency_us": "5"})
    rule = PRESETS["quick"].rule
    return [
        MeasureJob(TARGET, request=request, scenario=Scenario(), rule=rule, feeds=folder / "x.npz", seed=3),
        ProbeJob(TARGET, ("cpu", "")),
    ]


def test_a_job_is_read_as_it_was_written(tmp_path: Path) -> None:
    """With paths, and by the worker's only knowledge: the file."""
    made = examples(tmp_path)
    assert made == [decode_job(encode_job(job)) for job in made]


def test_a_job_knows_its_answer() -> None:
    """By its base, once."""
    assert Measured is MeasureJob.answers()


@pytest.mark.process
@pytest.mark.parametrize("index", [0, 1], ids=["repeat", "probe"])
def test_a_worker_imports_what_its_job_needs(index: int, tmp_path: Path) -> None:
    """A timed repeat loads no untimed pass, no dataset, no plan and no numpy before it begins; a probe nothing that
    measures."""
    file = tmp_path / "job.json"
    file.write_bytes(encode_job(examples(tmp_path)[index]))
    code = (
        "import sys; from pathlib import Path; import bench.process.worker, bench.process.failure\n"
        "from bench.jobs import decode_job\n"
        "decode_job(Path(sys.argv[1]).read_bytes()); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    rooms = {*loaded, *(".".join(name.split(".")[:2]) for name in loaded)}
    needless = {"bench.passes", "bench.quality", "bench.execution", "bench.store", "bench.comparison", "numpy"}
    if index == 1:
        needless |= {
            "bench.measure",
            "bench.inputs",
            "bench.machine.channels",
            "bench.machine.clocks",
            "bench.analysis",
        }
    assert set() == needless & {*rooms, *(room.partition(".")[0] for room in rooms)}


def documented() -> str:
    """The pass that docs/architecture.md adds."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page.partition("### To add a pass")[2]
    return section.partition("```python\n")[2].partition("```")[0]


@pytest.fixture
def own_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], RecordedRun]:
    """``own_pass(source)``: the record of a run with one more pass, whose file is ``source``."""

    def measured(source: str) -> RecordedRun:
        (tmp_path / "asking.py").write_text(source)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "asking", raising=False)
        monkeypatch.setattr("bench.execution.one_run.UNTIMED", (*UNTIMED, import_module("asking").evidence))
        out = tmp_path / "out"
        out.mkdir()
        suite = Suite(models=(ModelAsk("fake"),), targets=(TargetAsk("null:cpu"),), repeats=1, max_seconds=0.1)
        plugins = ROOT / "bench" / "testing" / "plugins.py"
        return run_suite(suite, discover((plugins,)), out, cache=tmp_path / "cache")[0]

    return measured


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="no load average")
def test_one_more_pass_is_one_file_and_one_line(own_pass: Callable[[str], RecordedRun]) -> None:
    """As documented: its job is played by a worker that knows it from the job's file alone, and what it adds is in the
    record."""
    record = own_pass(documented()).record
    assert ("ok", True) == (record.status, record.environment.load["before_repeats"] >= 0)


@pytest.mark.process
def test_an_answer_of_another_type_is_a_plugin_error(own_pass: Callable[[str], RecordedRun]) -> None:
    """The parent takes no answer of another type than the job's; the phase is the one that was announced."""
    record = own_pass(documented().replace("return os.getloadavg()[0]", 'return "high"')).record
    assert record.failure is not None
    assert ("failed", "plugin_error", "load") == (record.status, record.failure.kind, record.failure.phase)
    assert "the worker's answer cannot be read" in record.failure.message


@pytest.mark.process
def test_a_pass_that_fails_ends_the_run(own_pass: Callable[[str], RecordedRun]) -> None:
    """With what the passes before it found."""
    record = own_pass(documented().replace("return os.getloadavg()[0]", "raise ValueError('no load')")).record
    assert record.failure is not None
    assert ("runtime_error", "load", "ValueError: no load") == (
        record.failure.kind,
        record.failure.phase,
        record.failure.message,
    )
    assert record.repeated_input is not None
