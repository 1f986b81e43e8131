"""The sentences at the head of a report claim no more than the records hold."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from report_parts import HTP, ORT

from bench.record.record import Failure, Fidelity, PlacementSummary, Reason, Record, RecordedRun, SampleArrays, Verdict
from bench.reports.view.headline import counts_words, headline
from bench.reports.view.listing import listing
from bench.reports.view.matrix import matrices
from bench.reports.view.provenance import facts, title
from bench.reports.view.rows import numbered
from bench.store.derived import computed
from tests.support.fleet.racks import rack_runs

MS = 1_000_000
CHIP = str(HTP.device_name)


def sampled(record: Record, spread: float = 0.001) -> RecordedRun:
    """The record with samples: 20 equal queries a process, each process slower than the last by ``spread``."""
    latency = record.summary.latency_ns
    if record.status != "ok" or latency is None or latency.p50 is None:
        return RecordedRun(record, {})
    samples, repeats = {}, []
    for i, repeat in enumerate(record.repeats):
        samples[f"{i}"] = np.full(20, round(latency.p50 * (1 + spread * i)))
        repeats.append(replace(repeat, samples=SampleArrays(20, {"latency_ns": f"{i}"})))
    return RecordedRun(replace(record, repeats=tuple(repeats)), samples)


def sentences(*runs: RecordedRun) -> list[str]:
    items = numbered(runs)
    return [s.text for s in headline(matrices(items), items)]


def said(*records: Record) -> list[str]:
    return sentences(*map(sampled, records))


ASSUMED = "This assumes that the machine's speed did not change between the runs."


def test_the_fastest_is_named(make_record: Callable[..., Record]) -> None:
    """With the next, and the change and interval that a comparison of the two gives."""
    fast, slow = make_record("a:x", 4 * MS), make_record("b:y", 6 * MS)
    expected = (
        "mobilenet_v2 (single-stream): fastest on a:x, 4.00 ms; next is b:y at 6.00 ms (+50.0 %, 95 % interval "
        f"+49.7 % to +50.3 %). {ASSUMED}"
    )
    assert [expected] == said(slow, fast)


def test_medians_apart_and_processes_that_overlap_rank_nobody(make_record: Callable[..., Record]) -> None:
    """The intervals of both records exclude each other, and their processes do not tell them apart."""
    one = make_record("a:x", 4 * MS, (3_990_000, 4_010_000))
    two = make_record("b:y", 4_100_000, (4_090_000, 4_110_000))
    (text,) = sentences(sampled(one, 0.03), sampled(two, 0.03))
    start = "mobilenet_v2 (single-stream): 4.00 ms on a:x, 4.10 ms on b:y; a:x and b:y cannot be told apart (+2.5 %, "
    assert (True, False) == (text.startswith(start), "fastest" in text)
    assert text.endswith(
        "this may be noise; even 200 processes on each side would probably not decide it."
    ) or re.search(r"this may be noise; about \d+ processes on each side would decide it\.$", text)


def test_what_lies_within_the_tolerance_is_the_same(make_record: Callable[..., Record]) -> None:
    """Shown to be, which is more than that no difference was found."""
    (text,) = said(make_record("a:x", 4 * MS), make_record("b:y", 4_010_000))
    assert "4.00 ms on a:x, 4.01 ms on b:y; a:x and b:y are the same within ±3 % (+0.25 %, 95 % interval" in text


def test_a_record_without_samples_is_not_ranked(make_record: Callable[..., Record]) -> None:
    """Two medians alone do not make a winner; each run is still named."""
    bare = [RecordedRun(make_record(t, p50), {}) for t, p50 in (("a:x", 4 * MS), ("b:y", 9 * MS))]
    why = "not ranked: not every process has the figure that the others are ranked by."
    assert [
        f"mobilenet_v2 (single-stream): 4.00 ms on a:x; {why}",
        f"mobilenet_v2 (single-stream): 9.00 ms on b:y; {why}",
    ] == sentences(*bare)


def test_runs_of_one_target_are_told_apart_by_their_options(make_record: Callable[..., Record]) -> None:
    """A sweep over an option names the setting that won."""
    runs = [
        make_record("a:x", p50, planned=replace(ORT, id="a:x", options_requested={"threads": threads}))
        for threads, p50 in (("1", 8 * MS), ("2", 4 * MS))
    ]
    (text,) = said(*(replace(r, record_id=r.plan.target.options_requested["threads"]) for r in runs))
    assert "fastest on a:x (threads=2), 4.00 ms; next is a:x (threads=1) at 8.00 ms (2.00×" in text


def test_of_runs_that_may_not_be_compared_each_kind_is_ranked(make_record: Callable[..., Record]) -> None:
    """The fastest of those in float32 is named as such beside one that ran in another precision."""
    other = _executed(make_record("c:z", 2 * MS))
    first, second = said(make_record("a:x", 4 * MS), make_record("b:y", 6 * MS), other)
    assert first.startswith(
        "mobilenet_v2 (single-stream): of a:x, b:y: fastest on a:x, 4.00 ms; next is b:y at 6.00 ms"
    )
    assert second == (
        "mobilenet_v2 (single-stream): 2.00 ms on c:z, 4.00 ms on a:x; not ranked against each other, because they may "
        "not be compared. The executed precision differs: int8 and float32."
    )


def test_who_is_open_is_named_beside_who_is_slower(make_record: Callable[..., Record]) -> None:
    """Of three the fastest is not known between two, and the third is slower than the first."""
    (text,) = sentences(
        sampled(make_record("a:x", 4 * MS), 0.03),
        sampled(make_record("b:y", 4_100_000), 0.03),
        sampled(make_record("c:z", 9 * MS), 0.03),
    )
    assert ": 4.00 ms on a:x, 4.10 ms on b:y; a:x and b:y cannot be told apart (+2.5 %" in text
    assert "Slower than a:x: c:z (2.25×, 95 % interval" in text
    assert "fastest" not in text


def test_two_runs_of_the_same_are_not_ranked(make_record: Callable[..., Record]) -> None:
    """What is alike in all that is known is the machine's own spread, and the newest stands for it; of two machines or
    files it is not."""
    first, second = (
        replace(make_record("a:x", p50, (p50, p50), created_utc=f"2026-05-04T{hour}:00:00Z"), record_id=hour)
        for p50, hour in ((4 * MS, "10"), (7 * MS, "11"))
    )
    same = "2 runs of one kind, not ranked: use odb compare to see if they differ."
    assert [f"mobilenet_v2 (single-stream): 4.00 ms, 7.00 ms on a:x; {same}"] == said(first, second)
    other = make_record("b:y", 5 * MS, (5 * MS, 5 * MS))
    text = said(first, second, other)[0]
    assert text.startswith("mobilenet_v2 (single-stream): fastest on b:y, 5.00 ms; next is a:x at 7.00 ms")
    apart = "4.00 ms on a:x, run 1, 7.00 ms on a:x, run 2; not ranked, because they may not be compared. The machine"
    assert apart in said(first, _machine(second))[0]
    assert ["4.00 ms on a:x, the only valid", "7.00 ms on a:x, the only valid"] == [
        text.partition(": ")[2].partition(" measurement")[0] for text in said(first, _file(second))
    ]


def test_few_processes_rank_nobody(make_record: Callable[..., Record]) -> None:
    """Three processes of each fall apart by luck; the sentence says how many are needed. A factor of more than five is
    more than that."""
    three, ten = (
        said(*(make_record(t, p50, processes=3) for t, p50 in (("a:x", 4 * MS), ("b:y", other))))[0]
        for other in (6 * MS, 40 * MS)
    )
    assert three.endswith(
        "a:x and b:y cannot be told apart (+50.0 %, 95 % interval +49.7 % to +50.3 %): 3 processes on each side; "
        "at least 5 are needed."
    )
    assert "fastest on a:x, 4.00 ms; next is b:y at 40.0 ms (10.0×, 95 % interval 9.98× to 10.0×)." in ten
    assert ASSUMED not in ten


def test_one_process_ranks_nobody(make_record: Callable[..., Record]) -> None:
    """However far apart: the spread between processes is unknown, so there is no ratio either."""
    text = said(make_record("a:x", 4 * MS, processes=1), make_record("b:y", 40 * MS, processes=1))[0]
    assert text.endswith("a:x and b:y cannot be told apart: 1 process on each side; at least 5 are needed.")


def test_an_invalid_run_is_never_ranked(make_record: Callable[..., Record]) -> None:
    """The fast run with a negative verdict does not win, nor is it the one to beat."""
    bad = make_record("a:x", MS, (MS, MS), verdict=Verdict(False, False))
    good = make_record("b:y", 9 * MS, (8 * MS, 10 * MS))
    assert ["mobilenet_v2 (single-stream): 9.00 ms on b:y, the only valid measurement."] == said(bad, good)


def test_an_emulated_run_is_never_ranked(runs: Sequence[RecordedRun]) -> None:
    """It has a sentence of its own, which speaks of compilation."""
    items = numbered(runs)
    (last,) = [s for s in headline(matrices(items), items) if s.status == "emulated"]
    expected = f"ultraface compiles for {CHIP} (qnn:htp-emu, soc_model=60, htp_arch=73): 118 of 118 nodes on HTP;"
    rest = "outputs agree (cosine 0.999980). Emulated: the device's speed is unknown."
    assert (expected, rest) == (last.strong, last.rest)


def _emulated(soc: str, chip: str | None, make: Callable[..., Record], **changes: Any) -> Record:
    target = replace(HTP, options_requested={"soc": soc} if soc else {}, device_name=chip)
    made = make("qnn:htp-emu", None, planned=target, **{"placement": PlacementSummary("HTP", {"HTP": 118}), **changes})
    return replace(made, record_id=f"e-{soc}")


WRONG = Verdict(False, True, (Reason("output_mismatch", "cosine 0.708 is below 0.99"),))
DISAGREES = Fidelity("ort:cpu float32, unoptimised", 4, cosine_min=0.707803, ok=False)


def test_the_chip_is_named_that_nobody_chose(make_record: Callable[..., Record]) -> None:
    """Whoever aims at a drone must not read that it compiles for a laptop's chip as "compiles"."""
    assert said(_emulated("", CHIP, make_record))[0].startswith(f"mobilenet_v2 compiles for {CHIP} (qnn:htp-emu):")


def test_wrong_outputs_of_an_emulated_run_stand_before_that_it_compiles(make_record: Callable[..., Record]) -> None:
    """In the sentence and in the count; other sentences follow."""
    wrong = _emulated("qcs8550", "QCS8550, emulated on a PC", make_record, verdict=WRONG, fidelity=DISAGREES)
    good = make_record("a:x", 4 * MS, (4 * MS, 4 * MS))
    first, second = said(good, wrong)
    expected = "mobilenet_v2: outputs wrong on QCS8550, emulated on a PC (qnn:htp-emu, soc=qcs8550); the outputs differ"
    assert first.startswith(expected)
    assert (True, True) == (first.index("wrong") < first.index("compiles"), "4.00 ms on a:x" in second)
    items = numbered([RecordedRun(r, {}) for r in (good, wrong)])
    assert "2 runs: 1 valid; 1 emulated, outputs wrong." == counts_words(items)


EDITED = Verdict(False, True, (Reason("record_edited", "The record states verdict as valid."),))


def test_an_edited_record_claims_nothing_of_the_chip(make_record: Callable[..., Record]) -> None:
    """Neither alone nor in a sweep, whose chips are counted without it; a failed strict placement compiles."""
    bad = _emulated("a", "Chip A, emulated on a PC", make_record, verdict=EDITED)
    good = _emulated("b", "Chip B, emulated on a PC", make_record)
    failure = Failure("check", "fallback", "1 of 118 nodes fell back", "")
    strict = replace(
        _emulated("c", "Chip C, emulated on a PC", make_record, status="failed", failure=failure),
        placement=PlacementSummary("HTP", {"HTP": 117, "CPU": 1}, None, ("Div",)),
    )
    alone = "mobilenet_v2 on Chip A, emulated on a PC (qnn:htp-emu, soc=a): the record was edited; nothing is claimed."
    among = (
        "mobilenet_v2 on qnn:htp-emu, 3 chips: failed for 1 (Chip C); not valid for 1 (Chip A); "
        "compiles for 2 of 3, without fallback for 1. Emulated: the device's speed is unknown."
    )
    assert ([alone], [among]) == (said(bad), said(bad, good, strict))


def test_wrong_outputs_of_a_measured_run_come_first(make_record: Callable[..., Record]) -> None:
    """The speed of a wrong answer is not the headline."""
    verdict = Verdict(False, False, (Reason("output_mismatch", "wrong"), Reason("host_busy", "busy")))
    wrong = make_record("b:y", MS, (MS, MS), verdict=verdict, fidelity=DISAGREES)
    first, second, third = said(
        make_record("a:x", 4 * MS, (4 * MS, 4 * MS)), replace(wrong, record_id="w"), _file(wrong)
    )
    assert first.startswith("mobilenet_v2 3f1c3f1c: outputs wrong on b:y;")
    assert second.startswith("mobilenet_v2 00: outputs wrong on b:y;")
    assert "4.00 ms on a:x" in third


def test_a_sweep_is_one_sentence_with_what_failed(make_record: Callable[..., Record]) -> None:
    """Many chips on one target: what is wrong, what failed and what compiles, each chip by name."""
    failure = Failure("compile", "runtime_error", "no memory", "")
    records = [_emulated(f"s{i}", f"Chip {i} HTP v73, emulated on a PC", make_record) for i in range(4)]
    records.append(_emulated("w", "Chip W HTP v68, emulated on a PC", make_record, verdict=WRONG, fidelity=DISAGREES))
    records.append(_emulated("888", None, make_record, status="failed", failure=failure, fidelity=None))
    expected = (
        "mobilenet_v2 on qnn:htp-emu, 6 chips: outputs wrong on 1 (Chip W HTP v68); "
        "failed for 1 (qnn:htp-emu (soc=888)); compiles for 5 of 6, without fallback for 5. "
        "Emulated: the device's speed is unknown."
    )
    assert [expected] == said(*records)


def test_a_run_that_compiled_and_failed_is_counted_as_such(make_record: Callable[..., Record]) -> None:
    """Its placement is known, so it was carried out up to there; one that failed before, or was skipped, was not."""
    changes = {
        "status": "failed",
        "failure": Failure("check", "fallback", "1 of 4 nodes fell back", ""),
        "placement": PlacementSummary("HTP", {"HTP": 3, "CPU": 1}, None, ("Div",)),
    }
    strict = _emulated("a", "Chip A", make_record, **changes)
    refused = make_record("b:y", None, status="skipped", failure=Failure("plan", "unavailable", "not here", ""))
    crashed = make_record("b:y", None, status="failed", failure=Failure("compile", "crashed", "SIGSEGV", ""))
    told = [
        dict(facts(numbered([RecordedRun(r, {}) for r in records])))["Runs"]
        for records in ((strict,), (strict, refused, crashed), (strict, make_record("b:y", 4 * MS)))
    ]
    assert [
        "none completed: 1 compiled and then failed",
        "none completed: 1 compiled and then failed, 1 failed, 1 skipped",
        "1 measured on devices, 1 compiled and then failed",
    ] == told


def test_two_folders_are_not_ranked(make_record: Callable[..., Record]) -> None:
    """Each has sentences of its own, and what they are to each other is said."""
    fast, slow = make_record("a:x", 4 * MS, (4 * MS, 4 * MS)), _file(make_record("a:x", 9 * MS, (9 * MS, 9 * MS)))
    items = numbered([replace(sampled(fast), folder="A"), replace(sampled(slow), folder="B")])
    found = [s.text for s in headline(matrices(items), items)]
    assert found[:2] == [
        "mobilenet_v2 in folder A (single-stream): 4.00 ms on a:x, the only valid measurement.",
        "mobilenet_v2 in folder B (single-stream): 9.00 ms on a:x, the only valid measurement.",
    ]
    assert found[2].startswith("Folders A, B: side by side, not ranked; they measured different models")
    same = numbered([RecordedRun(fast, {}, "A"), RecordedRun(replace(fast, record_id="other"), {}, "B")])
    assert "odb compare shows" in headline(matrices(same), same)[-1].text


def test_a_model_of_two_folders_is_one_model(make_record: Callable[..., Record]) -> None:
    """Counted by its file, not by its folders; two files of one name are two."""
    first = make_record("a:x", MS, (MS, MS))
    same, other = replace(first, record_id="2"), _file(first)
    pairs = [numbered([RecordedRun(r, {}, f) for r, f in ((first, "A"), (second, "B"))]) for second in (same, other)]
    assert ["Measured: mobilenet_v2 on a:x", "Measured: 2 models on a:x"] == [title(pair) for pair in pairs]
    assert ("Folders", "A: 1 run; B: 1 run") in facts(pairs[0])


def test_only_invalid_measurements_claim_nothing(make_record: Callable[..., Record]) -> None:
    """Where nothing is valid, it is said."""
    bad = make_record("a:x", MS, (MS, MS), verdict=Verdict(False, False))
    assert [
        "mobilenet_v2 (single-stream): the only measurement is not valid (no reason was recorded); nothing is claimed."
    ] == said(bad)


def test_a_model_that_only_failed_has_no_sentence(make_record: Callable[..., Record]) -> None:
    """Failures are told as such, not as results."""
    assert ["Nothing was measured: the only run failed; see the notes."] == said(
        make_record("a:x", None, status="failed")
    )
    absent = Failure("plan", "unavailable", "no NPU", "")
    skipped = [make_record(t, None, status="skipped", failure=absent) for t in ("a:npu", "b:npu")]
    assert ["Nothing was measured: every run was skipped (unavailable); see the notes."] == said(*skipped)
    failure = Failure("compile", "runtime_error", "no memory", "")
    failed = [make_record(t, None, status="failed", failure=failure) for t in ("a:x", "b:y")]
    assert ["mobilenet_v2 on a:x, b:y: failed in compile: runtime error; see the notes."] == said(*failed)


def _executed(record: Record) -> Record:
    return replace(record, plan=replace(record.plan, target=replace(record.plan.target, executed_precision="int8")))


def _unknown(record: Record) -> Record:
    return replace(record, plan=replace(record.plan, target=replace(record.plan.target, executed_precision=None)))


def _file(record: Record) -> Record:
    return replace(record, plan=replace(record.plan, model=replace(record.plan.model, sha256="00")))


def _machine(record: Record) -> Record:
    return replace(record, environment=replace(record.environment, host={"cpu": "another"}))


def _preset(record: Record) -> Record:
    return replace(record, plan=replace(record.plan, preset="quick"))


def _input(record: Record) -> Record:
    assert record.plan.inputs is not None
    return replace(record, plan=replace(record.plan, inputs=replace(record.plan.inputs, sha256="00")))


def _unchecked(record: Record) -> Record:
    return replace(record, fidelity=None)


@pytest.mark.parametrize(
    ("expected", "change"),
    [
        ("they ran in float32 and an unknown precision", _unknown),
        ("the machines differ", _machine),
        ("not all outputs were compared with the reference", _unchecked),
    ],
)
def test_what_makes_two_runs_less_comparable_is_said(
    expected: str, change: Callable[[Record], Record], make_record: Callable[..., Record]
) -> None:
    """Each difference that matters stands in the same sentence as the ranking."""
    fast, slow = make_record("a:x", 4 * MS, (4 * MS, 4 * MS)), make_record("b:y", 6 * MS, (6 * MS, 6 * MS))
    text = said(fast, change(slow))[0]
    assert (True, False) == (text.endswith(f"Caution: {expected}."), "Caution" in said(fast, slow)[0])


@pytest.mark.parametrize(
    ("expected", "change"),
    [
        ("The executed precision differs: float32 and int8.", _executed),
        ("The preset or its stopping rule differs", _preset),
        ("The input differs", _input),
    ],
)
def test_what_may_not_be_compared_is_not_ranked(
    expected: str, change: Callable[[Record], Record], make_record: Callable[..., Record]
) -> None:
    """A report follows the rules of a comparison: both figures, no ratio, and the reason."""
    fast, slow = make_record("a:x", 4 * MS, (4 * MS, 4 * MS)), make_record("b:y", 6 * MS, (6 * MS, 6 * MS))
    text = said(fast, change(slow))[0]
    assert "4.00 ms on a:x, 6.00 ms on b:y; not ranked, because they may not be compared." in text
    assert (True, False, False) == (expected in text, "fastest" in text, "interval" in text)


def test_counts_name_every_status(runs: Sequence[RecordedRun]) -> None:
    """Each run is counted once."""
    assert "8 runs: 4 valid; 1 not valid; 1 emulated; 1 failed; 1 skipped." == counts_words(numbered(runs))


def test_no_runs_are_said_to_be_none() -> None:
    """An empty report does not pass for a good one."""
    assert "No runs." == counts_words(())


def test_the_device_of_a_rack_is_named_in_sentences_and_lists() -> None:
    run, *_ = rack_runs()
    items = numbered([RecordedRun(computed(run.record, run.samples), run.samples)])
    (matrix,) = matrices(items)
    assert "openvino:NPU, intel-1" in str(headline((matrix,), items))
    table = listing(matrix)
    assert table is not None
    assert any("intel-1" in cell.notes for row in table.rows for cell in row)
    assert items[0].place == "openvino:NPU, intel-1"
