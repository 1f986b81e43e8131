"""One run in words: its figures, reasons, tables and method."""

from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace

from bench.contracts import Scenario
from bench.record.inputs import ModelSource
from bench.record.part import Correction
from bench.record.record import (
    Fidelity,
    OutputFidelity,
    PlacementSummary,
    Record,
    RecordedRun,
    StoppingRule,
)
from bench.reports.view.details import Detail, detail
from bench.reports.view.power.tables import energy_table
from bench.reports.view.rows import Numbered, Table
from bench.reports.view.tables import (
    corrections_table,
    fidelity_table,
    latency_table,
    options_table,
    placement_table,
)
from bench.reports.words.plans import rule_words


@pytest.fixture(scope="module")
def details(runs: Sequence[RecordedRun]) -> list[Detail]:
    return [detail(Numbered(i, run)) for i, run in enumerate(runs, start=1)]


def values(table: Table | None) -> list[tuple[str, ...]]:
    assert table is not None
    return [tuple(c.value for c in row) for row in table.rows]


def test_a_percentile_without_samples_says_how_many_it_needs(runs: Sequence[RecordedRun]) -> None:
    """p99.9 of 1,500 samples is a dash with its reason."""
    found = values(latency_table(runs[0].record))
    assert ("p99.9", "–", "needs 6\u202f636 samples for 99 % confidence") in found


def test_reasons_that_invalidate_come_first(details: list[Detail]) -> None:
    """The cause of a negative verdict is not hidden behind remarks."""
    assert ["drift", "fallback"] == [r.code for r in details[2].reasons]


def test_a_failure_gives_kind_phase_message_and_remedy(details: list[Detail]) -> None:
    """All four parts of a failure are told."""
    assert ["Kind", "Phase", "Message", "What to do"] == [f.label for f in details[4].failure]


def test_an_emulated_run_has_no_time_among_its_figures(details: list[Detail]) -> None:
    """Its head shows what it ran in, where, whether outputs agree, and how good they are."""
    assert ["Ran in", "Placement", "Outputs", "Quality, top-1"] == [f.label for f in details[7].facts]


def test_every_measured_table_of_an_emulated_run_says_whose_it_is(details: list[Detail]) -> None:
    """Times and memory carry the emulator's name; placement and fidelity need not."""
    marked = [t.caption for t in details[7].tables if t.caption.endswith("(the emulator's, not the device's)")]
    assert 4 == len(marked)


def test_a_run_that_was_not_measured_shows_no_harness_cost(details: list[Detail]) -> None:
    """What has no meaning for a skipped run is left out."""
    assert "Harness" not in [f.label for f in details[3].method]


def test_the_fallen_nodes_are_named(runs: Sequence[RecordedRun]) -> None:
    """Operators that ran elsewhere are listed by name, with both shares."""
    table = placement_table(runs[2].record)
    assert [("XNNPACK", "88", "88.0 %", "270 M", "89.8 %"), ("CPU", "12", "12.0 %", "30.8 M", "10.2 %")] == values(
        table
    )
    assert table is not None
    assert "Fell back: Gemm fc, Clip c_7." in table.note


def test_unknown_macs_are_said_to_be_unknown(make_record: Callable[..., Record]) -> None:
    """Null MACs are a dash and a reason."""
    table = placement_table(make_record("a:x", 1, placement=PlacementSummary("HTP", {"HTP": 3})))
    assert [("HTP", "3", "100 %", "–", "–")] == values(table)
    assert table is not None
    assert "cannot be matched" in table.note


def test_energy_that_was_not_measured_gives_its_reason(runs: Sequence[RecordedRun]) -> None:
    """No joules, but why; the other tiers stand in lines of their own."""
    found = values(energy_table(runs[5].record))
    assert ("sensor", "energy a query above idle", "–", "rapl: energy_uj is readable by root only") == found[0]
    assert {"sensor", "activity", "model"} == {row[0] for row in found}


def test_identical_outputs_have_no_error(make_record: Callable[..., Record]) -> None:
    """An SQNR that is null because nothing differs does not look unmeasured; a
    column without any value is left out."""
    same = OutputFidelity("y", 1.0, None, 0.0, None, identical=True)
    table = fidelity_table(make_record("a:x", 1, fidelity=Fidelity("ref", 1, outputs=(same,))))
    assert [("y", "1.000000", "no error", "0")] == values(table)


def test_tokens_are_compared_by_their_common_beginning(runs: Sequence[RecordedRun]) -> None:
    """Text generation has no cosine, but a count of equal tokens."""
    assert [("tokens", "32 of 32")] == values(fidelity_table(runs[5].record))


def test_what_could_not_be_compared_gives_its_reason(make_record: Callable[..., Record]) -> None:
    """Without outputs and tokens, the reason stands in their place."""
    table = fidelity_table(make_record("a:x", 1, fidelity=Fidelity("ref", reason="the reference ran out of memory")))
    assert table is not None
    assert ([("nothing", "–")], "Compared with ref. the reference ran out of memory.") == (values(table), table.note)


def test_an_option_the_runtime_added_was_not_requested(runs: Sequence[RecordedRun]) -> None:
    """Requested and effective options stand side by side."""
    found = values(options_table(runs[1].record))
    assert [("INFERENCE_PRECISION_HINT", "bf16", "bf16"), ("NUM_STREAMS", "–", "1")] == found[:2]


def test_the_stopping_rule_is_told_in_words(runs: Sequence[RecordedRun]) -> None:
    """A reader learns when a repeat stops without reading the code."""
    rule: StoppingRule = replace(runs[0].record.plan.rule, percentile=99.9, precision=0.025)
    expected = (
        "Warm-up: 10 queries or more, until two successive windows have medians within 5 % of each other, at most "
        "2.00 s. Then at least 64 queries and 2.00 s, until the 95 % interval of p99.9 is narrower than 2.5 % of its "
        "estimate; at most 100\u202f000 queries or 10.0 s."
    )
    assert expected == rule_words(rule, Scenario())


def test_a_fixed_number_of_queries_is_told_as_such(runs: Sequence[RecordedRun]) -> None:
    """The rule for emulated targets promises no convergence."""
    rule: StoppingRule = replace(
        runs[0].record.plan.rule, warmup_min_queries=1, warmup_max_duration_ns=0, min_queries=3, max_queries=3
    )
    assert "Warm-up: 1 query. Then exactly 3 queries." == rule_words(rule, Scenario())


def test_a_figure_that_its_samples_refute_is_shown_with_both(runs: Sequence[RecordedRun]) -> None:
    """What the file stated and what was found stand side by side, first among the tables of the run."""
    told = (Correction("summary.latency_ns.p50", "12.6 ms", "63.1 ms", edited=True),)
    assert [("summary.latency_ns.p50", "12.6 ms", "63.1 ms")] == values(corrections_table(told))
    assert "Corrected figures" == detail(Numbered(1, replace(runs[0], corrections=told))).tables[0].caption


def test_labels_are_compared_by_the_fraction_equal(make_record: Callable[..., Record]) -> None:
    """An ArgMax has no cosine."""
    labels = OutputFidelity("labels", equal_fraction=0.16)
    table = fidelity_table(make_record("a:x", 1, fidelity=Fidelity("ref", 1, outputs=(labels,), ok=False)))
    assert "16.0 % equal" == values(table)[0][-1]


@pytest.mark.parametrize(
    ("kept", "weights"), [(True, "its weights keep their values"), (False, "its weights were rounded to float32")]
)
def test_the_file_that_a_model_was_made_from_is_named(runs: Sequence[RecordedRun], kept: bool, weights: str) -> None:
    """With its type, size and checksum, and whether its weights were changed."""
    run = runs[0]
    source = ModelSource("gguf", "net.Q4_1.gguf", ("net.Q4_1.gguf",), "c" * 64, 98_362_432, "Q4_1", kept)
    model = replace(run.record.plan.model, source=source)
    made = replace(run, record=replace(run.record, plan=replace(run.record.plan, model=model)))
    (fact,) = [fact for fact in detail(Numbered(1, made)).method if fact.label == "Made from"]
    assert f"net.Q4_1.gguf (gguf, Q4_1, 93.8 MiB): {weights}" == " ".join(fact.value.split())
    assert f"SHA-256 {'c' * 64}" == fact.note
