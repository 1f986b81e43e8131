"""OpenVINO's exceptions in plain words."""

import re
from collections.abc import Mapping
from pathlib import Path

from bench.contracts import Artifact, Format, OpenRequest
from bench.errors import RunFailure
from bench.targets.openvino import devices

ABSENCES = ("Cannot load library", "is not registered", "No available devices", "Device with", "is not found")
FAILED = re.compile(r"-- (\S+) with a message:")
SUMMARY = re.compile(r"-- (No conversion rule found for operations|Conversion is failed for): (.*)")
UNTRANSLATED = re.compile(r"No translator found for (\S+) node\.?")
VALIDATING = re.compile(r"^While validating ONNX node '.*?': ")


def reading_failure(error: Exception, artifact: Artifact) -> RunFailure:
    """Why OpenVINO could not read a model, from the message of its frontend."""
    text, name = str(error), artifact.path.name
    if not Path(artifact.path).exists():
        return RunFailure("bad_input", f"{name}: the file is not there", phase="read")
    if refused := _refused(text):
        operators, why = ", ".join(refused), "; ".join(filter(None, refused.values()))
        message = f"{name}: OpenVINO cannot convert {operators}" + (f": {why}" if why else "")
        return RunFailure("unsupported_operator", message, _converting_remedy(refused, artifact.format), "read")
    if "Unable to read the model" in text:
        return RunFailure(
            "unsupported_format",
            f"{name} is not a model that OpenVINO reads",
            "Check that the file is whole and that its suffix fits its format.",
            "read",
        )
    return RunFailure(
        "runtime_error", f"{name}: OpenVINO cannot read it: {last_line(error, artifact.path)}", phase="read"
    )


def _refused(text: str) -> dict[str, str]:
    """The operators that were not converted, by OpenVINO's names, each with the reason: "" if there is no conversion
    rule for it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    refused: dict[str, str] = {}
    reasons: dict[str, str] = {}
    failed = ""
    for line in lines:
        if line.startswith("Summary:"):
            failed = ""
        elif found := FAILED.fullmatch(line):
            failed = found[1]
        elif found := SUMMARY.fullmatch(line):
            refused |= {name.strip(): reasons.get(name.strip(), "") for name in found[2].split(",")}
        elif found := UNTRANSLATED.fullmatch(line):
            refused[found[1]] = ""
        elif failed:  # the last line of a message says it, those before name source files and node types
            reasons[failed] = VALIDATING.sub("", line)
    return refused


def _converting_remedy(refused: Mapping[str, str], written: Format) -> str:
    """What to do about operators that were not converted, by why. ONNX Runtime is named for files that it reads."""
    unknown = [name for name, why in refused.items() if not why]
    if any(name.startswith(("QLinear", "QGemm")) for name in unknown):
        return "Quantise to QDQ instead of QOperator."
    elsewhere = ", or measure it on ort:cpu" if written == "onnx" else ""
    foreign = any("." in name and not name.startswith(("ai.onnx.", "com.microsoft.")) for name in unknown)
    if unknown:
        other = "" if foreign else elsewhere  # ONNX Runtime lacks operators of other domains, too
        return f"Export the model without these operators, with standard ones instead{other}."
    return f"OpenVINO has these operators, but not in this form: check the shapes and the file{elsewhere}."


def compiling_failure(error: Exception, request: OpenRequest) -> RunFailure:
    """Why OpenVINO could not compile a model, from the message of its plugin."""
    text, device = str(error), request.device
    family = devices.family(device)
    named = [f"{key}={value}" for key, value in request.options.items() if key in text or f": {value}" in text]
    if "Unsupported property" in text or "Could not read" in text or "Wrong value" in text or "Invalid value" in text:
        options = ", ".join(named or [f"{k}={v}" for k, v in request.options.items()])
        return RunFailure(
            "bad_input",
            f"option {options}: {device} does not take it: {last_line(error, request.artifact.path)}",
            f"See odb list options openvino:{device}.",
            "compile",
        )
    if any(phrase in text for phrase in ABSENCES):
        reason, remedy = devices.absence(device)
        return RunFailure("unavailable", f"{device}: {reason}", remedy, "compile")
    if family == "NPU" and ("dynamic" in text.lower() or "upper bounds" in text.lower()):
        return npu_needs_fixed_shapes()
    if "bad_alloc" in text:
        message = f"{request.artifact.path.name} on {device}: not enough memory to compile it"
        return RunFailure("out_of_memory", message, "Use a smaller model, batch or precision.", "compile")
    return RunFailure(
        "runtime_error",
        f"{request.artifact.path.name} on {device}: {last_line(error, request.artifact.path)}",
        phase="compile",
    )


def npu_needs_fixed_shapes() -> RunFailure:
    return RunFailure(
        "unsupported_format",
        "the NPU takes only graphs of fixed shape, and this decoder's KV cache grows with every token",
        "Run it on CPU or GPU, or give a vision model fixed shapes with --shape.",
        "plan",
    )


def last_line(error: Exception, model: Path) -> str:
    """What remains of an OpenVINO message without its stack of source files and the folders of ``model``."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("Exception from")]
    return lines[-1].replace(str(model), model.name) if lines else type(error).__name__
