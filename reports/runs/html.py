"""One self-contained HTML page: no script, no network, nothing to install to read it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct

from bench.printable import visible
from bench.record.record import RecordedRun
from bench.record.refused import RefusedRecord
from bench.reports.charts.batches import batch_figures
from bench.reports.charts.boxes import boxed, keeps_boxes
from bench.reports.charts.depth import depth_figures
from bench.reports.charts.quality import quality_figures
from bench.reports.templates import template
from bench.reports.view.curves.batches import batch_table
from bench.reports.view.details import Detail, detail
from bench.reports.view.emulation import emulated_table
from bench.reports.view.headline import counts, counts_words, headline
from bench.reports.view.lm.cost import cost_table
from bench.reports.view.lm.overview import overview_table
from bench.reports.view.machines import machines
from bench.reports.view.matrix import matrices
from bench.reports.view.provenance import facts, period, records_table, title
from bench.reports.view.quality import quality_overview
from bench.reports.view.refused import refused_table
from bench.reports.view.rows import Numbered, numbered
from bench.reports.words.causes import DOUBTED, STATUS_SIGNS, status_word
from bench.words import sentence, units

if TYPE_CHECKING:
    from bench.reports.charts.svg import Figure


class Section(Struct, frozen=True):
    """One run on the page."""

    detail: Detail
    figures: "tuple[Figure, ...]"


class HtmlReport:
    summary = sentence("report.summary.html")
    suffix = ".html"

    def __init__(
        self, refused: Sequence[RefusedRecord] = (), photographs: Mapping[str, bytes] = MappingProxyType({})
    ) -> None:
        self.refused, self.photographs = tuple(refused), photographs

    def telling(self, refused: Sequence[RefusedRecord]) -> "HtmlReport":
        return HtmlReport(refused, self.photographs)

    def showing(self, photographs: Mapping[str, bytes]) -> "HtmlReport":
        return HtmlReport(self.refused, photographs)

    def render(self, runs: Sequence[RecordedRun]) -> bytes:
        """The page, UTF-8. Follows the reader's light or dark scheme; prints."""
        items = numbered(runs)
        tables = matrices(items)
        details, drawn = [detail(i) for i in items], boxed(items, self.photographs)
        page: str = template("page.html.j2").render(
            items=items,
            title=title(items, self.refused),
            made=period(items),
            facts=facts(items, self.refused),
            machines=machines(items),
            headline=headline(tables, items),
            counts=counts(items),
            counts_words=counts_words(items),
            runs_words=units.counted(len(items), "run"),
            refused=refused_table(self.refused) if self.refused else None,
            matrices=tables,
            overview=overview_table(items),
            depths=depth_figures(items),
            batches=batch_table(items),
            batch_figures=batch_figures(items),
            emulated=emulated_table(items),
            cost=cost_table(items),
            quality=quality_overview(items),
            quality_figures=quality_figures(items),
            boxed=drawn,
            boxes_kept=not drawn and keeps_boxes(items),
            sections=[_section(item, one) for item, one in zip(items, details, strict=True)],
            records=records_table(items),
            status_word=status_word,
            signs=STATUS_SIGNS,
            doubted=DOUBTED,
        )
        return visible(page).encode()


def _section(item: Numbered, found: Detail) -> Section:
    from bench.reports.charts.figures import figures

    return Section(found, figures(item.run, f"r{item.number}"))
