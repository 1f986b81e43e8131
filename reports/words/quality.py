"""Quality in words. All figures are the record's; nothing is computed here."""

from bench.record.quality import Paired, Quality, QualityMetric, Word
from bench.record.record import Record
from bench.reports.words.names import known
from bench.words import Sentence, say, sentence, units

OF_TEXT = ("perplexity", "multiple_choice")
"""Tasks of language models, whose figures have a table of their own."""
ALONE = ("perplexity", "choice_accuracy", "choice_accuracy_per_byte")
"""Of their metrics those that the reference has, too."""
_GIVEN = {"file": "given", "image": "given", "partly seeded": "partly_seeded", "dataset": "dataset"}
"""Source of inputs -> what they are called; all others are seeded."""


def title(metric: str) -> str:
    return known(f"report.metric.{metric}", metric)


def value(figure: float, unit: str) -> str:
    """``92.3 %`` for a fraction; otherwise three digits."""
    if unit == "nats":
        return say("report.nats", figure=figure)
    return units.percent(figure) if unit == "share" else units.digits(figure)


def change(ratio: float) -> str:
    """``+18.4 %``; from twofold on ``2.41×``."""
    return units.percent_change(ratio)


def shown_metrics(quality: Quality) -> tuple[QualityMetric, ...]:
    """Those that tables of many runs list: of a language model those of the model alone, else the first."""
    if quality.dataset.task not in OF_TEXT:
        return quality.metrics
    return tuple(one for one in quality.metrics if one.name in ALONE) or quality.metrics[:1]


def signed(figure: float, unit: str) -> str:
    """A difference without its unit: for a fraction in percentage points."""
    if unit == "share":
        return units.localised(f"{100 * figure:+.1f}").replace("-", "−")
    return ("+" if figure >= 0 else "−") + units.digits(abs(figure))


def between(bounds: tuple[float, float] | None, unit: str) -> str:
    """``75.8 – 100 %``."""
    if bounds is None:
        return units.MISSING
    if unit == "share":
        return units.percent_span(*bounds)
    if unit == "nats":
        return f"{units.digits(bounds[0])} – {value(bounds[1], unit)}"
    return f"{value(bounds[0], unit)} – {value(bounds[1], unit)}"


def test_name(test: str) -> str:
    """``exact McNemar``."""
    return known(f"report.test.{test.lower().replace(' ', '_')}", test)


def chance(p: float | None) -> str:
    return "" if p is None else f"p {'' if p < 0.001 else '= '}{chance_figure(p)}"


def chance_figure(p: float | None) -> str:
    """``0.31``, ``< 0.001``: ``chance`` for a column of its own."""
    return "" if p is None else "< 0.001" if p < 0.001 else f"{p:.2g}"


def difference_words(
    difference: float,
    unit: str,
    interval: tuple[float, float] | None,
    test: str,
    p: float | None,
    word: Word,
    higher_is_better: bool,
) -> str:
    """``lost 0.4 points (95 % interval −1.1 to +0.3, exact McNemar p = 0.31): cannot be distinguished from
    noise``."""
    bounds = sentence("report.no_interval")
    if interval is not None:
        low, high = (signed(end, unit) for end in interval)
        bounds = sentence("report.interval95", low=low, high=high)
    return say(
        "report.difference",
        found=_difference(difference, unit, higher_is_better),
        bounds=bounds,
        test=test_name(test),
        p=chance(p),
        verdict=verdict_words(difference, word, unit),
    )


def _difference(difference: float, unit: str, higher_is_better: bool) -> Sentence:
    """``lost 0.4 points``."""
    better = (difference > 0) == higher_is_better
    if difference == 0:
        return sentence("report.difference.none")
    if unit == "share":
        code = "report.difference.gained" if better else "report.difference.lost"
        return sentence(code, points=100 * abs(difference))
    return sentence("report.difference.better" if better else "report.difference.worse", size=abs(difference))


def verdict_words(difference: float, word: Word, unit: str) -> str:
    """What follows from a pair."""
    if difference == 0 and word == "cannot_tell":
        return say("report.pair.too_few")
    return say("report.pair.same_point") if word == "same" and unit == "share" else say(f"report.pair.{word}")


def against_reference(metric: QualityMetric, quality: Quality) -> str:
    """The loss against the reference with its certainty, or why it is not known."""
    pair = next((p for p in quality.paired if p.metric == metric.name), None)
    if pair is not None:
        return pair_words(pair, metric)
    if quality.reference is None:
        return say("report.reference.none")
    if quality.reference.reason:
        return say("report.reference.not_compared", reason=units.clean(str(quality.reference.reason)))
    theirs = next((m.value for m in quality.reference.metrics if m.name == metric.name), None)
    if theirs is None:
        return say("report.reference.beside" if metric.per else "report.reference.no_test")
    return say("report.reference.no_test_there", value=value(theirs, metric.unit))


def pair_words(pair: Paired, metric: QualityMetric) -> str:
    if pair.ratio is not None and pair.ratio != 1:
        return _ratio_words(pair, pair.ratio)
    return difference_words(
        pair.difference, metric.unit, pair.interval95, pair.test, pair.p_value, pair.word, metric.higher_is_better
    )


def _ratio_words(pair: Paired, ratio: float) -> str:
    """``worse by 18.4 % (95 % interval +17.1 % to +19.6 %, paired randomisation p < 0.001): significantly worse``."""
    code = "report.difference.ratio_worse" if ratio > 1 else "report.difference.ratio_better"
    bounds = sentence("report.no_interval")
    if pair.ratio_interval95 is not None:
        low, high = (change(end) for end in pair.ratio_interval95)
        bounds = sentence("report.interval95", low=low, high=high)
    return say(
        "report.difference",
        found=sentence(code, change=abs(ratio - 1)),
        bounds=bounds,
        test=test_name(pair.test),
        p=chance(pair.p_value),
        verdict=verdict_words(pair.difference, pair.word, ""),
    )


def samples_words(metric: QualityMetric, samples: int) -> str:
    """``12 windows``, ``60 samples``: what the figure is of. ``samples``: those of the dataset."""
    return units.counted(metric.n, metric.per) if metric.per else units.counted(samples, "sample")


def leading(record: Record) -> QualityMetric | None:
    """The metric that stands for all."""
    return record.quality.metrics[0] if record.quality is not None and record.quality.metrics else None


def quality_note(record: Record) -> str:
    """The leading metric in a few words: ``top-1 91.7 %, 12 samples``; empty where nothing was judged."""
    first = leading(record)
    if first is None or record.quality is None:
        return ""
    return say(
        "report.quality_note",
        metric=title(first.name),
        value=value(first.value, first.unit),
        samples=samples_words(first, record.quality.dataset.samples),
    )


def inputs_words(record: Record) -> str:
    """``4 seeded inputs``, ``8 samples of the dataset``."""
    found = record.fidelity
    if found is None or not found.inputs:
        return say("report.inputs.none")
    return say(f"report.inputs.{_GIVEN.get(found.inputs_source, 'seeded')}", count=found.inputs)
