"""One self-contained HTML page: no script, no network, nothing to install to read it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from bench.printable import visible
from bench.record import RecordedRun
from bench.refused_record import RefusedRecord
from bench.reports import units
from bench.reports.depth_curve import depth_figures
from bench.reports.details import Detail, detail
from bench.reports.emulation import emulated_table
from bench.reports.headline import counts, counts_words, headline
from bench.reports.machines import machines
from bench.reports.quality import quality_overview
from bench.reports.quality_charts import quality_figures
from bench.reports.refused import refused_table
from bench.reports.rows import STATUS_SIGNS, STATUS_WORDS, Numbered, matrices, numbered
from bench.reports.templates import template
from bench.reports.text_overview import overview_table

if TYPE_CHECKING:
    from bench.reports.charts import Figure


class Section(Struct, frozen=True):
    """One run on the page."""

    detail: Detail
    figures: "tuple[Figure, ...]"


class HtmlReport:
    summary = "one self-contained page with figures, for a reviewer"
    suffix = ".html"

    def __init__(self, refused: Sequence[RefusedRecord] = ()) -> None:
        self.refused = tuple(refused)

    def telling(self, refused: Sequence[RefusedRecord]) -> "HtmlReport":
        return HtmlReport(refused)

    def render(self, runs: Sequence[RecordedRun]) -> bytes:
        """The page, UTF-8. Follows the reader's light or dark scheme; prints."""
        items = numbered(runs)
        tables = matrices(items)
        page: str = template("page.html.j2").render(
            items=items,
            title=_title(items),
            made=_period(items),
            tool=" · ".join(dict.fromkeys(f"{i.record.tool.name} {i.record.tool.version}" for i in items)),
            machines=machines(items),
            headline=headline(tables, items),
            counts=counts(items),
            counts_words=counts_words(items),
            refused=refused_table(self.refused) if self.refused else None,
            matrices=tables,
            overview=overview_table(items),
            depths=depth_figures(items),
            emulated=emulated_table(items),
            quality=quality_overview(items),
            quality_figures=quality_figures(items),
            sections=[_section(i) for i in items],
            words=STATUS_WORDS,
            signs=STATUS_SIGNS,
        )
        return visible(page).encode()


def _section(item: Numbered) -> Section:
    from bench.reports.figures import figures

    return Section(detail(item), figures(item.run, f"r{item.number}"))


def _title(items: Sequence[Numbered]) -> str:
    models = dict.fromkeys(units.clean(i.record.plan.model.id) for i in items)
    targets = dict.fromkeys(units.clean(i.record.plan.target.id) for i in items)
    if not items:
        return "No runs"
    if len(models) == 1 and len(targets) == 1:
        return f"{next(iter(models))} on {next(iter(targets))}"
    if len(models) == 1:
        return f"{next(iter(models))} on {len(targets)} targets"
    if len(targets) == 1:
        return f"{len(models)} models on {next(iter(targets))}"
    return f"{len(models)} models on {len(targets)} targets"


def _period(items: Sequence[Numbered]) -> str:
    moments = sorted(i.record.created_utc for i in items)
    if not moments:
        return ""
    first, last = units.when(moments[0]), units.when(moments[-1])
    return first if first == last else f"{first} to {last}"
