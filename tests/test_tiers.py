"""The tiers of the tests: what each runs, and that a test without the marker ``process`` starts no process."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
import tiers
from chromium import missing

ROOT = Path(__file__).resolve().parents[1]
MARKERS = ("process", "real", "smoke", "long", "perf", "fuzz_long")

TESTS = """
import subprocess, sys, threading
import pytest

def start():
    subprocess.run([sys.executable, "-c", ""], check=True)

def test_pure():
    pass

def test_starts_one():
    start()

def test_catches_the_refusal():
    try:
        start()
    except Exception:
        pass

@pytest.fixture
def measured():
    start()

def test_fixture_starts_one(measured):
    pass

@pytest.mark.process
def test_marked(measured):
    start()

@pytest.mark.process
@pytest.mark.smoke
def test_of_both():
    start()

@pytest.mark.long
def test_simulates():
    pass

@pytest.mark.perf
def test_times():
    pass

def test_uses_run(run):
    pass
"""
CONFTEST = """
import pytest

pytest_plugins = ("tiers",)

@pytest.fixture
def run():
    pass
"""


@pytest.fixture(scope="module")
def pytest_in(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """``pytest_in(*arguments)``: what pytest prints, each outcome by its test, in a project with these tests."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "tests").mkdir()
    (folder / "tests" / "conftest.py").write_text(CONFTEST)
    (folder / "tests" / "test_it.py").write_text(TESTS)
    markers = "\n    ".join(MARKERS)
    (folder / "pytest.ini").write_text(f"[pytest]\ntestpaths = tests\nmarkers =\n    {markers}\n")

    def carried_out(*arguments: str) -> str:
        path = os.pathsep.join([str(Path(tiers.__file__).parent), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *arguments]
        environment = {**os.environ, "PYTHONPATH": path, "PYTEST_ADDOPTS": ""}
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
        return done.stdout

    return carried_out


def outcomes(printed: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, outcome in re.findall(r"::test_(\w+) (PASSED|FAILED|ERROR)", printed):
        found.setdefault(name, set()).add(outcome)
    return found


@pytest.mark.process
def test_pytest_alone_is_the_first_tier(pytest_in: Callable[..., str]) -> None:
    """Everything that starts no process, and what is marked smoke; whoever starts one without the mark fails."""
    assert {
        "pure": {"PASSED"},
        "starts_one": {"FAILED"},
        "catches_the_refusal": {"FAILED"},
        "fixture_starts_one": {"ERROR"},
        "of_both": {"PASSED"},
    } == outcomes(pytest_in())


@pytest.mark.process
def test_what_is_named_is_run(pytest_in: Callable[..., str]) -> None:
    """A file: all of it but perf. A marker: what has it, also through the fixture that measures."""
    named = outcomes(pytest_in("tests/test_it.py"))
    assert {"marked", "of_both", "simulates", "uses_run", "pure"} <= set(named)
    assert "times" not in named
    assert {"times"} == set(outcomes(pytest_in("-m", "perf")))
    assert {"times", "simulates"} == set(outcomes(pytest_in("-m", "perf or long", "tests/test_it.py")))
    assert {"marked", "of_both", "uses_run"} == set(outcomes(pytest_in("-m", "process")))
    assert {"marked", "simulates", "uses_run"} == set(outcomes(pytest_in("-m", tiers.REST)))


def test_no_test_is_in_two_tiers_or_in_none() -> None:
    """The first and the rest are all, whatever a test is marked with, but for what runs only by name."""
    for values in product([False, True], repeat=len(MARKERS)):
        marked = dict(zip(MARKERS, values, strict=True))
        first, rest = (eval(tiers.chosen(tier, named=False), {}, marked) for tier in ("", tiers.REST))
        by_name = any(marked[marker] for marker in tiers.ONLY_BY_NAME)
        assert (not by_name, False) == (first or rest, first and rest)


def test_a_process_is_refused() -> None:
    """This test has no mark: each way to start one ends with the reason, and nothing is started."""
    ways: list[Callable[[], object]] = [lambda: subprocess.run([sys.executable, "-c", ""], check=True)]
    if hasattr(os, "fork"):
        ways += [os.fork, lambda: os.posix_spawn(sys.executable, [sys.executable, "-c", ""], os.environ)]
    ways.append(lambda: os.system("exit 7"))
    for way in ways:
        with pytest.raises(RuntimeError, match="a test without the marker `process` may start none"):
            way()
    assert len(ways) == len(tiers.WATCH.started)
    tiers.WATCH.started.clear()


def test_the_longest_files_are_there() -> None:
    """Each that comes first is a file of tests, named once."""
    names = tiers.LONGEST.split()
    assert [] == [name for name in names if not (ROOT / "tests" / f"{name}.py").is_file()]
    assert len(set(names)) == len(names)


def test_ci_runs_both_tiers() -> None:
    """Of ``.ci/run`` the README's command is the first, and the other names the rest."""
    script = " ".join((ROOT / ".ci" / "run").read_text().split())
    assert f"-m '{tiers.REST}'" in script
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^ +python3 -m venv .*&& \.venv/bin/pytest -q -n auto --dist loadfile$", readme, re.MULTILINE)


def test_ci_opens_the_pages_in_a_browser() -> None:
    """With the axe-core that CONTRIBUTING.md names, and without a skipped test where it has a browser. They are among
    the other tests, of which no folder is left out."""
    script, text = ((ROOT / name).read_text(encoding="utf-8") for name in (".ci/run", "CONTRIBUTING.md"))
    (version,) = re.findall(r"^axe=(axe-core@[\d.]+)$", script, re.MULTILINE)
    assert f"npm pack {version}" in text
    assert "export ODB_BROWSER=required" in script
    assert "pytest -q -rs" in script
    assert not re.search(r"--(ignore|deselect)|pytest.* -k ", script)


@pytest.mark.parametrize(("value", "outcome"), [("required", pytest.fail.Exception), (None, pytest.skip.Exception)])
def test_a_missing_browser_fails_where_it_is_required(
    value: str | None, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere the test is skipped with the reason."""
    monkeypatch.delenv("ODB_BROWSER", raising=False)
    if value is not None:
        monkeypatch.setenv("ODB_BROWSER", value)
    with pytest.raises(outcome, match="needs chromium"):
        missing("needs chromium")


def test_every_marker_is_documented() -> None:
    """In CONTRIBUTING.md, each that pyproject.toml registers and no other; with the commands of the tiers."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    registered = [text.partition(":")[0] for text in project["tool"]["pytest"]["ini_options"]["markers"]]
    assert sorted(MARKERS) == sorted(registered)
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", text.partition("| marker |")[2], re.MULTILINE)
    assert sorted(MARKERS) == sorted(rows)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^ +(python3 -m venv .*pytest -q -n auto --dist loadfile)$", text, re.MULTILINE)
    assert f"    {command}\n" in readme


def test_commits_are_linted_as_ci_lints() -> None:
    """Each hook's command is one of .ci/run, and none is left out; no hook is fetched from a host."""
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    script = (ROOT / ".ci" / "run").read_text()
    lint = script.partition('section "lint"\n')[2].partition("\nsection")[0].split("\n")
    assert [line.removeprefix(".venv/bin/") for line in lint if line] == re.findall(
        r"^ +entry: (.+)$", hooks, re.MULTILINE
    )
    assert ["local"] == re.findall(r"repo: (\S+)", hooks)
    assert {"system"} == set(re.findall(r"language: (\S+)", hooks))
