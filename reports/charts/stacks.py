"""Figures of stacked bars: cold start by phase, memory by phase, placement by device."""

from bench.record.memory import MemoryPoint
from bench.record.record import RecordedRun
from bench.reports.charts import svg
from bench.reports.charts.svg import Axis, Figure
from bench.reports.view.tables import PHASES, phase_title
from bench.reports.words.names import phase as phase_name
from bench.words import say, units


def cold_start(run: RecordedRun, name: str) -> Figure | None:
    """A bar a repeat, stacked by phase."""
    repeats = run.record.repeats
    used = [(f, phase_title(f)) for f in PHASES if any(getattr(r.phases_ns, f) is not None for r in repeats)]
    if not used:
        return None
    styles = {field: f"p{i + 1}" for i, field in enumerate(PHASES)}
    rows = []
    for i, repeat in enumerate(run.record.repeats, start=1):
        pieces = [(styles[f], float(getattr(repeat.phases_ns, f) or 0)) for f, _ in used]
        rows.append((say("chart.repeat", number=i), pieces))
    longest = max(sum(v for _, v in pieces) for _, pieces in rows)
    axis = svg.time_axis(0, longest or 1, 58, svg.WIDTH - 12, say("chart.axis.since_start"))
    legend = tuple(
        (styles[f], title, units.span([getattr(r.phases_ns, f) for r in run.record.repeats], units.duration))
        for f, title in used
    )
    words = "; ".join(f"{title}: {value}" for _, title, value in legend)
    title = say("chart.cold_start.title")
    return Figure(title, svg.bars(f"{name}-cold", title, words, rows, axis), legend)


def memory(run: RecordedRun, name: str) -> Figure | None:
    """Private and shared memory at the end of each phase, of the first repeat that has it."""
    number, points = next(((i, r.memory_bytes) for i, r in enumerate(run.record.repeats, 1) if r.memory_bytes), (0, {}))
    known = {k: p for k, p in points.items() if p.rss_bytes is not None and p.uss_bytes is not None}
    if not known:
        return None
    rows = []
    for phase, point in known.items():
        uss, rss = point.uss_bytes or 0, point.rss_bytes or 0
        rows.append((phase_name(phase), [("p4", float(uss)), ("p2", float(max(rss - uss, 0)))]))
    mib = float(1 << 20)
    axis = Axis(
        0, max(sum(v for _, v in pieces) for _, pieces in rows), 98, svg.WIDTH - 12, say("chart.axis.memory"), mib
    )
    end = list(known.values())[-1]
    legend = (
        ("p4", say("chart.memory.private"), units.size(end.uss_bytes)),
        ("p2", say("chart.memory.shared"), _shared(end)),
    )
    words = "; ".join(
        f"{phase_name(k)}: USS {units.size(p.uss_bytes)}, RSS {units.size(p.rss_bytes)}" for k, p in known.items()
    )
    title = say("chart.memory.title")
    note = say("chart.memory.note", number=number, repeats=len(run.record.repeats))
    return Figure(title, svg.bars(f"{name}-memory", title, words, rows, axis), legend, note)


def _shared(point: MemoryPoint) -> str:
    return units.size(max((point.rss_bytes or 0) - (point.uss_bytes or 0), 0))


def placement(run: RecordedRun, name: str) -> Figure | None:
    """Fractions of nodes and of MACs by device; the requested device comes first."""
    found = run.record.placement
    if found is None or not sum(found.nodes.values()):
        return None
    devices = sorted({*found.nodes, *(found.macs or {})}, key=lambda d: (d != found.requested, d))
    styles = {d: f"p{(3, 0, 4, 2, 1)[i % 5] + 1}" for i, d in enumerate(devices)}
    rows, shares = [], []
    for kind, counts in (("nodes", found.nodes), ("macs", found.macs or {})):
        total = sum(counts.values())
        if total:
            rows.append((say(f"chart.placement.{kind}"), [(styles[d], counts.get(d, 0) / total) for d in devices]))
            shares.append((kind, counts, total))
    axis = Axis(0, 1, 58, svg.WIDTH - 12, say("chart.axis.fraction"), 0.01)
    legend = tuple(
        (
            styles[d],
            units.clean(d),
            ", ".join(say(f"chart.placement.{kind}.part", share=c.get(d, 0) / n) for kind, c, n in shares),
        )
        for d in devices
    )
    words = "; ".join(f"{device}: {share}" for _, device, share in legend)
    title = say("chart.placement.title")
    return Figure(title, svg.bars(f"{name}-place", title, words, rows, axis), legend)
