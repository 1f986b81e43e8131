"""Nights that were measured in alternation with the base (``odb run --against``): their own pairs judge them.

The spread between nights is that of the machine's speed, and a pair of processes that took turns does not contain it.
So where tonight's record comes with the base's side, and that side is the series' base, the rule of ``odb compare``
decides over all pairs of the night, and the spread between nights is asked only where the pairs do not decide:

    slower, worse    red: both sides met the same machine, so there is no session whose bias could be confirmed
    same, faster     ends a suspicion, a drift and a change of the machine, if all that changed since the base also
                     differs between the two sides; a driver that both sides have is in neither's favour
    cannot tell      the night is judged as any other
"""

from collections.abc import Collection, Mapping

from msgspec import Struct
from msgspec.structs import replace

from bench.comparison.comparison import Change, Comparison, compare_all
from bench.comparison.observe import Observation
from bench.gate.confirming import ratio_of, shown_metric
from bench.gate.finding import Confirmation, SeriesFinding, Word
from bench.gate.judge import ORDER, Judgement
from bench.gate.outcome import summed_up
from bench.nights.events import changed_between
from bench.nights.point import Point
from bench.words import Sentence, sentence

JUDGED: tuple[Word, ...] = ("suspect", "drifting", "worse", "machine", "cannot_tell", "invalid", "same", "better")
"""Words that pairs may replace: the others are not about figures."""
WORSE, BETTER = ("slower", "worse"), ("faster", "better")


class Pair(Struct, frozen=True, kw_only=True):
    """Tonight's record and the base's side that took turns with it, as points and as what a comparison needs."""

    base: Point
    new: Point
    observed: tuple[Observation, Observation]


def paired(judgement: Judgement, pairs: Mapping[str, Pair], accepted: Collection[str]) -> Judgement:
    """``judgement`` with what ``pairs`` (tonight's record -> its pair) show."""
    gate = judgement.gate
    asked = [one for one in gate.findings if one.record_id in pairs and one.word in JUDGED and one.base_id is not None]
    own = [one for one in asked if _of_the_base(judgement, one, pairs[one.record_id or ""])]
    seen = [pairs[one.record_id or ""].observed for one in own]
    compared = dict(zip((one.series for one in own), compare_all(seen, gate.tolerance), strict=True))
    findings = []
    for one in gate.findings:
        if one.series in compared:
            findings.append(_judged(one, pairs[one.record_id or ""], compared[one.series]))
        elif one in asked:
            findings.append(replace(one, reasons=(*one.reasons, sentence("gate.why.paired_with_another"))))
        else:
            findings.append(one)
    findings.sort(key=lambda one: (ORDER.index(one.word), one.series))
    return replace(judgement, gate=summed_up(replace(gate, findings=tuple(findings)), accepted))


def _of_the_base(judgement: Judgement, one: SeriesFinding, pair: Pair) -> bool:
    """Whether the other side of the pair is the model, with the options, that the series' base is of."""
    base = judgement.known(one.series).base
    return pair.base.series == one.series and pair.base.versions.get("model") == base.versions.get("model")


def _judged(one: SeriesFinding, pair: Pair, found: Comparison) -> SeriesFinding:
    claimed = [change for change in found.changes if change.claimed]
    worse = [change for change in claimed if change.word in WORSE]
    if worse:
        reason = sentence("gate.why.paired", ratio=ratio_of(worse[0]))
        return _with(one, "worse", True, worse, pair, reason)
    lead = next((change for change in claimed if change.metric == found.leading), None)
    settled = {change.metric for change in claimed if change.word in ("same", *BETTER)}
    doubted = {metric.metric for metric in one.metrics if metric.word == "worse"}
    if lead is None or lead.metric not in settled or not doubted <= settled or not _explained(one, pair):
        return one
    if one.word in ("same", "better") and lead.word == "same":
        return one
    word: Word = "better" if lead.word in BETTER else "same"
    code = "gate.why.paired" if word == "better" else "gate.why.paired_same"
    return _with(one, word, False, [lead], pair, sentence(code, ratio=ratio_of(lead)))


def _with(
    one: SeriesFinding, word: Word, shown: bool, changes: list[Change], pair: Pair, reason: Sentence
) -> SeriesFinding:
    calibrated = {metric.metric: metric.calibration for metric in one.metrics}
    metrics = tuple(shown_metric(c, calibrated[c.metric]) for c in changes if c.metric in calibrated)
    done = Confirmation(
        how="paired",
        confirmed=shown,
        began_utc=pair.new.created_utc,
        records=(pair.base.record_id, pair.new.record_id),
        metrics=metrics,
        reason=reason,
    )
    reasons = (reason,) if word != "better" else (reason, sentence("gate.why.better", series=one.series.id))
    return replace(one, word=word, confirmation=done, reasons=reasons)


def _explained(one: SeriesFinding, pair: Pair) -> bool:
    """Whether all that changed since the base differs between the two sides as well."""
    sides = {(event.what, event.before, event.after) for event in changed_between(pair.base, pair.new)}
    return all((event.what, event.before, event.after) in sides for event in one.events)
