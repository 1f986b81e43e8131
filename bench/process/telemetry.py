"""Switches off the telemetry of runtimes while they are measured. See docs/privacy.md.

``switch_off`` comes before any runtime is imported, in the parent and in every worker. It changes this process only: it
does not write files or change the user's settings.
"""

import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

from bench.words import Sentence, sentence

ONNX_RUNTIME = "ORT_DISABLE_TELEMETRY"
"""Read by ONNX Runtime 1.32 and onnxruntime-genai 0.18 when they are loaded: no event database, no device id, no thread
that sends. What is in ``OFF`` switches telemetry off, everything else leaves it on."""
OPENVINO = "openvino_telemetry"
"""The module that sends OpenVINO's telemetry. If it cannot be imported, OpenVINO uses its stub, which does nothing, as
if the package were not installed."""
RUNTIMES = ("openvino", OPENVINO, "onnxruntime", "onnxruntime_genai")
OFF = ("1", "true", "yes", "on")
"""In upper or lower case. Its documentation names ``1`` alone; tests/test_privacy.py tries each."""
_found_at_start: "tuple[str, ...] | None" = None
_asked_at_start: str | None = None


def switch_off() -> None:
    """Switch the telemetry of OpenVINO and ONNX Runtime off, in this process and, of ONNX Runtime, in its children."""
    global _found_at_start, _asked_at_start
    if _found_at_start is None:
        _found_at_start, _asked_at_start = loaded(), os.environ.get(ONNX_RUNTIME)
    off(os.environ, sys.modules)


def off(environ: MutableMapping[str, str], modules: MutableMapping[str, Any]) -> None:
    """Write both switches into ``environ`` and ``modules``."""
    environ[ONNX_RUNTIME] = "1"
    modules[OPENVINO] = None


def loaded(modules: "Mapping[str, object] | None" = None) -> tuple[str, ...]:
    """The runtimes that are imported already, for which it is too late."""
    there = sys.modules if modules is None else modules
    return tuple(name for name in RUNTIMES if there.get(name) is not None)


def turned_on_by_environment() -> tuple[Sentence, ...]:
    """Why telemetry could still be on, one sentence each: what the user's environment did before ``switch_off``."""
    return reasons(_found_at_start or (), _asked_at_start)


def reasons(found: tuple[str, ...], asked: str | None) -> tuple[Sentence, ...]:
    """``found``: runtimes imported before. ``asked``: the value of ``ORT_DISABLE_TELEMETRY`` then."""
    told = []
    if found:
        told.append(sentence("run.telemetry_imported_before", found=found))
    if asked is not None and asked.lower() not in OFF:
        told.append(sentence("run.telemetry_asked_for", onnx_runtime=ONNX_RUNTIME, asked=asked))
    return tuple(told)
