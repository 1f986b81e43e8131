"""The table of what quantisation costs, and where greedy texts part."""

from msgspec.structs import replace
from text_quality import text_quality
from whole_records import text

from bench.record.record import RecordedRun
from bench.reports.view.lm.cost import cost_listing, cost_table, divergence_table
from bench.reports.view.rows import Numbered
from bench.reports.words.quality import against_reference, samples_words
from bench.words.language import speaking


def judged(worse: float) -> RecordedRun:
    """A run whose every token is more surprising by ``worse`` nats."""
    made = text()
    samples = dict(made.samples)
    quality = text_quality(samples, "f" * 64, "ort:cpu", {}, worse)
    return RecordedRun(replace(made.record, quality=quality), samples)


def test_quality_stands_next_to_speed_and_size() -> None:
    """Each figure with its interval below it, one line a run."""
    table = cost_table([Numbered(1, judged(0.16))])
    assert table is not None
    cells = dict(zip([column.key for column in table.columns], table.rows[0], strict=True))
    assert ("+17.4 %", ("+17.0 % to +17.9 %", "a significant loss")) == (
        *(cells["against_float32"].value, cells["against_float32"].notes),
    )
    assert ("2.33 of 6", "1 of 3 texts equal", "0 of 2 within error", "FDT 2.33, SDT 2.33") == (
        *(cells["equal_prefix"].value, *cells["equal_prefix"].notes),
    )
    assert ("55.0 %", ("34.2 – 74.2 %", "20 questions", "per byte 65.0 %")) == (
        *(cells["choices"].value, cells["choices"].notes),
    )
    assert "nats" in cells["kl_divergence"].value
    assert "same best token 86.7 %" == cells["kl_divergence"].notes[2]
    assert ("≠ 2.00 ms", "56.0 MiB", ("weights 3.81 MiB", "KV cache 1.25 KiB a token")) == (
        *(cells["tpot"].value, cells["memory"].value, cells["memory"].notes),
    )
    assert "3 of 40 prompts" in table.note


def test_texts_that_are_drawn_say_so() -> None:
    """Beside how far they agree, and where the logits of their differences are."""
    found = judged(0.16)
    assert found.record.quality is not None
    facts = replace(found.record.quality.dataset, options={"temperature": "0.7", "top_p": "1", "seed": "3"})
    quality = replace(found.record.quality, dataset=facts)
    drawn = RecordedRun(replace(found.record, quality=quality), found.samples)
    table, parted = cost_table([Numbered(1, drawn)]), divergence_table(drawn.record)
    assert table is not None
    assert parted is not None
    assert (
        "drawn at temperature 0.7"
        in dict(zip([c.key for c in table.columns], table.rows[0], strict=True))["equal_prefix"].notes
    )
    assert "drawn (temperature=0.7, top_p=1, seed=3) with the same noise on both sides" in str(parted.note)


def test_bytes_of_a_token_are_those_that_the_cache_was_kept_in() -> None:
    """An engine that keeps it in half the bytes is not shown with those of the graph's type."""
    found = judged(0.16)
    generated = found.record.summary.text_generation
    assert generated is not None
    assert generated.kv_cache is not None
    kept = replace(generated, kv_cache=replace(generated.kv_cache, executed_bytes_per_token=640))
    record = replace(found.record, summary=replace(found.record.summary, text_generation=kept))
    table = cost_table([Numbered(1, RecordedRun(record, found.samples))])
    assert table is not None
    assert "KV cache 640 B a token" == table.rows[0][-1].notes[-1]


def test_a_loss_of_perplexity_is_told_as_a_fraction() -> None:
    """Not in units of perplexity, which depend on the text."""
    quality = judged(0.16).record.quality
    assert quality is not None
    assert (
        "worse by 17.4 % (95 % interval +17.0 % to +17.9 %, paired randomisation p < 0.001): a significant loss"
        == against_reference(quality.metrics[0], quality)
    )
    kl = next(one for one in quality.metrics if one.name == "kl_divergence")
    assert "is itself a comparison with the reference" == against_reference(kl, quality)


def test_the_earliest_differences_are_listed_with_their_text() -> None:
    """Prompt 3 parts at once, prompt 2 at its second token."""
    table = divergence_table(judged(0.1).record)
    assert table is not None
    assert [["3", "0 of 6", "1", "9"], ["2", "1 of 6", "2", "9"]] == [
        [cell.value for cell in row[:4]] for row in table.rows
    ]
    assert ("einszweidreivierfünfsechs",) == table.rows[0][2].notes
    assert "2 of 3 texts part" in table.note


def test_a_run_without_a_dataset_has_no_such_table() -> None:
    """Nor one of tensors."""
    made = text()
    run = RecordedRun(replace(made.record, quality=None), made.samples)
    assert (None, None, None) == (
        cost_table([Numbered(1, run)]),
        cost_listing([Numbered(1, run)]),
        divergence_table(run.record),
    )


def test_figures_are_of_windows_or_questions() -> None:
    """Not of all samples of the dataset."""
    quality = judged(0.1).record.quality
    assert quality is not None
    assert ["12 windows", "20 questions"] == [
        samples_words(one, quality.dataset.samples) for one in quality.metrics[:2]
    ]
    with speaking("ko"):
        assert "창 12개" == samples_words(quality.metrics[0], 0)


def test_it_is_korean_for_koreans() -> None:
    """Heads, notes and verdicts."""
    with speaking("ko"):
        table = cost_table([Numbered(1, judged(0.16))])
    assert table is not None
    assert "양자화 비용" == table.caption
    assert "텍스트 3개 중 1개 동일" in table.rows[0][6].notes
