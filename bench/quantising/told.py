"""What was found, in words: for the terminal and for pages. Nothing is computed here but decibels."""

from collections.abc import Sequence

from bench.contracts import LayerError
from bench.quantising.losses import decibels
from bench.quantising.outcome import Agreement, Loss, Lost, Placed, Quantised, Sampled, Try
from bench.record.quality import Paired, QualityMetric
from bench.words import current, say, units

SHOWN = 6
"""Nodes outside the accelerator that a sentence names."""
NOTED_DB = 1.0
"""A method that was not chosen and lost so much less on the judging samples is named."""


def samples_told(sampled: Sampled) -> list[str]:
    """How many samples did what, and what that means for the loss."""
    code = "quantise.samples.third" if sampled.choosing else "quantise.samples.half"
    if not sampled.held_back:
        code = "quantise.samples.none_held_back"
    figures = {
        "found": sampled.found,
        "calibrating": sampled.calibrating,
        "choosing": sampled.choosing,
        "judging": sampled.judging,
    }
    lines = [say(code, **figures)]
    if sampled.duplicates:
        lines.append(say("quantise.samples.duplicates", count=sampled.duplicates))
    if sampled.unused:
        lines.append(say("quantise.samples.unused", count=sampled.unused))
    if sampled.left_out:
        lines.append(say("quantise.samples.left_out", count=len(sampled.left_out), first=sampled.left_out[0].told))
    return lines


def method_told(one: Try) -> str:
    """``minmax, by channel; 4 layers in 16 bits``."""
    if not one.widened:
        return one.method
    return say("quantise.method_mixed", method=one.method, layers=len(one.widened))


def size_told(one: Try) -> str:
    return units.size(one.size_bytes)


def loss_told(loss: Loss | None) -> tuple[str, str]:
    """The SQNR of the furthest output, and its interval."""
    if loss is None:
        return units.MISSING, units.MISSING
    found = decibels(loss.error)
    if found is None:
        return say("quantise.exact"), units.MISSING
    bounds = loss_interval(loss)
    if bounds is None:
        return units.number(found, "dB"), units.MISSING
    return units.number(found, "dB"), f"{units.digits(bounds[0])} – {units.number(bounds[1], 'dB')}"


def loss_interval(loss: Loss) -> tuple[float, float] | None:
    """The interval of the SQNR, the lower bound first."""
    if loss.interval95 is None:
        return None
    low, high = (decibels(error) for error in reversed(loss.interval95))
    return None if low is None or high is None else (low, high)


def state_told(outcome: Quantised, index: int) -> str:
    """What became of a try: chosen, too large, failed, or nothing."""
    one = outcome.tries[index]
    if one.failure:
        return say("quantise.failed")
    if not one.fits:
        return say("quantise.too_large")
    return say("quantise.chosen") if index == outcome.chosen else ""


def failures_told(outcome: Quantised) -> list[str]:
    """Why methods gave no model: one line for each reason."""
    reasons: dict[str, list[str]] = {}
    for one in outcome.tries:
        if one.failure:
            reasons.setdefault(str(one.failure), []).append(one.method)
    return [say("quantise.why_failed", methods=methods, why=why) for why, methods in reasons.items()]


def choice_told(outcome: Quantised) -> list[str]:
    """Why a method that lost less on the samples of the table was not chosen: others chose. Nothing where none did."""
    sampled, chosen = outcome.sampled, None if outcome.chosen is None else outcome.tries[outcome.chosen]
    if chosen is None or chosen.widened or not sampled.held_back:
        return []
    gains = [(_gain_db(one, chosen), one) for one in outcome.tries if one.fits and not one.widened]
    gain, one = max(gains, key=lambda found: found[0])
    if gain < NOTED_DB:
        return []
    samples = sampled.choosing or sampled.calibrating
    return [say("quantise.chosen_by_others", method=one.method, gain=units.number(gain, "dB"), samples=samples)]


def _gain_db(one: Try, chosen: Try) -> float:
    """How much less ``one`` lost than the chosen method on the judging samples; 0 where that is not known."""
    errors = [None if each.judging is None else decibels(each.judging.error) for each in (one, chosen)]
    return 0.0 if errors[0] is None or errors[1] is None else errors[0] - errors[1]


def agreement_told(found: Agreement) -> str:
    """How the outputs of the chosen model agree with the float model's."""
    code = {True: "agrees", False: "differs", None: "undecided"}[found.ok]
    return say(
        f"quantise.agreement.{code}",
        inputs=found.inputs,
        cosine=units.MISSING if found.cosine_min is None else units.similarity(found.cosine_min),
        sqnr=units.MISSING if found.sqnr_db_min is None else units.number(found.sqnr_db_min, "dB"),
        reason=found.reason,
    )


def layer_rows(layers: Sequence[LayerError], longest: int | None = None) -> list[list[str]]:
    """Name, operator, the layer's own SQNR and that with all before it. ``longest``: how many signs of a name are
    kept, the last ones, since converters put what tells layers apart at the end."""
    return [[_name(one.name, longest), one.op, _db(one.own_sqnr_db), _db(one.sqnr_db)] for one in layers]


def _name(name: str, longest: int | None) -> str:
    whole = units.clean(name)
    return whole if longest is None or len(whole) <= longest else f"…{whole[1 - longest :]}"


def _db(value: float | None) -> str:
    return units.MISSING if value is None else units.number(value, "dB")


def placed_told(placed: Placed) -> list[str]:
    """Where the model runs on one target: MACs and nodes, what is left elsewhere, what it gives there."""
    options = " ".join(f"{key}={value}" for key, value in placed.options.items())
    target = f"{placed.target} ({options})" if options else placed.target
    if placed.failure:
        lines = [say("quantise.placed.failed", target=target, reason=placed.failure)]
        return [*lines, str(placed.remedy)] if placed.remedy else lines
    if not placed.nodes:
        return [say("quantise.placed.unknown", target=target)]
    total, there = sum(placed.nodes.values()), placed.nodes.get(placed.requested, 0)
    figures = {"target": target, "device": placed.device_name, "unit": placed.requested, "nodes": there, "total": total}
    macs = placed.macs or {}
    if any(macs.values()):
        share = macs.get(placed.requested, 0) / sum(macs.values())
        lines = [say("quantise.placed.macs", share=share, **figures)]
    else:
        lines = [say("quantise.placed.nodes", **figures)]
    if placed.misses:
        lines.append(say("quantise.placed.misses", unit=placed.requested))
    if placed.elsewhere:
        lines.append(say("quantise.placed.elsewhere", count=len(placed.elsewhere), nodes=_named(placed.elsewhere)))
    if placed.agreement is not None:
        lines.append(agreement_told(placed.agreement))
    return lines


def _named(nodes: Sequence[str]) -> str:
    shown = ", ".join(units.clean(node) for node in nodes[:SHOWN])
    return shown if len(nodes) <= SHOWN else say("quantise.and_more", nodes=shown, more=len(nodes) - SHOWN)


def lost_rows(lost: Lost) -> list[list[str]]:
    """Metric, float, quantised, difference, interval and word."""
    before = {metric.name: metric for metric in lost.base}
    pairs = {pair.metric: pair for pair in lost.paired}
    return [_lost_row(metric, before.get(metric.name), pairs.get(metric.name)) for metric in lost.new]


def _lost_row(metric: QualityMetric, base: QualityMetric | None, pair: Paired | None) -> list[str]:
    known = current().template(f"report.metric.{metric.name}") is not None
    title = say(f"report.metric.{metric.name}") if known else metric.name
    figures = [
        _figure(base.value, metric.unit) if base is not None else units.MISSING,
        _figure(metric.value, metric.unit),
    ]
    if pair is None:
        return [title, *figures, units.MISSING, units.MISSING, say("report.not_tested")]
    bounds = units.MISSING
    if pair.interval95 is not None:
        low, high = (_signed(end, metric.unit) for end in pair.interval95)
        bounds = say("unit.from_to", low=low, high=high)
    return [title, *figures, _signed(pair.difference, metric.unit), bounds, _word(pair, metric.unit)]


def _figure(value: float, unit: str) -> str:
    return units.percent(value) if unit == "share" else units.digits(value)


def _signed(value: float, unit: str) -> str:
    """In percentage points for a fraction."""
    if unit == "share":
        return units.localised(f"{100 * value:+.1f}").replace("-", "−")
    return ("+" if value >= 0 else "−") + units.digits(abs(value))


def _word(pair: Paired, unit: str) -> str:
    if pair.difference == 0 and pair.word == "cannot_tell":
        return say("report.pair.too_few")
    return say("report.pair.same_point") if pair.word == "same" and unit == "share" else say(f"report.pair.{pair.word}")
