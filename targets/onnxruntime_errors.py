"""ONNX Runtime's exceptions in plain words."""

import re
from pathlib import Path

from bench.errors import RunFailure

UNREGISTERED = re.compile(r"([\w.]+):(\w+)\(-?\d+\) is not a registered function/op")
NOT_IN_OPSET = re.compile(r"No Op registered for (\w+) with domain_version of (\d+)")
RENAMED = re.compile(r"_token_\d+$")
"""What the layout transformer appends to a node's name."""
PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")


def said(error: Exception, model: Path) -> str:
    """The first line of what ONNX Runtime said, without its status code and without the folders of ``model``."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return PREFIX.sub("", lines[0]).replace(str(model), model.name)


def opening_failure(error: Exception, model: Path) -> RunFailure:
    """Why a session could not be made of ``model``. ONNX Runtime names an exception class after its status code."""
    name = type(error).__name__
    text = said(error, model)
    phase = "compile"
    if name == "NoSuchFile":
        return RunFailure("bad_input", f"{model.name}: the file is not there", phase=phase)
    if unknown := UNREGISTERED.search(text):
        message = f"{model.name}: ONNX Runtime has no operator {unknown[2]} of the domain {unknown[1]}"
        return RunFailure("unsupported_operator", message, "Export with standard operators only.", phase)
    if absent := NOT_IN_OPSET.search(text):
        message = f"{model.name}: ONNX Runtime has no operator {absent[1]} in opset {absent[2]}"
        remedy = "Export with standard operators only, in an opset that has them."
        return RunFailure("unsupported_operator", message, remedy, phase)
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
            "Export with an older opset, or replace the operator.",
            phase,
        )
    if isinstance(error, MemoryError) or "bad allocation" in text or "Failed to allocate memory" in text:
        remedy = "Use a smaller model, batch or precision."
        return RunFailure("out_of_memory", f"{model.name}: not enough memory: {text}", remedy, phase)
    remedy = "Check the file with onnx.checker.check_model, or export it again."
    return RunFailure("runtime_error", f"{model.name}: ONNX Runtime cannot open it: {text}", remedy, phase)
