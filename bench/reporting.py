"""What a report plugin implements: runs in, bytes out; and a writer of dossiers: a submission in, bytes out."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from bench.words import Sentence

if TYPE_CHECKING:
    from bench.gate.finding import Gate
    from bench.nights.trend import Trend
    from bench.preflight.found import Preflight
    from bench.quantising.outcome import Quantised
    from bench.racks.rack import Rack
    from bench.record.record import RecordedRun
    from bench.record.refused import RefusedRecord
    from bench.review.review import Review
    from bench.submission.dossier.data import DossierData
    from bench.tuning.result import Tuning


class Report(Protocol):
    """A writer: takes runs, returns bytes. Opens no file, looks at no machine, computes no statistics."""

    suffix: str  # of the file it would be saved to, e.g. ".html"

    @property
    def summary(self) -> Sentence | str:
        """What it is, in one line."""
        ...

    def render(self, runs: Sequence["RecordedRun"]) -> bytes: ...


@runtime_checkable
class TellsRefused(Protocol):
    """What a writer may offer besides: a place for the records that could not be read or believed."""

    def telling(self, refused: Sequence["RefusedRecord"]) -> Report:
        """The writer that names them too."""
        ...


@runtime_checkable
class ShowsPhotographs(Protocol):
    """What a writer may offer besides: the pictures of a dataset with the boxes in them."""

    def showing(self, photographs: Mapping[str, bytes]) -> Report:
        """The writer that draws those of ``photographs``: hash of a file -> its contents."""
        ...


@runtime_checkable
class FitsTerminal(Protocol):
    """What a writer may offer besides, if its text is for a terminal."""

    def at_terminal(self, columns: int, color: bool) -> Report:
        """The writer for a terminal of that many columns, with colours or without."""
        ...


class Dossier(Protocol):
    """A writer of dossiers. Everything that it shows comes from the ``DossierData``, in the language that is spoken.
    The same data gives the same bytes. What an applicant wrote is text, never markup and never a template."""

    suffix: str  # of the file it would be saved to, e.g. ".docx"

    @property
    def summary(self) -> Sentence | str:
        """What it is, in one line."""
        ...

    def render(self, dossier: "DossierData") -> bytes: ...


class ReviewWriter(Protocol):
    """A writer of reviews: many submissions in, bytes out, in the language that is spoken."""

    suffix: str  # of the file it would be saved to, e.g. ".csv"

    @property
    def summary(self) -> Sentence | str:
        """What it is, in one line."""
        ...

    def render(self, review: "Review") -> bytes: ...


class GateWriter(Protocol):
    """A writer of a gate's findings, in the language that is spoken."""

    suffix: str  # of the file it would be saved to, e.g. ".xml"

    @property
    def summary(self) -> Sentence | str:
        """What it is, in one line."""
        ...

    def render(self, gate: "Gate", files: Mapping[str, str]) -> bytes:
        """``files``: record id -> its file, relative to the folder that the command ran in."""
        ...


class PreflightWriter(Protocol):
    """A writer of preflights, in the language that is spoken."""

    suffix: str  # of the file it would be saved to, e.g. ".html"

    @property
    def summary(self) -> Sentence | str:
        """What it is, in one line."""
        ...

    def render(self, found: Sequence["Preflight"]) -> bytes: ...


class QuantisationWriter(Protocol):
    """A writer of what ``odb quantise`` found, in the language that is spoken. The same outcome gives the same
    bytes."""

    suffix: str  # of the file it would be saved to, e.g. ".html"

    @property
    def summary(self) -> Sentence | str:
        """What it is, in one line."""
        ...

    def render(self, outcome: "Quantised") -> bytes: ...


class SeriesPage(Protocol):
    """One file of a site. ``name``: its path within it."""

    name: str
    data: bytes


class HistoryWriter(Protocol):
    """A writer of a site of series over time: a page a series, which may be made in another process, then the overview
    that leads to them."""

    @property
    def summary(self) -> Sentence | str:
        """What it is, in one line."""
        ...

    def series_page(self, trend: "Trend") -> SeriesPage: ...

    def overview(self, pages: Sequence[SeriesPage], made: str) -> bytes:
        """``index.html``. ``made``: the date that stands on it."""
        ...


class RackWriter(Protocol):
    """A writer of the results of a rack, in the language that is spoken."""

    suffix: str  # of the file it would be saved to, e.g. ".html"

    @property
    def summary(self) -> Sentence | str:
        """What it is, in one line."""
        ...

    def render(self, rack: "Rack") -> bytes: ...


class TuningWriter(Protocol):
    """A writer of what a search for settings found, in the language that is spoken."""

    suffix: str  # of the file it would be saved to, e.g. ".html"

    @property
    def summary(self) -> Sentence | str:
        """What it is, in one line."""
        ...

    def render(self, tuning: "Tuning") -> bytes: ...
