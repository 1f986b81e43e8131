"""OpenVINO on every device it drives: Intel CPU, GPU and NPU, and AUTO and HETERO over them."""

from collections.abc import Mapping, Sequence
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts import Artifact, Device, Format, OpenRequest, Phase, Task, TensorSession
from bench.errors import RunFailure
from bench.targets import onnx_graphs, openvino_devices, safe_options
from bench.targets.decoding import decoder_of
from bench.targets.distributions import importable
from bench.text_contracts import TokenSession

if TYPE_CHECKING:
    from bench.contracts import NodePlacement

ABSENCES = ("Cannot load library", "is not registered", "No available devices", "Device with", "is not found")
HINTS = {"latency": "LATENCY", "throughput": "THROUGHPUT"}


class OpenVino:
    summary = "OpenVINO on Intel CPU, GPU and NPU"
    formats: Sequence[Format] = ("openvino_ir", "onnx", "tflite")
    tasks: Sequence[Task] = ("tensor", "text_generation")
    requires: Sequence[str] = ("openvino",)
    install = "pip install openvino"
    safe_options = safe_options.OPENVINO

    def devices(self) -> Sequence[Device]:
        if not importable("openvino"):
            return openvino_devices.unavailable("openvino is not installed", self._remedy())
        try:
            from openvino import Core

            return openvino_devices.listed(Core())
        except (ImportError, RuntimeError) as error:
            return openvino_devices.unavailable(f"openvino does not start: {error}", self._remedy())

    def options(self, device: str) -> Mapping[str, str]:
        if not importable("openvino"):
            return openvino_devices.CORE_OPTIONS
        from openvino import Core

        return openvino_devices.option_names(Core(), device)

    def check(self, artifact: Artifact, device: str, options: Mapping[str, str]) -> None:
        if artifact.format not in self.formats:
            raise RunFailure("unsupported_format", f"OpenVINO does not read {artifact.format}", phase="plan")
        if artifact.task == "text_generation" and "NPU" in map(
            openvino_devices.family, openvino_devices.behind(device)
        ):
            raise _npu_needs_fixed_shapes()

    def converts(self, artifact: Artifact) -> bool:
        return onnx_graphs.weights_leave_folder(artifact)

    def convert(self, artifact: Artifact, folder: Path) -> Artifact:
        """A graph whose weights are links out of its folder, which OpenVINO does not follow, is written anew."""
        return onnx_graphs.with_linked_weights(artifact, folder) if self.converts(artifact) else artifact

    def open(self, request: OpenRequest, phase: Phase) -> TensorSession | TokenSession:
        with phase("runtime_import"):
            from openvino import Core

            from bench.targets import openvino_graph, openvino_session, openvino_tokens

            core = Core()
        with phase("read"):
            model = read_model(core, request.artifact)
        config = {"PERFORMANCE_HINT": HINTS[request.intent]} | request.options
        if request.compile_cache is not None:
            config["CACHE_DIR"] = str(request.compile_cache)
        with phase("compile"):
            compiled_model = compile_model(core, model, request, config)
        weights = request.artifact.facts.node_macs
        compiled = openvino_session.Compiled(
            model=compiled_model,
            device=where(compiled_model, request.device),
            device_name=full_name(core, compiled_model, request.device),
            node_macs=weights,
            sources=openvino_graph.weighed_sources(model, weights) if request.inspect else {},
            preferred_names=tuple(s.name for s in (*request.artifact.facts.inputs, *request.artifact.facts.outputs)),
            split=split(core, model, request, config),
            caching="CACHE_DIR" in config,
        )
        if request.artifact.task == "text_generation":
            return openvino_tokens.OpenVinoTokenSession(compiled, decoder_of(request.artifact))
        return openvino_session.OpenVinoTensorSession(compiled)

    def _remedy(self) -> str:
        import platform

        if platform.system() == "Windows" and platform.machine().upper() == "ARM64":
            return "There is no OpenVINO wheel for Windows on Arm; use qnn or ort there."
        return self.install


def read_model(core: Any, artifact: Artifact) -> Any:
    """The model with the artifact's shapes, or with its KV cache as state. Raises ``RunFailure``."""
    try:
        if onnx_graphs.opened_as_bytes(artifact):
            with chdir(onnx_graphs.weights_folder(artifact) or artifact.path.parent):  # where OpenVINO looks for them
                model = core.read_model(artifact.path.read_bytes(), b"")
        else:
            model = core.read_model(artifact.path)
    except RuntimeError as error:
        raise reading_failure(error, artifact) from error
    if artifact.task == "text_generation":
        from bench.targets.openvino_tokens import make_stateful

        make_stateful(model, decoder_of(artifact))
    elif model.is_dynamic():
        _reshape(model, artifact)
    return model


def _reshape(model: Any, artifact: Artifact) -> None:
    from openvino import PartialShape

    ports = {name: port for port in model.inputs for name in (*port.get_names(), port.get_node().get_friendly_name())}
    shapes = {ports[name]: PartialShape(list(shape)) for name, shape in artifact.shapes.items() if name in ports}
    try:
        model.reshape(shapes)
    except RuntimeError as error:
        raise RunFailure(
            "bad_input",
            f"{artifact.path.name} does not take the shapes {artifact.shapes}: {last_line(error, artifact.path)}",
            "Give other shapes with --shape.",
            "read",
        ) from error


def compile_model(core: Any, model: Any, request: OpenRequest, config: Mapping[str, str]) -> Any:
    try:
        return core.compile_model(model, request.device, dict(config))
    except RuntimeError as error:
        raise compiling_failure(error, request) from error


def where(compiled_model: Any, asked: str) -> str:
    """The device that executes, under the name the user gave it where it is the same one (``GPU`` for ``GPU.0``)."""
    devices = [str(d).strip("()") for d in compiled_model.get_property("EXECUTION_DEVICES")]
    first = devices[0] if devices else asked
    return asked if openvino_devices.family(first) == asked else first


def full_name(core: Any, compiled_model: Any, asked: str) -> str:
    device = where(compiled_model, asked)
    try:
        return str(core.get_property(device, "FULL_DEVICE_NAME"))
    except RuntimeError:
        return device


def split(core: Any, model: Any, request: OpenRequest, config: Mapping[str, str]) -> "tuple[NodePlacement, ...] | None":
    """Which node goes to which device of HETERO; asked only when the session is to be inspected."""
    if not request.inspect or openvino_devices.family(request.device) != "HETERO":
        return None
    from bench.targets.openvino_graph import queried

    return queried(model, core.query_model(model, request.device, dict(config)))


def reading_failure(error: Exception, artifact: Artifact) -> RunFailure:
    """Why OpenVINO could not read a model, from what its frontend said."""
    text, name = str(error), artifact.path.name
    if not Path(artifact.path).exists():
        return RunFailure("bad_input", f"{name}: the file is not there", phase="read")
    lines = [line.strip("- ").strip() for line in text.splitlines()]
    refused = [
        line.rsplit(":", 1)[1].strip() for line in lines if line.startswith(("No conversion rule", "Conversion is"))
    ]
    if refused:
        operators = ", ".join(refused)
        quantised = any(word in operators for word in ("QLinear", "QGemm"))
        remedy = (
            "Quantise to QDQ instead of QOperator."
            if quantised
            else "Export with standard operators only, or try ort:cpu."
        )
        return RunFailure("unsupported_operator", f"{name}: OpenVINO cannot convert {operators}", remedy, "read")
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


def compiling_failure(error: Exception, request: OpenRequest) -> RunFailure:
    """Why OpenVINO could not compile a model, from what its plugin said."""
    text, device = str(error), request.device
    family = openvino_devices.family(device)
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
        reason, remedy = openvino_devices.absence(device)
        return RunFailure("unavailable", f"{device}: {reason}", remedy, "compile")
    if family == "NPU" and ("dynamic" in text.lower() or "upper bounds" in text.lower()):
        return _npu_needs_fixed_shapes()
    if "bad_alloc" in text:
        message = f"{request.artifact.path.name} on {device}: not enough memory to compile it"
        return RunFailure("out_of_memory", message, "Use a smaller model, batch or precision.", "compile")
    return RunFailure(
        "runtime_error",
        f"{request.artifact.path.name} on {device}: {last_line(error, request.artifact.path)}",
        phase="compile",
    )


def _npu_needs_fixed_shapes() -> RunFailure:
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
