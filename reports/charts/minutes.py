"""A run that lasts, minute by minute: the rate with its interval, and the temperature under it."""

from collections.abc import Sequence

from bench.record.record import RecordedRun
from bench.record.summary import Curve
from bench.reports.charts import svg
from bench.reports.charts.svg import Axis, Figure, Frame
from bench.reports.view.curves.table import capital, curve_title
from bench.reports.words.figures import figure, metrics
from bench.scenarios.lasting import lasting_of
from bench.words import say, units

RATES, TEMPERATURE = ("tokens_of_minute_per_s", "rate_of_minute_per_s"), "temperature_celsius"
DRAWN = (*RATES, TEMPERATURE)
"""The curves that this figure shows."""
TALL, GAP = 150.0, 22.0
LEAST_CELSIUS = 10.0  # that the axis spans: half a degree is no climb
MOST_POINTS = 480


def minutes_figure(run: RecordedRun, name: str) -> Figure | None:
    """``None`` of a scenario that does not last, or of less than two minutes."""
    lasting, curves = lasting_of(run.record.plan.scenario), run.record.summary.curves
    named = next((name for name in RATES if name in curves), "")
    rate = curves.get(named)
    if lasting is None or rate is None or sum(point.value is not None for point in rate.points) < 2:
        return None
    warm = curves.get(TEMPERATURE)
    x = Axis(0.0, float(len(rate.at)), 46.0, svg.WIDTH - 14, say("chart.minutes.across"))
    upper = _up(named, rate, x, 24.0, svg.HEIGHT - 38 if warm is None else TALL)
    parts = [svg.up_axis(upper.y, x, x.start), *_drawn(rate, upper)]
    height, lowest = svg.HEIGHT, upper
    if warm is not None:
        height = TALL + GAP + 90 + 38
        lowest = _warm(warm, x, TALL + GAP + 14, height - 38)
        below = svg.up_axis(lowest.y, x, x.start).replace('y="11"', f'y="{TALL + GAP:g}"', 1)
        parts += [below, *_drawn(warm, lowest, "s2")]
    parts.append(svg.across_axis(x, lowest.y))
    throttle = figure(run.record, "time_to_throttle_ns") if "time_to_throttle_ns" in metrics() else None
    if throttle is not None:
        at = x.at(throttle / lasting.minute_ns)
        parts.append(f'<path class="mark" d="M{at:.1f} {lowest.y.start:.1f}V{upper.y.end:.1f}"/>')
        parts.append(svg.label(at, upper.y.end - 2, say("chart.minutes.throttle"), "middle", "mark-name"))
    title = say("chart.minutes.title.warm" if warm is not None else "chart.minutes.title")
    drawing = svg.drawing(f"{name}-minutes", title, _description(run, rate, warm), parts, height)
    return Figure(title, drawing, note=say("chart.minutes.note"))


def _values(curve: Curve) -> tuple[list[float], list[float]]:
    """The middles of the minutes that have a value, and those."""
    step = max(1, -(-len(curve.points) // MOST_POINTS))
    pairs = [(at - 0.5, one.value) for at, one in zip(curve.at, curve.points, strict=True)][::step]
    known = [(at, float(value)) for at, value in pairs if value is not None]
    return [at for at, _ in known], [value for _, value in known]


def _up(name: str, curve: Curve, x: Axis, top: float, bottom: float) -> Frame:
    _, values = _values(curve)
    label = f"{capital(curve_title(name))}, {say(f'unit.of.{curve.unit}')}"
    return Frame(x, Axis(0.0, max(values) * 1.08 or 1.0, bottom, top, label))


def _warm(curve: Curve, x: Axis, top: float, bottom: float) -> Frame:
    _, values = _values(curve)
    middle, half = (min(values) + max(values)) / 2, max(LEAST_CELSIUS, max(values) - min(values)) / 2
    label = f"{capital(curve_title(TEMPERATURE))}, °C"
    return Frame(x, Axis(middle - half * 1.1, middle + half * 1.1, bottom, top, label))


def _drawn(curve: Curve, frame: Frame, style: str = "s1") -> Sequence[str]:
    at, values = _values(curve)
    bounds = {a - 0.5: one.interval95 for a, one in zip(curve.at, curve.points, strict=True)}
    lows = [(bounds.get(a) or (value, value))[0] for a, value in zip(at, values, strict=True)]
    highs = [(bounds.get(a) or (value, value))[1] for a, value in zip(at, values, strict=True)]
    parts = [svg.band(frame, at, lows, highs, style), svg.line(frame, at, values, style)]
    if len(at) <= 30:
        dots = zip(at, values, strict=True)
        parts += [f'<circle class="dot" cx="{frame.x.at(a):.1f}" cy="{frame.y.at(v):.1f}" r="2"/>' for a, v in dots]
    return parts


def _description(run: RecordedRun, rate: Curve, warm: Curve | None) -> str:
    _, values = _values(rate)
    first, last = (units.figure(value, rate.unit) for value in (values[0], values[-1]))
    if warm is None:
        return say("chart.minutes.description", minutes=len(rate.at), first=first, last=last)
    _, degrees = _values(warm)
    begin, end = (units.figure(value, warm.unit) for value in (degrees[0], degrees[-1]))
    return say("chart.minutes.description.warm", minutes=len(rate.at), first=first, last=last, begin=begin, end=end)
