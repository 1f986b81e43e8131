"""A language model beside its reference: figures computed by hand from known logits."""

import math
from pathlib import Path

import numpy as np
import pytest
from bigrams import EVEN, SURE, TURNS, VOCAB, answers, ids

from bench.analysis.outputs.first_divergence import aligned, equal_prefix
from bench.analysis.quality import compare, summarise
from bench.quality.text.answers import TextAnswers
from bench.quality.text.limits import TextLimits, stride_of
from bench.quality.text.metrics import own_results, parts_of
from bench.quality.text.pairs import compared
from bench.quality.text.samples import Item, TextSamples, beginnings, evenly, load_samples, some_items, windows_of
from bench.stats.samples import token_tails


def test_perplexity_leaves_out_first_tokens_and_weights_by_tokens(tmp_path: Path) -> None:
    """Two windows, of three and of one scored token: e to the mean surprise of the four tokens."""
    samples = TextSamples(windows=(ids(0, 1, 2, 2), ids(3, 0)))
    metrics, results = own_results(samples, answers(EVEN, samples, tmp_path))
    (found,) = summarise(metrics, results, 2)
    surprise = -(math.log(2 / 5) + math.log(2 / 5) + math.log(1 / 5) + math.log(2 / 5)) / 4
    assert math.exp(surprise) == pytest.approx(found.value)
    assert ("perplexity", 2, "block", None) == (found.name, found.n, found.per, found.interval95)


def test_a_last_window_is_shorter() -> None:
    """768 tokens make windows of 512 and 256; a single token left over is none."""
    assert [512, 256] == [len(window) for window in windows_of(np.arange(768), 512)]
    assert [512] == [len(window) for window in windows_of(np.arange(513), 512)]


def test_few_windows_are_resampled_by_blocks_of_32_tokens() -> None:
    """511 and 255 scored tokens: 16 and 8 blocks, none across a window; ten windows stay whole."""
    per, cuts = parts_of([511, 255])
    assert ("block", 24, (480, 511), (511, 543)) == (per, len(cuts), cuts[15], cuts[16])
    assert ("window", 10) == (parts_of([5] * 10)[0], len(parts_of([5] * 10)[1]))


def test_kl_divergence_and_top1_agreement_by_hand(tmp_path: Path) -> None:
    """From EVEN to SURE every token has 0.4 ln(4/7) + 0.6 ln 2 nats, and both prefer the same token."""
    samples = TextSamples(windows=tuple(ids(0, 1, 2, 3, 0) for _ in range(12)))
    pair = compared(samples, answers(EVEN, samples, tmp_path / "a"), answers(SURE, samples, tmp_path / "b"))
    found = {one.name: one for one in summarise(pair.metrics, pair.results, 12)}
    nats = 0.4 * math.log(0.4 / 0.7) + 0.6 * math.log(0.2 / 0.1)
    assert [pytest.approx(nats, rel=1e-5)] * 3 == [
        found[name].value for name in ("kl_divergence", "kl_divergence_p99", "kl_divergence_max")
    ]
    assert (1.0, 12, "window") == (found["top1_agreement"].value, found["top1_agreement"].n, found["kl_divergence"].per)
    assert found["kl_divergence_max"].interval95 is None


def test_a_reference_compared_with_itself_has_no_divergence(tmp_path: Path) -> None:
    """Exactly 0 nats, all tokens equal."""
    samples = TextSamples(windows=(ids(0, 1, 2), ids(1, 1, 1)), prompts=(ids(0),), generated=4)
    one = answers(TURNS, samples, tmp_path)
    pair = compared(samples, one, one)
    found = {m.name: m.value for m in summarise(pair.metrics, pair.results, 2)}
    assert (0.0, 0.0, 1.0, 4.0, 1.0, 4.0, 1.0, 0.0) == tuple(
        found[name]
        for name in (
            *("kl_divergence", "kl_divergence_max", "top1_agreement", "equal_prefix", "prompts_equal"),
            *("fdt", "fdt_norm", "sdt"),
        )
    )
    assert "divergences_explained" not in found


def test_the_first_difference_with_its_margin(tmp_path: Path) -> None:
    """After 0 both say 1, 2; then EVEN says 3, which it prefers by ln 2 to the 0 that TURNS says by 0.9 − ln 2."""
    samples = TextSamples(prompts=(ids(3, 0), ids(3)), generated=6)
    reference, run = answers(EVEN, samples, tmp_path / "a"), answers(TURNS, samples, tmp_path / "b")
    pair = compared(samples, reference, run, ([list("abcdef")] * 2, [list("uvwxyz")] * 2))
    first, second = pair.divergences
    assert (1, 2, 6, 2, 0, 3) == (
        *(first.prompt, first.prompt_tokens, first.compared, first.token_prefix),
        *(first.token, first.reference_token),
    )
    assert math.log(2) == pytest.approx(first.logit_gap, rel=1e-6)
    assert 0.9 == pytest.approx(first.logit_error, rel=1e-6)
    assert ("uvwxyz", "abcdef", 3) == (first.text, first.reference_text, second.token_prefix)
    found = {m.name: m for m in summarise(pair.metrics, pair.results, 0)}
    assert (2.5, 0.0) == (found["equal_prefix"].value, found["prompts_equal"].value)
    # the logits of the equal tokens have no error at all, so that none of the two differences is explained by it
    assert (0.0, 0.0, 2) == (
        *(pair.logit_error_p99, found["divergences_explained"].value),
        found["divergences_explained"].n,
    )


def test_an_engine_without_logits_still_shows_where_texts_part(tmp_path: Path) -> None:
    """Figures of tokens, the reference's margin without the run's error, nothing of distributions."""
    samples = TextSamples(windows=(ids(0, 1, 2),), prompts=(ids(0),), generated=3)
    hidden = answers(TURNS, samples, tmp_path / "b")
    hidden = TextAnswers(
        **{n: np.zeros(0) for n in ("surprise", "best", "scores", "best_ids", "best_logits")},
        generated=hidden.generated,
        stride=1,
        window_s=math.nan,
        logits=None,
    )
    pair = compared(samples, answers(EVEN, samples, tmp_path / "a"), hidden)
    assert ["equal_prefix", "prompts_equal", "fdt", "fdt_norm", "sdt", "sdt_norm"] == [m.name for m in pair.metrics]
    (first,) = pair.divergences
    assert math.log(2) == pytest.approx(first.logit_gap, rel=1e-6)
    assert (2, None, None) == (first.token_prefix, first.logit_error, pair.logit_error_p99)


@pytest.mark.parametrize(
    ("reference", "run", "fdt", "sdt", "prefix"),
    [
        ((1, 2, 3, 4), (1, 2, 3, 4), 4, 0, 4),
        ((1, 2, 3, 4), (1, 2, 9, 4), 2, 1, 2),
        ((1, 2, 3, 4), (9, 2, 3, 4), 0, 1, 0),
        ((1, 2, 3, 4), (9, 1, 2, 3, 4), 0, 1, 0),  # all matched, but not from the beginning
        ((5, 1, 2, 3), (5, 9, 5, 1, 2, 3), 0, 2, 1),  # the longest block takes the first token away
        ((), (1, 2), 0, 2, 0),
        ((), (), 0, 0, 0),
    ],
)
def test_fdt_and_sdt_as_who_what_benchmark_defines_them(
    reference: tuple[int, ...], run: tuple[int, ...], fdt: int, sdt: int, prefix: int
) -> None:
    """By hand from its definition; the prefix beside them."""
    found = aligned(reference, run)
    assert (fdt, sdt, prefix) == (found.fdt, found.sdt, equal_prefix(reference, run))
    assert (sdt / len(run) if reference and run else float(bool(run))) == found.sdt_norm


def test_choices_are_judged_by_likelihood_and_by_likelihood_per_byte(tmp_path: Path) -> None:
    """A short choice of ln 1/5 wins over a long one of 2 ln 2/5; per byte the long one does."""
    item = Item((ids(0, 1, 2), ids(0, 3)), begins=(1, 1), sizes=(6, 1), answer=0)
    samples = TextSamples(items=(item,))
    given = answers(EVEN, samples, tmp_path)
    assert [2 * math.log(2 / 5), math.log(1 / 5)] == pytest.approx(given.scores.tolist())
    metrics, results = own_results(samples, given)
    assert {"choice_accuracy": 0.0, "choice_accuracy_per_byte": 1.0} == {
        one.name: one.value for one in summarise(metrics, results, 1)
    }


def test_a_ratio_of_perplexities_has_a_paired_interval() -> None:
    """Every window is worse by the same factor: the interval is that factor alone, and the p-value small."""
    random = np.random.default_rng(0)
    base = np.stack([random.uniform(1, 4, 20) * 50, np.full(20, 50.0)], axis=1)
    new = base + np.array([50 * math.log(1.18), 0])
    metrics = summarise(own_metric(), {"perplexity": new}, 20)
    (pair,) = compare(metrics, {"perplexity": base}, {"perplexity": new})
    assert pair.ratio_interval95 is not None
    assert [1.18] * 3 == pytest.approx([pair.ratio, *pair.ratio_interval95])
    assert "worse" == pair.word


def own_metric() -> tuple:  # type: ignore[type-arg]
    from bench.quality.text.metrics import PERPLEXITY

    return (PERPLEXITY,)


def test_the_tail_of_tokens() -> None:
    """1 to 1,000 in twenty samples: the 99th percentile is 990; its interval comes from whole samples."""
    rows = np.stack([np.arange(1000) % 20, np.arange(1.0, 1001.0)], axis=1)
    assert (990.0, 1000.0) == (token_tails.value("token_p99", rows), token_tails.value("token_max", rows))
    bounds = token_tails.interval("token_p99", rows)
    assert bounds is not None
    assert 980 <= bounds[0] <= 990 <= bounds[1] <= 1000
    assert token_tails.interval("token_p99", rows[rows[:, 0] < 9]) is None


def test_a_tail_that_one_sample_makes_alone_has_a_wide_interval() -> None:
    """All large values in one of twenty samples: some resamples lack it, others hold it twice and more."""
    rows = np.stack([np.repeat(np.arange(20), 50), np.repeat([9.0, *([1.0] * 19)], 50)], axis=1)
    assert (9.0, (1.0, 9.0)) == (token_tails.value("token_p99", rows), token_tails.interval("token_p99", rows))


@pytest.mark.parametrize("heavy", [0, 120])
def test_the_interval_of_a_tail_is_that_of_its_resamples(heavy: int) -> None:
    """Each resample made in full and sorted. ``heavy``: tokens of a sample that holds all large values, so that those
    which are looked at first do not suffice where it is not drawn."""
    random = np.random.default_rng(4)
    sizes = random.integers(3, 30, 12) if not heavy else np.array([heavy, *[8] * 11])
    rows = np.stack([np.repeat(np.arange(12), sizes), random.exponential(1, sizes.sum())], axis=1)
    rows[:heavy, 1] += 100
    drawn, tails = np.random.default_rng(0), []
    for _ in range(token_tails.RESAMPLES):
        values = np.sort(np.concatenate([rows[rows[:, 0] == one, 1] for one in drawn.integers(0, 12, 12)]))
        tails.append(values[math.ceil(0.99 * len(values)) - 1])
    assert tuple(np.quantile(tails, [0.025, 0.975])) == token_tails.interval("token_p99", rows)


def test_samples_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Windows, prompts and questions; equal samples in equal bytes."""
    item = Item((ids(0, 1, 2), ids(0, 3)), begins=(1, 1), sizes=(6, 1), answer=1)
    samples = TextSamples((ids(1, 2),), (ids(3),), (item,), 7)
    for name in ("a.npz", "b.npz"):
        samples.save(tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    again = load_samples(tmp_path / "a.npz")
    assert ([1, 2], [3], 7) == (again.windows[0].tolist(), again.prompts[0].tolist(), again.generated)
    assert ((1, 1), (6, 1), 1, [0, 3]) == (
        *(again.items[0].begins, again.items[0].sizes, again.items[0].answer),
        again.items[0].choices[1].tolist(),
    )


def test_a_question_keeps_the_order_of_any_number_of_choices(tmp_path: Path) -> None:
    """Which is the right one is told by its place, to the reference too."""
    many = 1_234
    item = Item(tuple(ids(0, n) for n in range(many)), (1,) * many, tuple(range(1, many + 1)), answer=1_000)
    TextSamples(items=(item,) * 2).save(tmp_path / "a.npz")
    again = load_samples(tmp_path / "a.npz")
    assert [list(range(many))] * 2 == [[int(choice[1]) for choice in one.choices] for one in again.items]
    assert item.sizes == again.items[1].sizes


def test_a_choice_that_says_the_same_as_the_right_one_is_right(tmp_path: Path) -> None:
    """The same tokens have the same likelihood, of which the first is taken: a later one could never be right."""
    given = (ids(0, 3), ids(0, 1, 2), ids(0, 3))
    items = tuple(Item(given, (1,) * 3, sizes=(1, 9, 1), answer=answer) for answer in (0, 1, 2))
    samples = TextSamples(items=items)
    _, results = own_results(samples, answers(EVEN, samples, tmp_path))
    assert [True, False, True] == results["choice_accuracy"].tolist()


def test_prompts_are_beginnings_from_all_parts_of_the_texts() -> None:
    """One of 32 tokens every 64, and evenly spaced where there are more than are asked."""
    (window,) = windows_of(np.arange(512), 512)
    assert [0, 64, 128, 192, 256, 320, 384, 448] == [int(p[0]) for p in beginnings([window], TextLimits())]
    assert [0, 128, 256, 384] == [int(p[0]) for p in beginnings([window], TextLimits(prompts=4))]
    assert [[5, 6]] == [p.tolist() for p in beginnings([ids(5, 6)], TextLimits())]
    assert [0, 3, 6] == evenly(10, 3)


def test_logits_are_kept_of_as_many_positions_as_fit() -> None:
    """766 tokens of a vocabulary of 49,152 fit; of 100,000 one in 37 does."""
    assert (1, 37) == (stride_of(766, 49_152), stride_of(100_000, 49_152))


def test_every_second_position_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean is that of the positions kept, and the limit is told."""
    monkeypatch.setattr("bench.quality.text.limits.KEPT_BYTES", 4 * VOCAB * 4)
    samples = TextSamples(windows=(ids(0, 1, 2, 3, 0, 1, 2),))
    pair = compared(samples, answers(EVEN, samples, tmp_path / "a"), answers(SURE, samples, tmp_path / "b"))
    assert [[3.0]] == [pair.results["kl_divergence"][:, 1].tolist()]
    assert ["quality.limit.positions"] == [told.code for told in pair.limits]


def test_questions_are_few_where_they_are_long() -> None:
    """Evenly spaced, as many as have 100 tokens together with all choices; one at least."""
    limits = TextLimits(items=4, item_tokens=100)

    def chosen(*sizes: int) -> list[int]:
        items = [Item((np.zeros(size), np.zeros(10)), (1, 1), (1, 1), 0) for size in sizes]
        return some_items(items, limits)

    assert [0, 2, 4, 6] == chosen(*[15] * 8)
    assert [0, 2, 5] == chosen(*[23] * 8)
    assert [0] == chosen(*[200] * 8)
    assert [0, 1, 2, 3, 4, 5, 6, 7] == some_items([Item((), (), (), 0)] * 8, TextLimits())
    assert [] == some_items([], limits)
