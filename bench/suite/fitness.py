"""Whether a model that has been read can be measured on a target in a scenario."""

from bench.contracts import Artifact, Scenario, Task
from bench.errors import RunFailure
from bench.plugins import load
from bench.scenarios.kinds import kind_of
from bench.scenarios.lasting import lasting_of, tasks_in
from bench.suite.plan import TargetChoice
from bench.words import sentence


def refuse_unfit(artifact: Artifact, target: TargetChoice, scenario: Scenario) -> None:
    """Raises ``RunFailure`` for a model that the target does not open, or not in that scenario, once it is read."""
    if artifact.task not in target.tasks:
        raise RunFailure(
            "unsupported_task", sentence("suite.task_not_run", target_id=target.id, task=artifact.task), "", "plan"
        )
    refuse_task(artifact.task, scenario)
    if artifact.format not in target.formats:
        message = sentence(
            "suite.format_not_opened",
            target=target.id,
            formats=target.formats,
            model=artifact.model_id,
            wanted=[artifact.format],
        )
        raise RunFailure("unsupported_format", message, "", "plan")
    decoder = artifact.decoder
    if decoder is not None and decoder.runtime and decoder.runtime not in load(target.plugin).requires:
        said = {"model_id": artifact.model_id, "runtime": decoder.runtime}
        raise RunFailure(
            "unsupported_format",
            sentence("suite.decoder_of_one_runtime", target=target.id, why=decoder.only_there, **said),
            sentence("suite.measure_on_its_runtime", **said),
            "plan",
        )


def refuse_task(task: Task, scenario: Scenario) -> None:
    """Raises ``RunFailure`` for a scenario that is not defined for models of ``task``, or not with its parameters."""
    tasks = kind_of(scenario).tasks
    if task not in tasks:
        message = sentence("suite.scenario_not_defined", scenario_name=scenario.name, task=sentence(f"task.{task}"))
        raise RunFailure("unsupported_scenario", message, sentence("suite.measure_single_stream"), "plan")
    lasting = lasting_of(scenario)
    if lasting is not None and task not in tasks_in(kind_of(scenario), scenario.own_parameters):
        message = sentence("suite.rate_of_text", scenario=scenario.name)
        remedy = sentence("suite.rate_of_text.remedy", minutes=lasting.minutes)
        raise RunFailure("unsupported_scenario", message, remedy, "plan")
