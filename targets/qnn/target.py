"""ONNX Runtime with the QNN execution provider: the NPU (HTP) and GPU of Qualcomm SoCs, and the HTP's emulator.

Graphs must have fixed shapes. float32 graphs run in float16 on the HTP by default; with the default
``offload_graph_io_quantization=1`` the CPU quantises a QDQ graph's inputs and outputs, which a placement shows.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts import (
    Artifact,
    CompileCache,
    Compiled,
    Device,
    Format,
    Intent,
    NodePlacement,
    OpenRequest,
    OwnConfiguration,
    Phase,
    Precisions,
    Requirement,
    Task,
    TensorSession,
    TokenSession,
    Tunable,
    Variant,
)
from bench.errors import RunFailure
from bench.targets import onnx_graphs, safe_options
from bench.targets.compiled_graphs import holds_context
from bench.targets.decoding import decoder_of
from bench.targets.distributions import importable
from bench.targets.onnx_precision import UNKNOWN, node_key, precisions_of
from bench.targets.ort import options as session_config
from bench.targets.ort import profile as ort_profile
from bench.targets.plain_decoder import may_be_plain_decoder
from bench.targets.qnn import context_facts, contexts, float_weights, norms, profile, socs
from bench.targets.qnn import devices as qnn_devices
from bench.targets.qnn import options as qnn_options
from bench.targets.qnn import variants as qnn_variants
from bench.targets.qnn.context_cache import KeptContext, keep, key_of, state_of
from bench.targets.qnn.devices import EMULATED, PROVIDER
from bench.targets.qnn.failures import (
    OFFLOAD,
    compiling_failure,
    computes_in_float,
    no_floating_point,
    nothing_placed,
    quantised,
    remedies,
)
from bench.targets.qnn.onboard.firmware import firmware_version
from bench.targets.qnn.onboard.soc import board_of, is_board
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from bench.targets.ort.session import Opened

UNITS = {"htp": "HTP", "gpu": "GPU", EMULATED: "HTP"}
ARITHMETIC = frozenset(("Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU"))


class OnnxRuntimeQnn:
    summary = sentence("qnn.summary")
    formats: Sequence[Format] = ("onnx",)
    tasks: Sequence[Task] = ("tensor", "text_generation")
    requires: Sequence[str] = ("onnxruntime-qnn",)
    install = "pip install 'ondevice-bench[qnn]'"
    safe_options = safe_options.SESSION | safe_options.QNN
    device_names: Sequence[str] = tuple(UNITS)
    varied_devices: Sequence[str] = (EMULATED,)
    order_of_variants = sentence("qnn.order_of_variants")

    def devices(self) -> Sequence[Device]:
        if not (importable("onnxruntime") and importable("onnxruntime_qnn")):
            return qnn_devices.unusable(sentence("target.not_installed", package="onnxruntime-qnn"), self._remedy())
        try:
            return qnn_devices.listed()
        except Exception as error:
            return qnn_devices.unusable(sentence("qnn.does_not_start", error=error), self._remedy())

    def requirements(self) -> Sequence[Requirement]:
        return qnn_devices.needed()

    def options(self, device: str) -> Mapping[str, Sentence | str]:
        return session_config.known() | qnn_options.known(device)

    def check(self, artifact: Artifact, device: str, options: Mapping[str, str]) -> None:
        settings = session_config.read(options)
        if device == EMULATED:
            contexts.refuse_other_soc(artifact, settings.others)
        soc = soc_of(device, settings.others, artifact)
        qnn_options.provider_options(settings.others, device, soc)
        soc = soc or own_soc(device)
        if soc is not None and not soc.floating_point and computes_in_float(artifact):
            raise no_floating_point(artifact, soc, "plan")
        if artifact.task == "tensor":
            fixed_shapes(artifact)

    def check_scenario(self, request: OpenRequest) -> None:
        if request.users:
            told, remedy = sentence("measure.one_user_at_a_time"), sentence("measure.measure_single_stream")
            raise RunFailure("unsupported_scenario", told, remedy, "plan")

    def name_of(self, device: str, options: Mapping[str, str], artifact: Artifact | None = None) -> Sentence | str:
        """The SoC that is emulated; of a compiled context the one that it names. A board's HTP is named by its kernel,
        other hardware by its driver."""
        if device != EMULATED:
            board = board_of() if device == "htp" and is_board() else None
            return sentence("qnn.htp_of", chip=board.name) if board is not None else ""
        others = session_config.read(options).others
        soc = soc_of(device, others, artifact)
        held = qnn_options.provider_options(others, device, soc)
        return qnn_devices.device_name(device, soc, held, partial(contexts.played_as, artifact, others))

    def variants(self, device: str) -> Sequence[Variant]:
        """Only the emulator plays more than one SoC."""
        return qnn_variants.variants() if device == EMULATED else ()

    def compiled(self, request: OpenRequest) -> Compiled:
        """What stands in the contexts."""
        folder = request.compile_cache
        return context_facts.compiled_in(folder, qnn_devices.system_library()) if folder is not None else Compiled()

    def part_named(self, part: str) -> str:
        return next((soc.marketing for soc in socs.SOCS if soc.part == part.upper()), "")

    def tokenizes(self, artifact: Artifact, options: Mapping[str, str]) -> bool:
        return False

    def tunables(self, device: str, artifact: Artifact) -> Sequence[Tunable]:
        """Of the HTP alone."""
        from bench.targets.qnn import tunables

        return tunables.of_htp(artifact) if UNITS[device] == "HTP" else ()

    def own_configuration(
        self, device: str, artifact: Artifact, options: Mapping[str, str], intent: Intent
    ) -> OwnConfiguration:
        from bench.targets.ort import tunables as of_session

        settings = session_config.read(options)
        given = qnn_options.provider_options(settings.others, device, soc_of(device, settings.others, artifact))
        session = {name: value for name, value in options.items() if name not in settings.others}
        text = of_session.written(session, {PROVIDER: given})
        return OwnConfiguration(file_name=of_session.FILE, text=text, use=sentence("ort.tuned.use"))

    def converts(self, artifact: Artifact, device: str = "", options: Mapping[str, str] | None = None) -> bool:
        return onnx_graphs.has_nameless_dimensions(artifact) or may_be_plain_decoder(artifact)

    def convert(
        self, artifact: Artifact, folder: Path, device: str = "", options: Mapping[str, str] | None = None
    ) -> Artifact:
        """A graph with dimensions that must be fixed in the file is rewritten, and one of our plain decoder with
        integer weights."""
        if onnx_graphs.has_nameless_dimensions(artifact):
            return onnx_graphs.with_fixed_shapes(artifact, folder)
        if float_weights.has_integer_weights(artifact):
            return float_weights.with_float_weights(artifact, folder)
        return norms.with_fused_norms(artifact, folder) if may_be_plain_decoder(artifact) else artifact

    def open(self, request: OpenRequest, phase: Phase) -> TensorSession | TokenSession:
        """ONNX Runtime reads and compiles in one step: both are timed as ``compile``, and ``read`` stays unmeasured."""
        with phase("runtime_import"):
            import onnxruntime  # noqa: F401

            from bench.targets.ort import session as onnxruntime_session
            from bench.targets.qnn import tokens

            available = qnn_devices.provider_devices()
        if request.artifact.task == "text_generation":
            decoder = decoder_of(request.artifact)
            layout = tokens.layout(request)
            graphs = {
                name: tokens.dimensions(request.artifact, decoder, step)
                for step, name in ((layout.decode, "decode"), (layout.prefill, "prefill"))
            }
            kept = [kept_context(request, name, sizes) for name, sizes in graphs.items()]
            cache = state_of(kept)
            with phase("compile"):
                sessions = [
                    compiled(request, available, sizes, name, context)
                    for (name, sizes), context in zip(graphs.items(), kept, strict=True)
                ]
            keep(kept)
            return tokens.FixedShapeTokenSession(
                sessions, decoder, layout, _opened(request, sessions[0], cache, "decode", "prefill")
            )
        context = kept_context(request, "graph", None)
        cache = state_of([context])
        with phase("compile"):
            session = compiled(request, available, None, "graph", context)
        keep([context])
        opened = _opened(request, session, cache, "graph")
        return onnxruntime_session.OrtTensorSession(session, opened, request.artifact.facts.inputs)

    def _remedy(self) -> Sentence | str:
        import platform
        import sys

        if sys.platform == "win32" or (sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64")):
            return self.install
        return sentence("qnn.no_wheel")


def soc_of(device: str, others: Mapping[str, str], artifact: Artifact | None) -> socs.Soc | None:
    """The SoC that is compiled for, or that a context was compiled for; ``None`` when it is the machine's own, one
    given only by numbers, or one that a context does not name. Without an artifact: that of any but a context."""
    if device == "gpu":
        return None
    named = set(contexts.CHOOSING) & others.keys()
    if device == EMULATED and artifact is not None and holds_context(artifact) and not named:
        told = contexts.compiled_for(artifact)
        return told.soc if told is not None else None
    return socs.chosen(dict(others), socs.DEFAULT if device == EMULATED else None)


def own_soc(device: str) -> socs.Soc | None:
    """The SoC of this board, as its kernel says; ``None`` on other machines, and for one that is not in the table. It
    is not given to the provider: libQnnHtp asks the kernel itself."""
    board = board_of() if device == "htp" and is_board() else None
    return board.soc if board is not None else None


def kept_context(request: OpenRequest, name: str, dimensions: Mapping[str, int] | None) -> KeptContext | None:
    """The compiled context of the graph ``name``; ``None`` without a compile cache."""
    if request.compile_cache is None:
        return None
    others = session_config.read(strict_options(request) | request.options).others
    soc = soc_of(request.device, others, request.artifact) or own_soc(request.device)
    options = strict_options(request) | request.options
    backend = qnn_devices.backend(request.device)
    key = key_of(request.artifact, options, dimensions, backend, soc.part if soc is not None else "")
    return KeptContext(request.compile_cache, name, key)


def compiled(
    request: OpenRequest,
    available: Sequence[Any],
    dimensions: Mapping[str, int] | None,
    name: str,
    context: KeptContext | None,
) -> Any:
    """A session of the request's graph with its free dimensions fixed: to ``dimensions``, or to the artifact's shapes.

    With a compile cache the ``context`` of the graph ``name`` is written there, or read from there.

    Raises ``RunFailure`` when nothing of it would run on QNN.
    """
    import onnxruntime

    from bench.targets.ort.session import ASSIGNMENT_KEY, assigned_nodes

    artifact, device = request.artifact, request.device
    caching = context.options() if context is not None else {}
    settings = session_config.read({ASSIGNMENT_KEY: "1"} | caching | strict_options(request) | request.options)
    soc = soc_of(device, settings.others, artifact)
    own = soc or own_soc(device)
    made = session_config.session_options(settings)
    ort_profile.profiling(made, request.profile)
    if weights := onnx_graphs.weights_folder(artifact):
        made.add_session_config_entry(onnx_graphs.WEIGHTS_FOLDER, str(weights))
    if dimensions is None:
        session_config.fix_free_dimensions(made, artifact)
    for symbol, size in (dimensions or {}).items():
        made.add_free_dimension_override_by_name(symbol, size)
    chosen = qnn_devices.offered(device, available)
    if not chosen:
        message = sentence("text.at", where=f"qnn:{device}", message=qnn_devices.absence(device))
        raise RunFailure("unavailable", message, qnn_devices.elsewhere(), "compile")
    given = qnn_options.provider_options(settings.others, device, soc) | profile.options(request.profile, name)
    given |= {"backend_path": str(qnn_devices.backend(device))}
    made.add_provider_for_devices(chosen[:1], given)
    try:
        session = onnxruntime.InferenceSession(
            model_of(artifact, context.path if context is not None and context.found else None), made
        )
    except Exception as error:
        raise compiling_failure(error, request, own) from error
    on_qnn = [n for n in assigned_nodes(session, {PROVIDER: UNITS[device]}) if n.device == UNITS[device]]
    if not on_qnn:
        raise nothing_placed(artifact, own)
    return session


def model_of(artifact: Artifact, context: Path | None) -> str | bytes:
    """What ONNX Runtime opens: the compiled context, or the graph's file, or its bytes if it was rewritten."""
    if context is None and onnx_graphs.opened_as_bytes(artifact):
        return artifact.path.read_bytes()
    return str(context or artifact.path)


def strict_options(request: OpenRequest) -> dict[str, str]:
    """What is set for a strict placement unless the user says otherwise: by default the CPU quantises a QDQ graph's
    inputs and outputs, which would always be a fallback."""
    if not request.strict or request.device == "gpu" or OFFLOAD in request.options or not quantised(request.artifact):
        return {}
    return {OFFLOAD: "0"}


def fixed_shapes(artifact: Artifact) -> None:
    """Raises ``RunFailure`` for an input with a dynamic dimension and no shape given for it."""
    for spec in artifact.facts.inputs:
        if not spec.static and len(artifact.shapes.get(spec.name, ())) != len(spec.shape):
            written = ",".join("?" if d is None else str(d) for d in spec.shape)
            raise RunFailure(
                "bad_input",
                sentence("qnn.only_fixed_shapes", name=spec.name, shape=f"[{written}]"),
                sentence("qnn.give_size", name=spec.name),
                "plan",
            )


def executed_precision(request: OpenRequest, nodes: Sequence[NodePlacement]) -> str:
    """What convolutions and matrix products run in: int8 for QDQ graphs; for float graphs float16 on the HTP unless the
    options or the SoC say otherwise, and float32 (``float16+float32``) for those left to the CPU. "" if the GPU does
    not report it.
    """
    if holds_context(request.artifact):
        return ""
    if quantised(request.artifact):
        return "int8"
    if request.device == "gpu":
        return ""
    devices = {node.device for node in nodes if node.op in (*ARITHMETIC, "EPContext")}
    on_htp = "float32" if _keeps_float32(request) and request.artifact.precision != "float16" else "float16"
    if request.options.get("htp_bf16_enable") == "1":
        on_htp = "bfloat16"
    ran = [on_htp] if "HTP" in devices or not devices else []
    return "+".join(dict.fromkeys([*ran, *(["float32"] if "CPU" in devices else [])]))


def _keeps_float32(request: OpenRequest) -> bool:
    """Whether float32 stays float32 on the HTP."""
    soc = soc_of(request.device, request.options, request.artifact) or own_soc(request.device)
    asked = request.options.get("enable_htp_fp16_precision") == "0"
    return asked or (soc is not None and soc.float_type == "float32")


def precisions(request: OpenRequest, nodes: Sequence[NodePlacement]) -> Precisions:
    """Weights and activations separately, if requested: for a QDQ graph the types between its quantisations, except for
    nodes on the CPU; for a float graph the executed type for both."""
    if not request.inspect or holds_context(request.artifact):
        return UNKNOWN
    ran = executed_precision(request, nodes)
    if not quantised(request.artifact):
        return Precisions(ran, ran)
    import onnx

    graph = onnx.load_model(request.artifact.path, load_external_data=False).graph
    on_cpu = [node_key(node.name, node.op) for node in nodes if node.device == "CPU"]
    found = precisions_of(graph, fuses=True, unfused=on_cpu)
    if on_cpu or _keeps_float32(request):
        return found
    return Precisions(*(side.replace("float32", "float16") for side in (found.weights, found.activations)))


def components(device: str, sdk: object) -> dict[str, str]:
    """Versions beside that of the distribution: of QNN, and of the firmware that a board's HTP runs."""
    firmware = firmware_version() if device == "htp" and is_board() else None
    return ({"qnn-sdk": str(sdk)} if sdk else {}) | ({"cdsp-firmware": firmware} if firmware else {})


def _opened(request: OpenRequest, session: Any, cache: CompileCache, *names: str) -> "Opened":
    """``names``: of the compiled graphs."""
    import onnxruntime_qnn

    from bench.targets.ort.session import ASSIGNMENT_KEY, Opened, assigned_nodes

    settings = session_config.read({ASSIGNMENT_KEY: "1"} | strict_options(request) | request.options)
    devices = {PROVIDER: UNITS[request.device], "CPUExecutionProvider": "CPU"}
    nodes = assigned_nodes(session, devices)
    told = precisions(request, nodes)
    held = session_config.effective(session.get_session_options(), settings.entries)
    soc = soc_of(request.device, settings.others, request.artifact)
    provider = {k: v for k, v in session.get_provider_options().get(PROVIDER, {}).items() if k != "backend_path"}
    info = getattr(onnxruntime_qnn, "build_and_package_info", None)
    sdk = getattr(info, "qnn_version", None)
    return Opened(
        devices=devices,
        requested=UNITS[request.device],
        device_name=qnn_devices.device_name(
            request.device, soc, provider, partial(contexts.played_as, request.artifact, settings.others)
        ),
        executed_precision=told.name or executed_precision(request, nodes),
        precisions=told,
        effective_options=held | provider,
        distributions=("onnxruntime-qnn",),
        components=components(request.device, sdk),
        inspected=True,
        compile_cache=cache,
        chosen=" ".join(f"{key}={value}" for key, value in strict_options(request).items()),
        remedies=partial(remedies, request, soc or own_soc(request.device)),
        runs=profile.runs(request.artifact, request.profile, names, nodes),
    )
