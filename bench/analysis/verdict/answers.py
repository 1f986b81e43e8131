"""The verdict's check on answers that depend on the scenario: on what is kept in the cache, and on other users."""

from collections.abc import Sequence
from itertools import zip_longest

from bench.analysis.verdict.codes import reason
from bench.record.record import Reason, RecordedRun
from bench.record.text import AnswersChecked
from bench.scenarios.text import turns_of
from bench.words import sentence

Ids = Sequence[tuple[int, ...]]


def first_difference(ids: Ids, others: Ids) -> tuple[int, int] | None:
    """The first list that differs and in it the first token, both from 0; ``None`` where all are equal."""
    for place, (one, other) in enumerate(zip(ids, others, strict=False)):
        for token, (a, b) in enumerate(zip_longest(one, other)):
            if a != b:
                return place, token
    return None


def differing(found: AnswersChecked) -> int:
    """How many turns or users were answered otherwise."""
    return sum(one != other for one, other in zip(found.token_ids, found.other_token_ids, strict=False))


def answers_differ(run: RecordedRun) -> Reason | None:
    """Answers that are others with the prefix kept or with users beside, or that did not come again."""
    text = run.record.summary.text_generation
    found = text.answers if text is not None else None
    if found is None:
        return None
    who, total = "turn" if turns_of(run.record.plan.scenario) is not None else "user", len(found.token_ids)
    first = first_difference(found.token_ids, found.other_token_ids)
    if first is None and found.again is not False:
        return None
    if first is None:
        return reason("answers_differ", sentence(f"verdict.answers_differ.{who}.again"), {f"{who}s": total})
    place, token = (index + 1 for index in first)
    figures = {"differing": differing(found), f"{who}s": total, f"first_{who}": place, "first_token": token}
    message = sentence(
        f"verdict.answers_differ.{who}", differing=differing(found), total=total, place=place, token=token
    )
    return reason("answers_differ", message, figures)
