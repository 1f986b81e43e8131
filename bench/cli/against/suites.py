"""The flags of ``odb run`` together with ``--against``: applied to the suite of a base, and to which side."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bench.cli.asked import (
    Grid,
    asked_prompts,
    asked_scenarios,
    meant_for,
    with_pipeline,
    with_precisions,
    with_quality,
    with_tensors,
)
from bench.contracts.names import file_model_id
from bench.errors import InputError
from bench.plugins import Catalog
from bench.record.record import Record
from bench.scenarios.kinds import kind_of
from bench.settings import asked_settings
from bench.suite.pipeline import asked_pipeline
from bench.suite.suite import Suite, TargetAsk, is_file, parse_input
from bench.words import sentence

NEW_ONLY = ("models", "targets", "options", "shapes", "inputs", "preprocessing", "precision")
"""Flags that say what is new; every other one holds for both sides, which must agree in it."""

NAMED = ("shapes", "inputs", "datasets", "references", "pipeline_inputs")
"""Flags that may begin with ``MODEL:``."""

NUMBERS = {
    "preset": "preset",
    "repeats": "repeats",
    "max_seconds": "max_seconds",
    "seed": "seed",
    "check_inputs": "check_inputs",
    "timeout": "timeout_s",
}
PROMPTS = ("prompt_tokens", "prompt_ids", "prompts")
"""Flags that each determine the prompt."""
TEXT = (*PROMPTS, "generate_tokens", "depth", "chat", "stop")
"""Flags that say something of text generation alone."""
GRID = ("prompt_tokens", "generate_tokens", "depth", "compile_cache", "lanes")


def applied(suite: Suite, given: Mapping[str, Any], catalog: Catalog) -> Suite:
    """``suite`` of one run with what the flags in ``given`` add or replace, except for models, targets and options."""
    models = suite.models
    if any(given.get(flag) is not None for flag in PROMPTS):
        models = tuple(replace(model, prompt_ids=(), prompts="", chat=False) for model in models)
        suite = replace(suite, scenarios=tuple(replace(s, prompt_tokens=None) for s in suite.scenarios))
    models = tuple(with_pipeline(models, given.get("pipeline_inputs", ())))
    models = with_quality(models, given.get("datasets", ()), given.get("dataset_options"), given.get("references", ()))
    models = with_tensors(models, given.get("shapes", ()), given.get("inputs", ()), given.get("preprocessing"))
    models = asked_prompts(models, given)
    models = with_precisions(models, given.get("precision"))
    grid = Grid(*(given.get(name) for name in GRID))
    stages = asked_pipeline(given) if given.get("pipeline") is not None else ()
    scenarios = (*given.get("scenarios", ()), *stages)
    return replace(
        suite,
        models=models,
        scenarios=asked_scenarios(suite, scenarios, grid, catalog),
        strict_placement=bool(given.get("strict_placement")) or suite.strict_placement,
        settings={**suite.settings, **asked_settings(given)},
        profile=bool(given.get("profile")) or suite.profile,
        **{field: given[flag] for flag, field in NUMBERS.items() if given.get(flag) is not None},
    )


def refuse_unused(given: Mapping[str, Any], records: Collection[Record]) -> None:
    """Raise ``InputError`` for the first of the flags in ``given`` that no run of the ``records`` would use."""
    text = any(record.plan.model.task == "text_generation" for record in records)
    kinds = [kind_of(record.plan.scenario) for record in records]
    own_scenario = bool(given.get("scenarios")) or given.get("pipeline") is not None
    unused = {
        **dict.fromkeys(() if text else TEXT, "text"),
        **(
            {}
            if own_scenario or any(one.name == "lanes" for kind in kinds for one in kind.parameters)
            else {"lanes": "lanes"}
        ),
        **({} if own_scenario or any(kind.staged for kind in kinds) else {"pipeline_inputs": "pipeline"}),
    }
    for name, why in unused.items():
        if given.get(name):
            flag = "--inputs" if name == "pipeline_inputs" else f"--{name.replace('_', '-')}"
            told = sentence("cli.against.unused", flag=flag, why=sentence(f"cli.against.unused.{why}"))
            raise InputError(told, sentence(f"cli.against.unused.{why}.remedy", flag=flag))


def of_model(given: Mapping[str, Any], model: str, others: Collection[str]) -> dict[str, Any]:
    """``given`` without values that begin with ``MODEL:`` for one of the ``others``, and with ``model:`` removed from
    those for this model."""
    named = {flag: tuple(meant_for(given[flag], {model}, {*others} - {model})) for flag in NAMED if flag in given}
    return {**given, **named}


def with_model(suite: Suite, source: str) -> Suite:
    """``suite`` with its model replaced; a file determines its format and precision."""
    changes: dict[str, Any] = {"source": source}
    if is_file(source) or is_file(suite.models[0].source):
        changes |= {"format": None, "precision": None}
    return replace(suite, models=(replace(suite.models[0], **changes),))


def with_target(suite: Suite, target: str, options: Mapping[str, str]) -> Suite:
    """``suite`` on ``target``: with the base's options where it is of the same plugin, for another's are of another
    runtime, and ``options`` over them."""
    before = suite.targets[0]
    same = before.id.partition(":")[0] == target.partition(":")[0]
    return replace(suite, targets=(TargetAsk(target, {**(before.options if same else {}), **options}),))


def named_files(given: Mapping[str, Any]) -> list[Path]:
    """The files and folders that flags name: models, inputs, prompts, datasets and references."""
    texts = [*given.get("models", ()), *(parse_input(text)[1] for text in given.get("inputs", ()))]
    texts += [text for flag in ("datasets", "references", "pipeline_inputs") for text in given.get(flag, ())]
    texts += [str(given["prompts"])] if given.get("prompts") else []
    named = [text if Path(text).exists() else text.partition(":")[2] or text for text in texts]
    return [Path(text) for text in named if is_file(text) or Path(text).is_dir()]


def suite_files(suite: Suite) -> list[Path]:
    """The files and folders that a suite names."""
    texts = [model.source for model in suite.models if is_file(model.source)]
    for model in suite.models:
        fed = (*model.inputs.values(), model.prompts, model.reference, model.dataset, model.pipeline_inputs)
        texts += [text for text in fed if text]
    return [Path(text) for text in texts]


def model_names(source: str) -> set[str]:
    """What a model that was named with ``-m`` may be called in a record."""
    return {source, Path(source).stem, file_model_id(Path(source))}


def check_options(given: Mapping[str, str], targets: Collection[str], catalog: Catalog) -> None:
    """Raise ``InputError`` for ``plugin.key=…`` of a plugin that none of the ``targets`` is of."""
    used = {target.partition(":")[0] for target in targets}
    for key in given:
        plugin, dot, _ = key.partition(".")
        if dot and plugin in catalog.names("targets") and plugin not in used:
            raise InputError(
                sentence("cli.option_of_no_target", option=key, plugin=plugin),
                sentence("cli.option_of_no_target.remedy", targets=sorted(targets)),
            )
