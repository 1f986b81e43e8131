"""Records that were measured on a processor that is itself emulated."""

from judged_runs import EMULATED, codes, on_qemu, replace, run_of, sound_record

from bench.analysis.run_processes import timed
from bench.analysis.verdict.emulated import is_emulated
from bench.analysis.verdict.judge import judge
from bench.comparison.comparability import comparable
from bench.comparison.ranking import rank
from bench.nights.point import point_of
from bench.record.record import RecordedRun
from bench.reports.runs.ci.figures import may_be_used
from bench.reports.words.causes import status
from bench.submission.decision import doubts
from bench.submission.figures import figure_kind
from bench.submission.rules.evidence import held_by


def judged(run: RecordedRun) -> RecordedRun:
    return RecordedRun(replace(run.record, verdict=judge(run)), run.samples)


HIDDEN = judged(run_of(on_qemu(sound_record())))
"""Its plan does not say that anything was emulated."""
TOLD = judged(run_of(on_qemu(EMULATED)))


def test_the_verdict_says_so() -> None:
    """A record whose plan hides that its processor was emulated is invalid, and emulated all the same."""
    seen = [(codes(v), v.valid, v.emulated) for run in (HIDDEN, TOLD) if (v := run.record.verdict) is not None]
    assert seen == [(["emulated_processor"], False, True), (["emulated_processor"], True, True)]
    assert [True, True, False] == [is_emulated(r) for r in (HIDDEN.record, TOLD.record, sound_record())]


def test_no_time_of_it_counts_anywhere() -> None:
    """Not in a comparison, a ranking, a history, CI's formats, a report or a submission."""
    device = judged(run_of())
    reasons = [
        [r.code for r in comparable(base.record, replace(TOLD.record, record_id="other")).reasons if r.invalidates]
        for base in (device, TOLD)
    ]
    assert [codes[0] for codes in reasons] == ["emulated_against_measured", "emulated"]
    (ranking,) = rank([[TOLD]])
    assert [apart.code for apart in ranking.apart] == ["emulated"]
    assert [point_of(timed(run), "f", "0").counts for run in (HIDDEN, TOLD)] == [False, False]
    assert [may_be_used(run.record) for run in (device, HIDDEN, TOLD)] == [True, False, False]
    assert ["emulated_invalid", "emulated"] == [status(run.record) for run in (HIDDEN, TOLD)]
    assert [True, False, False] == ["device" in held_by(run.record) for run in (device, HIDDEN, TOLD)]
    assert [None, "An emulator's time"] == [
        str(found)[:18] if found else None
        for found in (doubts(figure_kind("summary.latency_ns.p50"), run.record) for run in (device, TOLD))
    ]
