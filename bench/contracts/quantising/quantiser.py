"""What a quantiser plugin implements: how it makes a model of integers from one of floating point."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from bench.contracts.model import Artifact, Format
from bench.words import Sentence


class Method(Struct, frozen=True):
    """One way to quantise. ``name``: what tables call it; ``options``: what the library is told. ``widened``: the
    layers that keep activations of 16 bits among those of 8, by the names in the source."""

    name: str
    options: dict[str, str] = {}
    widened: tuple[str, ...] = ()


class QuantiseRequest(Struct, frozen=True, kw_only=True):
    """One try. ``samples``: a ``.npz`` each with all inputs of one query, to calibrate on. ``lineage``: text to put
    into the metadata under ``bench.contracts.quantising.stated.LINEAGE_KEY``. ``folder``: where the file goes, empty.
    ``kept``: a folder that all tries of one command share, for what they have in common, such as ranges."""

    artifact: Artifact
    scheme: str
    method: Method
    samples: tuple[Path, ...]
    lineage: str
    folder: Path
    kept: Path


class LayerError(Struct, frozen=True):
    """How far one layer's output in the quantised model is from the float model's: ``sqnr_db``, with all that came
    before it; ``own_sqnr_db``, of its own rounding alone. ``None``: no difference, or nothing but zeros."""

    name: str
    op: str
    sqnr_db: float | None
    own_sqnr_db: float | None


class PlacementCheck(Struct, frozen=True):
    """A target on which it is to be shown where the quantised model runs."""

    target: str
    options: dict[str, str] = {}


class Quantiser(Protocol):
    """A library that quantises. ``formats``: that it reads, ``result``: that it writes. ``schemes``: by the names that
    ``--to`` takes, each with what it means here. ``distributions``: whose versions a lineage states."""

    @property
    def summary(self) -> Sentence | str:
        """What it is, in one line."""

    formats: Sequence[Format]
    result: Format
    schemes: Mapping[str, Sentence | str]
    requires: Sequence[str]
    install: str

    def refuse(self, artifact: Artifact, scheme: str) -> None:
        """Raise ``InputError`` for a model that cannot be quantised so, with what to do instead. Quick, and imports no
        library: runs in the parent."""
        ...

    def methods(self, artifact: Artifact, scheme: str) -> Sequence[Method]:
        """What is tried, the most usual first. Quick, and imports no library."""
        ...

    def widening(self, method: Method, layers: Sequence[str], scheme: str) -> Method | None:
        """``method`` with activations of 16 bits in ``layers``; ``None`` where the scheme has none of 8 bits, or the
        library cannot do so. Quick, and imports no library."""
        ...

    def quantise(self, request: QuantiseRequest) -> Path:
        """Write the quantised model into ``request.folder``, and return the file to open. The same request gives the
        same bytes. Runs in a separate process. Raises ``RunFailure``."""
        ...

    def layer_errors(self, request: QuantiseRequest, quantised: Path) -> Sequence[LayerError]:
        """Every layer whose output both the float model and the one that ``request`` gave have, on the request's
        samples; the one with the largest error of its own first. None where the library cannot tell. Runs in a separate
        process. Raises ``RunFailure``."""
        ...

    def placements(self, scheme: str) -> Sequence[PlacementCheck]:
        """Where it is to be shown that the result runs as intended. Quick, and imports no library."""
        ...
