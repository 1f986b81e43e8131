"""ONNX Runtime on the CPU: the reference that every machine has."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts import (
    Artifact,
    Device,
    Format,
    Intent,
    OpenRequest,
    OwnConfiguration,
    Phase,
    Precisions,
    ReferenceSetup,
    Task,
    TensorSession,
    TokenSession,
    Tunable,
)
from bench.targets import attention_form, onnx_graphs, safe_options
from bench.targets.compiled_graphs import refuse_compiled
from bench.targets.decoding import decoder_of
from bench.targets.distributions import importable
from bench.targets.onnx_precision import UNKNOWN, executed_precisions, stored_precisions
from bench.targets.ort import options as session_config
from bench.targets.ort.errors import opening_failure
from bench.targets.processor import processor_name, usable_cores
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from bench.targets.ort.session import Opened

PROVIDER = "CPUExecutionProvider"
LARGEST_WRITTEN = 500_000_000
"""Bytes of a model whose optimised graph is written out: beyond, it might not fit a protobuf of 2 GB."""
INTEGER_OPERATORS = frozenset(
    ("QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger")
)


class OnnxRuntimeCpu:
    summary = sentence("ort.summary")
    formats: Sequence[Format] = ("onnx",)
    tasks: Sequence[Task] = ("tensor", "text_generation")
    requires: Sequence[str] = ("onnxruntime",)
    install = "pip install onnxruntime"
    safe_options = safe_options.SESSION | {attention_form.NAME}
    device_names: Sequence[str] = ("cpu",)

    def devices(self) -> Sequence[Device]:
        if not importable("onnxruntime"):
            return (Device("cpu", False, "CPU", sentence("target.not_installed", package="onnxruntime"), self.install),)
        return (Device("cpu", True, processor_name()),)

    def options(self, device: str) -> Mapping[str, Sentence | str]:
        return {**session_config.known(), **attention_form.OPTION}

    def reference_for(self, model_format: Format, task: Task) -> ReferenceSetup | None:
        """Every node as the file has it: graph optimisation fuses, folds and reorders."""
        if model_format not in self.formats:
            return None
        options = {"graph_optimization_level": "ORT_DISABLE_ALL"}
        name = "ort:cpu, fp32, ORT_DISABLE_ALL"
        return ReferenceSetup(device="cpu", options=options, name=name, unoptimised=True)

    def check(self, artifact: Artifact, device: str, options: Mapping[str, str]) -> None:
        session_config.read(options)
        attention_form.checked(options)
        refuse_compiled(artifact)

    def tokenizes(self, artifact: Artifact, options: Mapping[str, str]) -> bool:
        return False

    def tunables(self, device: str, artifact: Artifact) -> Sequence[Tunable]:
        from bench.targets.ort import tunables

        return tunables.of_cpu(artifact)

    def own_configuration(
        self, device: str, artifact: Artifact, options: Mapping[str, str], intent: Intent
    ) -> OwnConfiguration:
        from bench.targets.ort import tunables

        return tunables.own_configuration(intent_defaults(intent) | attention_form.others(options))

    def converts(self, artifact: Artifact, device: str = "", options: Mapping[str, str] | None = None) -> bool:
        return attention_form.may_be_fused(artifact, options)

    def convert(
        self, artifact: Artifact, folder: Path, device: str = "", options: Mapping[str, str] | None = None
    ) -> Artifact:
        """Our plain decoder gets ``GroupQueryAttention``; any other artifact is opened as it is."""
        from bench.targets.grouped_attention import grouped_artifact

        made = grouped_artifact(artifact, folder) if attention_form.may_be_fused(artifact, options) else None
        return made or artifact

    def open(self, request: OpenRequest, phase: Phase) -> TensorSession | TokenSession:
        """ONNX Runtime reads and compiles in one step: both are timed as ``compile``, and ``read`` stays unmeasured."""
        settings = session_config.read(with_defaults(request))
        with phase("runtime_import"):
            import onnxruntime

            from bench.targets.ort import profile, tokens
            from bench.targets.ort import session as onnxruntime_session
        made = session_config.session_options(settings)
        profile.profiling(made, request.profile)
        if request.artifact.task == "tensor":
            session_config.fix_free_dimensions(made, request.artifact)
        with _optimised_graph(request, made) as precisions, phase("compile"):
            try:
                session = onnxruntime.InferenceSession(_opened_from(request, made), made, providers=[PROVIDER])
            except Exception as error:
                raise opening_failure(error, request.artifact.path) from error
            told = precisions()
        opened = _opened(request, session, settings, told)
        if request.artifact.task == "text_generation":
            return tokens.OrtTokenSession(session, decoder_of(request.artifact), opened, request.decode_context)
        return onnxruntime_session.OrtTensorSession(session, opened, request.artifact.facts.inputs)


def with_defaults(request: OpenRequest) -> dict[str, str]:
    """The user's options over the intent's: for throughput one thread a lane, and as many lanes as physical cores."""
    defaults = intent_defaults(request.intent)
    if request.inspect:
        defaults |= {"session.record_ep_graph_assignment_info": "1"}
    return defaults | request.options | (session_config.EXACT_MEMORY if request.exact_memory else {})


def intent_defaults(intent: Intent) -> dict[str, str]:
    """What is set for a scenario of that intent, unless the user says otherwise."""
    return {"intra_op_num_threads": "1"} if intent == "throughput" else {}


def _opened_from(request: OpenRequest, made: Any) -> str | bytes:
    """The file; or the bytes of a graph that was written anew, whose weights stay where they are."""
    if not onnx_graphs.opened_as_bytes(request.artifact):
        return str(request.artifact.path)
    if weights := onnx_graphs.weights_folder(request.artifact):
        made.add_session_config_entry(onnx_graphs.WEIGHTS_FOLDER, str(weights))
    return request.artifact.path.read_bytes()


def executed_precision(artifact: Artifact) -> str:
    """The type that the CPU provider computes in, as far as the graph shows: int8 if it quantises activations,
    otherwise float32.

    On x86-64 it lacks float16 arithmetic and casts such graphs to float32. ``""`` if the graph does not show it.
    """
    import platform

    operators = artifact.facts.operators
    if INTEGER_OPERATORS & operators.keys():
        return "int8"
    if artifact.precision == "float32" and "MatMulNBits" not in operators:
        return "float32"
    if artifact.precision == "float16" and platform.machine().lower() in ("x86_64", "amd64"):
        return "float32"
    return ""


@contextmanager
def _optimised_graph(request: OpenRequest, made: Any) -> Iterator[Callable[[], Precisions]]:
    """Have ONNX Runtime write the graph that it executes, if requested and if it fits into a file, within the context.
    Gives a function that returns its precisions: for a graph that is not written those of the file, if they apply."""
    if not request.inspect or made.optimized_model_filepath or request.artifact.size_bytes > LARGEST_WRITTEN:
        yield partial(stored_precisions, request.artifact.path) if request.inspect else (lambda: UNKNOWN)
        return
    with tempfile.TemporaryDirectory(prefix="odb-") as folder:
        path = Path(folder) / "optimised.onnx"
        made.optimized_model_filepath = str(path)
        yield partial(executed_precisions, path)


def _opened(
    request: OpenRequest, session: Any, settings: session_config.SessionSettings, precisions: Precisions
) -> "Opened":
    from bench.targets.ort.profile import ProfiledRuns
    from bench.targets.ort.session import Opened

    held = session.get_session_options()
    if "optimized_model_filepath" not in request.options:
        held.optimized_model_filepath = ""  # ours, and gone by now
    return Opened(
        devices={PROVIDER: "cpu"},
        requested="cpu",
        device_name=processor_name(),
        executed_precision=precisions.name or executed_precision(request.artifact),
        precisions=precisions,
        effective_options=session_config.effective(held, settings.entries) | attention_form.effective(request.artifact),
        distributions=("onnxruntime",),
        lanes=usable_cores,
        inspected=settings.entries.get("session.record_ep_graph_assignment_info") == "1",
        runs=ProfiledRuns(request.artifact) if request.profile is not None else None,
    )
