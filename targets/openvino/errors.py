"""OpenVINO's exceptions in plain words."""

import re
from collections.abc import Mapping
from pathlib import Path

from bench.contracts import Artifact, Format, OpenRequest
from bench.errors import RunFailure
from bench.targets.openvino import devices
from bench.words import Sentence, sentence

ABSENCES = ("Cannot load library", "is not registered", "No available devices", "Device with", "is not found")
FAILED = re.compile(r"-- (\S+) with a message:")
SUMMARY = re.compile(r"-- (No conversion rule found for operations|Conversion is failed for): (.*)")
UNTRANSLATED = re.compile(r"No translator found for (\S+) node\.?")
VALIDATING = re.compile(r"^While validating ONNX node '.*?': ")


def reading_failure(error: Exception, artifact: Artifact) -> RunFailure:
    """Why OpenVINO could not read a model, from the message of its frontend."""
    text, name = str(error), artifact.path.name
    if not Path(artifact.path).exists():
        return RunFailure("bad_input", sentence("target.file_is_gone", file=name), phase="read")
    if refused := _refused(text):
        why = "; ".join(filter(None, refused.values()))
        code = "openvino.not_converted_because" if why else "openvino.not_converted"
        message = sentence(code, name=name, operators=list(refused), why=why)
        return RunFailure("unsupported_operator", message, _converting_remedy(refused, artifact.format), "read")
    if "Unable to read the model" in text:
        return RunFailure(
            "unsupported_format",
            sentence("openvino.not_a_model", name=name),
            sentence("openvino.check_file_and_suffix"),
            "read",
        )
    return RunFailure(
        "runtime_error",
        sentence("openvino.cannot_read", name=name, last_line=last_line(error, artifact.path)),
        phase="read",
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


def _converting_remedy(refused: Mapping[str, str], written: Format) -> Sentence:
    """What to do about operators that were not converted, by why. ONNX Runtime is named for files that it reads."""
    unknown = [name for name, why in refused.items() if not why]
    if any(name.startswith(("QLinear", "QGemm")) for name in unknown):
        return sentence("openvino.quantise_to_qdq")
    foreign = any("." in name and not name.startswith(("ai.onnx.", "com.microsoft.")) for name in unknown)
    onnx = written == "onnx"
    if unknown:  # ONNX Runtime lacks operators of other domains, too
        return sentence("openvino.export_or_measure_on_ort" if onnx and not foreign else "openvino.export_otherwise")
    return sentence("openvino.check_shapes_or_measure_on_ort" if onnx else "openvino.check_shapes")


def compiling_failure(error: Exception, request: OpenRequest, target: str = "openvino") -> RunFailure:
    """Why OpenVINO could not compile a model, from the message of its plugin. ``target`` names the target whose options
    were given."""
    text, device = str(error), request.device
    family = devices.family(device)
    named = [f"{key}={value}" for key, value in request.options.items() if key in text or f": {value}" in text]
    if "Unsupported property" in text or "Could not read" in text or "Wrong value" in text or "Invalid value" in text:
        options = ", ".join(named or [f"{k}={v}" for k, v in request.options.items()])
        return RunFailure(
            "bad_input",
            sentence(
                "openvino.option_not_taken",
                options=options,
                device=device,
                last_line=last_line(error, request.artifact.path),
            ),
            sentence("openvino.see_list_options", target=target, device=device),
            "compile",
        )
    if any(phrase in text for phrase in ABSENCES):
        reason, remedy = devices.absence(device)
        return RunFailure(
            "unavailable", sentence("openvino.device_absent", device=device, reason=reason), remedy, "compile"
        )
    if family == "NPU" and ("dynamic" in text.lower() or "upper bounds" in text.lower()):
        return npu_needs_fixed_shapes()
    if "bad_alloc" in text:
        message = sentence("openvino.no_memory_to_compile", file=request.artifact.path.name, device=device)
        return RunFailure("out_of_memory", message, sentence("target.use_smaller_model"), "compile")
    return RunFailure(
        "runtime_error",
        sentence(
            "target.runtime_says",
            file=request.artifact.path.name,
            device=device,
            last_line=last_line(error, request.artifact.path),
        ),
        phase="compile",
    )


def npu_needs_fixed_shapes() -> RunFailure:
    return RunFailure(
        "unsupported_format",
        sentence("openvino.npu_needs_fixed_shapes"),
        sentence("openvino.run_on_cpu_or_gpu"),
        "plan",
    )


def last_line(error: Exception, model: Path) -> str:
    """What remains of an OpenVINO message without its stack of source files and the folders of ``model``."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("Exception from")]
    return lines[-1].replace(str(model), model.name) if lines else type(error).__name__
