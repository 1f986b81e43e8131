"""Quality in words. All figures are the record's; nothing is computed here."""

from bench.record.quality import Paired, Quality, QualityMetric, Word
from bench.record.record import Record
from bench.words import units

TITLES = {
    "top1": "top-1",
    "top5": "top-5",
    "mae": "mean absolute error",
    "rmse": "root mean square error",
    "cosine": "cosine",
    "mean_iou": "mean IoU",
    "pixel_accuracy": "pixel accuracy",
    "map": "mAP",
    "map50": "mAP at IoU 0.5",
    "image_ap": "AP of an image, mean",
    "perplexity": "perplexity",
}
_ENDS: dict[Word, str] = {
    "same": "the same within 1 %",
    "better": "a significant gain",
    "worse": "a significant loss",
    "cannot_tell": "cannot be distinguished from noise",
}


def title(metric: str) -> str:
    return TITLES.get(metric, units.clean(metric))


def value(figure: float, unit: str) -> str:
    """``92.3 %`` for a fraction; otherwise three digits."""
    return units.percent(figure) if unit == "share" else units.digits(figure)


def signed(figure: float, unit: str) -> str:
    """A difference without its unit: for a fraction in percentage points."""
    if unit == "share":
        return f"{100 * figure:+.1f}".replace("-", "−")
    return ("+" if figure >= 0 else "−") + units.digits(abs(figure))


def between(bounds: tuple[float, float] | None, unit: str) -> str:
    """``75.8 – 100 %``."""
    if bounds is None:
        return units.MISSING
    low, high = value(bounds[0], unit), value(bounds[1], unit)
    return f"{low.removesuffix(' %')} – {high}" if unit == "share" else f"{low} – {high}"


def chance(p: float | None) -> str:
    return "" if p is None else "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


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
    size = f"{100 * abs(difference):.1f} points" if unit == "share" else units.digits(abs(difference))
    if difference == 0:
        said = "no difference"
    elif unit == "share":
        said = f"{'gained' if (difference > 0) == higher_is_better else 'lost'} {size}"
    else:
        said = f"{'better' if (difference > 0) == higher_is_better else 'worse'} by {size}"
    bounds = "no interval" if interval is None else "95 % interval " + " to ".join(signed(b, unit) for b in interval)
    return f"{said} ({bounds}, {test} {chance(p)}): {verdict_words(difference, word, unit)}"


def verdict_words(difference: float, word: Word, unit: str) -> str:
    """What follows from a pair."""
    if difference == 0 and word == "cannot_tell":
        return "too few samples to exclude a difference"
    return "the same within 1 point" if word == "same" and unit == "share" else _ENDS[word]


def against_reference(metric: QualityMetric, quality: Quality) -> str:
    """The loss against the reference with its certainty, or why it is not known."""
    pair = next((p for p in quality.paired if p.metric == metric.name), None)
    if pair is not None:
        return pair_words(pair, metric)
    if quality.reference is None:
        return "no reference"
    if quality.reference.reason:
        return units.clean(f"not compared: {quality.reference.reason}")
    theirs = next((m.value for m in quality.reference.metrics if m.name == metric.name), None)
    stated = "" if theirs is None else f"{value(theirs, metric.unit)} there; "
    return f"{stated}the metric is of the dataset as a whole, so there is no paired test"


def pair_words(pair: Paired, metric: QualityMetric) -> str:
    return difference_words(
        pair.difference, metric.unit, pair.interval95, pair.test, pair.p_value, pair.word, metric.higher_is_better
    )


def leading(record: Record) -> QualityMetric | None:
    """The metric that stands for all."""
    return record.quality.metrics[0] if record.quality is not None and record.quality.metrics else None


def quality_note(record: Record) -> str:
    """The leading metric in a few words: ``top-1 91.7 % of 12 samples``; empty where nothing was judged."""
    first = leading(record)
    if first is None or record.quality is None:
        return ""
    samples = units.counted(record.quality.dataset.samples, "sample")
    return f"{title(first.name)} {value(first.value, first.unit)}, {samples}"


def inputs_words(record: Record) -> str:
    """``4 seeded inputs``, ``8 samples of the dataset``."""
    found = record.fidelity
    if found is None or not found.inputs:
        return "no inputs"
    if found.inputs_source == "dataset":
        return f"{units.counted(found.inputs, 'sample')} of the dataset"
    known = {"file": "given", "image": "given", "partly seeded": "partly seeded"}
    kind = known.get(found.inputs_source, "seeded")
    return units.counted(found.inputs, f"{kind} input")
