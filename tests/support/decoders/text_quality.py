"""What quantisation costs a made-up language model: twelve windows, three prompts, twenty questions."""

from typing import Any

import numpy as np

from bench.analysis.quality import compare, summarise
from bench.quality.text.answers import TextAnswers
from bench.quality.text.metrics import ACCURACY, PER_BYTE, PERPLEXITY
from bench.quality.text.pairs import compared
from bench.quality.text.samples import TextSamples
from bench.record.quality import DatasetFacts, JudgedMetric, Quality, QualityReference
from bench.words import sentence

WINDOWS, SCORED, QUESTIONS = 12, 40, 20


def text_quality(
    samples: dict[str, Any], artifact_sha256: str, target: str, options: dict[str, str], worse: float = 0.1
) -> Quality:
    """Of a run that is surprised by ``worse`` nats more at every token; its results go to ``samples``."""
    random = np.random.default_rng(3)
    surprise = random.uniform(2, 4, (WINDOWS, SCORED))
    noise = random.normal(worse, 0.05, surprise.shape)
    theirs: dict[str, Any] = {"perplexity": _summed(surprise)}
    mine: dict[str, Any] = {"perplexity": _summed(surprise + noise)}
    for name, lost in (("choice_accuracy", 3), ("choice_accuracy_per_byte", 1)):
        theirs[name] = np.array([True] * 14 + [False] * 6)
        mine[name] = np.array([False] * lost + [True] * (14 - lost) + [False] * 6)
    own = (PERPLEXITY, ACCURACY, PER_BYTE)
    own = tuple(JudgedMetric(m.name, m.statistic, m.higher_is_better, m.unit, per=m.per or "window") for m in own)
    prompts = TextSamples(prompts=tuple(np.arange(n) for n in (8, 9, 10)), generated=6)
    said = [[1, 2, 3, 4, 5, 6]] * 3
    reference, run = _answers(said, 0.0), _answers([said[0], [1, 9, 3, 4, 5, 6], [9] * 6], 0.2)
    counted = ["eins", "zwei", "drei", "vier", "fünf", "sechs"]
    texts = [counted] * 3, [counted, list(" nine."), list(" nein!")]
    pair = compared(prompts, reference, run, texts)
    nats = random.exponential(0.05, WINDOWS * SCORED)
    by_token = np.stack([np.repeat(np.arange(WINDOWS), SCORED), nats], axis=1)
    mine |= pair.results | {
        "kl_divergence": _summed(nats.reshape(WINDOWS, SCORED)),
        "kl_divergence_p99": by_token,
        "kl_divergence_max": np.stack([np.arange(WINDOWS), nats.reshape(WINDOWS, SCORED).max(axis=1)], axis=1),
        "top1_agreement": np.stack([random.integers(30, SCORED, WINDOWS), np.full(WINDOWS, SCORED)], 1).astype(float),
    }
    beside = (
        JudgedMetric("top1_agreement", "pooled_mean", True, "share", per="window"),
        JudgedMetric("kl_divergence", "pooled_mean", False, "nats", per="window"),
        JudgedMetric("kl_divergence_p99", "token_p99", False, "nats", per="window"),
        JudgedMetric("kl_divergence_max", "token_max", False, "nats", per="window"),
    )
    samples |= {f"quality_{name}": array for name, array in mine.items()}
    samples |= {f"quality_reference_{name}": array for name, array in theirs.items()}
    metrics = summarise((*own, *beside, *pair.metrics), mine, 0)
    return Quality(
        DatasetFacts(
            *("texts", "perplexity", "d" * 64, WINDOWS + QUESTIONS),
            limits=(sentence("quality.limit.prompts", kept=3, all=40),),
        ),
        artifact_sha256,
        target,
        options,
        metrics,
        QualityReference(
            *("llm float32 on ort:cpu", "9" * 64, summarise(own, theirs, 0)),
            samples={name: f"quality_reference_{name}" for name in theirs},
        ),
        compare(metrics, theirs, mine),
        {name: f"quality_{name}" for name in mine},
        pair.divergences,
        pair.logit_error_p99,
    )


def _summed(values: Any) -> Any:
    return np.stack([values.sum(axis=1), np.full(len(values), float(values.shape[1]))], axis=1)


def _answers(generated: list[list[int]], error: float) -> TextAnswers:
    """Each token is preferred by one logit to the others; ``error`` is added to the second."""
    none, ids = np.zeros(0), np.array(generated)
    others = np.array([[[token, *(o for o in range(1, 10) if o != token)] for token in row] for row in generated])
    logits = np.broadcast_to(np.array([2.0, 1.0 + error, *[0.9] * 7], np.float32), others.shape)
    return TextAnswers(
        surprise=none, best=none, scores=none, generated=ids, best_ids=others, best_logits=logits, stride=1,
        window_s=0.5, logits=None,
    )  # fmt: skip
