"""OpenVINO GenAI's own reading of a GGUF file, instead of the graph that is made of it here.

The pipeline saves what it has read as IR with tokenizers, once and untimed; that IR is what is opened and measured. The
pipeline shows no logits, so they are those of the same IR, compiled with the same properties by the runtime alone.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.contracts import Artifact, Precisions, SessionFacts
from bench.digest import sha256_of
from bench.errors import RunFailure
from bench.targets.decoding import decoder_of
from bench.targets.openvino.genai_session import OpenedPipeline, OpenVinoGenaiSession
from bench.targets.openvino.stateful import MODEL
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

NAME = "OpenVINO GenAI"


def imported(artifact: Artifact, folder: Path) -> Artifact:
    """Write into ``folder`` what the pipeline makes of the artifact's source. Raises ``RunFailure`` for a model that is
    not made of a GGUF file, and for one that the pipeline does not read."""
    source = artifact.source
    if source is None or source.format != "gguf":
        raise RunFailure(
            "unsupported_format",
            sentence("openvino.import_needs_gguf", model_id=artifact.model_id),
            sentence("openvino.leave_import_out"),
            "prepare",
        )
    from openvino_genai import LLMPipeline

    link = folder / "source.gguf"  # the IR is saved beside the file, which may lie where nobody may write
    link.symlink_to(source.path.resolve())
    try:
        LLMPipeline(str(link), "CPU", enable_save_ov_model=True)
    except RuntimeError as error:
        raise RunFailure(
            "unsupported_format",
            sentence("openvino.import_refused", file=source.path.name, error=str(error).strip().splitlines()[-1]),
            sentence("openvino.leave_import_out"),
            "prepare",
        ) from error
    link.unlink()
    path = folder / MODEL
    if not path.is_file():
        raise RunFailure(
            "unsupported_format",
            sentence("openvino.import_not_saved", file=source.path.name),
            sentence("openvino.leave_import_out"),
            "prepare",
        )
    first = (path, path.with_suffix(".bin"))
    files = (*first, *sorted(file for file in folder.iterdir() if file.is_file() and file not in first))
    decoder = replace(
        decoder_of(artifact),
        stateful=True,
        has_position_ids=True,
        ids_dtype="int64",
        mask_dtype="int64",
        position_dtype="int64",
        cache=(),
    )
    return replace(
        artifact,
        format="openvino_ir",
        path=path,
        files=files,
        sha256=sha256_of(files),
        size_bytes=sum(file.stat().st_size for file in files),
        decoder=decoder,
    )


class ImportedSession(OpenVinoGenaiSession):
    """A pipeline on its own reading of the source. ``compiled`` compiles the same IR with the same properties.
    ``activations``: the type of the products' inputs, "" if unknown."""

    def __init__(self, opened: OpenedPipeline, compiled: Callable[[], Any], activations: str = "") -> None:
        super().__init__(opened)
        self._compiled = compiled
        self._activations = activations
        self._beside: Any = None

    def logits(self, ids: "npt.NDArray[Any]") -> "npt.NDArray[np.float32]":
        if self._beside is None:
            from bench.targets.openvino.tokens import OpenVinoTokenSession

            self._beside = OpenVinoTokenSession(self._compiled(), self._opened.decoder)
        found: npt.NDArray[np.float32] = self._beside.logits(ids)
        return found

    def facts(self) -> SessionFacts:
        return replace(super().facts(), imported_by=NAME, precisions=Precisions("", self._activations))
