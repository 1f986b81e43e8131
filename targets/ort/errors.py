"""ONNX Runtime's exceptions in plain words."""

import re
from pathlib import Path
from typing import Any

from bench.errors import RunFailure

UNREGISTERED = re.compile(r"([\w.]+):(\w+)\(-?\d+\) is not a registered function/op")
NOT_IN_OPSET = re.compile(r"No Op registered for (\w+) with domain_version of (\d+)")
RENAMED = re.compile(r"_token_\d+$")
"""What the layout transformer appends to a node's name."""
NEWEST_IR = re.compile(r"max supported IR version: (\d+)")
NEWEST_OPSET = re.compile(r"till opset (\d+)")
OLDEST_OPSET = 7  # https://onnxruntime.ai/docs/reference/compatibility.html
PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")


def said(error: Exception, model: Path) -> str:
    """The first line of ONNX Runtime's message, without its status code and without the folders of ``model``."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return PREFIX.sub("", lines[0]).replace(str(model), model.name)


def opening_failure(error: Exception, model: Path) -> RunFailure:
    """Why a session could not be made of ``model``. ONNX Runtime names an exception class after its status code."""
    name = type(error).__name__
    text = said(error, model)
    phase = "compile"
    if name == "NoSuchFile":
        return RunFailure("bad_input", f"{model.name}: the file is not there", phase=phase)
    if (versions := _version_failure(str(error), model)) is not None:
        return versions
    if unknown := UNREGISTERED.search(text):
        message = f"{model.name}: ONNX Runtime has no operator {unknown[2]} of the domain {unknown[1]}"
        return RunFailure("unsupported_operator", message, "Export with standard operators only.", phase)
    if absent := NOT_IN_OPSET.search(text):
        message = f"{model.name}: ONNX Runtime has no operator {absent[1]} in opset {absent[2]}"
        remedy = "Export with standard operators only, in an opset that has them."
        return RunFailure("unsupported_operator", message, remedy, phase)
    if "EP context model" in text and "exists already" in text:
        message = f"{model.name}: ONNX Runtime does not write a compiled graph over one that is there"
        remedy = (
            "Every process of a run opens the model, and the first wrote the file: measure that file, or leave "
            "ep.context_enable out and give --compile-cache warm."
        )
        return RunFailure("runtime_error", message, remedy, phase)
    if name in ("InvalidProtobuf", "InvalidGraph"):
        return RunFailure(
            "unsupported_format",
            f"{model.name} is not an ONNX model that ONNX Runtime takes: {text}",
            "Check the file with onnx.checker.check_model, or export it again.",
            phase,
        )
    if name == "NotImplemented" or "Could not find an implementation" in text:
        return RunFailure(
            "unsupported_operator",
            f"{model.name}: an operator is not implemented here: {text}",
            "Export with another opset, or replace the operator.",
            phase,
        )
    if isinstance(error, MemoryError) or "bad allocation" in text or "Failed to allocate memory" in text:
        remedy = "Use a smaller model, batch or precision."
        return RunFailure("out_of_memory", f"{model.name}: not enough memory: {text}", remedy, phase)
    remedy = "Check the file with onnx.checker.check_model, or export it again."
    return RunFailure("runtime_error", f"{model.name}: ONNX Runtime cannot open it: {text}", remedy, phase)


def _version_failure(text: str, model: Path) -> RunFailure | None:
    """Whether the file is too new or too old for this ONNX Runtime, and which reads it; ``None`` if this is not the
    reason.

    The newest versions that it reads are in its message; those of the file are read from the file.
    """
    import onnxruntime

    stated = _stated_versions(model)
    if stated is None:
        return None
    ir, opset = stated
    here = f"ONNX Runtime {onnxruntime.__version__}"
    newest_ir, newest_opset = NEWEST_IR.search(text), NEWEST_OPSET.search(text)
    if newest_ir and ir > int(newest_ir[1]):
        message = f"{model.name} is written in IR version {ir} of ONNX, and {here} reads up to {newest_ir[1]}"
        return RunFailure("unsupported_format", message, _newer(1, ir, newest_ir[1], "ir_version"), "compile")
    if newest_opset and opset > int(newest_opset[1]):
        message = f"{model.name} is written for opset {opset}, and {here} reads up to {newest_opset[1]}"
        return RunFailure("unsupported_format", message, _newer(2, opset, newest_opset[1], "opset"), "compile")
    if 0 < opset < OLDEST_OPSET and "implementation" in text:
        message = f"{model.name} is written for opset {opset}, and ONNX Runtime implements {OLDEST_OPSET} and newer"
        remedy = f"Convert it: onnx.version_converter.convert_version(model, {OLDEST_OPSET}), or export it again."
        return RunFailure("unsupported_operator", message, remedy, "compile")
    return None


def _stated_versions(model: Path) -> tuple[int, int] | None:
    """IR version and opset that the file states; ``None`` where it cannot be read."""
    import onnx

    try:
        found = onnx.load_model(model, format="protobuf", load_external_data=False)
    except Exception:  # errors of the file are described by ONNX Runtime's message
        return None
    opsets = [entry.version for entry in found.opset_import if entry.domain in ("", "ai.onnx")]
    return found.ir_version, max(opsets, default=0)


def _newer(column: int, wanted: int, newest: str, field: str) -> str:
    """Which ONNX brought a version, so that an ONNX Runtime of that or a newer ONNX reads it."""
    from onnx import helper

    table: list[tuple[Any, ...]] = helper.VERSION_TABLE
    releases = [str(row[0]) for row in table if int(row[column]) >= wanted]
    older = f"export the model with {field} {newest} or older"
    if not releases:
        return f"No ONNX up to {table[-1][0]} has that version; check the number, or {older}."
    return f"Take an ONNX Runtime that was built with ONNX {releases[0]} or newer, or {older}."
