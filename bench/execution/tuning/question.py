"""What is asked: by which figure a goal is measured, in which scenario, and what else is shown of each setting."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import Channel, Scenario, Task
from bench.errors import InputError, RunFailure
from bench.execution.suite_run import plan_suite
from bench.execution.tuning.heats import Process
from bench.execution.workbench import Bench
from bench.plugins import Catalog, load
from bench.record.record import Failure, Fidelity
from bench.suite.plan import PlannedRun
from bench.suite.suite import Suite
from bench.tuning.front import Axis
from bench.tuning.result import Goal
from bench.words import Sentence, sentence

SINGLE, OFFLINE = Scenario("single-stream"), Scenario("offline")
QUALITY: Mapping[Task, str] = MappingProxyType({"tensor": "sqnr_db", "text_generation": "tokens_equal"})
ENERGY = "joules_per_inference"
MOST_DB = 150.0
"""Outputs that are equal to the last bit have no noise; in figures they have this."""
MEMORY_TOLERANCE = 0.03
DB_TOLERANCE = 1.0
TOKEN_TOLERANCE = 0.02


class Asked(Struct, frozen=True, kw_only=True):
    """``suite``: one model and one target with the options that are fixed; its scenarios are those of the goal."""

    suite: Suite
    goal: Goal
    budget_ns: int
    tolerance: float
    catalog: Catalog
    cache: Path
    root: Path = Path("/")

    @property
    def seed(self) -> int:
        return self.suite.seed


class Measure(Struct, frozen=True, kw_only=True):
    """``metric``: of the goal, in ``scenario``. ``beside``: the other scenario whose figures the front shows; ``None``
    where one scenario gives them all. ``in_turns``: whether the processes of a heat take turns."""

    metric: str
    scenario: Scenario
    beside: Scenario | None
    axes: tuple[Axis, ...]
    in_turns: bool = True


def measure_of(goal: Goal, task: Task, scenario: Scenario, tolerance: float) -> Measure:
    """How ``goal`` is measured. ``scenario``: with the numbers of tokens that were asked for. Text is generated one
    sequence at a time, so its throughput is the decode rate: the inverse of the time per token."""
    text = task == "text_generation"
    offline = goal == "throughput" and not text
    speed = "tpot_ns" if text else "throughput_per_s" if offline else "latency_p50_ns"
    metric = {"memory": "peak_rss_bytes", "energy": ENERGY}.get(goal, speed)
    played = replace(scenario, name=OFFLINE.name if offline else SINGLE.name)
    beside = None if text else SINGLE if offline else OFFLINE
    return Measure(
        metric=metric,
        scenario=played,
        beside=beside,
        axes=axes_of(task, goal, tolerance),
        in_turns=goal != "energy",
    )


def axes_of(task: Task, goal: Goal, tolerance: float) -> tuple[Axis, ...]:
    """The figures of the front: latency, throughput, memory, quality; with the goal energy that, too."""
    if task == "text_generation":
        times = (Axis("ttft_ns", True, tolerance), Axis("decode_tokens_per_s", False, tolerance))
        quality = Axis(QUALITY[task], False, TOKEN_TOLERANCE, "difference")
    else:
        times = (Axis("latency_p50_ns", True, tolerance), Axis("throughput_per_s", False, tolerance))
        quality = Axis(QUALITY[task], False, DB_TOLERANCE, "difference")
    energy = (Axis("joules_per_inference", True, tolerance),) if goal == "energy" else ()
    return (*times, Axis("peak_rss_bytes", True, MEMORY_TOLERANCE), quality, *energy)


def elsewhere(measure: Measure) -> tuple[str, ...]:
    """The metrics that the other scenario gives: of a single stream the latency, offline the throughput."""
    if measure.beside is None:
        return ()
    return ("latency_p50_ns",) if measure.beside.name == SINGLE.name else ("throughput_per_s",)


def quality_of(found: Fidelity | None, task: Task) -> float | None:
    """The figure of the quality's axis; ``None`` where outputs were not compared."""
    if found is None:
        return None
    if task == "text_generation":
        compared = found.tokens_compared
        return None if not compared or found.token_prefix is None else found.token_prefix / compared
    if found.sqnr_db_min is not None:
        return min(found.sqnr_db_min, MOST_DB)
    return MOST_DB if found.ok and found.cosine_min is not None else None


def the_run(bench: Bench) -> PlannedRun:
    """The one run that the suite plans. Raises ``InputError`` where there are several, where the target is an emulator,
    or where it does not say what may be tuned; ``RunFailure`` for a run that cannot be measured here."""
    runs = plan_suite(bench).runs
    if len(runs) != 1:
        raise InputError(sentence("tune.several_runs", n_runs=len(runs)), sentence("tune.several_runs.remedy"))
    (run,) = runs
    if run.target.device.emulated:
        raise InputError(sentence("tune.emulated", target=run.target.id), sentence("tune.emulated.remedy"))
    if not hasattr(load(run.target.plugin), "tunables"):
        raise InputError(sentence("tune.not_tunable", target=run.target.id), sentence("tune.not_tunable.remedy"))
    if run.skip is not None:
        raise RunFailure(run.skip.kind, run.skip.sentence, run.skip.advice, "plan")
    return run


def demand_energy(channels: Sequence[Channel]) -> None:
    """Raises ``InputError`` where no sensor gives the energy of an inference here."""
    if any(channel.usable for channel in channels):
        return
    reasons: list[Sentence | str] = [
        sentence("text.at", where=channel.sensor, message=channel.reason) for channel in channels if channel.reason
    ]
    remedies = list(dict.fromkeys(channel.remedy for channel in channels if channel.remedy))
    told = sentence("tune.no_energy.why", reasons=reasons) if reasons else sentence("tune.no_energy")
    raise InputError(told, sentence("text.sentences", parts=[*remedies, sentence("tune.no_energy.remedy")]))


def demand_figure(metric: str, default: Sequence[Process | Failure]) -> None:
    """Raises ``RunFailure`` where processes of the default lack the goal's figure: nothing could be compared with
    them."""
    if all(isinstance(one, Failure) or metric in one.figures for one in default):
        return
    title = sentence(f"metric.{metric}.title")
    remedy = sentence(f"tune.default_without_figure.{'energy' if metric == ENERGY else 'other'}")
    raise RunFailure("unavailable", sentence("tune.default_without_figure", title=title), remedy, "after")
