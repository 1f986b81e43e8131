"""Quality in a record: metrics on the user's own labelled data.

Fractions are 0 to 1, and so are their differences. What was not measured is null.
"""

from typing import Literal

from msgspec import Struct

from bench.record.part import Part
from bench.record.text import TokenizerUsed
from bench.words import Sentence, sentence

DatasetTask = Literal[
    "classification", "regression", "segmentation", "detection", "judged", "perplexity", "multiple_choice"
]
Statistic = Literal[
    "mean",
    "root_mean",
    "mean_iou",
    "perplexity",
    "whole",
    "pooled_mean",
    "token_p99",
    "token_max",
    "coco_ap",
    "coco_ap50",
]
Word = Literal["better", "worse", "same", "cannot_tell"]


UNLABELLED = sentence("quality.left_out.no_label")
"""The reason of a sample that was left out because it has no label."""
UNLABELLED_TEXT = "has no label"
"""The same in records from before 0.1.0, which hold text."""


class LeftOut(Part, frozen=True):
    """A sample that was not evaluated: its ``file``, the ``field`` that is wrong and its file, and why."""

    file: str
    field: str
    reason: Sentence | str

    @property
    def unlabelled(self) -> bool:
        """Whether nothing is wrong with it but that nobody says what is expected of it."""
        return self.reason in (UNLABELLED, UNLABELLED_TEXT)

    @property
    def told(self) -> Sentence:
        """``road.jpg: has no label (labels.json)``; of a file that is itself wrong, its name once."""
        if self.field != self.file:
            return sentence("quality.left_out", file=self.file, why=self.reason, field=self.field)
        if isinstance(self.reason, Sentence) and self.file in self.reason.figures.values():
            return self.reason
        return sentence("text.at", where=self.file, message=self.reason)


class DatasetFacts(Part, frozen=True):
    """``name`` is the folder's alone. ``sha256`` covers names, contents and labels of the ``samples`` that were
    judged. ``options``: how labels and outputs were read, ``preprocessing``: how images were. ``tokenizer``: of texts
    that are not ids. ``limits``: what was evaluated on a part only, and why. ``tokens_sha256``: of a language model, of
    the token ids that perplexity is of, in their windows. ``decoding``: how the outputs of a detector became boxes."""

    name: str
    task: DatasetTask
    sha256: str
    samples: int
    left_out: tuple[LeftOut, ...] = ()
    options: dict[str, str] = {}
    preprocessing: str = ""
    tokenizer: TokenizerUsed | None = None
    limits: tuple[Sentence | str, ...] = ()
    tokens_sha256: str | None = None
    decoding: Sentence | str = ""


class QualityMetric(Part, frozen=True):
    """``statistic``: how ``value`` is computed from the per-sample results (``bench.stats``); ``whole``, of older
    records: from the dataset as a whole, without an interval or a paired test. ``unit``: ``share`` for a fraction of 1,
    or empty for the unit of the outputs. ``interval_method``: how ``interval95`` was computed. ``per``: of a language
    model, what one of the ``n`` samples is: ``window``, ``block`` (of 32 tokens of a window), ``prompt``,
    ``divergence`` or ``question``."""

    name: str
    value: float
    interval95: tuple[float, float] | None
    n: int
    higher_is_better: bool
    statistic: Statistic
    unit: str = ""
    interval_method: str = ""
    per: str = ""


class QualityReference(Part, frozen=True):
    """The same samples on the fp32 reference, or on the float model given for it. ``reason``: why it has no metrics, or
    cannot be compared. ``samples``: metric -> key of its per-sample results in ``samples.npz``; empty in older
    records."""

    name: str
    artifact_sha256: str | None = None
    metrics: tuple[QualityMetric, ...] = ()
    reason: Sentence | str = ""
    samples: dict[str, str] = {}


class Paired(Part, frozen=True):
    """One metric against the reference, sample by sample. ``difference``: this less the reference; negative is a loss
    where higher is better. ``worse_samples`` and ``better_samples``: right in one and wrong in the other, or, of
    scores, lower and higher. ``word`` by ``p_value`` and ``interval95``, see ``bench.analysis.quality``. ``ratio``: of
    a perplexity, this over the reference."""

    metric: str
    difference: float
    interval95: tuple[float, float] | None
    p_value: float | None
    test: str
    word: Word
    n: int
    better_samples: int | None = None
    worse_samples: int | None = None
    ratio: float | None = None
    ratio_interval95: tuple[float, float] | None = None


class PromptDivergence(Part, frozen=True):
    """What a language model generated after one prompt, beside its float32 reference, both greedy or drawn with
    the same noise, which is then part of the logits.

    ``prompt``: its number, from 1. ``token_prefix``: equal tokens before the first difference, of ``compared``.
    ``token`` and ``reference_token``: the first that differ. ``logit_gap``: by how much the reference prefers its own
    token; ``logit_error``: by how much this run's preference between the two differs from that. Null where both are
    equal, or where logits cannot be seen. ``text`` and ``reference_text``: generated text around the difference, of the
    worst prompts, where there is a tokenizer.
    """

    prompt: int
    prompt_tokens: int
    compared: int
    token_prefix: int
    token: int | None = None
    reference_token: int | None = None
    logit_gap: float | None = None
    logit_error: float | None = None
    text: str = ""
    reference_text: str = ""


class Box(Part, frozen=True):
    """An object in a picture: ``left``, ``top``, ``right``, ``bottom`` in pixels of the upright image, and the name of
    its category, or else the number of its class. ``score``: null of one that the annotations say is there."""

    label: str
    left: float
    top: float
    right: float
    bottom: float
    score: float | None = None


class BoxedPicture(Part, frozen=True):
    """The boxes of one image of a dataset; the image itself is not in the record. ``file``: in the dataset's folder;
    ``sha256``: of its contents. ``index``: its place in the results of the samples. ``expected``: of the annotations.
    ``found``, ``reference``: the best boxes from a score of 0.3 on, of this run and of its reference."""

    file: str
    sha256: str
    index: int
    width: int
    height: int
    expected: tuple[Box, ...] = ()
    found: tuple[Box, ...] = ()
    reference: tuple[Box, ...] = ()


class Quality(Part, frozen=True):
    """``artifact_sha256`` (hashed again when the samples were evaluated), ``target`` and ``options_effective`` show
    that speed and quality belong to the same file on the same target. ``samples``: metric -> key of its per-sample
    results in ``samples.npz``, in the order of the samples' names. ``divergences``: of a language model, what it
    generated after each prompt. ``logit_error_p99``: 99th percentile of the error of the difference between the
    reference's two best logits, over the tokens that both generated alike. ``pictures``: of a detector, the boxes of
    the few images in which it lost most against its reference, the worst first."""

    dataset: DatasetFacts
    artifact_sha256: str
    target: str
    options_effective: dict[str, str] = {}
    metrics: tuple[QualityMetric, ...] = ()
    reference: QualityReference | None = None
    paired: tuple[Paired, ...] = ()
    samples: dict[str, str] = {}
    divergences: tuple[PromptDivergence, ...] = ()
    logit_error_p99: float | None = None
    pictures: tuple[BoxedPicture, ...] = ()

    @property
    def arrays(self) -> tuple[str, ...]:
        """The keys of all results in ``samples.npz``, the reference's among them."""
        theirs = self.reference.samples.values() if self.reference is not None else ()
        return *self.samples.values(), *theirs


class JudgedMetric(Struct, frozen=True):
    """One metric; see ``bench.quality.scoring.Scored``, whose results are in ``results.npz`` unless ``whole``."""

    name: str
    statistic: Statistic
    higher_is_better: bool
    unit: str
    whole: float | None = None
    per: str = ""
