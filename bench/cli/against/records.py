"""The records of a base, and which of them a run of a suite is of."""

from pathlib import Path

from msgspec import Struct
from msgspec.structs import asdict, replace

from bench.contracts import Scenario, Task
from bench.record.record import Record
from bench.suite.plan import PlannedRun, settle_scenario
from bench.words import Sentence, sentence


class Source(Struct, frozen=True):
    """A record and the folder it was read from."""

    folder: Path
    record: Record

    @property
    def measured(self) -> bool:
        """Whether there is something to measure again."""
        return self.record.status == "ok"

    @property
    def why_not_measured(self) -> Sentence:
        """How its run ended without figures."""
        ended, failure = "skipped" if self.record.status == "skipped" else "failed", self.record.failure
        if failure is None:
            return sentence(f"cli.base_run.{ended}")
        return sentence(f"cli.base_run_for.{ended}", reason=failure.sentence)


def same_run(run: PlannedRun, record: Record) -> bool:
    """Whether the suite's run is of the record's model, target and scenario. The number of lanes is compared where one
    was asked for; of a record without figures the scenario as far as it was settled."""
    plan = record.plan
    built_in = plan.asked is not None and plan.asked.kind == "built_in"
    names = {plan.model.id, plan.asked.model.name} if plan.asked is not None and built_in else {plan.model.id}
    if run.model.id not in names or run.target.id != plan.target.id:
        return False
    ask = run.model.ask
    if ask.precision not in (None, plan.model.precision):
        return False
    if record.status != "ok":
        return _alike(run.scenario, plan.scenario)
    own = bool(ask.prompts or ask.prompt_ids)
    task: Task = "text_generation" if plan.model.task == "text_generation" else "tensor"
    scenario = settle_scenario(run.scenario, task, plan.target.emulated, own)
    lanes = plan.scenario.lanes if scenario.lanes is None else scenario.lanes
    return replace(scenario, lanes=lanes) == plan.scenario


def of_one_run(one: Record, other: Record) -> bool:
    """Whether two records have the same model, target, options and scenario, as far as both state them."""
    x, y = one.plan, other.plan
    targets = [(plan.target.id, plan.target.options_requested) for plan in (x, y)]
    return x.model.id == y.model.id and targets[0] == targets[1] and _alike(x.scenario, y.scenario)


def likeness(run: PlannedRun, source: Source) -> tuple[bool, bool, str]:
    """How well a record of the run fits: one with the same options first, then one with figures, then the newest."""
    record = source.record
    return run.target.options == record.plan.target.options_requested, source.measured, record.created_utc


def _alike(one: Scenario, other: Scenario) -> bool:
    """Whether nothing that both state differs."""
    stated = zip(asdict(one).values(), asdict(other).values(), strict=True)
    return all(None in pair or pair[0] == pair[1] for pair in stated)
