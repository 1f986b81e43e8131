"""A loss of quality is the import's doing only where the record shows that it is not the arithmetic's."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from text_quality import text_quality
from whole_records import text

from bench.record.asked import Asked, NamedFile
from bench.record.inputs import ModelSource
from bench.record.record import RecordedRun
from bench.reports.runs.html import HtmlReport
from bench.reports.runs.terminal import TerminalReport
from bench.reports.view.headline import headline
from bench.reports.view.lm.cost import cost_listing, cost_table
from bench.reports.view.matrix import matrices
from bench.reports.view.quality import quality_overview, quality_table
from bench.reports.view.rows import Numbered, numbered
from bench.reports.view.sentences import Sentence
from bench.reports.words.imports import import_words
from bench.words.language import speaking

SOURCE = ModelSource("gguf", "llm.Q4_1.gguf", ("llm.Q4_1.gguf",), "5" * 64, 1_000_000, "Q4_1")
CHANGES = "read by A Runtime itself: its import changes the model"
POSSIBLE = "read by A Runtime itself: its import is one possible cause"


def run(worse: float, imported: bool = True, activations: str | None = None, kv_cache: str = "float32") -> RecordedRun:
    """A model made of a GGUF file, every token more surprising by ``worse`` nats than in float32."""
    made = text()
    plan, samples = made.record.plan, dict(made.samples)
    target = replace(
        plan.target,
        options_requested={"KV": "f32"} | ({"import": "own"} if imported else {}),
        imported_by="A Runtime" if imported else None,
        executed_activations=activations,
        executed_kv_cache=kv_cache,
    )
    plan = replace(plan, model=replace(plan.model, source=SOURCE), target=target)
    quality = text_quality(samples, "f" * 64, target.id, {}, worse)
    return RecordedRun(replace(made.record, plan=plan, quality=quality), samples)


@pytest.mark.parametrize(
    ("judged", "others", "said"),
    [
        (run(0.16, activations="float32"), (), CHANGES),
        (run(0.16, activations="float32", kv_cache="int8"), (), POSSIBLE),
        (run(0.16, activations="int8"), (), POSSIBLE),
        (run(0.16), (), POSSIBLE),
        (run(0.16), (run(0.0, imported=False),), CHANGES),
        (run(0.16), (run(0.1, imported=False),), CHANGES),
        (run(0.16), (run(0.16, imported=False),), POSSIBLE),
        (run(0.16), (run(0.0, imported=False, kv_cache="int8"),), POSSIBLE),
        (run(0.16), (run(0.0),), POSSIBLE),
        (run(0.0, activations="float32"), (), ""),
        (run(0.16, imported=False, activations="float32"), (), ""),
    ],
)
def test_the_import_is_blamed_where_nothing_else_remains(
    judged: RecordedRun, others: tuple[RecordedRun, ...], said: str
) -> None:
    """Float32 products and cache, or the same run with the import made here, whose whole interval is better."""
    assert said == import_words(judged.record, [one.record for one in (judged, *others)])


def test_the_headline_names_the_import() -> None:
    """Beside the loss, where nothing else can be its cause, or as one possible cause; in both languages. A loss without
    an import stands alone."""
    alone, both = [run(0.16, activations="float32")], [run(0.16), run(0.0, imported=False)]
    for runs, said in ((alone, CHANGES), (both, CHANGES), ([run(0.16)], POSSIBLE)):
        (found,) = losses(runs)
        assert "erplexity" in found.strong
        assert found.rest.endswith(f"a significant loss; {said}.")
    with speaking("ko"):
        (found,) = losses(alone)
        assert found.rest.endswith("이 직접 읽음: 이 가져오기가 모델을 바꿉니다.")
    (found,) = losses([run(0.16, imported=False)])
    assert "import" not in found.rest


def losses(runs: Sequence[RecordedRun]) -> list[Sentence]:
    items = numbered(runs)
    return [one for one in headline(matrices(items), items) if one.status == "failed"]


def test_another_target_or_other_samples_show_nothing() -> None:
    """Only the import may differ."""
    judged, other = run(0.16).record, run(0.0, imported=False).record
    assert other.quality is not None
    target = replace(other.plan.target, id="other:cpu")
    samples = replace(other.quality, dataset=replace(other.quality.dataset, sha256="1" * 64))
    for changed in (replace(other, plan=replace(other.plan, target=target)), replace(other, quality=samples)):
        assert POSSIBLE == import_words(judged, [judged, changed])


def test_a_model_that_the_user_named_is_not_the_source() -> None:
    """A loss against it says nothing of the import."""
    record = run(0.16, activations="float32").record
    asked = Asked("file", NamedFile("llm.Q4_1.gguf"), reference=NamedFile("float.onnx"))
    assert not import_words(replace(record, plan=replace(record.plan, asked=asked)))


def test_every_table_of_the_loss_says_so() -> None:
    """The costs, at the terminal below them, the quality of all runs, and that of one; in Korean too."""
    items = [Numbered(1, run(0.16)), Numbered(2, run(0.0, imported=False))]
    costs, listing, overview = cost_table(items), cost_listing(items), quality_overview(items)
    assert costs is not None
    assert overview is not None
    assert listing is not None
    cells = [cell for row in costs.rows for cell in row]
    assert [CHANGES] == [note for cell in cells for note in cell.notes if "import" in note]
    assert f"Run 1: {CHANGES}." in listing.note
    assert [f": a significant loss; {CHANGES}"] == [
        cell.value[cell.value.index(": a sig") :] for row in overview.rows for cell in row if "import" in cell.value
    ]
    alone = quality_table(run(0.16, activations="float32").record)
    assert alone is not None
    assert 1 == sum(CHANGES in cell.value for row in alone.rows for cell in row)
    runs = [item.run for item in items]
    assert f"Run 1: {CHANGES}." in " ".join(TerminalReport(200).render(runs).decode().split())
    assert CHANGES in HtmlReport().render(runs).decode()
    with speaking("ko"):
        assert "이 가져오기가 모델을 바꿉니다" in TerminalReport(200).render(runs).decode()
        assert "이 가져오기가 모델을 바꿉니다" in HtmlReport().render(runs).decode()
