"""Texts that are drawn, from models whose distributions are known."""

import math
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from bigrams import EVEN, TURNS, VOCAB, Bigram, answers, ids

from bench.contracts import Artifact, DecoderSpec, GraphFacts, OpenRequest, SessionFacts
from bench.errors import RunFailure
from bench.measure.text_driver import OpenedText, whole_texts
from bench.plugins import PluginRef
from bench.quality.judged import ToJudge
from bench.quality.text.answers import TextAnswers, load_answers
from bench.quality.text.pairs import compared
from bench.quality.text.samples import TextSamples, load_samples
from bench.quality.text.sampling import Sampling, drawn
from bench.quality.texts import judge_texts
from bench.suite.dataset_options import DatasetAsk


def drawn_answers(model: Bigram, folder: Path, prompts: int = 1, **how: Any) -> TextAnswers:
    samples = TextSamples(prompts=(ids(0),) * prompts, generated=200, sampling=Sampling(**how))
    return answers(model, samples, folder)


def test_drawn_texts_follow_the_distribution_and_the_seed(tmp_path: Path) -> None:
    """After each number EVEN gives the next one 2/5, at half the temperature 4/7, within three standard errors of 2,000
    draws; the same seed gives the same texts, and another one others, as does another prompt's number."""

    def share(found: TextAnswers) -> float:
        before = np.concatenate([np.zeros((10, 1), np.int64), found.generated[:, :-1]], 1)
        return float((found.generated == (before + 1) % VOCAB).mean())

    one = drawn_answers(EVEN, tmp_path / "a", 10, temperature=1.0, seed=3)
    assert 2 / 5 == pytest.approx(share(one), abs=3 * math.sqrt(0.24 / 2000))
    cold = drawn_answers(EVEN, tmp_path / "b", 10, temperature=0.5, seed=3)
    assert 4 / 7 == pytest.approx(share(cold), abs=3 * math.sqrt(0.245 / 2000))
    again, other = (drawn_answers(EVEN, tmp_path / str(seed), 10, temperature=1.0, seed=seed) for seed in (3, 4))
    assert again.generated.tolist() == one.generated.tolist() != other.generated.tolist()
    assert one.generated[0].tolist() != one.generated[1].tolist()


def test_only_the_most_likely_tokens_are_drawn(tmp_path: Path) -> None:
    """Two fifths are in the next number alone; a little more takes a second one, the lowest of equals."""
    sole = drawn_answers(EVEN, tmp_path / "a", temperature=1.0, top_p=0.39)
    assert [1, 2, 3, 0] * 50 == sole.generated[0].tolist()
    pair = drawn_answers(EVEN, tmp_path / "b", temperature=1.0, top_p=0.41)
    before = [0, *pair.generated[0].tolist()]
    steps = {(a, b) for a, b in pairwise(before)}
    assert {(0, 0), (0, 1), (1, 0), (1, 2), (2, 0), (2, 3), (3, 0), (3, 1)} == steps


@pytest.mark.parametrize("top_p", [1.0, 0.5, 5e-324])
def test_the_coldest_texts_are_the_greedy_ones(tmp_path: Path, top_p: float) -> None:
    """Also where a logit over the temperature is more than a float holds."""
    coldest = drawn_answers(EVEN, tmp_path, temperature=5e-324, top_p=top_p)
    assert [1, 2, 3, 0] * 50 == coldest.generated[0].tolist()


def test_a_way_to_draw_is_stated_with_every_digit() -> None:
    """Texts that were drawn otherwise are not compared."""
    stated = Sampling(0.8000000001, 1.0, (1 << 63) - 1).stated()
    assert {"temperature": "0.8000000001", "top_p": "1", "seed": "9223372036854775807"} == stated
    assert {"temperature": "100", "top_p": "0.95", "seed": "0"} == Sampling(100.0, 0.95).stated()


def test_a_model_and_its_reference_draw_with_the_same_noise(tmp_path: Path) -> None:
    """Equal models draw equal texts. Of two that differ the margin at the first difference is of logits with noise,
    which the error is free of: it is that of the logits."""
    samples = TextSamples(prompts=(ids(0), ids(1)), generated=100, sampling=Sampling(1.0, seed=1))
    samples.save(tmp_path / "samples.npz")
    assert samples.sampling == load_samples(tmp_path / "samples.npz").sampling
    reference, run = answers(EVEN, samples, tmp_path / "a"), answers(TURNS, samples, tmp_path / "b")
    same = compared(samples, reference, reference)
    assert [100, 100] == [one.token_prefix for one in same.divergences]
    parted = [one for one in compared(samples, reference, run).divergences if one.token is not None]
    assert parted
    assert all(one.logit_gap is not None and 0 <= one.logit_gap < 0.9 for one in parted)
    assert [0.9] * len(parted) == pytest.approx([one.logit_error for one in parted], rel=1e-5)


def test_a_text_is_drawn_on_the_cache_as_by_passes_over_all_of_it() -> None:
    """The same ids and scores, bit for bit, with one step a token; a session that cannot computes whole texts."""

    class Stepwise:
        """``taken``: how many ids it was given at once."""

        def __init__(self, shows: bool) -> None:
            self.shows, self.taken, self.text = shows, list[int](), ids()

        def shows_next(self) -> bool:
            return self.shows

        def reset(self) -> None:
            self.text = ids()

        def logits(self, text: np.ndarray) -> np.ndarray:
            """Of the whole text: of its sum, and not of its last token alone."""
            self.taken.append(len(text))
            return EVEN.logits(text.cumsum() % VOCAB)

        def next_logits(self, new: np.ndarray) -> np.ndarray:
            self.taken.append(len(new))
            self.text = np.append(self.text, new)
            return np.asarray(EVEN.logits(self.text.sum()[None] % VOCAB)[0])

        def prefill(self, new: np.ndarray) -> int:
            raise AssertionError

        def decode(self) -> int:
            raise AssertionError

        def facts(self) -> SessionFacts:
            return SessionFacts("")

        def placement(self) -> None:
            return None

    stepwise, whole = Stepwise(True), Stepwise(False)
    found = []
    for session in (stepwise, whole):
        opened = OpenedText(session)
        assert opened.begin_text is not None
        for _ in range(2):
            found.append(drawn(opened.begin_text(), ids(0, 1), 20, 3, Sampling(1.0, 0.9, 5)))
    (first, scores), *others = found
    for tokens, rows in others:
        assert (first, scores.tobytes()) == (tokens, rows.tobytes())
    assert [2, *[1] * 19] * 2 == stepwise.taken
    assert [*range(2, 22)] * 2 == whole.taken


def test_nothing_is_drawn_from_nan() -> None:
    """Whichever way the logits came."""
    rows = np.zeros((3, VOCAB), np.float32)
    rows[2, 1] = np.nan
    for begin in (lambda: whole_texts(lambda text: rows[: len(text)]), lambda: lambda new: rows[2]):
        with pytest.raises(RunFailure, match="the logits hold NaN"):
            drawn(begin(), ids(0, 1), 4, 0, Sampling(1.0))


def test_an_engine_without_logits_draws_nothing(tmp_path: Path) -> None:
    samples = TextSamples(prompts=(ids(0),), generated=3, sampling=Sampling(1.0))
    hidden = SimpleNamespace(logits=None, begin_text=None, greedy=EVEN.greedy)
    assert not len(answers(hidden, samples, tmp_path).generated)  # type: ignore[arg-type]


@pytest.mark.parametrize("steps", [True, False])
def test_what_shows_logits_step_by_step_alone_draws_texts(steps: bool, tmp_path: Path) -> None:
    """And only what shows none says that it draws nothing."""
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.jsonl").write_text('{"ids": [0, 1, 2, 3]}')
    decoder = DecoderSpec(1, 1, 4, VOCAB, 64)
    artifact = Artifact("m", "text_generation", "onnx", "", tmp_path, (), "", 0, GraphFacts((), ()), {}, decoder)
    asked = ToJudge(
        request=OpenRequest(artifact, "cpu", prompt_tokens=2, decode_context=64),
        dataset=DatasetAsk(tmp_path / "texts", "temperature=1"),
        model=PluginRef("models", "m", "m:M", ""),
        made_for=artifact,
        windows=None,
        folder=tmp_path,
    )
    session = SimpleNamespace(
        logits=None,
        begin_text=EVEN.begin_text if steps else None,
        greedy=EVEN.greedy,
        tokenizer=lambda: None,
        facts=lambda: SessionFacts(device_name=""),
    )
    judged = judge_texts(asked, session)  # type: ignore[arg-type]
    assert judged.answers is not None
    assert steps == (load_answers(judged.answers).generated.size > 0)
    told = [str(one) for one in judged.dataset.limits]
    assert ([] if steps else ["no texts were drawn: the engine shows no logits"]) == told
