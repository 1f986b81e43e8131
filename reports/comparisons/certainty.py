"""How certain a comparison is, what it rests on, and how it was computed."""

from bench.comparison.comparability import Difference
from bench.comparison.comparison import ALPHA_DIFFERENT, Change, Comparison
from bench.comparison.folders import Findings
from bench.comparison.rules import ACCOUNTED, SPEEDS, side_words
from bench.reports.view.sentences import Sentence
from bench.words import Sentence as Told
from bench.words import say, sentence, units

_STATES = {True: "valid", False: "not_valid", None: "not_judged"}


def how_sure(comparison: Comparison, lead: Change) -> Sentence:
    """The probability of such a change where nothing differs, and what that does not cover."""
    strong = say("comparison.certainty.lead")
    counts = sentence("comparison.certainty.processes", base=len(lead.base_values), new=len(lead.new_values))
    until = comparison.until
    if comparison.alternated:
        counts = sentence("comparison.certainty.pairs", pairs=len(lead.base_values))
    if lead.p_corrected is None:
        alone = say("comparison.certainty.one_process", counts=counts)
        if until is not None and until.ended is not None:
            alone += " " + say("comparison.certainty.ended", ended=sentence(f"comparison.until.{until.ended}"))
        return Sentence(strong, alone, "unjudged")
    told = say(
        "comparison.certainty.alternated" if comparison.alternated else "comparison.certainty.apart",
        counts=counts,
        title=lead.title,
        chance=_chance(lead.p_corrected),
        tests=_tests(comparison.tests),
    )
    if until is not None and until.ended is not None:
        ended = sentence(f"comparison.until.{until.ended}")
        rest = say("comparison.certainty.until", looks=len(until.looks), ended=ended, alpha=ALPHA_DIFFERENT)
    elif comparison.alternated:
        rest = say("comparison.certainty.limit", alpha=ALPHA_DIFFERENT)
    elif lead.beyond_speeds:
        rest = say("comparison.certainty.beyond_speeds", speeds=SPEEDS)
    else:
        rest = say("comparison.certainty.not_covered")
    return Sentence(strong, f"{told} {rest}")


def _tests(count: int) -> Told:
    return sentence("comparison.tests.one") if count == 1 else sentence("comparison.tests.all", tests=count)


def _chance(p: float) -> Told | str:
    if p < 0.0001:
        return sentence("comparison.chance.below")
    return sentence("comparison.chance.above") if p > 0.99 else units.localised(f"{p:.2g}")


def why(comparison: Comparison) -> tuple[Sentence, ...]:
    """Whether both are valid, what differs and what is the same, and what is flagged."""
    found = comparison.comparability
    told = [say("comparison.nothing_differs.but" if found.reasons else "comparison.nothing_differs")]
    if found.differences:
        told = [say("comparison.differs", differences=map(_difference, found.differences))]
    if found.equal:
        told.append(say("comparison.equal", names=[sentence(f"compare.what.{name}") for name in found.equal]))
    answer = Sentence(say(f"comparison.comparable.{found.answer}"), " ".join(told))
    return (_valid(comparison), answer, *why_not(comparison))


def _difference(found: Difference) -> str:
    base, new = (units.clean(say("comparison.value", value=shown)) for shown in (found.base, found.new))
    return say("comparison.difference", what=sentence(f"compare.what.{found.what}"), base=base, new=new)


def _valid(comparison: Comparison) -> Sentence:
    """Whether both records are valid by themselves; the reasons are among the doubts."""
    known = (comparison.base.valid, comparison.new.valid)
    if all(known):
        sides = (("base", comparison.base.remarks), ("new", comparison.new.remarks))
        remarks = [
            sentence("comparison.valid.remarks", side=side_words(side), codes=map(units.clean, codes))
            for side, codes in sides
            if codes
        ]
        if remarks:
            return Sentence(
                say("comparison.valid.noted.lead"), say("comparison.valid.noted.rest", remarks=remarks), "valid"
            )
        return Sentence(say("comparison.valid.both.lead"), say("comparison.valid.both.rest"), "valid")
    strong = say("comparison.valid.not.lead")
    if comparison.alternated:
        return Sentence(strong, say("comparison.valid.not.alternated"), "unjudged")
    if None not in known and ACCOUNTED.issuperset(comparison.base.doubts + comparison.new.doubts):
        return Sentence(strong, say("comparison.valid.not.accounted"), "unjudged")
    base, new = (sentence(f"comparison.state.{_STATES[valid]}") for valid in known)
    return Sentence(
        say("comparison.valid.sides.lead"), say("comparison.valid.sides.rest", base=base, new=new), "failed"
    )


def why_not(comparison: Comparison) -> tuple[Sentence, ...]:
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
    means = say("comparison.method.means")
    tests = compared[0].tests if compared else 0
    if not tests:
        return f"{means} {say('comparison.method.no_test')}"
    words = [
        means,
        say("comparison.method.paired") if any(c.alternated for c in compared) else "",
        say("comparison.method.until") if any(c.until is not None for c in compared) else "",
        say("comparison.method.apart") if any(not c.alternated for c in compared) else "",
        say(
            "comparison.method.words",
            alpha=ALPHA_DIFFERENT,
            tests=_tests(tests),
            pairs=len(compared),
            tolerance=findings.tolerance,
        ),
    ]
    return " ".join(word for word in words if word)
