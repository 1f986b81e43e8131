"""The ladder of proof: what a submission's folder shows, and no more."""

from made_dossiers import CRITERIA, FORM, assessment, runs
from msgspec.structs import replace

from bench.record.part import Correction
from bench.record.record import RecordedRun, SamplesFile
from bench.record.refused import RefusedRecord
from bench.submission.dossier.ladder import ladder
from bench.words import speaking

MET, LATER = CRITERIA[0], next(one for one in CRITERIA if one.id == "later")


def reached(*steps: object) -> dict[str, bool | None]:
    return {step.rung: step.reached for step in steps}  # type: ignore[attr-defined]


def test_a_submission_measured_twice() -> None:
    """Another person's figure is never known from the folder."""
    found = assessment(replace(FORM, criteria=(MET, LATER)))
    assert reached(*ladder(found)) == {"complete": True, "consistent": True, "rerun": True, "reproduced": None}


def test_a_criterion_without_a_record_is_not_complete() -> None:
    """The reason names it."""
    step = ladder(assessment())[0]
    with speaking("en"):
        assert (step.reached, str(step.reason)) == (False, "No record decides: no-record.")


def test_what_is_rejected_is_not_complete() -> None:
    assert ladder(assessment(replace(FORM, criteria=(MET,))), ["ODB-S-001"])[0].reached is False


def test_one_record_is_no_rerun() -> None:
    step = ladder(assessment(replace(FORM, criteria=(MET,)), runs()[:1]))[2]
    assert step.reached is False


def test_a_record_that_was_edited_is_not_consistent() -> None:
    """Nor is one that could not be read."""
    first, *others = runs()
    edited = replace(first, corrections=(Correction("summary.latency_ns.p50", "1 ms", "4 ms", True),))
    assert ladder(assessment(records=[edited, *others]))[1].reached is False
    refused = replace(assessment(), refused=(RefusedRecord("r", "not JSON"),))
    assert ladder(refused)[1].reached is False


def test_a_record_of_another_version_is_consistent() -> None:
    """Its figures are computed by today's rules, which its file could not state."""
    first, *others = runs()
    older = replace(first, corrections=(Correction("tool.rules", "a", "b", False),))
    assert ladder(assessment(records=[older, *others]))[1].reached is True


def test_without_records_nothing_is_known() -> None:
    found = ladder(assessment(records=[]))
    assert reached(*found) == {"complete": False, "consistent": None, "rerun": None, "reproduced": None}


def test_a_copy_of_the_samples_is_no_rerun() -> None:
    """Under another id and date, as somebody has it who measured once; two runs of their own samples are one."""
    one, two, *_ = runs()

    def with_samples(run: RecordedRun, sha256: str) -> RecordedRun:
        return replace(run, record=replace(run.record, samples_file=SamplesFile("samples.npz", sha256, 1)))

    form = replace(FORM, criteria=(MET,))
    copied = [with_samples(one, "a" * 64), with_samples(two, "a" * 64)]
    measured = [with_samples(one, "a" * 64), with_samples(two, "b" * 64)]
    assert ladder(assessment(form, copied))[2].reached is False
    assert ladder(assessment(form, measured))[2].reached is True
