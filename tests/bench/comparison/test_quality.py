"""Per-sample results of a record: found, believed, or refused with the file and the array."""

import math
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from text_quality import text_quality
from whole_records import text

from bench.analysis.quality import Difference, differences
from bench.analysis.quality_results import quality_results
from bench.comparison.comparison import compare, compare_all
from bench.comparison.observe import observe
from bench.comparison.quality import examine_quality
from bench.errors import InputError
from bench.record.quality import DatasetFacts, Quality, QualityMetric
from bench.record.record import PlannedTarget, RecordedRun
from bench.testing.records import fake_run
from bench.words import Sentence, speaking


def judged(results: dict[str, np.ndarray], samples: int = 4) -> RecordedRun:
    run = fake_run("r", [np.full(20, 1_000_000)])
    flags = results.get("quality_top1", np.zeros(1))
    share = float(np.nan_to_num(flags).mean()) if flags.dtype.kind in "iufb" else 0.0
    metric = QualityMetric("top1", share, None, samples, True, "mean", "share")
    facts = DatasetFacts("photos", "classification", "d" * 64, samples)
    quality = Quality(facts, "f" * 64, "null:cpu", metrics=(metric,), samples={"top1": "quality_top1"})
    return replace(run, record=replace(run.record, quality=quality), samples={**run.samples, **results})


def test_results_are_found() -> None:
    """By metric; of a run without a dataset there are none."""
    flags = np.array([1, 0, 1, 0], np.int8)
    assert [1, 0, 1, 0] == quality_results(judged({"quality_top1": flags}))["top1"].tolist()
    assert {} == quality_results(fake_run("r", [np.full(20, 1_000_000)]))


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ({}, "out/r: samples.npz holds no quality_top1, which record.json names"),
        ({"quality_top1": np.zeros(3, np.int8)}, r"quality_top1 is int8 \[3\], not a result for each of 4 samples"),
        ({"quality_top1": np.array(list("abcd"))}, r"quality_top1 is <U1 \[4\], not a result"),
        ({"quality_top1": np.array([1, 0, np.nan, 1])}, "quality_top1 holds NaN or infinity"),
    ],
)
def test_results_that_cannot_be(results: dict[str, np.ndarray], message: str) -> None:
    """The file and the array are named."""
    with pytest.raises(InputError, match=message):
        quality_results(judged(results), "out/r")


@pytest.mark.parametrize("edited", [[-4, -3, -4, -3], [7, 7, 7, 7], [1, 1, 1, 1]])
def test_results_that_do_not_give_the_figure(edited: list[int]) -> None:
    """Whatever the samples hold, they must give what the record says."""
    run = judged({"quality_top1": np.array([1, 0, 1, 0], np.int8)})
    changed = replace(run, samples={**run.samples, "quality_top1": np.array(edited, np.int8)})
    with pytest.raises(InputError, match=r"the results of top1 give \S+, but record.json says 0.5"):
        quality_results(changed, "out/r")


@pytest.mark.parametrize(
    ("edited", "metric"), [({"token_prefix": 5}, "equal_prefix"), ({"logit_gap": 0.0}, "divergences_explained")]
)
def test_first_differences_are_those_that_the_figures_are_of(edited: dict[str, float], metric: str) -> None:
    """What a page shows of a prompt cannot say something else than the mean over prompts beside it."""
    samples: dict[str, np.ndarray] = dict(text().samples)
    quality = text_quality(samples, "f" * 64, "ort:cpu", {})
    run = RecordedRun(replace(text().record, quality=quality), samples)
    assert len(quality.divergences) == len(quality_results(run)["equal_prefix"])
    changed = replace(quality, divergences=(*quality.divergences[:-1], replace(quality.divergences[-1], **edited)))
    with pytest.raises(InputError, match=f"the results of {metric} are not those of quality.divergences"):
        quality_results(RecordedRun(replace(run.record, quality=changed), samples), "out/r")


@pytest.mark.parametrize(
    ("n", "lost", "gained", "needed"),
    [(12, 0, 0, 240), (100, 3, 0, 300), (50, 10, 10, 11_000)],
)
def test_how_many_samples_would_tell(n: int, lost: int, gained: int, needed: int) -> None:
    """Twelve of twelve alike need some 240 to be within a point. With so many of the same kind it is told, with half of
    them it is not."""

    def one(times: int) -> Difference:
        before, after = np.ones(n, np.int8), np.ones(n, np.int8)
        after[:lost] = 0
        before[lost : lost + gained] = 0
        metric = QualityMetric("top1", 0.0, None, n * times, True, "mean", "share")
        return differences((metric,), {"top1": np.tile(before, times)}, {"top1": np.tile(after, times)})[0]

    found = one(1).samples_needed(0.02)
    assert needed == found
    enough, half = one(found // n + 1), one(found // n // 2)
    assert "cannot_tell" != enough.told(enough.p_value, 0.02, beyond=True).word
    assert "cannot_tell" == half.told(half.p_value, 0.02, beyond=True).word


def test_how_many_scores_would_tell() -> None:
    """Of scores the interval narrows by the root of their number."""
    rng = np.random.default_rng(3)
    base = rng.uniform(0.4, 0.6, 60)
    metric = QualityMetric("cosine", 0.5, None, 60, True, "mean", "share")
    (found,) = differences((metric,), {"cosine": base}, {"cosine": base + rng.normal(0, 0.08, 60)})
    needed = found.samples_needed(0.02)
    assert found.inner is not None
    assert needed is not None
    half = (found.inner[1] - found.inner[0]) / 2
    room = found.margin - abs(found.paired.difference)
    least = 60 * (half / room) ** 2
    assert least <= needed <= least + 60
    few = differences((metric,), {"cosine": base[:5]}, {"cosine": base[:5] + 0.1})[0]
    assert few.samples_needed(0.02) is None


@pytest.mark.long
def test_so_many_scores_of_the_same_kind_do_tell() -> None:
    """Differences beyond the margin that 40 samples leave open: the same samples as often as advised tell them at the
    same level, and a third as many do not."""
    level, tried = 0.002, 0
    metric = QualityMetric("cosine", 0.5, None, 40, True, "mean", "share")
    for seed in range(20):
        rng = np.random.default_rng(seed)
        base = rng.uniform(0.4, 0.6, 40)
        new = base + rng.normal(0.03, 0.12, 40)

        def one(times: int, base: Any = base, new: Any = new) -> Difference:
            return differences((metric,), {"cosine": np.tile(base, times)}, {"cosine": np.tile(new, times)})[0]

        def word(times: int, one: Any = one) -> str:
            found = one(times)
            return str(found.told(found.p_value, level, beyond=True).word)

        needed, difference = one(1).samples_needed(level), one(1).paired.difference
        if word(1) == "cannot_tell" and abs(difference) > 1.5 * one(1).margin:
            tried += 1
            assert needed is not None
            assert ("better" if difference > 0 else "worse") == word(math.ceil(1.2 * needed / 40))
            assert "cannot_tell" == word(max(1, needed // 120))
    assert tried >= 10


def test_a_metric_of_the_whole_is_told_but_not_tested() -> None:
    """Both values are stated, without a word on the difference."""
    quality = judged({}).record.quality
    assert quality is not None
    examined = examine_quality(quality, quality, ({}, {}))
    assert examined is not None
    found = examined.judged(iter(()), 0.02)
    assert (False, ()) == (found.worse, found.changes)
    assert (
        str(found.omitted[0].reason) == "0 in base, 0 in new: it is of the dataset as a whole, so no test can be made"
    )
    assert examine_quality(None, None, ({}, {})) is None


def flags(n: int, wrong: range) -> np.ndarray:
    found = np.ones(n, np.int8)
    found[list(wrong)] = 0
    return found


def with_flags(record_id: str, found: np.ndarray, **dataset: Any) -> RecordedRun:
    run = judged({"quality_top1": found}, len(found))
    assert run.record.quality is not None
    facts = replace(run.record.quality.dataset, **dataset)
    quality = replace(run.record.quality, dataset=facts)
    return replace(run, record=replace(run.record, record_id=record_id, quality=quality))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            {"options": {"label_offset": "1"}},
            "the same file, evaluated with other options: label_offset default against 1",
        ),
        (
            {"preprocessing": "mean=127"},
            "the same file, evaluated with other options: preprocessing default against mean=127",
        ),
    ],
)
def test_one_file_read_in_two_ways_is_not_compared(changed: dict[str, Any], reason: str) -> None:
    """How labels, outputs and images are read is part of what was judged; the hash of the samples does not hold it."""
    base, new = with_flags("a", flags(40, range(0))), with_flags("b", flags(40, range(20)), **changed)
    comparison = compare(base, new)
    assert comparison.quality is not None
    assert (False, [reason]) == (comparison.worse, [str(o.reason) for o in comparison.quality.omitted])


def test_a_loss_within_the_margin_is_not_called_worse() -> None:
    """9 of 1,000 lost is shown, and is below the point that counts; 30 of 1,000 is not."""
    words = []
    for lost in (9, 30):
        found = compare(with_flags("a", flags(1000, range(0))), with_flags("b", flags(1000, range(lost)))).quality
        assert found is not None
        assert found.changes[0].p_value is not None
        assert found.changes[0].p_value < 0.004
        words.append((found.changes[0].word, found.worse))
    assert [("cannot_tell", False), ("worse", True)] == words


@pytest.mark.long
def test_all_pairs_of_a_command_are_one_family() -> None:
    """Of 40 commands of 20 pairs in which nothing differs, at most one calls any quality better or worse."""
    random, named = np.random.default_rng(3), 0
    for _ in range(40):
        pairs = []
        for index in range(20):
            sides = [with_flags(f"{s}{index}", (random.random(200) < 0.8).astype(np.int8)) for s in "ab"]
            pairs.append((observe(sides[0]), observe(sides[1])))
        found = [c.quality.changes[0].word for c in compare_all(pairs) if c.quality is not None]
        named += bool({"better", "worse"} & set(found))
    assert named <= 1


def test_two_forms_on_an_emulator_need_to_be_the_subject() -> None:
    """Of an emulator the answers are compared; those of another file only where the model is the subject."""
    target = PlannedTarget("qnn:htp-emu", "qnn", "htp-emu", None, True)

    def side(name: str, sha256: str, wrong: int) -> RecordedRun:
        run = with_flags(name, flags(100, range(wrong)))
        plan = replace(run.record.plan, target=target, model=replace(run.record.plan.model, sha256=sha256))
        return replace(run, record=replace(run.record, plan=plan))

    base, new = side("a", "1" * 64, 0), side("b", "2" * 64, 30)
    plain, allowed = compare(base, new), compare(base, new, subjects=["model"])
    assert plain.quality is None
    assert {"emulated", "artifact_differs"} == {reason.code for reason in plain.comparability.reasons}
    assert allowed.quality is not None
    assert ["worse"] == [change.word for change in allowed.quality.changes]


def of_texts(record_id: str, worse: float, tokens_sha256: str | None = None, windows: int = 12) -> RecordedRun:
    """A language model judged on texts and questions. ``windows``: how many of its windows are kept."""
    made = text()
    samples = dict(made.samples)
    target = made.record.plan.target
    quality = text_quality(samples, "f" * 64, target.id, {}, worse)
    facts = replace(quality.dataset, tokens_sha256=tokens_sha256)
    per_token = [key for name, key in quality.samples.items() if "choice" not in name and len(samples[key]) == 12]
    samples |= {key: samples[key][:windows] for key in per_token}
    return RecordedRun(replace(made.record, record_id=record_id, quality=replace(quality, dataset=facts)), samples)


PER_TOKEN = {"perplexity", "kl_divergence", "top1_agreement", "equal_prefix"}


@pytest.mark.parametrize(
    ("base", "new", "same"),
    [
        (of_texts("a", 0.0, "1" * 64), of_texts("b", 0.3, "1" * 64), True),
        (of_texts("a", 0.0, "1" * 64), of_texts("b", 0.3, "2" * 64), False),
        (of_texts("a", 0.0), of_texts("b", 0.3), True),
        (of_texts("a", 0.0), of_texts("b", 0.3, "2" * 64), True),
        (of_texts("a", 0.0), of_texts("b", 0.3, windows=11), False),
    ],
)
def test_figures_per_token_are_compared_of_the_same_tokens(base: RecordedRun, new: RecordedRun, same: bool) -> None:
    """Another tokenizer cuts the same text into other tokens: a lower perplexity then says nothing. Questions are
    compared all the same. Records without the hash are told apart by their windows."""
    qualities = [run.record.quality for run in (base, new)]
    results = tuple(
        {name: run.samples[key] for name, key in quality.samples.items()}
        for run, quality in zip((base, new), qualities, strict=True)
        if quality is not None
    )
    examined = examine_quality(*qualities, results)  # type: ignore[arg-type]
    assert examined is not None
    tested = {one.paired.metric for one in examined.differences}
    assert {"choice_accuracy", "choice_accuracy_per_byte"} | (PER_TOKEN if same else set()) == tested
    told = {one.metric: one.reason for one in examined.omitted if one.metric in PER_TOKEN}
    assert (set() if same else PER_TOKEN) == set(told)
    assert {"compare.quality.other_tokens"} >= {reason.code for reason in told.values() if isinstance(reason, Sentence)}
    with speaking("ko"):
        assert all("토크나이저" in str(reason) for reason in told.values())
    with speaking("en"):
        assert all("tokenizers" in str(reason) for reason in told.values())


def test_other_numbers_of_samples_are_told() -> None:
    """Results that cannot be paired are left out with a reason, whatever the record states."""
    base, new = with_flags("a", flags(40, range(0))).record.quality, with_flags("b", flags(40, range(0))).record.quality
    examined = examine_quality(base, new, ({"top1": flags(40, range(3))}, {"top1": flags(38, range(3))}))
    assert examined is not None
    ((name, reason),) = [(one.metric, str(one.reason)) for one in examined.omitted]
    assert ("top1", "evaluated on 40 samples in base and 38 in new") == (name, reason)
