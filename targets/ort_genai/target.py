"""onnxruntime-genai: Microsoft's generation loop over ONNX Runtime, on the CPU and with the QNN provider."""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.contracts import (
    Artifact,
    Device,
    Format,
    Intent,
    OpenRequest,
    OwnConfiguration,
    Phase,
    Task,
    TokenSession,
    Tunable,
)
from bench.errors import RunFailure
from bench.targets import attention_form, safe_options
from bench.targets.decoding import decoder_of
from bench.targets.distributions import importable
from bench.targets.ort import options as session_config
from bench.targets.ort_genai import stages, windows
from bench.targets.processor import processor_name
from bench.targets.qnn import devices as qnn_devices
from bench.targets.qnn import options as qnn_options
from bench.targets.qnn import socs
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from bench.targets.ort_genai.session import OpenedModel

# Attributes of ONNX Runtime's SessionOptions that genai_config.json knows; config entries it passes on as they are.
TAKEN = (
    *("intra_op_num_threads", "inter_op_num_threads", "graph_optimization_level", "enable_mem_pattern"),
    *("enable_cpu_mem_arena", "log_severity_level", "log_verbosity_level"),
)
NO_FALLBACK = "session.disable_cpu_ep_fallback"
INSTALL_QNN = "pip install 'ondevice-bench[qnn]'"
TOKENIZER = ("tokenizer.json", "tokenizer.model", "vocab.json")
OVERLAY = "genai_config-overlay.json"


class OrtGenai:
    summary = sentence("ort.genai.summary")
    formats: Sequence[Format] = ("onnx",)
    tasks: Sequence[Task] = ("text_generation",)
    requires: Sequence[str] = ("onnxruntime-genai",)
    install = "pip install 'ondevice-bench[genai]'"
    safe_options = safe_options.SESSION | safe_options.QNN | {attention_form.NAME}
    device_names: Sequence[str] = ("cpu", "qnn")

    def devices(self) -> Sequence[Device]:
        if not importable("onnxruntime_genai"):
            reason = sentence("target.not_installed", package="onnxruntime-genai")
            return (
                Device("cpu", False, "CPU", reason, self.install),
                Device("qnn", False, "", reason, self.install, default=False),
            )
        return (Device("cpu", True, processor_name()), _qnn_device())

    def options(self, device: str) -> Mapping[str, Sentence | str]:
        left_out = session_config.ATTRIBUTES.keys() - set(TAKEN)
        known = {name: text for name, text in session_config.known().items() if name not in left_out}
        if device != "qnn":
            return {**known, **attention_form.OPTION}
        known.pop(NO_FALLBACK)
        return known | qnn_options.known("htp")

    def check(self, artifact: Artifact, device: str, options: Mapping[str, str]) -> None:
        settings = session_config.read(options)
        attention_form.checked(options)
        if device == "qnn":
            qnn_options.provider_options(settings.others, "htp", None)
        _refuse_configuration(artifact)
        decoder = artifact.decoder
        if decoder is not None and decoder.stages and device != "qnn":  # there none is run
            stages.refuse_unfit(artifact, decoder, f"ort-genai:{device}", options)
        if decoder is not None and decoder.runtime and device == "qnn":
            raise RunFailure(
                "unsupported_format",
                sentence("ort.genai.own_folder_on_qnn", model_id=artifact.model_id, why=decoder.only_there),
                sentence("ort.genai.measure_on_cpu"),
                "plan",
            )
        if decoder is not None and decoder.has_position_ids and decoder.mask_dtype != decoder.position_dtype:
            raise RunFailure(
                "unsupported_format",
                sentence(
                    "ort.genai.types_differ",
                    model_id=artifact.model_id,
                    mask=decoder.mask_dtype,
                    positions=decoder.position_dtype,
                ),
                sentence("ort.genai.export_in_one_type"),
                "plan",
            )

    def check_scenario(self, request: OpenRequest) -> None:
        """A graph that takes whole windows pads each answer and what does not fill them; nothing can follow that."""
        decoder = request.artifact.decoder
        if decoder is None or not decoder.window:
            return
        windows.refuse_depth(request.depth_tokens, decoder)
        if request.converses:
            raise RunFailure(
                "unsupported_scenario",
                sentence("measure.prefix_not_kept"),
                sentence("measure.measure_chat_without_prefix"),
                "plan",
            )

    def tokenizes(self, artifact: Artifact, options: Mapping[str, str]) -> bool:
        return any((artifact.path.parent / file).is_file() for file in TOKENIZER)

    def tunables(self, device: str, artifact: Artifact) -> Sequence[Tunable]:
        """Those of a session on the same device that ``genai_config.json`` knows."""
        from bench.targets.ort import tunables as of_session
        from bench.targets.qnn import tunables as of_qnn

        found = of_qnn.of_htp(artifact) if device == "qnn" else of_session.of_cpu(artifact)
        taken = self.options(device)
        return [one for one in found if one.name in taken and not one.needs.keys() - taken.keys()]

    def own_configuration(
        self, device: str, artifact: Artifact, options: Mapping[str, str], intent: Intent
    ) -> OwnConfiguration:
        from bench.targets.qnn import tunables

        settings = session_config.read(attention_form.others(options))
        provider = qnn_options.provider_options(settings.others, "htp", None) if device == "qnn" else None
        text = tunables.in_genai_config({**settings.attributes, **settings.entries}, provider)
        return OwnConfiguration(file_name=OVERLAY, text=text, use=sentence("ort.genai.tuned.use"))

    def converts(self, artifact: Artifact, device: str = "", options: Mapping[str, str] | None = None) -> bool:
        return True

    def convert(
        self, artifact: Artifact, folder: Path, device: str = "", options: Mapping[str, str] | None = None
    ) -> Artifact:
        """The files are linked into a new folder, with a configuration that contains the accepted part of their
        ``genai_config.json``, or one made for the graph. Our plain decoder gets ``GroupQueryAttention`` on the way."""
        from bench.targets.ort_genai.folder import genai_folder, is_genai_folder, is_own, own_folder

        if not is_genai_folder(artifact):
            return genai_folder(
                artifact, folder, fused=device != "qnn" and attention_form.may_be_fused(artifact, options)
            )
        return artifact if is_own(artifact) else own_folder(artifact, folder)

    def open(self, request: OpenRequest, phase: Phase) -> TokenSession:
        """ONNX Runtime reads and compiles in one step: both are timed as ``compile``, and ``read`` stays unmeasured."""
        request = replace(request, artifact=_safe_to_open(self, request))
        with phase("runtime_import"):
            import onnxruntime_genai

            from bench.targets.ort_genai import session, users

            session_config.ignore_configuration_in_models()
            if hasattr(onnxruntime_genai, "disable_telemetry_events"):  # since 0.18; as in onnxruntime_options
                onnxruntime_genai.disable_telemetry_events()
            if request.device == "qnn":
                register_qnn()
        settings = session_config.read(request.options)
        with phase("compile"):
            try:
                config = onnxruntime_genai.Config(str(request.artifact.path.parent))
                config.overlay(json.dumps({"model": {"decoder": {"session_options": _entries(request, settings)}}}))
                for overlay in users.overlays(request) if request.users else ():
                    config.overlay(json.dumps(overlay))
                config.clear_providers()
                if request.device == "qnn":
                    _append_qnn(config, settings)
                model = onnxruntime_genai.Model(config)
            except RuntimeError as error:
                raise _opening_failure(error, request) from error
            opened = _opened(request, settings, model)
            if request.users:
                return users.OrtGenaiUsers(opened, request.users, request.stop_tokens)
            return session.OrtGenaiSession(opened)


def _refuse_configuration(artifact: Artifact) -> None:
    """Raise ``RunFailure`` for a field of the folder's ``genai_config.json`` that ``convert`` would not take."""
    from bench.targets.ort_genai.config import Taken
    from bench.targets.ort_genai.folder import CONFIG, is_genai_folder, read_config

    if is_genai_folder(artifact):
        source = artifact.path.parent
        Taken(read_config(source / CONFIG), source, CONFIG)


def _safe_to_open(target: OrtGenai, request: OpenRequest) -> Artifact:
    """``artifact`` where its configuration is one of ours, as ``convert`` leaves it; else converted now, into a folder
    that lives as long as the process."""
    from bench.targets.ort_genai.folder import is_own

    artifact = request.artifact
    if is_own(artifact):
        return artifact
    folder = tempfile.TemporaryDirectory(prefix="odb-genai-", ignore_cleanup_errors=True)
    _KEPT.append(folder)
    return target.convert(artifact, Path(folder.name), request.device, request.options)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []
"""Folders that open models read their tokenizers from."""


def register_qnn() -> None:
    """Make the QNN provider's library known to onnxruntime-genai. Raises ``RunFailure`` where it is not installed."""
    import onnxruntime_genai

    if not importable("onnxruntime_qnn"):
        raise RunFailure(
            "unavailable", sentence("target.not_installed", package="onnxruntime-qnn"), INSTALL_QNN, "runtime_import"
        )
    import onnxruntime_qnn

    try:
        onnxruntime_genai.register_execution_provider_library(qnn_devices.PROVIDER, onnxruntime_qnn.get_library_path())
    except RuntimeError as error:
        if "already registered" not in str(error):
            message = sentence("ort.genai.qnn_not_loaded", error=error)
            raise RunFailure("unavailable", message, phase="runtime_import") from error


def _qnn_device() -> Device:
    """The HTP where the machine has one, else its emulator, as the ``qnn`` plugin finds them."""
    if not (importable("onnxruntime") and importable("onnxruntime_qnn")):
        reason = sentence("target.not_installed", package="onnxruntime-qnn")
        return Device("qnn", False, "", reason, INSTALL_QNN, default=False)
    try:
        found = {device.name: device for device in qnn_devices.listed()}
    except Exception as error:
        return Device("qnn", False, "", sentence("qnn.does_not_start", error=error), default=False)
    htp, emulator = found["htp"], found[qnn_devices.EMULATED]
    if htp.usable:
        return Device("qnn", True, htp.description)
    text = sentence("ort.genai.emulator") if emulator.usable else ""
    return Device("qnn", emulator.usable, text, emulator.reason, emulator.remedy, emulated=True, default=False)


def _entries(request: OpenRequest, settings: session_config.SessionSettings) -> dict[str, Any]:
    """``session_options`` as genai_config.json writes them."""
    entries: dict[str, Any] = {**settings.attributes, **settings.entries}
    if request.exact_memory:
        entries |= session_config.read(session_config.EXACT_MEMORY).attributes
    if request.device == "qnn":
        entries[NO_FALLBACK] = "1"  # else what QNN does not take runs on the CPU, and nothing says so
    return entries


def _soc(settings: session_config.SessionSettings) -> socs.Soc | None:
    return socs.chosen(dict(settings.others), socs.DEFAULT if _qnn_device().emulated else None)


def _append_qnn(config: Any, settings: session_config.SessionSettings) -> None:
    soc = _soc(settings)
    given = qnn_options.provider_options(settings.others, "htp", soc)
    config.append_provider("QNN")
    for name, value in {"backend_path": str(qnn_devices.backend("htp")), **given}.items():
        config.set_provider_option("QNN", name, value)


def _opened(request: OpenRequest, settings: session_config.SessionSettings, model: Any) -> "OpenedModel":
    from bench.targets.ort.cpu import executed_precision
    from bench.targets.ort_genai.folder import CONFIG, read_config
    from bench.targets.ort_genai.session import OpenedModel

    decoder, folder = decoder_of(request.artifact), request.artifact.path.parent
    stated = read_config(folder / CONFIG)["model"]["decoder"].get("session_options", {})
    held = {k: v for k, v in stated.items() if isinstance(v, (str, int, bool))} | _entries(request, settings)
    on_qnn = request.device == "qnn"
    given = qnn_options.provider_options(settings.others, "htp", _soc(settings)) if on_qnn else {}
    name = qnn_devices.device_name(qnn_devices.EMULATED, _soc(settings), given) if on_qnn else processor_name()
    return OpenedModel(
        model=model,
        decoder=decoder,
        max_length=windows.room_for(request.decode_context, decoder),
        device_name=name,
        executed_precision="" if on_qnn else executed_precision(request.artifact),
        session_options={key: str(value) for key, value in {**held, **given}.items()}
        | attention_form.effective(request.artifact),
        distributions=("onnxruntime-qnn",) if on_qnn else (),
        has_tokenizer=any((folder / file).is_file() for file in TOKENIZER),
    )


def _opening_failure(error: Exception, request: OpenRequest) -> RunFailure:
    """Why onnxruntime-genai could not open the folder, in plain words."""
    from bench.targets.ort.errors import opening_failure, said

    text = str(error)
    if "fallback to CPU EP has been explicitly disabled" in text:
        return RunFailure(
            "fallback",
            sentence("ort.genai.not_all_on_qnn", model_id=request.artifact.model_id),
            sentence("ort.genai.use_qnn"),
            "compile",
        )
    if "genai_config.json" in text or "onnxruntime" not in text.lower():
        plain = said(error, request.artifact.path).replace(str(request.artifact.path.parent) + os.sep, "")
        return RunFailure(
            "bad_input",
            sentence("ort.genai.config_refused", model_id=request.artifact.model_id, text=plain),
            sentence("ort.genai.correct_or_name_file"),
            "compile",
        )
    return opening_failure(error, request.artifact.path)
