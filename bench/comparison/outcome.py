"""The result of a whole comparison: worse, decided, or not decided and why; and the exit status.

A pair is decided where its leading metric is called faster, slower or the same, and nothing in it is worse; of two
emulated records, where placement and outputs are known to be the same. Each kind of undecided result has a name, by
which a user may accept it. Pure; ``odb compare`` and ``odb run --against`` share it.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from bench.errors import InputError, UnknownName
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from bench.comparison.comparison import Comparison
    from bench.comparison.folders import Findings, Problem
    from bench.comparison.matching import Unmatched

OPEN = (
    "cannot-tell",  # the leading metric may differ or not: too few processes, or too much noise
    "invalid",  # a record is not valid for a reason that bears on the leading metric
    "not-comparable",  # the two records may not be compared
    "not-measured",  # the base's run failed or was skipped, or both were, or it cannot be measured here now
    "unmatched",  # a measured record of the base has no counterpart in the new folder: it is lost
)
"""What may be left undecided: the names that ``--accept`` takes. docs/comparing.md says what they mean."""

State = Literal["worse", "decided", "not_decided", "accepted"]


class Outcome(Struct, frozen=True):
    """``status``: 0 every leading metric was decided and nothing is worse, except for what was accepted; 1 something is
    worse; 2 a record could not be read; 3 something was not decided or was lost. The first of 1, 2, 3 that applies.
    ``worse``, ``decided``: pairs. ``not_decided``, ``accepted``: name of ``OPEN`` -> pairs; of ``unmatched`` records.
    ``reason``: a sentence."""

    status: Literal[0, 1, 2, 3]
    reason: Sentence
    worse: int = 0
    decided: int = 0
    not_decided: dict[str, int] = {}
    accepted: dict[str, int] = {}
    unreadable: int = 0


def checked_accept(text: str | None) -> tuple[str, ...]:
    """``cannot-tell,unmatched`` as names. Raises ``UnknownName``."""
    names = tuple(dict.fromkeys(word.strip().replace("_", "-") for word in (text or "").split(",") if word.strip()))
    for name in names:
        if name not in OPEN:
            raise UnknownName(sentence("compare.outcome_in_accept"), name, OPEN)
    return names


def not_decided(comparison: "Comparison") -> str | None:
    """The name of ``OPEN`` of what keeps the pair from being decided; ``None`` where it is decided, or worse."""
    if comparison.worse:
        return None
    refusals = {reason.code for reason in comparison.comparability.reasons if reason.invalidates}
    if "not_measured" in refusals:
        return "not-measured"
    if comparison.recheck is not None:
        return None if comparison.recheck.known else "cannot-tell"
    if comparison.comparability.refused:
        return "not-comparable"
    lead = next((change for change in comparison.changes if change.metric == comparison.leading), None)
    if lead is not None and not lead.claimed and lead.p_different is not None:
        return "invalid"
    return "cannot-tell" if lead is None or lead.word == "cannot_tell" else None


def state(comparison: "Comparison", accepted: Collection[str]) -> State:
    """What the pair comes to, where the names in ``accepted`` may be left undecided."""
    if comparison.worse:
        return "worse"
    name = not_decided(comparison)
    return "decided" if name is None else "accepted" if name in accepted else "not_decided"


def outcome(findings: "Findings") -> Outcome:
    """The sum over all pairs, lost records and unreadable ones."""
    counts = _Counts(
        open=Counter(name for pair in findings.comparisons if (name := not_decided(pair)) is not None)
        + _left_open(findings.unmatched),
        pairs=len(findings.comparisons),
        worse=sum(pair.worse for pair in findings.comparisons),
        decided=sum(state(pair, ()) == "decided" for pair in findings.comparisons),
        unreadable=len(findings.problems),
    )
    return _summed_up(counts, findings.accepted, sentence("compare.outcome.decided"))


def foreseen(
    ready: int,
    broken: int,
    not_measured: int,
    unmatched: "Sequence[Unmatched]",
    problems: "Sequence[Problem]",
    accepted: Collection[str],
) -> Outcome:
    """What is known of a comparison before it is made: of so many pairs that are ``ready``, whose new side will fail
    (``broken``), or whose base will (``not_measured``), and of records that cannot be read. Pairs that are ready may
    still turn out worse, or undecided."""
    counts = _Counts(
        open=Counter({"not-measured": not_measured}) + _left_open(unmatched),
        pairs=ready + broken + not_measured,
        worse=broken,
        unreadable=len(problems),
    )
    return _summed_up(counts, accepted, sentence("compare.outcome.ready", pairs=ready))


class _Counts(Struct, frozen=True):
    """``open``: name of ``OPEN`` -> how many."""

    open: Counter[str]
    pairs: int
    worse: int = 0
    decided: int = 0
    unreadable: int = 0


def _left_open(unmatched: "Sequence[Unmatched]") -> Counter[str]:
    """The names of ``OPEN`` for unmatched records."""
    return Counter(
        {
            "unmatched": sum(one.lost for one in unmatched),
            "not-measured": sum(one.not_measured for one in unmatched),
        }
    )


def _summed_up(counts: _Counts, accepted: Collection[str], fine: Sentence) -> Outcome:
    """``fine``: the reason where nothing is worse or left open."""
    still = {name: counts.open[name] for name in OPEN if counts.open[name] and name not in accepted}
    let_pass = {name: counts.open[name] for name in OPEN if counts.open[name] and name in accepted}
    status: Literal[0, 1, 2, 3] = 0
    if counts.worse:
        status, reason = 1, sentence("compare.outcome.worse", pairs=counts.worse)
    elif counts.unreadable:
        status, reason = 2, sentence("compare.outcome.not_read", problems=counts.unreadable)
    elif still:
        status, reason = 3, sentence("compare.outcome.open", open=_listed(still), names=",".join(still))
    elif not counts.pairs:
        status, reason = 3, sentence("compare.outcome.no_pair")
    elif let_pass:
        reason = sentence("compare.outcome.accepted", accepted=_listed(let_pass))
    else:
        reason = fine
    return Outcome(status, reason, counts.worse, counts.decided, still, let_pass, counts.unreadable)


def _listed(names: Mapping[str, int]) -> list[Sentence]:
    return [
        sentence("compare.open_records" if name == "unmatched" else "compare.open_pairs", count=count, name=name)
        for name, count in names.items()
    ]


def checked_tolerance(percent: float) -> float:
    """As a fraction. Raises ``InputError``."""
    if not 0 < percent <= 100:
        raise InputError(sentence("compare.tolerance_out_of_range", percent=percent))
    return percent / 100
