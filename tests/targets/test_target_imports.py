"""Listing plugins stays free: their modules import no runtime."""

import subprocess
import sys

import pytest

from bench.contracts import Target
from bench.targets.openvino.target import OpenVino
from bench.targets.ort.cpu import OnnxRuntimeCpu
from bench.targets.qnn.target import OnnxRuntimeQnn

HEAVY = ("numpy", "onnx", "onnxruntime", "onnxruntime_qnn", "openvino", "psutil")


@pytest.mark.process
@pytest.mark.parametrize("module", ["openvino.target", "ort.cpu", "qnn.target"])
def test_a_plugin_module_imports_nothing_heavy(module: str) -> None:
    """In a fresh interpreter, importing it and making the plugin leaves every runtime out."""
    code = f"import sys, bench.targets.{module} as m; print([n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


@pytest.mark.parametrize("target", [OpenVino(), OnnxRuntimeCpu(), OnnxRuntimeQnn()])
def test_a_plugin_says_what_it_is(target: Target) -> None:
    """Summary, requirement and remedy are never empty."""
    assert (True, True, True, True) == (
        bool(target.summary),
        bool(target.requires),
        target.install.startswith("pip install"),
        {"tensor", "text_generation"} == set(target.tasks),
    )
