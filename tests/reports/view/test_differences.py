"""A first difference of greedy tokens is told with what this run was computed in."""

from msgspec.structs import replace
from whole_records import text

from bench.record.inputs import ModelSource
from bench.record.record import Record, RecordedRun
from bench.reports.runs.terminal import TerminalReport
from bench.reports.view.lm.tables import agreement_table, differences_words
from bench.words.language import speaking

SAID = "This run: weights int8, activations int8, KV cache int8, DYNAMIC_QUANTIZATION_GROUP_SIZE=32, "


def parted() -> Record:
    """The third token differs."""
    record = text().record
    target = replace(
        record.plan.target, executed_kv_cache="int8", options_effective={"DYNAMIC_QUANTIZATION_GROUP_SIZE": "32"}
    )
    found = record.summary.text_generation
    assert found is not None
    summary = replace(record.summary, text_generation=replace(found, cache_state="empty"))
    return replace(record, plan=replace(record.plan, target=target), summary=summary)


def test_types_options_and_state_stand_behind_the_difference() -> None:
    """Once, in the table and at the terminal; in Korean too."""
    table, run = agreement_table(parted()), RecordedRun(parted(), text().samples)
    assert table is not None
    assert table.note.endswith(SAID + "cache empty before the prompt.")
    assert 1 == table.note.count("This run")
    assert f"{SAID}cache empty before the prompt." in " ".join(TerminalReport(200).render([run]).decode().split())
    with speaking("ko"):
        assert "이 실행: 가중치 int8, 활성값 int8, KV 캐시 int8," in differences_words(parted())


def test_each_reference_says_what_it_was_computed_in() -> None:
    """Behind its own difference; nothing of one whose runtime reports nothing."""
    record = parted()
    found = record.summary.text_generation
    assert found is not None
    engine, model = found.agreement
    types = {"kv_cache": "float32", "activations": "float32", "weights": "int8"}
    both = replace(found, agreement=(replace(engine, reference_types=types), model))
    said = differences_words(replace(record, summary=replace(record.summary, text_generation=both)))
    of_engine, of_model = said.split("Compared with the float32 weights")
    assert of_engine.endswith(" The reference: weights int8, activations float32, KV cache float32. ")
    assert "The reference" not in of_model


def test_what_the_record_does_not_have_is_not_said() -> None:
    """Weights of a runtime's own import are as the source has them; they may be other than those made here."""
    record = parted()
    target = replace(
        record.plan.target,
        imported_by="A Runtime",
        options_effective={},
        executed_weights=None,
        executed_activations=None,
        executed_precision=None,
        executed_kv_cache=None,
    )
    source = ModelSource("gguf", "llm.gguf", ("llm.gguf",), "5" * 64, 1_000, "Q4_1")
    plan = replace(record.plan, target=target, model=replace(record.plan.model, source=source))
    assert differences_words(replace(record, plan=plan)).endswith(
        "This run: weights Q4_1, cache empty before the prompt."
    )


def test_equal_tokens_need_no_explanation() -> None:
    """Nothing is said."""
    record = parted()
    found = record.summary.text_generation
    assert found is not None
    same = tuple(replace(one, first_divergence=None) for one in found.agreement)
    summary = replace(record.summary, text_generation=replace(found, agreement=same))
    assert not differences_words(replace(record, summary=summary))
