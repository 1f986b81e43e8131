"""ONNX Runtime's exceptions in plain words."""

import re
from pathlib import Path
from typing import Any

from bench.errors import RunFailure
from bench.words import Sentence, sentence

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
    text, file = said(error, model), model.name
    phase = "compile"
    if name == "NoSuchFile":
        return RunFailure("bad_input", sentence("target.file_is_gone", file=file), phase=phase)
    if (versions := _version_failure(str(error), model)) is not None:
        return versions
    if unknown := UNREGISTERED.search(text):
        message = sentence("ort.no_operator_of_domain", file=file, operator=unknown[2], domain=unknown[1])
        return RunFailure("unsupported_operator", message, sentence("ort.use_standard_operators"), phase)
    if absent := NOT_IN_OPSET.search(text):
        message = sentence("ort.no_operator_in_opset", file=file, operator=absent[1], opset=absent[2])
        return RunFailure("unsupported_operator", message, sentence("ort.use_opset_that_has_them"), phase)
    if "EP context model" in text and "exists already" in text:
        message = sentence("ort.context_is_there", file=file)
        return RunFailure("runtime_error", message, sentence("ort.measure_the_context"), phase)
    if "serialization failed" in text:
        message = sentence("ort.graph_not_written", text=text)
        return RunFailure("runtime_error", message, sentence("ort.free_space_for_graph"), phase)
    if name in ("InvalidProtobuf", "InvalidGraph"):
        return RunFailure(
            "unsupported_format",
            sentence("ort.not_a_model", file=file, text=text),
            sentence("ort.check_file"),
            phase,
        )
    if name == "NotImplemented" or "Could not find an implementation" in text:
        return RunFailure(
            "unsupported_operator",
            sentence("ort.operator_not_implemented", file=file, text=text),
            sentence("ort.use_another_opset"),
            phase,
        )
    if isinstance(error, MemoryError) or "bad allocation" in text or "Failed to allocate memory" in text:
        message = sentence("ort.no_memory", file=file, text=text)
        return RunFailure("out_of_memory", message, sentence("target.use_smaller_model"), phase)
    message = sentence("ort.cannot_open", file=file, text=text)
    return RunFailure("runtime_error", message, sentence("ort.check_file"), phase)


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
    file, version = model.name, onnxruntime.__version__
    newest_ir, newest_opset = NEWEST_IR.search(text), NEWEST_OPSET.search(text)
    if newest_ir and ir > int(newest_ir[1]):
        message = sentence("ort.ir_version_too_new", file=file, version=version, ir=ir, newest=newest_ir[1])
        return RunFailure("unsupported_format", message, _newer(1, ir, newest_ir[1], "ir_version"), "compile")
    if newest_opset and opset > int(newest_opset[1]):
        message = sentence("ort.opset_too_new", file=file, version=version, opset=opset, newest=newest_opset[1])
        return RunFailure("unsupported_format", message, _newer(2, opset, newest_opset[1], "opset"), "compile")
    if 0 < opset < OLDEST_OPSET and "implementation" in text:
        message = sentence("ort.opset_too_old", file=file, opset=opset, oldest=OLDEST_OPSET)
        remedy = sentence("ort.convert_opset", opset=OLDEST_OPSET)
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


def _newer(column: int, wanted: int, newest: str, field: str) -> Sentence:
    """Which ONNX brought a version, so that an ONNX Runtime of that or a newer ONNX reads it."""
    from onnx import helper

    table: list[tuple[Any, ...]] = helper.VERSION_TABLE
    releases = [str(row[0]) for row in table if int(row[column]) >= wanted]
    if not releases:
        return sentence("ort.no_onnx_has_version", release=table[-1][0], field=field, newest=newest)
    return sentence("ort.take_newer_runtime", release=releases[0], field=field, newest=newest)
