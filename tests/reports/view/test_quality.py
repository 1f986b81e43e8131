"""What reports say of quality: value, certainty, loss, and a drawing; and what of a comparison of two."""

import html
import re
from collections.abc import Sequence
from xml.etree import ElementTree

import numpy as np
import pytest
from msgspec.structs import replace

from bench.analysis.quality import summarise
from bench.comparison.comparison import Comparison, compare
from bench.comparison.folders import Findings
from bench.record.quality import DatasetFacts, JudgedMetric, Quality
from bench.record.record import Reason, RecordedRun, Verdict
from bench.reports.charts.quality import quality_figures
from bench.reports.comparisons import html as comparison_page
from bench.reports.comparisons import json as comparison_json
from bench.reports.comparisons import markdown, terminal
from bench.reports.view.headline import headline
from bench.reports.view.matrix import matrices
from bench.reports.view.quality import quality_overview
from bench.reports.view.rows import numbered
from bench.reports.words.quality import difference_words, value
from bench.testing.records import fake_run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            (-0.004, "share", (-0.011, 0.003), "exact McNemar", 0.31, "cannot_tell", True),
            "lost 0.4 points (95 % interval −1.1 to +0.3, exact McNemar p = 0.31): cannot be distinguished from noise",
        ),
        (
            (-0.041, "share", (-0.066, -0.016), "exact McNemar", 0.002, "worse", True),
            "lost 4.1 points (95 % interval −6.6 to −1.6, exact McNemar p = 0.002): a significant loss",
        ),
        (
            (0.02, "share", (0.01, 0.03), "exact McNemar", 1e-6, "better", True),
            "gained 2.0 points (95 % interval +1.0 to +3.0, exact McNemar p < 0.001): a significant gain",
        ),
        (
            (0.0, "share", (-0.2, 0.2), "exact McNemar", 1.0, "cannot_tell", True),
            "no difference (95 % interval −20.0 to +20.0, exact McNemar p = 1): too few samples to exclude a "
            "difference",
        ),
        (
            (0.5, "", None, "paired randomisation", 0.25, "cannot_tell", False),
            "worse by 0.500 (no interval, paired randomisation p = 0.25): cannot be distinguished from noise",
        ),
    ],
)
def test_a_difference_in_words(arguments: tuple[object, ...], words: str) -> None:
    """Lost or gained, by how much, how surely, and what follows."""
    assert words == difference_words(*arguments)  # type: ignore[arg-type]


def test_shares_and_other_figures() -> None:
    """A share is a percentage; anything else has three digits."""
    assert ("67.1 %", "0.123") == (value(0.671, "share"), value(0.12345, ""))


def test_the_overview_holds_quality_and_fidelity(runs: Sequence[RecordedRun]) -> None:
    """A line a metric of each run that was judged, one for each other that was carried out, none where none was."""
    found = quality_overview(numbered(runs))
    assert found is not None
    assert ["1", "2", "", "", "3", "6", "7", "8", "", ""] == [row[0].value for row in found.rows]
    assert ["openvino:CPU", "top-1", "67.1 %", "64.1 – 69.9 %"] == [cell.value for cell in found.rows[1][2:6]]
    assert found.rows[3][6].value == "the metric is of the dataset as a whole, so there is no paired test"
    assert quality_overview(numbered([runs[0]])) is None


def test_a_real_loss_stands_at_the_top(runs: Sequence[RecordedRun]) -> None:
    """Who reads the first screen sees it; what cannot be told from noise is not cried out."""
    items = numbered(runs)
    told = [sentence for sentence in headline(matrices(items), items) if sentence.status == "failed"]
    failed, lost = told
    assert ("yolox_nano on qnn:htp: failed in compile:", "mobilenet_v2 on openvino:CPU: top-1") == (
        failed.strong,
        lost.strong,
    )
    assert lost.rest.endswith("p = 0.002): a significant loss.")


def test_the_drawing(runs: Sequence[RecordedRun]) -> None:
    """One figure a dataset: a dot and a line a run, hollow where emulated, a bar for each reference."""
    (figure,) = quality_figures(numbered(runs))
    svg = ElementTree.fromstring(figure.svg)
    assert (2, 1) == (len(svg.findall("circle")), len(svg.findall("circle[@class='estimate hollow']")))
    assert 2 == len(svg.findall("path[@class='mean']"))
    dots = [float(circle.attrib["cx"]) for circle in svg.findall("circle")]
    bars = [float(re.findall(r"M([0-9.]+)", path.attrib["d"])[0]) for path in svg.findall("path[@class='mean']")]
    assert dots[0] < dots[1] < bars[0] == bars[1]
    assert "openvino:CPU 67.1 % (64.1 – 69.9 %)" in (svg.find("desc").text or "")  # type: ignore[union-attr]
    assert () == quality_figures(numbered([runs[0]]))


def judged(name: str, flags: np.ndarray, dataset: str = "d", emulated: bool = False) -> RecordedRun:
    """A run whose samples were right or wrong as told."""
    run = fake_run(name, [np.full(20, 1_000_000 + i) for i in range(3)])
    metrics = summarise([JudgedMetric("top1", "mean", True, "share")], {"top1": flags}, len(flags))
    facts = DatasetFacts("photos", "classification", dataset * 64, len(flags))
    quality = Quality(facts, "f" * 64, "null:cpu", metrics=metrics, samples={"top1": "quality_top1"})
    target = replace(run.record.plan.target, emulated=emulated)
    record = replace(run.record, quality=quality, plan=replace(run.record.plan, target=target))
    return replace(run, record=record, samples={**run.samples, "quality_top1": flags})


def flags(right: int, n: int = 200) -> np.ndarray:
    return (np.arange(n) < right).astype(np.int8)


@pytest.mark.parametrize("write", [terminal.render, markdown.render, comparison_page.render])
def test_a_comparison_tells_quality(write: object) -> None:
    """Answers that became worse are told by every writer, and are worse for the exit status."""
    comparison = compare(judged("base", flags(180)), judged("new", flags(150)))
    assert comparison.worse
    text = " ".join(re.sub(r"<[^>]+>|\\|\*", "", write(Findings(0.03, (comparison,))).decode()).split())  # type: ignore[operator]
    text = html.unescape(text)
    for words in (
        "the same within ±3 %, and quality is worse",
        "Quality: top-1 90.0 % → 75.0 %,",
        "lost 15.0 points (95 % interval −19.9 to −9.8, exact McNemar p < 0.001): a significant loss.",
        "On the same 200 samples of photos.",
    ):
        assert words in text


def test_the_json_holds_the_test() -> None:
    """Scripts get the pair's figures."""
    import json

    comparison = compare(judged("base", flags(180)), judged("new", flags(179)))
    (found,) = json.loads(comparison_json.render(Findings(0.03, (comparison,))))["comparisons"][0]["quality"]["changes"]
    assert ("top1", "cannot_tell", 1.0, 0, 1) == tuple(
        found[key] for key in ("metric", "word", "p_value", "better_samples", "worse_samples")
    )
    assert -0.005 == pytest.approx(found["difference"])


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (judged("new", flags(180), dataset="e"), "evaluated on other samples: photos (200 samples) differ"),
        (fake_run("new", [np.full(20, 1_000_000)] * 3), "the new run was not evaluated on a dataset"),
    ],
)
def test_other_samples_are_not_compared(new: RecordedRun, reason: str) -> None:
    """Another dataset, or none: no difference is stated, and why."""
    comparison = compare(judged("base", flags(180)), new)
    assert comparison.quality is not None
    assert ((), (reason,)) == (comparison.quality.changes, tuple(str(o.reason) for o in comparison.quality.omitted))
    assert reason in " ".join(terminal.render(Findings(0.03, (comparison,))).decode().split())


def test_quality_of_another_file_is_not_compared() -> None:
    """Where the verdict says that quality is not of what was measured, no difference is stated."""
    new = judged("new", flags(150))
    verdict = Verdict(False, False, (Reason("quality_of_another", "Quality and speed are of a different file."),))
    comparison = compare(judged("base", flags(180)), replace(new, record=replace(new.record, verdict=verdict)))
    assert comparison.quality is not None
    assert (False, ()) == (comparison.quality.worse, comparison.quality.changes)
    assert "the new record's quality is of another file" in str(comparison.quality.omitted[0].reason)


def test_an_emulators_answers_count() -> None:
    """Times of an emulator are refused; its answers are compared all the same."""
    base, new = judged("base", flags(180)), judged("new", flags(150), emulated=True)
    comparison = compare(base, new)
    assert comparison.comparability.refused
    assert (True, ()) == (comparison.worse, comparison.changes)
    text = terminal.render(Findings(0.03, (comparison,))).decode()
    assert "times may not be compared, and quality is worse" in text


def test_without_a_dataset_nothing_is_said() -> None:
    """A comparison of speeds alone is as it was."""
    plain: Comparison = compare(*(fake_run(name, [np.full(20, 1_000_000)] * 3) for name in ("base", "new")))
    assert plain.quality is None
    assert "uality" not in terminal.render(Findings(0.03, (plain,))).decode()
