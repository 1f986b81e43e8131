"""What ``odb quantise`` found: types only."""

from msgspec import Struct

from bench.contracts import CalibrationSet, LayerError, LineageStep, MadeFrom
from bench.record.quality import LeftOut, Paired, QualityMetric
from bench.words import Sentence


class Loss(Struct, frozen=True, kw_only=True):
    """How far the quantised model's outputs are from the float model's, over ``samples``, of the output that is
    furthest. ``error``: the sum of squared differences over the sum of squares; of an output of labels the fraction
    that differs. ``interval95``: of ``error``, by a bootstrap over samples; ``None`` below ten of them."""

    output: str
    error: float
    interval95: tuple[float, float] | None
    samples: int


class Try(Struct, frozen=True, kw_only=True):
    """One method. ``choosing``: the loss that it is chosen by; ``judging``: on the samples that took no part in it.
    ``failure``: why there is no model."""

    method: str
    options: dict[str, str]
    widened: tuple[str, ...] = ()
    size_bytes: int | None = None
    fits: bool = True
    choosing: Loss | None = None
    judging: Loss | None = None
    failure: Sentence | str = ""


class Sampled(Struct, frozen=True, kw_only=True):
    """The samples. ``found``: files or rows; ``duplicates``: that were left out since another holds the same tensors;
    ``unused``: beyond what was asked for. ``held_back``: whether those that judge took no part in the making.
    ``hashes``: of each sample's tensors, those for calibration first, then those for choosing, then those for
    judging."""

    found: int
    calibrating: int
    choosing: int
    judging: int
    held_back: bool
    duplicates: int
    unused: int
    labelled: bool
    left_out: tuple[LeftOut, ...]
    hashes: tuple[str, ...]


class Agreement(Struct, frozen=True, kw_only=True):
    """The quantised model's outputs on the judging samples, compared with the float model's as a run's are with its
    reference. ``target``: where the quantised model ran."""

    target: str
    inputs: int
    ok: bool | None
    cosine_min: float | None
    sqnr_db_min: float | None
    reason: Sentence | str = ""


class Placed(Struct, frozen=True, kw_only=True):
    """Where the quantised model runs on one target. ``nodes`` and ``macs`` by unit; ``elsewhere``: the nodes that are
    not on ``requested``. ``failure``: why it is not known."""

    target: str
    options: dict[str, str]
    device_name: Sentence | str = ""
    emulated: bool = False
    requested: str = ""
    nodes: dict[str, int] = {}
    macs: dict[str, int] | None = None
    elsewhere: tuple[str, ...] = ()
    agreement: Agreement | None = None
    versions: dict[str, str] = {}
    failure: Sentence | str = ""
    remedy: Sentence | str = ""

    @property
    def misses(self) -> bool:
        """Whether none of the MACs, where there are any, run on the unit that was asked for."""
        macs = self.macs or {}
        return any(macs.values()) and not macs.get(self.requested)


class Lost(Struct, frozen=True, kw_only=True):
    """Quality of both models on the labelled judging samples, and the paired tests between them. ``reason``: why there
    is none."""

    dataset: str = ""
    task: str = ""
    samples: int = 0
    base: tuple[QualityMetric, ...] = ()
    new: tuple[QualityMetric, ...] = ()
    paired: tuple[Paired, ...] = ()
    reason: Sentence | str = ""


class Quantised(Struct, frozen=True, kw_only=True):
    """The whole outcome. ``chosen``: the index in ``tries``; ``None``: none fits. ``layers``: of the chosen one, the
    largest own error first. ``mixed``: the index of the try that leaves the worst layers of the chosen method in 16
    bits, where one was made. ``result``: the file that was written, ``None`` of a dry run or where nothing fits."""

    tool_version: str
    created_utc: str
    quantiser: str
    scheme: str
    source: MadeFrom
    calibration: CalibrationSet
    sampled: Sampled
    tries: tuple[Try, ...]
    chosen: int | None
    mixed: int | None = None
    max_size_bytes: int | None = None
    layers: tuple[LayerError, ...] = ()
    agreement: Agreement | None = None
    lost: Lost = Lost()
    placed: tuple[Placed, ...] = ()
    result: MadeFrom | None = None
    lineage: tuple[LineageStep, ...] = ()
    command: str = ""
    reference: str = ""

    @property
    def any_made(self) -> bool:
        """Whether a method gave a model, of whatever size."""
        return any(one.size_bytes is not None for one in self.tries)

    @property
    def status(self) -> int:
        """0; 1 where no try fits the size, where the outputs differ by more than quantising explains, and where the
        unit that the result is made for runs none of its MACs."""
        if self.chosen is None or any(placed.misses for placed in self.placed):
            return 1
        return 1 if self.agreement is not None and self.agreement.ok is False else 0
