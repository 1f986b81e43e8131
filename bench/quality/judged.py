"""What is judged on a dataset, and what comes of it."""

from pathlib import Path

from msgspec import Struct

from bench.contracts import Artifact, OpenRequest, SessionFacts
from bench.plugins import PluginRef
from bench.quality.text.limits import TextLimits
from bench.record.quality import DatasetFacts, JudgedMetric
from bench.suite.dataset_options import DatasetAsk


class ToJudge(Struct, frozen=True, kw_only=True):
    """A model on a target, and the dataset.

    ``model`` may bring a judge of its own. The samples are made for ``made_for``, which is another artifact than the
    request's where a float model stands in for it as the reference, or where the target opens a form of its own.
    Of a language model: ``windows``, the ids that another run has made of the texts; ``prompts``, the user's own, as
    ``bench.inputs.prompts.save_prompts`` wrote them; ``limits``, how much is evaluated; ``tokenizer``, the model's
    ``tokenizer.json``, for a session without a tokenizer of its own. Results go to ``folder``.
    """

    request: OpenRequest
    dataset: DatasetAsk
    model: PluginRef
    made_for: Artifact
    windows: Path | None
    folder: Path
    tokenizer: Path | None = None
    prompts: Path | None = None
    limits: TextLimits = TextLimits()


class Judged(Struct, frozen=True, kw_only=True):
    """``artifact_sha256`` was hashed anew from the files that were opened. ``results``: the file with those of each
    sample. ``answers``: of a language model, the file of ``bench.quality.text.answers``; ``texts``: the text of each
    token that it generated, prompt by prompt, where it has a tokenizer. ``boxes``: of a detector, the file of
    ``bench.quality.boxes``."""

    facts: SessionFacts
    dataset: DatasetFacts
    artifact_sha256: str
    metrics: tuple[JudgedMetric, ...]
    results: Path
    windows: Path | None = None
    answers: Path | None = None
    texts: tuple[tuple[str, ...], ...] = ()
    boxes: Path | None = None
