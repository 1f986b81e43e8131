"""Whether a loss of quality is the doing of a runtime that read the model's source itself."""

from collections.abc import Sequence

from bench.record.quality import Paired
from bench.record.record import Record
from bench.words import say, units

OPTION = "import"


def import_words(record: Record, others: Sequence[Record] = ()) -> str:
    """That the import changes the model, where a run that is significantly worse than the source's float32 values shows
    that its arithmetic does not: products and KV cache are float32, or the same file on the same target with the same
    options is better with the import made here. Otherwise that the import is one possible cause. Empty where no runtime
    imported the model, or the loss is not significant or not against those values."""
    runtime, pair = record.plan.target.imported_by, _perplexity(record)
    if not runtime or pair is None or pair.word != "worse" or not _against_source(record):
        return ""
    shown = _in_float32(record) or any(_better_without(record, pair, other) for other in others)
    return say("report.import.changes" if shown else "report.import.possible", runtime=units.clean(runtime))


def _perplexity(record: Record) -> Paired | None:
    found = record.quality
    return next((one for one in found.paired if one.metric == "perplexity"), None) if found is not None else None


def _against_source(record: Record) -> bool:
    """Not against a model that the user named."""
    asked = record.plan.asked
    return record.plan.model.source is not None and (asked is None or asked.reference is None)


def _in_float32(record: Record) -> bool:
    target = record.plan.target
    return target.executed_activations == target.executed_kv_cache == "float32"


def _better_without(record: Record, pair: Paired, other: Record) -> bool:
    """Whether ``other`` differs in the import alone, and its loss is below the whole interval of this one's."""
    theirs = _perplexity(other)
    if theirs is None or other.plan.target.imported_by or not _against_source(other) or other.status != "ok":
        return False
    bounds, limits = pair.ratio_interval95, theirs.ratio_interval95
    return _setting(record) == _setting(other) and bounds is not None and limits is not None and limits[1] < bounds[0]


def _setting(record: Record) -> tuple[object, ...]:
    target, source, quality = record.plan.target, record.plan.model.source, record.quality
    options = {name: value for name, value in target.options_requested.items() if name != OPTION}
    ran = target.executed_kv_cache, target.device_name
    sha256 = source.sha256 if source is not None else ""
    samples = quality.dataset.sha256 if quality is not None else ""
    return target.id, sorted(options.items()), ran, sha256, samples, record.environment.runtime
