"""A dot with its interval for each evaluated run, next to the reference's value on the same samples."""

from collections.abc import Sequence

from bench.record.quality import QualityMetric
from bench.record.record import Record
from bench.reports.charts import svg
from bench.reports.charts.svg import Axis, Figure
from bench.reports.view.rows import Numbered
from bench.reports.words.causes import emulated
from bench.reports.words.quality import between, leading, samples_words, title, value
from bench.words import say, units

LEFT, ROW = 150.0, 34.0


def quality_figures(items: Sequence[Numbered]) -> tuple[Figure, ...]:
    """One figure for each dataset and leading metric."""
    groups: dict[tuple[str, str], list[Numbered]] = {}
    for item in items:
        first, quality = leading(item.record), item.record.quality
        if item.record.status == "ok" and first is not None and quality is not None:
            groups.setdefault((quality.dataset.sha256, first.name), []).append(item)
    return tuple(_figure(members, f"quality{i}") for i, members in enumerate(groups.values(), start=1))


def _figure(members: Sequence[Numbered], name: str) -> Figure:
    pairs = [(item, found) for item in members if (found := leading(item.record)) is not None]
    first, quality = pairs[0][1], members[0].record.quality
    axis = _axis([(found, _reference(item.record, found)) for item, found in pairs], first)
    height = ROW * len(pairs) + 44
    bottom = height - 38
    parts = []
    for at, text in axis.ticks():
        parts.append(f'<path class="grid" d="M{axis.at(at):.1f} 4V{bottom:.1f}"/>')
        parts.append(svg.label(axis.at(at), bottom + 14, text, "middle"))
    said = []
    for row, (item, found) in enumerate(pairs):
        parts += _row(axis, item.record, found, 20.0 + ROW * row)
        said.append(f"{_name(item.record)} {value(found.value, found.unit)} ({between(found.interval95, found.unit)})")
    parts.append(svg.label((axis.start + axis.end) / 2, height - 6, axis.label, "middle", "name"))
    caption = title(first.name)
    if quality is not None:
        samples, dataset = samples_words(first, quality.dataset.samples), units.clean(quality.dataset.name)
        caption = say("chart.quality.title", metric=caption, samples=samples, dataset=dataset)
    caption = f"{caption[:1].upper()}{caption[1:]}"
    note, words = say("chart.quality.note"), say("chart.clauses", parts=said)
    return Figure(caption, svg.drawing(name, caption, words, parts, height), note=note)


def _axis(drawn: Sequence[tuple[QualityMetric, float | None]], first: QualityMetric) -> Axis:
    ends = [end for found, _ in drawn for end in (*(found.interval95 or ()), found.value)]
    ends += [reference for _, reference in drawn if reference is not None]
    share = first.unit == "share"
    room = 0.05 * (max(ends) - min(ends)) or 0.05 * abs(max(ends)) or 1.0
    low, high = min(ends) - room, max(ends) + room
    if share:
        low, high = max(0.0, low), min(1.0, high)
    label = f"{title(first.name)}, %" if share else title(first.name)
    return Axis(low, high, LEFT, svg.WIDTH - 14, label, 0.01 if share else 1.0)


def _row(axis: Axis, record: Record, found: QualityMetric, y: float) -> list[str]:
    parts = [
        svg.label(LEFT - 8, y - 2, svg.cut(units.clean(record.plan.model.id), LEFT - 10), "end"),
        svg.label(LEFT - 8, y + 11, svg.cut(units.clean(record.plan.target.id), LEFT - 10), "end", "mark-name"),
    ]
    reference = _reference(record, found)
    if reference is not None:
        parts.append(f'<path class="mean" d="M{axis.at(reference):.1f} {y - 9:g}v22"/>')
    if found.interval95 is not None:
        low, high = (axis.at(end) for end in found.interval95)
        parts.append(f'<path class="whisker plain" d="M{low:.1f} {y + 2:g}H{high:.1f}"/>')
    style = "estimate hollow" if emulated(record) else "estimate plain"
    parts.append(f'<circle class="{style}" cx="{axis.at(found.value):.1f}" cy="{y + 2:g}" r="4"/>')
    return parts


def _reference(record: Record, found: QualityMetric) -> float | None:
    quality = record.quality
    if quality is None or quality.reference is None:
        return None
    return next((metric.value for metric in quality.reference.metrics if metric.name == found.name), None)


def _name(record: Record) -> str:
    return say("comparison.name", model=units.clean(record.plan.model.id), target=units.clean(record.plan.target.id))
