"""What the plugin costs a project that does not use it."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from doc_pages import ROOT

pytestmark = pytest.mark.process

PLUGIN = "bench.pytesting.plugin"
UNUSED = """
import sys

def test_nothing_is_imported():
    own = sorted(name for name in sys.modules if name.partition(".")[0] == "bench")
    assert own == ["bench", "bench.pytesting", "bench.pytesting.plugin"]
    heavy = {"numpy", "scipy", "onnx", "onnxruntime", "openvino", "msgspec", "click", "rich", "psutil"}
    assert not heavy & set(sys.modules)
"""


def carried_out(folder: Path) -> subprocess.CompletedProcess[str]:
    """pytest in a process of its own, with this plugin and no other."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", PLUGIN, "-p", "no:cacheprovider", "-q", "test_project.py"],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_project_that_does_not_use_it_imports_the_plugin_alone(tmp_path: Path) -> None:
    """None of this project's modules but the one with the names, and none of the packages that they need."""
    (tmp_path / "test_project.py").write_text(UNUSED, encoding="utf-8")
    done = carried_out(tmp_path)
    assert "1 passed" in done.stdout, done.stdout


def test_the_entry_point_is_this_module() -> None:
    """pytest loads it under the name ``odb``; ``-p no:odb`` leaves it out."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"odb": PLUGIN} == project["entry-points"]["pytest11"]
