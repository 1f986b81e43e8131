"""The status of a gate: from the words of its series, and from what a user lets pass.

Red (1) is what is shown and confirmed: ``worse``, ``drifting`` (many nights show it), ``wrong`` and ``broken``. What
cannot be answered is 3, each kind under a name that ``--accept`` takes. ``new`` and ``better`` leave 0, but a gate that
compares nothing of a history with nights does not: then it is ``no_base``.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from msgspec.structs import replace

from bench.errors import UnknownName
from bench.gate.finding import RED, Gate, Word
from bench.words import Sentence, sentence

OPEN: tuple[str, ...] = (
    "suspect",  # shown tonight, and not confirmed in another session yet
    "machine",  # moved as all series of this machine did: the base is of another machine, in effect
    "cannot-tell",  # the night was too noisy, or the history is too short
    "invalid",  # measured, and the verdict forbids to use it
    "missing",  # in the history, and not among tonight's records
    "dead",  # the same of all series of one machine or target
    "no-base",  # measured, and nothing to compare with in a history that has nights
)
"""What may be left open: the names that ``--accept`` takes. docs/nightly.md says what they mean."""


def name_of(word: Word) -> str | None:
    """The name of ``OPEN`` of a word; ``None`` where it leaves nothing open."""
    name = word.replace("_", "-")
    return name if name in OPEN else None


def checked_accept(text: str | None) -> tuple[str, ...]:
    """``cannot-tell,missing`` as names. Raises ``UnknownName``."""
    names = tuple(dict.fromkeys(word.strip().replace("_", "-") for word in (text or "").split(",") if word.strip()))
    for name in names:
        if name not in OPEN:
            raise UnknownName(sentence("compare.outcome_in_accept"), name, OPEN)
    return names


def summed_up(gate: Gate, accepted: Collection[str]) -> Gate:
    """``gate`` with its status, the reason, and what was left open or let pass. The first of 1, 2 and 3 that
    applies."""
    counts = Counter(name for one in gate.findings if (name := name_of(one.word)) is not None)
    still = {name: counts[name] for name in OPEN if counts[name] and name not in accepted}
    let_pass = {name: counts[name] for name in OPEN if counts[name] and name in accepted}
    status, reason = _answer(gate, still, let_pass)
    return replace(gate, status=status, reason=reason, left_open=still, accepted=let_pass)


def _answer(
    gate: Gate, still: Mapping[str, int], let_pass: Mapping[str, int]
) -> tuple[Literal[0, 1, 2, 3], Sentence | str]:
    red = Counter(one.word for one in gate.findings if one.word in RED)
    if red:
        return 1, sentence("gate.outcome.red", found=[_count(word, red[word]) for word in RED if red[word]])
    if gate.unreadable:
        return 2, sentence("gate.outcome.unreadable", problems=len(gate.unreadable))
    if still:
        if "machine" in still and gate.machines:
            return 3, sentence("gate.outcome.machine", open=_listed(still), names=",".join(still))
        return 3, sentence("gate.outcome.open", open=_listed(still), names=",".join(still))
    compared = [one for one in gate.findings if one.word != "new"]
    if not gate.findings:
        return 3, sentence("gate.outcome.nothing")
    if let_pass:
        return 0, sentence("gate.outcome.accepted", accepted=_listed(let_pass))
    if not compared:
        return 0, sentence("gate.outcome.first_night", series=len(gate.findings))
    return 0, sentence("gate.outcome.fine", series=len(compared))


def _count(word: str, series: int) -> Sentence:
    return sentence("gate.count", series=series, word=sentence(f"gate.word.{word}"))


def _listed(names: Mapping[str, int]) -> Sequence[Sentence]:
    return [_count(name.replace("-", "_"), count) for name, count in names.items()]
