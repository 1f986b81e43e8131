"""How many samples a query holds, as a setting: of models whose inputs leave their first dimension open."""

import math
from collections.abc import Mapping
from statistics import geometric_mean

from msgspec.structs import replace

from bench.comparison.comparison import ALPHA_DIFFERENT, ALPHA_SAME, Change
from bench.comparison.contrast import untrue
from bench.comparison.observe import Observation
from bench.contracts import Artifact, Tunable
from bench.execution.tuning.heats import BY_NAME, Process
from bench.stats.ratio import paired_log_ratio
from bench.suite.plan import PlannedRun
from bench.suite.suite import ModelAsk
from bench.tuning.space import BATCH, Setting

SIZES = ("2", "4", "8")
RATE = "throughput_per_s"


def batch_tunable(run: PlannedRun, artifact: Artifact, metric: str) -> tuple[Tunable, ...]:
    """The sizes to try for throughput; none where the file, or the user, fixes a size, or the user gave inputs."""
    asked, inputs = run.model.ask, artifact.facts.inputs
    free = bool(inputs) and all(spec.shape and not isinstance(spec.shape[0], int) for spec in inputs)
    ones = all(artifact.shapes.get(spec.name, (0,))[0] == 1 for spec in inputs)
    if metric != RATE or asked.shapes or asked.inputs or not free or not ones:
        return ()
    return (Tunable(name=BATCH, values=SIZES, intents=("throughput",)),)


def batch_of(setting: Setting) -> int:
    """1 where the setting leaves it."""
    return int(dict(setting).get(BATCH, "1"))


def options_of(setting: Setting) -> dict[str, str]:
    """What of the setting are options of the target."""
    return {name: value for name, value in setting if name != BATCH}


def with_batch(ask: ModelAsk, shapes: Mapping[str, tuple[int, ...]], batch: int) -> ModelAsk:
    """The model with so many samples a query. ``shapes``: of its inputs with one."""
    if batch == 1:
        return ask
    return replace(ask, shapes={name: (batch, *shape[1:]) for name, shape in shapes.items()})


def per_sample(process: Process, batch: int) -> Process:
    """Its throughput in samples a second. The latency stays that of a query."""
    rate = process.figures.get(RATE)
    return process if rate is None else replace(process, figures={**process.figures, RATE: batch * rate})


def change_per_sample(base: Observation, new: Observation, batch: int, tolerance: float) -> Change | None:
    """The throughput of two runs that took turns, in samples a second, where a query of the new one holds ``batch`` of
    them: by the test that compares the leading metric of one pair of runs. ``None`` where a process has no figure."""
    metric, (x, y) = BY_NAME[RATE], (side.values.get(RATE, ()) for side in (base, new))
    olds, news = [one for one in x if one], [batch * one for one in y if one]
    if not len(olds) == len(news) == len(x) == len(y) or len(olds) < 2:
        return None
    found = paired_log_ratio([math.log(b / a) for a, b in zip(olds, news, strict=True)])
    apart = found.p_different() < ALPHA_DIFFERENT / 2 and not 1 / (1 + tolerance) <= found.ratio <= 1 + tolerance
    alike = found.p_equivalent(tolerance) < ALPHA_SAME
    doubts = [untrue(metric, one.record, side, together=True) for one, side in ((base, "base"), (new, "new"))]
    doubt = next((one for one in doubts if one is not None), None)
    return Change(
        metric=RATE,
        title=metric.title,
        unit=metric.unit,
        word=("faster" if found.ratio > 1 else "slower") if apart else "same" if alike else "cannot_tell",
        base=geometric_mean(olds),
        new=geometric_mean(news),
        base_values=tuple(olds),
        new_values=tuple(news),
        ratio=found.ratio,
        interval=found.interval(),
        p_different=found.p_different(),
        p_same=found.p_equivalent(tolerance),
        gain=found.ratio > 1,
        message="" if doubt is None else doubt,
        pair_ratios=tuple(b / a for a, b in zip(olds, news, strict=True)),
        claimed=doubt is None,
    )
