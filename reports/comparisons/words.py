"""The result of a comparison in words: the same sentences and rows for every writer.

A change is given as new over base: ``+5.2 %`` of a time is more of it. Nothing is computed here but percentages.
"""

from collections.abc import Sequence

from bench.compare.comparability import Difference
from bench.compare.comparison import ALPHA_DIFFERENT, Change, Comparison
from bench.compare.folders import Findings
from bench.compare.outcome import not_decided, outcome, state
from bench.compare.recheck import Recheck
from bench.compare.rules import ACCOUNTED, SPEEDS
from bench.printable import counted
from bench.reports.comparisons.quality import quality_rows, quality_sentences
from bench.reports.comparisons.row import Row
from bench.reports.view.headline import Sentence
from bench.reports.words.causes import Status
from bench.words import say, units

WORDS = {"cannot_tell": "cannot tell"}
SUPPOSED = ", assuming the machine's speed did not change"
"""The assumption behind a difference between records that did not take turns; the records cannot show it."""
ANSWERS = {
    "comparable": "comparable",
    "comparable_with_caveats": "comparable, with caveats",
    "not_comparable": "not comparable",
}
CERTAINTY = "Certainty:"
COLUMNS = ("Metric", "Base", "New", "Change", "95 % interval", "Verdict", "Note")


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


_SIGNS: dict[Status, str] = {"valid": "✓", "failed": "✕", "plain": "=", "unjudged": "?"}


def rows(comparison: Comparison) -> tuple[Row, ...]:
    """One a metric, those that were not compared last."""
    compared = [
        Row(
            (
                str(change.title),
                value(change, change.base),
                value(change, change.new),
                f"{moved(change) or units.MISSING}{' by turns' if change.by_turns else ''}",
                interval(change),
                WORDS.get(change.word, change.word),
                f"{_whole_processes(change)} {change.message}".strip() if change.by_turns else str(change.message),
            ),
            WORDS.get(change.word, change.word),
            status(change),
            _SIGNS[status(change)],
        )
        for change in comparison.changes
    ]
    left_out = [
        Row(
            (str(o.title), *[units.MISSING] * 4, "not compared", units.clean(str(o.reason))),
            "not compared",
            "skipped",
            "–",
        )
        for o in comparison.omitted
    ]
    return (*compared, *left_out, *quality_rows(comparison))


def name(comparison: Comparison) -> str:
    """``mobilenet_v2 on ort:cpu``, with both targets or models where they differ, how much text was asked for, and the
    new one's folder where several were given."""
    base, new = comparison.base, comparison.new
    model = " against ".join(dict.fromkeys(units.clean(m) for m in (new.model, base.model)))
    target = " against ".join(dict.fromkeys(units.clean(t) for t in (new.target, base.target)))
    _, _, asked = new.scenario.partition(" ")
    work = f" ({asked})" if asked else ""
    folder = f" (folder {units.clean(new.folder)})" if new.folder else ""
    return f"{model} on {target}{work}{folder}"


def leading(comparison: Comparison) -> Change | None:
    """The change that a reader asks for first."""
    found = next((change for change in comparison.changes if change.metric == comparison.leading), None)
    return found or next(iter(comparison.changes), None)


def title(comparison: Comparison) -> str:
    """The pair and the answer in one line."""
    return f"{name(comparison)}: {answer(comparison)}"


def answer(comparison: Comparison) -> str:
    """The answer in a few words."""
    if comparison.broken:
        return "no longer works"
    if comparison.wrong:
        return "outputs are now wrong"
    if comparison.recheck is not None:
        return f"{again_words(comparison.recheck)}{_wronger(comparison)}"
    if comparison.comparability.refused:
        times = "may not be compared" if comparison.quality is None else "times may not be compared"
        return f"{times}{_wronger(comparison)}"
    lead = leading(comparison)
    if lead is None:
        return f"nothing to compare{_wronger(comparison)}"
    if not_decided(comparison) == "invalid":
        return f"not decided, a record is not valid{_wronger(comparison)}"
    answers = {"same": "the same within " + limit(comparison.tolerance), "cannot_tell": "not decided yet"}
    differs = f"{lead.word} than base{'' if comparison.alternated or lead.beyond_speeds else SUPPOSED}"
    return f"{answers.get(lead.word, differs)}{_wronger(comparison)}"


def _wronger(comparison: Comparison) -> str:
    return ", and quality is worse" if comparison.quality is not None and comparison.quality.worse else ""


def limit(tolerance: float) -> str:
    return f"±{100 * tolerance:g} %"


def sentences(comparison: Comparison) -> tuple[Sentence, ...]:
    """Which is better, by how much, how certain that is, and what it rests on."""
    if comparison.recheck is not None:
        return (*_rechecked(comparison.recheck), *quality_sentences(comparison))
    if comparison.comparability.refused:
        told = Sentence("Not compared.", "The records may not be compared.", "failed")
        if comparison.quality is not None:
            told = Sentence("Times not compared.", "The times of these records may not be compared.", "failed")
        return (told, *quality_sentences(comparison), *_doubts(comparison))
    lead = leading(comparison)
    answers = quality_sentences(comparison)
    if lead is None:
        return answers or (Sentence("Nothing to compare.", "The records have no metric in common.", "unjudged"),)
    return (
        _by_how_much(lead),
        *answers,
        *_others(comparison, lead),
        _how_sure(comparison),
        *_why(comparison),
    )


_PLACED = {"same": "placement the same", "differs": "placement differs", "unknown": "placement not known"}
_CAME_OUT = {"same": "outputs the same", "differs": "outputs differ", "unknown": "outputs not known"}
_COLOURS: dict[str, Status] = {"same": "valid", "differs": "failed", "unknown": "unjudged"}


def again_words(found: Recheck) -> str:
    """``placement the same, outputs differ``."""
    return f"{_PLACED[found.placement]}, {_CAME_OUT[found.outputs]}"


def _rechecked(found: Recheck) -> tuple[Sentence, ...]:
    """Of an emulator: placement and outputs; its times are not compared."""
    return (
        Sentence(
            f"{_capital(_PLACED[found.placement])}:", units.clean(str(found.placement_words)), _COLOURS[found.placement]
        ),
        Sentence(
            f"{_capital(_CAME_OUT[found.outputs])}:", units.clean(str(found.outputs_words)), _COLOURS[found.outputs]
        ),
        Sentence("Times not compared.", "They are the emulator's.", "unjudged"),
    )


def _by_how_much(lead: Change) -> Sentence:
    """The two figures and their change. Where the change is not the ratio of the two figures, the sentence first says
    what the change is of, and gives the figures separately, with their own ratio."""
    word = WORDS.get(lead.word, lead.word)
    between = f"95 % interval {interval(lead)}." if lead.p_different is not None else ""
    if not lead.by_turns:
        strong = f"{_capital(str(lead.title))}: {value(lead, lead.base)} → {value(lead, lead.new)}, "
        strong += f"{moved(lead)}, {word}." if moved(lead) else f"{word}."
        return Sentence(strong, f"{between} {lead.message}".strip(), status(lead))
    strong = "Compared turn by turn, because the machine's speed changed between turns: "
    strong += f"{lead.title} {units.percent_change(lead.ratio)}, {word}."
    return Sentence(strong, f"{between} {_whole_processes(lead)} {lead.message}".strip(), status(lead))


def _whole_processes(change: Change) -> str:
    figures = f"{value(change, change.base)} → {value(change, change.new)}"
    apart = units.percent_change(change.process_ratio)
    return f"Whole processes differ by {apart} ({figures}), which includes those changes."


def _others(comparison: Comparison, lead: Change) -> list[Sentence]:
    """The other metrics by verdict, with their changes."""
    groups: tuple[tuple[str, Status], ...] = (("Worse", "failed"), ("Better", "valid"))
    groups = (*groups, (f"Same within {limit(comparison.tolerance)}", "plain"), ("Cannot tell", "unjudged"))
    told = []
    for word, wanted in groups:
        members = [c for c in comparison.changes if c is not lead and status(c) == wanted]
        if members:
            told.append(Sentence(f"{word}:", f"{', '.join(_brief(c) for c in members)}.", wanted))
    return told


def _brief(change: Change) -> str:
    return f"{change.title} {moved(change)}".strip()


def _how_sure(comparison: Comparison) -> Sentence:
    lead = leading(comparison) or comparison.changes[0]
    counts = (
        f"{counted(len(lead.base_values), 'fresh process', 'fresh processes')} of base, {len(lead.new_values)} of new"
    )
    if comparison.alternated:
        pairs = counted(len(lead.base_values), "pair")
        counts = f"{pairs} of fresh processes, which took turns on one machine"
    if lead.p_corrected is None:
        return Sentence(
            CERTAINTY, f"{counts}. With one process a side the spread between processes is unknown.", "unjudged"
        )
    noise = "noise alone" if comparison.alternated else "the spread of these processes alone"
    told = f"{counts}; for {lead.title} the probability that {noise} gives such a difference is "
    told += f"{_chance(lead.p_corrected)}, corrected for {_tests(comparison.tests)} in this comparison. "
    if lead.beyond_speeds and not comparison.alternated:
        told += f"The change is more than {SPEEDS:g}×; a machine that changes its speed does not explain that much."
        return Sentence(CERTAINTY, told)
    if not comparison.alternated:
        told += "This does not cover what the machine did between the two records: a change of its speed looks like a "
        told += "difference. Only odb run --against, which takes turns, excludes that."
        return Sentence(CERTAINTY, told)
    limits = f"Where nothing differs, at most {100 * ALPHA_DIFFERENT:g} % of comparisons report anything as better or "
    return Sentence(CERTAINTY, f"{told}{limits}worse.")


def _tests(count: int) -> str:
    return "the one test" if count == 1 else f"all {count} tests"


def _chance(p: float) -> str:
    return "below 0.0001" if p < 0.0001 else "above 0.99" if p > 0.99 else f"{p:.2g}"


def _why(comparison: Comparison) -> tuple[Sentence, ...]:
    found = comparison.comparability
    differs = "; ".join(_difference(d) for d in found.differences)
    nothing = "Nothing known differs, except for what is listed below."
    subject = f"Differs: {differs}." if differs else nothing if found.reasons else "Nothing known differs."
    equal = ", ".join(say(f"compare.what.{name}") for name in found.equal)
    same = f"The same: {equal}." if equal else ""
    answer = Sentence(f"{_capital(ANSWERS[found.answer])}.", f"{subject} {same}".strip())
    return (_valid(comparison), answer, *_doubts(comparison))


def _difference(found: Difference) -> str:
    base, new = (units.clean(say("comparison.value", value=value)) for value in (found.base, found.new))
    return f"{say(f'compare.what.{found.what}')}: {base} → {new}"


def _valid(comparison: Comparison) -> Sentence:
    """Whether both records are valid by themselves; the reasons are among the doubts."""
    known = (comparison.base.valid, comparison.new.valid)
    if all(known):
        sides = (("base", comparison.base.remarks), ("new", comparison.new.remarks))
        remarks = "; ".join(f"{side} {', '.join(map(units.clean, codes))}" for side, codes in sides if codes)
        if remarks:
            return Sentence("Both valid,", f"with notes: {remarks}.", "valid")
        return Sentence("Both valid:", "converged, steady, undisturbed, no wrong outputs.", "valid")
    if comparison.alternated:
        said = "see not_valid below. Load and drift affect both sides of a pair alike and cancel."
        return Sentence("Not valid by themselves:", said, "unjudged")
    if None not in known and ACCOUNTED.issuperset(comparison.base.doubts + comparison.new.doubts):
        said = "their processes differ, see not_valid below; the intervals include that spread."
        return Sentence("Not valid by themselves:", said, "unjudged")
    words = {True: "valid", False: "not valid", None: "not judged"}
    return Sentence("Validity:", f"base {words[known[0]]}, new {words[known[1]]}.", "failed")


def _doubts(comparison: Comparison) -> tuple[Sentence, ...]:
    """Every reason of comparability, with its remedy."""
    return tuple(
        Sentence(
            f"{reason.code}:",
            units.clean(f"{reason.message} {reason.remedy}"),
            "failed" if reason.invalidates else "unjudged",
        )
        for reason in comparison.comparability.reasons
    )


def method(findings: Findings) -> str:
    """How the answers were computed, for a reader who wants to check them."""
    compared = [c for c in findings.comparisons if c.changes]
    means = "Base and New are geometric means over processes; each process gives one figure."
    tests = compared[0].tests if compared else 0
    if not tests:
        return f"{means} No test was made: with one process on a side, the spread between processes is unknown."
    words = [
        means,
        PAIRED if any(c.alternated for c in compared) else "",
        UNPAIRED if any(not c.alternated for c in compared) else "",
        f"Better and worse (for speed: faster and slower): the difference is significant at {100 * ALPHA_DIFFERENT:g} "
        f"% after Holm's correction for {_tests(tests)} of {counted(len(compared), 'pair')} of records, with half of "
        f"the error for speed given to the leading metric, and exceeds {limit(findings.tolerance)}. Same: two "
        f"one-sided tests at 5 % show that it lies within {limit(findings.tolerance)}.",
    ]
    return " ".join(word for word in words if word)


PAIRED = (
    "Pairs took turns block by block. The change of a pair is the median over neighbouring blocks; pairs are weighted "
    "by their precision (random effects, Knapp–Hartung interval)."
)
UNPAIRED = (
    "For records made one after the other, the interval is Welch's t over logarithms; they also differ by what the "
    "machine did in between, which `odb run --against` excludes."
)


def count_words(findings: Findings) -> str:
    """``4 pairs: 1 with something worse, 2 not worse, 1 not decided yet; 2 records unmatched; 1 record unreadable.``
    Each pair is counted once."""
    pairs = findings.comparisons
    parts = [
        (sum(c.worse for c in pairs), "with something worse"),
        (sum(c.recheck is None and state(c, ()) == "decided" for c in pairs), "not worse"),
        (sum(c.recheck is not None and not c.worse for c in pairs), "checked again"),
        (sum(c.comparability.refused and c.recheck is None and not c.worse for c in pairs), "not compared"),
        (sum(not_decided(c) == "invalid" for c in pairs), "with a record that is not valid"),
        (sum(c.recheck is None and not_decided(c) == "cannot-tell" for c in pairs), "not decided yet"),
    ]
    said = ", ".join(f"{n} {words}" for n, words in parts if n)
    whole = counted(len(pairs), "pair") + (f": {said}" if said else "")
    extra: Sequence[tuple[int, str]] = (
        (len(findings.unmatched), "unmatched"),
        (len(findings.problems), "unreadable"),
    )
    return "; ".join([whole, *(f"{counted(n, 'record')} {words}" for n, words in extra if n)]) + "."


def result_words(findings: Findings) -> str:
    """The exit status and its reason."""
    found = outcome(findings)
    return f"Exit status {found.status}. {found.reason}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
