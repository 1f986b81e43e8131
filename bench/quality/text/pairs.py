"""How a language model differs from its reference on the same samples: distributions of single tokens, and where greedy
texts part."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.analysis.outputs.first_divergence import aligned, equal_prefix
from bench.quality.text.answers import TextAnswers
from bench.quality.text.metrics import parts_of, pooled
from bench.quality.text.samples import TextSamples
from bench.record.quality import JudgedMetric, PromptDivergence
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

EXAMPLES = 5
BEFORE, AFTER = 8, 8  # tokens of an example around the first that differs
ERROR_PERCENTILE = 99


class TextPair(Struct, frozen=True):
    """``metrics`` with their ``results``; ``limits``: what was compared on a part only."""

    metrics: tuple[JudgedMetric, ...]
    results: "dict[str, Array]"
    divergences: tuple[PromptDivergence, ...]
    logit_error_p99: float | None
    limits: tuple[Sentence, ...]


Texts = Sequence[Sequence[str]]


def compared(
    samples: TextSamples, reference: TextAnswers, run: TextAnswers, texts: tuple[Texts, Texts] = ((), ())
) -> TextPair:
    """``run`` beside its ``reference``. ``texts``: of the reference and of the run, the text of every generated
    token."""
    metrics, results, limits = _tokens(samples, reference, run)
    found, error = divergences(samples, reference, run, texts)
    of_prompts = _prompts(reference, run, found, error)
    return TextPair(
        (*metrics, *(metric for metric, _ in of_prompts)),
        {**results, **{metric.name: array for metric, array in of_prompts}},
        found,
        error,
        limits,
    )


def _tokens(
    samples: TextSamples, reference: TextAnswers, run: TextAnswers
) -> "tuple[list[JudgedMetric], dict[str, Array], tuple[Sentence, ...]]":
    """Divergence of the run's distributions from the reference's, and how often both prefer the same token."""
    import numpy as np

    from bench.analysis.outputs.agreement import kl_divergence

    if not len(run.best) or len(run.best) != len(reference.best):
        return [], {}, ()
    per, cuts = parts_of([len(window) - 1 for window in samples.windows])
    metrics = [JudgedMetric("top1_agreement", "pooled_mean", True, "share", per=per)]
    results = {"top1_agreement": pooled(reference.best == run.best, cuts)}
    if reference.logits is None or run.logits is None:
        return metrics, results, ()
    p, q = (np.load(side.logits, mmap_mode="r", allow_pickle=False) for side in (reference, run) if side.logits)
    if p.shape != q.shape:
        return metrics, results, (sentence("quality.limit.other_vocabulary"),)
    nats = kl_divergence(p, q)
    if not np.isfinite(nats).all():
        return metrics, results, (sentence("quality.limit.not_finite"),)
    at = np.arange(0, len(run.best), run.stride)
    sample = np.searchsorted([end for _, end in cuts], at, side="right")
    rows = [nats[sample == index] for index in range(len(cuts))]
    metrics += [
        JudgedMetric("kl_divergence", "pooled_mean", False, "nats", per=per),
        JudgedMetric("kl_divergence_p99", "token_p99", False, "nats", per=per),
        JudgedMetric("kl_divergence_max", "token_max", False, "nats", per=per),
    ]
    most = [(float(index), row.max()) for index, row in enumerate(rows) if len(row)]
    results |= {
        "kl_divergence": np.array([(row.sum(), len(row)) for row in rows], np.float64),
        "kl_divergence_p99": np.stack([sample.astype(np.float64), nats], axis=1),
        "kl_divergence_max": np.array(most, np.float64),
    }
    told = (sentence("quality.limit.positions", stride=run.stride, kept=len(at)),) if run.stride > 1 else ()
    return metrics, results, told


def divergences(
    samples: TextSamples, reference: TextAnswers, run: TextAnswers, texts: tuple[Texts, Texts] = ((), ())
) -> tuple[tuple[PromptDivergence, ...], float | None]:
    """What followed each prompt on both sides, and the usual error of the logits where both said the same."""
    import numpy as np

    if not len(run.generated) or len(run.generated) != len(reference.generated):
        return (), None
    found: list[PromptDivergence] = []
    errors: list[float] = []
    for i, prompt in enumerate(samples.prompts):
        theirs, ours = _ids(reference.generated[i]), _ids(run.generated[i])
        same, length = equal_prefix(theirs, ours), min(len(theirs), len(ours))
        errors += [e for n in range(same) if (e := _usual_error(reference, run, (i, n))) is not None]
        one = PromptDivergence(i + 1, len(prompt), length, same)
        found.append(_parted(one, (theirs, ours), reference, run) if same < length else one)
    worst = sorted((one for one in found if one.token is not None), key=lambda one: one.token_prefix)[:EXAMPLES]
    shown = {one.prompt for one in worst}
    told = tuple(_with_text(one, texts) if one.prompt in shown else one for one in found)
    return told, float(np.percentile(errors, ERROR_PERCENTILE)) if errors else None


def _ids(row: "Array") -> tuple[int, ...]:
    return tuple(int(token) for token in row if token >= 0)


def _parted(
    one: PromptDivergence, sides: tuple[tuple[int, ...], tuple[int, ...]], reference: TextAnswers, run: TextAnswers
) -> PromptDivergence:
    from msgspec.structs import replace

    place = one.prompt - 1, one.token_prefix
    expected, token = (side[one.token_prefix] for side in sides)
    gap = _preference(reference, place, expected, token)
    seen = _preference(run, place, expected, token)
    error = abs(gap - seen) if gap is not None and seen is not None else None
    return replace(one, token=token, reference_token=expected, logit_gap=gap, logit_error=error)


def _usual_error(reference: TextAnswers, run: TextAnswers, place: tuple[int, int]) -> float | None:
    """Of the difference between the reference's two best logits, at a place before the texts part."""
    if not len(reference.best_ids) or reference.best_ids.shape[2] < 2:
        return None
    first, second = (int(token) for token in reference.best_ids[place][:2])
    gap, seen = _preference(reference, place, first, second), _preference(run, place, first, second)
    return abs(gap - seen) if gap is not None and seen is not None else None


def _preference(side: TextAnswers, place: tuple[int, int], token: int, other: int) -> float | None:
    """By how much its logits prefer ``token`` to ``other``; one that is not among the best kept counts as the last of
    them. ``None`` where the logits are not known."""
    if not len(side.best_ids) or side.best_ids[place][0] < 0:
        return None
    ids, logits = side.best_ids[place].tolist(), side.best_logits[place]
    a, b = (float(logits[ids.index(t)]) if t in ids else float(logits[-1]) for t in (token, other))
    return a - b


def _with_text(one: PromptDivergence, texts: tuple[Texts, Texts]) -> PromptDivergence:
    from msgspec.structs import replace

    theirs, ours = ("".join(_around(side, one)) for side in texts)
    return replace(one, text=ours, reference_text=theirs)


def _around(side: Texts, one: PromptDivergence) -> Sequence[str]:
    if one.prompt > len(side):
        return ()
    return side[one.prompt - 1][max(0, one.token_prefix - BEFORE) : one.token_prefix + AFTER]


def _prompts(
    reference: TextAnswers, run: TextAnswers, found: Sequence[PromptDivergence], error: float | None
) -> "list[tuple[JudgedMetric, Array]]":
    """Figures of greedy texts, a result for each prompt."""
    import numpy as np

    if not found:
        return []
    sides = [(_ids(a), _ids(b)) for a, b in zip(reference.generated, run.generated, strict=True)]
    theirs = [aligned(a, b) for a, b in sides]
    equal = np.array([a == b for a, b in sides])
    figures: list[tuple[JudgedMetric, Array]] = [
        (_metric("equal_prefix", True, "tokens"), np.array([float(one.token_prefix) for one in found])),
        (_metric("prompts_equal", True, "share"), equal),
    ]
    gaps = [one.logit_gap for one in found if one.logit_gap is not None]
    if gaps and error is not None:
        explained = JudgedMetric("divergences_explained", "mean", True, "share", per="divergence")
        figures.append((explained, np.array([gap <= error for gap in gaps])))
    lengths = [(float(one.fdt), float(len(a))) for one, (a, _) in zip(theirs, sides, strict=True)]
    return [
        *figures,
        (_metric("fdt", True, "tokens"), np.array([float(one.fdt) for one in theirs])),
        (JudgedMetric("fdt_norm", "pooled_mean", True, "share", per="prompt"), np.array(lengths)),
        (_metric("sdt", False, "tokens"), np.array([float(one.sdt) for one in theirs])),
        (_metric("sdt_norm", False, "share"), np.array([one.sdt_norm for one in theirs])),
    ]


def _metric(name: str, higher_is_better: bool, unit: str) -> JudgedMetric:
    return JudgedMetric(name, "mean", higher_is_better, unit, per="prompt")
