"""OpenVINO GenAI: the pipeline that applications on Intel use, on CPU, GPU and NPU."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.contracts import (
    Artifact,
    CompileCache,
    Device,
    Format,
    Intent,
    OpenRequest,
    OwnConfiguration,
    Phase,
    StreamSession,
    Task,
    Tunable,
)
from bench.errors import RunFailure
from bench.targets import attention_form, safe_options
from bench.targets.decoding import decoder_of
from bench.targets.distributions import importable
from bench.targets.openvino import devices as openvino_devices
from bench.targets.openvino import genai_options as own
from bench.targets.openvino.batching import pipeline as batched
from bench.targets.plain_decoder import plain_decoder
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from bench.targets.openvino.genai_session import OpenedPipeline
    from bench.targets.openvino.session import Compiled

TOKENIZER = ("openvino_tokenizer.xml", "openvino_detokenizer.xml")
INTEGER_WEIGHTS = ("int8", "int4", "int2", "nf4")


class OpenVinoGenai:
    summary = sentence("openvino.summary_genai")
    formats: Sequence[Format] = ("openvino_ir", "onnx")
    tasks: Sequence[Task] = ("text_generation",)
    requires: Sequence[str] = ("openvino-genai",)
    install = "pip install 'ondevice-bench[genai]'"
    safe_options = safe_options.OPENVINO | own.SAFE | {attention_form.NAME}
    device_names: Sequence[str] = ("CPU", "GPU", "NPU")

    def devices(self) -> Sequence[Device]:
        missing = [name for name in ("openvino", "openvino_genai") if not importable(name)]
        if missing:
            return _unavailable(sentence("target.not_installed", package=missing[0].replace("_", "-")), self._remedy())
        try:
            from openvino import Core

            found = openvino_devices.listed(Core())
        except (ImportError, RuntimeError) as error:
            return _unavailable(sentence("openvino.does_not_start", error=error), self._remedy())
        return [device for device in found if not openvino_devices.virtual(device.name)]

    def options(self, device: str) -> Mapping[str, Sentence | str]:
        if not importable("openvino"):
            return {**openvino_devices.CORE_OPTIONS, **own.known(device), **attention_form.OPTION}
        from openvino import Core

        return {**openvino_devices.option_names(Core(), device), **own.known(device), **attention_form.OPTION}

    def check(self, artifact: Artifact, device: str, options: Mapping[str, str]) -> None:
        own.read(attention_form.others(options), device)
        attention_form.checked(options)
        if artifact.format == "openvino_ir" and artifact.decoder is not None and not artifact.decoder.stateful:
            raise RunFailure(
                "unsupported_format",
                sentence("openvino.genai_ir_with_state", model_id=artifact.model_id),
                sentence("openvino.export_with_optimum"),
                "plan",
            )

    def check_scenario(self, request: OpenRequest) -> None:
        """Several users need paged attention; a conversation needs that with its prefixes, or a graph's state."""
        settings = own.read(attention_form.others(request.options), request.device)
        npu = openvino_devices.family(request.device) == "NPU"
        if request.users and (npu or settings.backend == "SDPA" or own.imports_itself(request.options)):
            raise RunFailure(
                "unsupported_scenario",
                sentence("openvino.users_need_paged_attention"),
                sentence("openvino.leave_backend_out"),
                "plan",
            )
        if request.converses and (npu or (settings.backend == "PA" and not own.keeps_prefixes(settings, request))):
            raise RunFailure(
                "unsupported_scenario",
                sentence("measure.prefix_not_kept"),
                sentence("measure.measure_chat_without_prefix"),
                "plan",
            )

    def tokenizes(self, artifact: Artifact, options: Mapping[str, str]) -> bool:
        """The one beside an IR, or that of a GGUF file which the pipeline reads itself."""
        beside = all((artifact.path.parent / name).is_file() for name in TOKENIZER)
        return own.imports_itself(options) or (artifact.format == "openvino_ir" and beside)

    def tunables(self, device: str, artifact: Artifact) -> Sequence[Tunable]:
        from bench.targets.openvino import tunables

        return tunables.of_pipeline(device, artifact)

    def own_configuration(
        self, device: str, artifact: Artifact, options: Mapping[str, str], intent: Intent
    ) -> OwnConfiguration:
        """Paged attention's settings belong to ``SchedulerConfig`` and are not properties; they are named by
        ``use``."""
        from bench.targets.openvino import tunables

        settings = own.read(attention_form.others(options), device)
        properties = {name: str(value) for name, value in settings.properties.items()}
        backend = {"ATTENTION_BACKEND": settings.backend} if settings.backend else {}
        return tunables.own_configuration(device, properties | backend, sentence("openvino.tuned.use_genai"))

    def converts(self, artifact: Artifact, device: str = "", options: Mapping[str, str] | None = None) -> bool:
        return True

    def convert(
        self, artifact: Artifact, folder: Path, device: str = "", options: Mapping[str, str] | None = None
    ) -> Artifact:
        """A stateful IR is opened as it is; an ONNX decoder becomes one, ours with fused attention. Paged attention
        would lose the window of a layer that has one: such a decoder keeps its plain products."""
        from bench.targets.openvino.stateful import MODEL, stateful_folder

        if own.imports_itself(options):
            from bench.targets.openvino.own_import import imported

            return imported(artifact, folder)
        if artifact.format == "onnx":
            fused = attention_form.may_be_fused(artifact, options) and openvino_devices.family(device) != "NPU"
            plain = plain_decoder(artifact) if fused else None
            windows = plain is not None and any(attention.window for attention in plain.attentions)
            zero_points = openvino_devices.takes_zero_points(device, options)
            return stateful_folder(artifact, folder, None if windows else plain, zero_points)
        if artifact.path.name != MODEL:
            raise RunFailure(
                "unsupported_format",
                sentence("openvino.genai_folder_named", file=artifact.path.name, model=MODEL),
                sentence("openvino.rename_and_name_folder", model=MODEL),
                "prepare",
            )
        return artifact

    def open(self, request: OpenRequest, phase: Phase) -> StreamSession:
        """The pipeline reads and compiles in one step: both are timed as ``compile``, and ``read`` stays unmeasured."""
        settings = own.read(attention_form.others(_with_defaults(request)), request.device)
        with phase("runtime_import"):
            import openvino_genai  # noqa: F401

            from bench.targets.openvino import genai_session
        blobs = _blobs(settings.properties)
        with phase("compile"):
            try:
                pipeline, paged = _pipeline(request, settings)
            except RuntimeError as error:
                raise _opening_failure(error, request) from error
        cached: CompileCache = "none"
        if "CACHE_DIR" in settings.properties:
            cached = "warm" if blobs and _blobs(settings.properties) == blobs else "cold"
        opened = _opened(request, settings, pipeline, paged, cached)
        if own.imports_itself(request.options):
            from bench.targets.openvino.own_import import ImportedSession

            products = own.activations(settings) if openvino_devices.family(request.device) == "CPU" else ""
            return ImportedSession(opened, lambda: _compiled(request, settings, opened.device_name), products)
        if request.users:
            return batched.BatchedSession(opened)
        return genai_session.OpenVinoGenaiSession(opened)

    def _remedy(self) -> Sentence | str:
        import platform

        system, machine = platform.system(), platform.machine().upper()
        if system == "Windows" and machine == "ARM64":
            return sentence("openvino.no_genai_wheel_windows")
        return self.install


def _unavailable(reason: Sentence | str, remedy: Sentence | str) -> Sequence[Device]:
    return [Device(name, False, "", reason, remedy) for name in openvino_devices.ABSENT]


LENGTHS = {"MAX_PROMPT_LEN", "MIN_RESPONSE_LEN"}  # what the NPU compiles for


def _with_defaults(request: OpenRequest) -> dict[str, str]:
    """The user's options over what the request asks: the intent's hint, the cache, and on the NPU the fixed lengths."""
    from bench.targets.openvino.target import HINTS

    defaults = {}
    if openvino_devices.family(request.device) == "NPU":
        if request.prompt_tokens and request.decode_context:
            response = max(1, request.decode_context - request.prompt_tokens)
            defaults = {"MAX_PROMPT_LEN": str(request.prompt_tokens), "MIN_RESPONSE_LEN": str(response)}
    else:
        hint = "latency" if request.users else request.intent  # a batch of all users is one request
        defaults = {"PERFORMANCE_HINT": HINTS[hint]}
    if request.compile_cache is not None:
        defaults["CACHE_DIR"] = str(request.compile_cache)
    return defaults | request.options | openvino_devices.exact_memory(request)


def _pipeline(request: OpenRequest, settings: own.Settings) -> tuple[Any, bool]:
    """The pipeline, and whether it runs on paged attention.

    Without ``ATTENTION_BACKEND`` it does as the pipeline itself: paged attention where the graph can be rewritten for
    it, else the state. Asked outright, so that it is known which of the two was taken.
    """
    from openvino_genai import LLMPipeline

    folder, device = request.artifact.path.parent, request.device
    if request.users:
        return batched.pipeline(request, settings), True
    if openvino_devices.family(device) == "NPU":
        return LLMPipeline(folder, device, **settings.properties), False
    if settings.backend != "SDPA":
        scheduler = own.scheduler(settings, own.keeps_prefixes(settings, request))
        try:
            return LLMPipeline(folder, device, scheduler_config=scheduler, **settings.properties), True
        except RuntimeError:
            if settings.backend == "PA":
                raise
    return LLMPipeline(folder, device, ATTENTION_BACKEND="SDPA", **settings.properties), False


def _opened(
    request: OpenRequest, settings: own.Settings, pipeline: Any, paged: bool, cached: CompileCache
) -> "OpenedPipeline":
    from openvino import Core

    from bench.targets.openvino.genai_session import OpenedPipeline

    npu = openvino_devices.family(request.device) == "NPU"
    prefixes = paged and own.keeps_prefixes(settings, request)
    asked_length = LENGTHS - set(request.options)  # by the scenario, and no option of the user's
    held = {name: str(value) for name, value in settings.properties.items() if name not in asked_length}
    if not npu:
        held["ATTENTION_BACKEND"] = "PA" if paged else "SDPA"
    if paged:
        held |= {name: str(value) for name, value in settings.scheduling.items()}
        held["enable_prefix_caching"] = "YES" if prefixes else "NO"
    held |= attention_form.effective(request.artifact)
    core, folder = Core(), request.artifact.path.parent
    again = replace(settings, backend="PA" if paged else settings.backend)
    return OpenedPipeline(
        pipeline=pipeline,
        reopened=lambda: _pipeline(request, again)[0],
        decoder=decoder_of(request.artifact),
        paged=paged,
        prefixes=prefixes,
        reprocesses=npu,
        device_name=str(core.get_property(request.device, "FULL_DEVICE_NAME")),
        executed_precision=_precision(core, request, settings),
        kv_cache_precision=_kv_cache(core, request, settings, paged) if request.inspect else "",
        effective_options=held,
        compile_cache=cached,
        stop_tokens=request.stop_tokens,
        has_tokenizer=all((folder / name).is_file() for name in TOKENIZER),
    )


def _precision(core: Any, request: OpenRequest, settings: own.Settings) -> str:
    """What floating-point weights are computed in: the hint, or the device's own default. "" for integer weights: their
    products may be quantised on the way, and the pipeline does not let its graph be seen."""
    from bench.targets.openvino.graph import numpy_name
    from bench.targets.openvino.session import plain

    if request.artifact.precision in INTEGER_WEIGHTS:
        return ""
    given = settings.properties.get("INFERENCE_PRECISION_HINT")
    if given is not None:
        return numpy_name(str(given))
    try:
        return numpy_name(plain(core.get_property(request.device, "INFERENCE_PRECISION_HINT")))
    except RuntimeError:
        return ""


def _kv_cache(core: Any, request: OpenRequest, settings: own.Settings, paged: bool) -> str:
    """What keys and values are kept in. The pipeline does not show its compiled model, so another one is compiled with
    the same properties, which costs time and is done in passes that are not timed. Paged attention keeps its cache as
    the properties say that come out; on the state the graph itself is compiled. "" where the device does not report
    it."""
    from bench.targets.openvino import graph
    from bench.targets.openvino.session import properties

    given = {name: value for name, value in settings.properties.items() if name not in (*own.NPU, "CACHE_DIR")}
    if openvino_devices.family(request.device) == "NPU" or (
        openvino_devices.family(request.device) != "CPU" and not paged
    ):
        return ""
    model = core.read_model(str(request.artifact.path))
    try:
        if paged:
            return graph.kv_cache_precision_of(properties(core.compile_model(_stub(model), request.device, given)))
        compiled = core.compile_model(model, request.device, given)
        return graph.kv_cache_precision(compiled.get_runtime_model(), properties(compiled))
    except RuntimeError:
        return ""


def _compiled(request: OpenRequest, settings: own.Settings, device_name: str) -> "Compiled":
    """The pipeline's graph, compiled by the runtime alone."""
    from openvino import Core

    from bench.targets.openvino.session import Compiled
    from bench.targets.openvino.target import compile_model, read_model

    core = Core()
    given = {name: str(v) for name, v in settings.properties.items() if name not in (*own.NPU, "CACHE_DIR")}
    model = compile_model(core, read_model(core, request.artifact), request, given)
    return Compiled(model, request.device, device_name, {}, {}, ())


def _stub(model: Any) -> Any:
    """A model of one node with the runtime options that ``model`` carries, which decide about defaults."""
    from openvino import Model, Type
    from openvino import opset13 as op

    given = op.parameter([1], Type.f32)
    stub = Model([op.relu(given)], [given], "stub")
    if model.has_rt_info(["runtime_options"]):
        stub.set_rt_info(model.get_rt_info(["runtime_options"]), "runtime_options")
    return stub


def _blobs(properties: Mapping[str, object]) -> set[str]:
    """The compiled models in the cache."""
    folder = properties.get("CACHE_DIR")
    return {str(file) for file in Path(str(folder)).rglob("*.blob")} if folder else set()


def _opening_failure(error: Exception, request: OpenRequest) -> RunFailure:
    """Why the pipeline could not be created, as a clear message."""
    from bench.targets.openvino.errors import compiling_failure, reading_failure

    text = str(error)
    if "ScaledDotProductAttention" in text or "SDPAToPagedAttention" in text or "undeclared parameters" in text:
        return RunFailure(
            "unsupported_operator",
            sentence("openvino.no_paged_attention", model_id=request.artifact.model_id),
            sentence("openvino.use_sdpa"),
            "compile",
        )
    if "Unable to read the model" in text or not request.artifact.path.exists():
        failure = reading_failure(error, request.artifact)
        return RunFailure(failure.kind, failure.sentence, failure.advice, "compile")
    return compiling_failure(error, request, "openvino-genai")
