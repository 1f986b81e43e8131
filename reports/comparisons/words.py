"""The result of a comparison in words: the same sentences and rows for every writer.

A change is given as new over base: ``+5.2 %`` of a time is more of it. Nothing is computed here but percentages.
"""

from collections.abc import Iterator

from bench.comparison.comparison import Change, Comparison
from bench.comparison.folders import Findings
from bench.comparison.outcome import not_decided, outcome, state
from bench.comparison.recheck import Recheck
from bench.comparison.recheck import Word as Again
from bench.reports.comparisons.certainty import how_sure, why, why_not
from bench.reports.comparisons.operators import operator_sentences
from bench.reports.comparisons.quality import quality_rows, quality_sentences
from bench.reports.comparisons.row import SIGNS, Row
from bench.reports.view.sentences import Sentence
from bench.reports.words.causes import Status
from bench.words import say, sentence, units

COLUMNS = ("metric", "base", "new", "change", "interval", "verdict", "note")
"""The keys of the columns of ``rows``; their heads are ``comparison.column.…``."""
UNMATCHED = ("side", "model", "target", "scenario", "why", "record")


def heads(columns: tuple[str, ...]) -> tuple[str, ...]:
    """What stands over each column."""
    return tuple(say(f"comparison.column.{key}") for key in columns)


def value(change: Change, figure: float) -> str:
    return units.figure(figure, change.unit)


def interval(change: Change) -> str:
    if change.difference_interval is not None:
        return units.points_interval(*change.difference_interval)
    return units.MISSING if change.interval is None else units.change_interval(*change.interval)


def moved(change: Change) -> str:
    """``+5.2 %``, of a fraction ``+1.2 points``; empty where it is not known."""
    if change.difference is not None:
        return units.points(change.difference)
    return "" if change.ratio is None else units.percent_change(change.ratio)


def status(change: Change) -> Status:
    if change.word == "same":
        return "plain"
    if change.word == "cannot_tell":
        return "unjudged"
    return "valid" if change.gain else "failed"


def rows(comparison: Comparison) -> tuple[Row, ...]:
    """One a metric, those that were not compared last."""
    left_out = [
        Row(
            (str(o.title), *[units.MISSING] * 4, say("comparison.word.not_compared"), units.clean(str(o.reason))),
            "skipped",
            SIGNS["skipped"],
        )
        for o in comparison.omitted
    ]
    return (*(_row(change) for change in comparison.changes), *left_out, *quality_rows(comparison))


def _row(change: Change) -> Row:
    shown, note = moved(change) or units.MISSING, str(change.message)
    if change.by_turns:
        shown, note = say("comparison.by_turns", change=shown), f"{_whole_processes(change)} {note}".strip()
    elif change.contradicted:
        note = f"{say('comparison.by_means', ratio=change.process_ratio)} {note}".strip()
    figures = (value(change, change.base), value(change, change.new), shown, interval(change))
    word = say(f"comparison.word.{change.word}")
    return Row((str(change.title), *figures, word, note), status(change), SIGNS[status(change)])


def unmatched_rows(findings: Findings) -> tuple[tuple[str, ...], ...]:
    """The records that were compared with none, by the columns ``UNMATCHED``."""
    return tuple(
        tuple(units.clean(text) for text in (_side(u.side), u.model, u.target, u.scenario, str(u.reason), u.record_id))
        for u in findings.unmatched
    )


def _side(side: str) -> str:
    return say(f"compare.side.{side}") if side in ("base", "new") else side


def name(comparison: Comparison) -> str:
    """``mobilenet_v2 on ort:cpu``, with both targets or models where they differ, how much text was asked for, the
    device of a rack, and the new one's folder where several were given."""
    base, new = comparison.base, comparison.new
    figures = {"model": _both(new.model, base.model), "target": _both(new.target, base.target)}
    asked = " ".join(map(units.clean, new.asked))
    found = say("comparison.name.asked", **figures, asked=asked) if asked else say("comparison.name", **figures)
    if new.rack_device or base.rack_device:
        device = _both(new.rack_device or units.MISSING, base.rack_device or units.MISSING)
        found = say("comparison.name.device", name=found, device=device)
    return say("comparison.name.folder", name=found, folder=units.clean(new.folder)) if new.folder else found


def _both(new: str, base: str) -> str:
    new, base = units.clean(new), units.clean(base)
    return new if new == base else say("comparison.against", new=new, base=base)


def leading(comparison: Comparison) -> Change | None:
    """The change that a reader asks for first."""
    found = next((change for change in comparison.changes if change.metric == comparison.leading), None)
    return found or next(iter(comparison.changes), None)


def title(comparison: Comparison) -> str:
    """The pair and the answer in one line."""
    return say("comparison.title", name=name(comparison), answer=answer(comparison))


def answer(comparison: Comparison) -> str:
    """The answer in a few words."""
    if comparison.broken:
        return say("comparison.answer.broken")
    if comparison.wrong:
        return say("comparison.answer.wrong")
    found = _answer(comparison)
    if comparison.quality is not None and comparison.quality.worse:
        return say("comparison.answer.quality_worse", answer=found)
    return found


def _answer(comparison: Comparison) -> str:
    if comparison.recheck is not None:
        return again_words(comparison.recheck)
    if comparison.comparability.refused:
        return say("comparison.answer.refused" if comparison.quality is None else "comparison.answer.times_refused")
    lead = leading(comparison)
    if lead is None:
        return say("comparison.answer.nothing")
    if not_decided(comparison) == "invalid":
        return say("comparison.answer.invalid")
    if lead.word == "same":
        return say("comparison.answer.same", tolerance=comparison.tolerance)
    supposed = lead.word != "cannot_tell" and not comparison.alternated and not lead.beyond_speeds
    found = say(f"comparison.answer.{lead.word}")
    return say("comparison.answer.supposed", answer=found) if supposed else found


def sentences(comparison: Comparison) -> tuple[Sentence, ...]:
    """Which is better, by how much, how certain that is, and what it rests on."""
    if comparison.recheck is not None:
        return (*_rechecked(comparison.recheck), *quality_sentences(comparison))
    if comparison.comparability.refused:
        which = "records" if comparison.quality is None else "times"
        told = Sentence(say(f"comparison.refused.{which}.lead"), say(f"comparison.refused.{which}.rest"), "failed")
        return (told, *quality_sentences(comparison), *why_not(comparison))
    lead = leading(comparison)
    answers = quality_sentences(comparison)
    if lead is None:
        nothing = Sentence(say("comparison.nothing.lead"), say("comparison.nothing.rest"), "unjudged")
        return answers or (nothing,)
    return (
        _by_how_much(lead),
        *answers,
        *_others(comparison, lead),
        how_sure(comparison, lead),
        *why(comparison),
        *operator_sentences(comparison),
    )


_COLOURS: dict[Again, Status] = {"same": "valid", "differs": "failed", "unknown": "unjudged"}


def again_words(found: Recheck) -> str:
    """``placement the same, outputs differ``."""
    placement, outputs = f"comparison.placement.{found.placement}", f"comparison.outputs.{found.outputs}"
    return say("comparison.again", placement=sentence(placement), outputs=sentence(outputs))


def _rechecked(found: Recheck) -> tuple[Sentence, ...]:
    """Of an emulator: placement and outputs; its times are not compared."""
    placement, outputs = units.clean(str(found.placement_words)), units.clean(str(found.outputs_words))
    return (
        Sentence(say(f"comparison.placement.{found.placement}.lead"), placement, _COLOURS[found.placement]),
        Sentence(say(f"comparison.outputs.{found.outputs}.lead"), outputs, _COLOURS[found.outputs]),
        Sentence(say("comparison.emulated.lead"), say("comparison.emulated.rest"), "unjudged"),
    )


def _by_how_much(lead: Change) -> Sentence:
    """The two figures and their change. Where the change is not the ratio of the two figures, the sentence first says
    what the change is of, and gives the figures separately, with their own ratio."""
    figures = {
        "title": lead.title,
        "base": value(lead, lead.base),
        "new": value(lead, lead.new),
        "word": sentence(f"comparison.word.{lead.word}"),
    }
    rest = [say("comparison.interval", interval=interval(lead))] if lead.p_different is not None else []
    if not moved(lead):
        strong = say("comparison.lead.one_process", **figures)
    elif lead.by_turns:
        strong = say("comparison.lead.by_turns", title=lead.title, change=moved(lead), word=figures["word"])
        rest.append(_whole_processes(lead))
    else:
        strong = say("comparison.lead", **figures, change=moved(lead))
    return Sentence(capital(strong), " ".join([*rest, str(lead.message)]).strip(), status(lead))


def _whole_processes(change: Change) -> str:
    figures = {"base": value(change, change.base), "new": value(change, change.new)}
    return say("comparison.whole_processes", ratio=change.process_ratio, **figures)


def _others(comparison: Comparison, lead: Change) -> list[Sentence]:
    """The other metrics by verdict, with their changes."""
    groups: tuple[tuple[str, Status], ...] = (
        (say("comparison.others.worse"), "failed"),
        (say("comparison.others.better"), "valid"),
        (say("comparison.others.same", tolerance=comparison.tolerance), "plain"),
        (say("comparison.others.cannot_tell"), "unjudged"),
    )
    told = []
    for strong, wanted in groups:
        members = [c for c in comparison.changes if c is not lead and status(c) == wanted]
        if members:
            told.append(Sentence(strong, say("comparison.others", changes=map(_brief, members)), wanted))
    return told


def _brief(change: Change) -> str:
    return f"{change.title} {moved(change)}".strip()


def capital(text: str) -> str:
    """``text`` with a capital, where its first letter has one."""
    return text[:1].upper() + text[1:]


def count_words(findings: Findings) -> str:
    """``4 pairs: 1 with something worse, 2 not worse, 1 not decided yet; 2 records unmatched; 1 record unreadable.``
    Each pair is counted once."""
    pairs = findings.comparisons
    counts = {
        "worse": sum(c.worse for c in pairs),
        "not_worse": sum(c.recheck is None and state(c, ()) == "decided" for c in pairs),
        "again": sum(c.recheck is not None and not c.worse for c in pairs),
        "not_compared": sum(c.comparability.refused and c.recheck is None and not c.worse for c in pairs),
        "invalid": sum(not_decided(c) == "invalid" for c in pairs),
        "open": sum(c.recheck is None and not_decided(c) == "cannot-tell" for c in pairs),
    }
    parts = [sentence(f"comparison.count.{key}", n=n) for key, n in counts.items() if n]
    whole = sentence("comparison.count.pairs", pairs=len(pairs))
    if parts:
        whole = sentence("comparison.count.pairs_of", pairs=len(pairs), parts=parts)
    return say("comparison.count", parts=[whole, *_alone(findings)])


def _alone(findings: Findings) -> Iterator[object]:
    if findings.unmatched:
        yield sentence("comparison.count.unmatched", records=len(findings.unmatched))
    if findings.problems:
        yield sentence("comparison.count.unreadable", records=len(findings.problems))


def result_words(findings: Findings) -> str:
    """The exit status and its reason; of several pairs without the counts, which ``count_words`` states."""
    found = outcome(findings)
    if len(findings.comparisons) > 1:
        if found.status == 1:
            return say("comparison.result.worse", status=found.status)
        if found.status == 2:
            return say("comparison.result.not_read", status=found.status)
        if found.status == 3 and found.not_decided:
            return say("comparison.result.open", status=found.status, names=",".join(found.not_decided))
        if found.accepted:
            return say("comparison.result.accepted", status=found.status, names=",".join(found.accepted))
    return say("comparison.result", status=found.status, reason=found.reason)
