"""OpenVINO on every device it drives: Intel CPU, GPU and NPU, and AUTO and HETERO over them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts import (
    Artifact,
    Compiled,
    Device,
    Foretold,
    Format,
    Intent,
    OpenRequest,
    OwnConfiguration,
    Phase,
    ReferenceSetup,
    Task,
    TensorSession,
    TokenSession,
    Tunable,
    Variant,
)
from bench.errors import RunFailure
from bench.targets import attention_form, onnx_graphs, safe_options
from bench.targets.compiled_graphs import refuse_compiled
from bench.targets.decoding import decoder_of
from bench.targets.distributions import importable
from bench.targets.onnx_nodes import weighed_sources
from bench.targets.openvino import chips
from bench.targets.openvino import devices as openvino_devices
from bench.targets.openvino.errors import compiling_failure, last_line, npu_needs_fixed_shapes, reading_failure
from bench.targets.plain_decoder import plain_decoder
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from bench.contracts import NodePlacement

HINTS = {"latency": "LATENCY", "throughput": "THROUGHPUT"}


class OpenVino:
    summary = sentence("openvino.summary")
    formats: Sequence[Format] = ("openvino_ir", "onnx", "tflite")
    tasks: Sequence[Task] = ("tensor", "text_generation")
    requires: Sequence[str] = ("openvino",)
    install = "pip install openvino"
    safe_options = safe_options.OPENVINO | {attention_form.NAME}
    device_names: Sequence[str] = ("CPU", "GPU", "NPU", "AUTO", "HETERO:")
    varied_devices: Sequence[str] = ()
    order_of_variants = ""

    def devices(self) -> Sequence[Device]:
        if not importable("openvino"):
            return openvino_devices.unavailable(sentence("target.not_installed", package="openvino"), self._remedy())
        try:
            from openvino import Core

            return openvino_devices.listed(Core())
        except (ImportError, RuntimeError) as error:
            return openvino_devices.unavailable(sentence("openvino.does_not_start", error=error), self._remedy())

    def options(self, device: str) -> Mapping[str, Sentence | str]:
        if not importable("openvino"):
            return {**openvino_devices.CORE_OPTIONS, **attention_form.OPTION}
        from openvino import Core

        return {**openvino_devices.option_names(Core(), device), **attention_form.OPTION}

    def reference_for(self, model_format: Format, task: Task) -> ReferenceSetup | None:
        """In float32: by default a CPU may compute in bfloat16, and ``EXECUTION_MODE_HINT`` allow more than that."""
        if model_format not in self.formats:
            return None
        options = {"INFERENCE_PRECISION_HINT": "f32", "EXECUTION_MODE_HINT": "ACCURACY"}
        return ReferenceSetup(device="CPU", options=options, name="openvino:CPU, f32")

    def check(self, artifact: Artifact, device: str, options: Mapping[str, str]) -> None:
        attention_form.checked(options)
        if artifact.format not in self.formats:
            raise RunFailure(
                "unsupported_format",
                sentence("openvino.format_not_read", artifact_format=artifact.format),
                phase="plan",
            )
        refuse_compiled(artifact)
        if artifact.task == "text_generation" and "NPU" in map(
            openvino_devices.family, openvino_devices.behind(device)
        ):
            raise npu_needs_fixed_shapes()

    def variants(self, device: str) -> Sequence[Variant]:
        """The device itself, with the peak that OpenVINO states."""
        if not importable("openvino"):
            return ()
        from openvino import Core

        return chips.variants(Core(), device)

    def compiled(self, request: OpenRequest) -> Compiled:
        """What stands in the cache."""
        return chips.compiled_in(request.compile_cache)

    def foretell(self, artifact: Artifact, device: str, options: dict[str, str]) -> Foretold:
        """Reads the model as ``open`` does."""
        self.check(artifact, device, options)
        from openvino import Core

        core = Core()
        return chips.foretold(core, read_model(core, artifact), artifact, device, attention_form.others(options))

    def tokenizes(self, artifact: Artifact, options: Mapping[str, str]) -> bool:
        return False

    def tunables(self, device: str, artifact: Artifact) -> Sequence[Tunable]:
        from bench.targets.openvino import tunables

        return tunables.of_device(device, artifact)

    def own_configuration(
        self, device: str, artifact: Artifact, options: Mapping[str, str], intent: Intent
    ) -> OwnConfiguration:
        from bench.targets.openvino import tunables

        return tunables.own_configuration(
            device, attention_form.others(options), sentence("openvino.tuned.use", file=tunables.FILE), HINTS[intent]
        )

    def converts(self, artifact: Artifact, device: str = "", options: Mapping[str, str] | None = None) -> bool:
        return onnx_graphs.weights_leave_folder(artifact) or attention_form.may_be_fused(artifact, options)

    def convert(
        self, artifact: Artifact, folder: Path, device: str = "", options: Mapping[str, str] | None = None
    ) -> Artifact:
        """Our plain decoder becomes a stateful IR with fused attention. A graph whose weights are links out of its
        folder, which OpenVINO does not follow, is rewritten."""
        plain = plain_decoder(artifact) if attention_form.may_be_fused(artifact, options) else None
        if plain is not None:
            from bench.targets.openvino.stateful import stateful_folder

            return stateful_folder(artifact, folder, plain, openvino_devices.takes_zero_points(device, options))
        if onnx_graphs.weights_leave_folder(artifact):
            return onnx_graphs.with_linked_weights(artifact, folder)
        return artifact

    def open(self, request: OpenRequest, phase: Phase) -> TensorSession | TokenSession:
        with phase("runtime_import"):
            from openvino import Core

            from bench.targets.openvino import profile, session, tokens

            core = Core()
        with phase("read"):
            model = read_model(core, request.artifact)
        config = {"PERFORMANCE_HINT": HINTS[request.intent]} | attention_form.others(request.options)
        config |= openvino_devices.exact_memory(request)
        if request.compile_cache is not None:
            config["CACHE_DIR"] = str(request.compile_cache)
        config |= {"PERF_COUNT": "YES"} if request.profile is not None else {}
        with phase("compile"):
            compiled_model = compile_model(core, model, request, config)
        weights = request.artifact.facts.node_macs
        compiled = session.Compiled(
            model=compiled_model,
            device=where(compiled_model, request.device),
            device_name=full_name(core, compiled_model, request.device),
            node_macs=weights,
            sources=sources(model, request),
            preferred_names=tuple(s.name for s in (*request.artifact.facts.inputs, *request.artifact.facts.outputs)),
            split=split(core, model, request, config),
            caching="CACHE_DIR" in config,
            own_options=attention_form.effective(request.artifact),
            clock=profile.layer_clock(compiled_model) if request.profile is not None else None,
        )
        if request.artifact.task == "text_generation":
            fused = attention_form.is_fused(request.artifact)
            kind = tokens.FusedTokenSession if fused else tokens.OpenVinoTokenSession
            return kind(compiled, decoder_of(request.artifact))
        return session.OpenVinoTensorSession(compiled)

    def _remedy(self) -> Sentence | str:
        import platform

        if platform.system() == "Windows" and platform.machine().upper() == "ARM64":
            return sentence("openvino.no_wheel_windows_arm")
        return self.install


def read_model(core: Any, artifact: Artifact) -> Any:
    """The model with the artifact's shapes, or with its KV cache as state. Raises ``RunFailure``."""
    try:
        model = onnx_graphs.read_by_openvino(core, artifact)
    except RuntimeError as error:
        raise reading_failure(error, artifact) from error
    if artifact.task == "text_generation":
        from bench.targets.openvino.tokens import make_stateful

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
            sentence(
                "openvino.shapes_not_taken",
                file=artifact.path.name,
                shapes=artifact.shapes,
                last_line=last_line(error, artifact.path),
            ),
            sentence("openvino.give_other_shapes"),
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


def sources(model: Any, request: OpenRequest) -> dict[str, str]:
    """Leads from nodes to those whose MACs they continue, for a session that is inspected or profiled. A node that
    feeds an output is called after it, so a profile looks such names up in the file."""
    weighed = request.artifact.facts.node_macs
    if not request.inspect and request.profile is None:
        return {}
    from bench.targets.openvino.graph import weighed_sources as sources_in

    outputs = weighed_sources(request.artifact) if request.profile is not None else {}
    return outputs | sources_in(model, weighed)


def split(core: Any, model: Any, request: OpenRequest, config: Mapping[str, str]) -> "tuple[NodePlacement, ...] | None":
    """Which node goes to which device of HETERO; asked only when the session is to be inspected or profiled."""
    if not (request.inspect or request.profile) or openvino_devices.family(request.device) != "HETERO":
        return None
    from bench.targets.openvino.graph import queried

    return queried(model, core.query_model(model, request.device, dict(config)))
