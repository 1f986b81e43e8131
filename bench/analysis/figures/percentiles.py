"""Rules of percentiles: of latency, of the first token, and of the time per output token."""

from collections.abc import Callable

from bench.analysis.figures.rule import GEOMETRIC_MEAN, Figure, Rule, Values
from bench.analysis.run_processes import Processes, Series
from bench.analysis.text import SECOND, first_of_last_turn, first_of_new, gaps_of, tpots
from bench.stats import processes as processes_
from bench.words import sentence


def percentile_of(series: Callable[[Processes], Series], p: float) -> Rule:
    """Of the processes' own percentiles ``p``. The median is stated where all processes together hold as many samples
    as LoadGen asks. A tail is that of a process which alone holds as many: a tail of few is biased, the more the fewer
    they are; the run's is then that of all samples together."""
    least = processes_.MIN_SAMPLES[p]

    def of(run: Processes) -> Values:
        found = series(run)
        enough = len(found.ordered.pooled) >= least
        each = iter(found.ordered.percentiles(p)) if enough else iter(())
        own: Values = [float(next(each)) if enough and len(part) else None for part in found.parts]
        return own if p == 50 else [v if len(part) >= least else None for v, part in zip(own, found.parts, strict=True)]

    return Rule(
        of=of,
        pooled=lambda run, values: processes_.ordered_percentile(series(run).ordered, p),
        how=GEOMETRIC_MEAN if p == 50 else sentence("metric.how.geometric_mean_or_all"),
        interval=lambda run: processes_.ordered_interval(series(run).ordered, p),
    )


def first_tokens(run: Processes) -> Series:
    return run.once(first_of_new)


def last_turns(run: Processes) -> Series:
    return run.once(first_of_last_turn)


def gaps(run: Processes) -> Series:
    return run.tokens(gaps_of)


def later_tokens(run: Processes) -> Series:
    return run.tokens(tpots)


TPOT = percentile_of(later_tokens, 50)


def decode_rate() -> Rule:
    def rate(tpot: Figure) -> float | None:
        return SECOND / tpot if tpot else None

    return Rule(
        of=lambda run: [rate(tpot) for tpot in TPOT.of(run)],
        pooled=lambda run, values: rate(TPOT.pooled(run, TPOT.of(run))),
        how=sentence("metric.how.inverse_of_tpot"),
    )
