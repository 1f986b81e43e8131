"""Which submission a reproduction is of, and what it decides."""

from typing import Any

import pytest
from msgspec.structs import replace
from submissions.good import good, reproduction_of

from bench.submission.assessment import Assessment, assessed
from bench.submission.dossier.ladder import ladder
from bench.submission.dossier.reproduction import Audit, audit_told, is_of_bundle, is_of_records, with_reproductions
from bench.submission.form import Measuring
from bench.words import speaking


def found() -> Assessment:
    made = good()
    runs = [replace(one, record=replace(one.record, record_sha256=f"{n}b" * 32)) for n, one in enumerate(made.runs)]
    return assessed(made.submission, runs)


def test_it_is_of_the_bundle_whose_manifest_it_names() -> None:
    """A folder has no manifest, and so is never meant."""
    one = reproduction_of(found())
    assert is_of_bundle(one, one.subject_sha256)
    assert not is_of_bundle(one, "d" * 64)
    assert not is_of_bundle(replace(one, subject_sha256=""), "")


def test_it_is_of_the_folder_with_the_records_that_it_compared() -> None:
    """A bundle holds them as they are."""
    assert is_of_records(reproduction_of(found()), found())


@pytest.mark.parametrize(
    "wrong",
    [{"claimed_sha256": "e" * 64}, {"claimed_sha256": ""}, {"claimed_record": "other"}, {"criterion": "other"}],
)
def test_one_answer_about_something_else_makes_it_another_s(wrong: dict[str, Any]) -> None:
    """An older file, which names no hashes, counts for its bundle alone."""
    one = reproduction_of(found())
    first, *others = one.answers
    assert not is_of_records(replace(one, answers=(replace(first, **wrong), *others)), found())


def test_another_margin_or_a_folder_makes_it_another_s() -> None:
    mine = found()
    other = replace(mine, submission=replace(mine.submission, measuring=Measuring(margin_percent=50)))
    assert not is_of_records(reproduction_of(mine), other)
    assert not is_of_records(reproduction_of(mine, sha256=""), mine)
    assert not is_of_records(replace(reproduction_of(mine), answers=()), mine)


@pytest.mark.parametrize(
    ("words", "reached"),
    [
        ((), None),
        (("reproduced",), True),
        (("reproduced", "cannot_tell"), True),
        (("reproduced", "not_reproduced"), False),
        (("cannot_tell",), None),
    ],
)
def test_all_reproductions_decide_the_last_step_together(words: tuple[Any, ...], reached: bool | None) -> None:
    """A failed audit is a refutation, too."""
    steps = with_reproductions(ladder(found()), [reproduction_of(found(), word) for word in words])
    assert [step.rung for step in steps] == ["complete", "consistent", "rerun", "reproduced"]
    assert steps[-1].reached is reached
    audited = reproduction_of(found(), audits=(Audit(record="r", word="failed", code="answers_prepared"),))
    assert with_reproductions(steps, [audited])[-1].reached is False


def later_too() -> Assessment:
    """With two criteria that this version cannot measure."""
    made = good()
    first = made.submission.criteria[0]
    added = (replace(first, id="heat", metric="later.temperature"), replace(first, id="hours", scenario="standby"))
    return assessed(replace(made.submission, criteria=(*made.submission.criteria, *added)), made.runs)


def answered(mine: Assessment, **words: str) -> Any:
    """Reproduced, but what cannot be measured, and the criteria of ``words``."""
    one = reproduction_of(mine)
    reasons = {row.criterion.id: row.decision.reason for row in mine.rows if not row.record_id}
    answers = [
        replace(
            answer,
            word=words.get(answer.criterion, "cannot_tell" if answer.criterion in reasons else answer.word),
            reason=reasons.get(answer.criterion, ""),
        )
        for answer in one.answers
    ]
    return replace(one, answers=tuple(answers))


def test_what_keeps_the_last_step_undecided_is_named() -> None:
    """The criteria that this version cannot measure, and what would decide them; never that it is reproduced."""
    mine = later_too()
    (step,) = with_reproductions(ladder(mine), [answered(mine)])[-1:]
    with speaking("en"):
        assert (step.reached, str(step.reason)) == (
            None,
            "Measured again: 5 of 7 criteria reproduced; not decided: heat, hours. This version cannot measure heat "
            "and hours, so nobody can reproduce the submission completely with it. A later version can decide that, "
            "or the test of an accredited body by the draft of the test scenario.",
        )
    with speaking("ko"):
        assert "heat" in str(step.reason)
    (step,) = with_reproductions(ladder(mine), [answered(mine, latency="cannot_tell")])[-1:]
    with speaking("en"):
        assert str(step.reason).startswith(
            "Measured again: 4 of 7 criteria reproduced; not decided: latency, heat, hours."
        )


def test_the_best_of_several_reproductions_is_told() -> None:
    """And an audit that decides nothing, where every criterion was reproduced."""
    mine = later_too()
    several = [answered(mine, latency="cannot_tell", top1="cannot_tell"), answered(mine)]
    with speaking("en"):
        assert "5 of 7" in str(with_reproductions(ladder(mine), several)[-1].reason)
        audited = reproduction_of(found(), audits=(Audit(record="r", word="cannot_tell"),))
        told = str(with_reproductions(ladder(found()), [audited])[-1].reason)
    assert told == "Measured again: every criterion was reproduced, and an audit with an altered model decided nothing."


def test_before_anybody_measured_it_again_it_is_said_what_will_stay_open() -> None:
    """Not of a submission of which all can be measured."""
    with speaking("en"):
        assert "heat and hours" in str(ladder(later_too())[-1].reason)
        assert str(ladder(found())[-1].reason) == "Not known yet; another person reproduces it with odb reproduce."


def test_what_an_audit_found_is_one_sentence() -> None:
    """With its reason, in both languages."""
    one = Audit(record="r", word="passed", ratio=1.003, answers_differ=True)
    with speaking("en"):
        told = str(audit_told(one))
    assert told == (
        "Audit of r: passed; with permuted weights it takes 1.003 times as long. "
        "Its answers differ from those of the model, as they must."
    )
    with speaking("ko"):
        assert "passed" not in str(audit_told(one))
