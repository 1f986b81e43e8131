"""The command with which a reviewer measures one run again, made from the fields of its record."""

import shlex
from collections.abc import Mapping

from bench.record.asked import Asked, NamedFile
from bench.record.record import PlanPart
from bench.scenarios.kinds import scenario_text
from bench.settings import setting_flags


def rerun_command(plan: PlanPart) -> str:
    """``odb run`` for this run alone. Files are named without their folders: put them where you run it. Empty for what
    only a suite file can ask, and for a plan without ``asked``."""
    asked = plan.asked
    if asked is None or asked.format or (asked.precision and asked.kind != "built_in"):
        return ""  # a suite file says more than flags can
    words = ["odb", "run", *(word for file in asked.plugins for word in ("--plugin", file))]
    words += ["-m", f"./{asked.model.name}" if asked.kind == "folder" else asked.model.name, "-t", plan.target.id]
    words += _each("-O", plan.target.options_requested)
    words += _model_flags(asked)
    words += ["-s", scenario_text(plan.scenario), *_scenario_flags(plan)]
    words += _flags({"--max-seconds": None if asked.max_seconds is None else _number(asked.max_seconds)})
    words += _flags(setting_flags(asked.settings))
    rule = plan.repeat_rule
    fixed = rule is None or (rule.budget_ns is None and rule.fewest == rule.most)
    words += _flags({"--preset": plan.preset, "--repeats": plan.repeats if fixed else None, "--seed": plan.seed})
    words += _switches({"--strict-placement": plan.strict_placement, "--profile": asked.profile})
    return shlex.join(words)


def _model_flags(asked: Asked) -> list[str]:
    """What the model is built with and fed, and what its outputs are compared with."""
    words = _each("--shape", {name: ",".join(map(str, dims)) for name, dims in asked.shapes.items()})
    for name, file in asked.inputs.items():
        words += ["--input", f"{name}={file.name}" if name else file.name]
    words += _switches({"--chat": asked.chat, "--stop": asked.stop})
    return words + _flags(
        {
            "--preprocessing": asked.preprocessing or None,
            "--inputs": _name(asked.pipeline_inputs),
            "--precision": asked.precision or None,
            "--prompt-ids": ",".join(map(str, asked.prompt_ids)) or None,
            "--prompts": _name(asked.prompts),
            "--dataset": _name(asked.dataset),
            "--dataset-options": asked.dataset_options or None,
            "--reference": _name(asked.reference),
            "--check-inputs": asked.check_inputs,
        }
    )


def _scenario_flags(plan: PlanPart) -> list[str]:
    scenario = plan.scenario
    return _flags(
        {
            "--prompt-tokens": scenario.prompt_tokens,
            "--generate-tokens": scenario.generate_tokens,
            "--depth": scenario.depth_tokens or None,
            "--compile-cache": None if scenario.compile_cache == "none" else scenario.compile_cache,
            "--lanes": scenario.lanes,
        }
    )


def _flags(values: Mapping[str, object]) -> list[str]:
    return [word for flag, value in values.items() if value is not None for word in (flag, str(value))]


def _switches(stated: Mapping[str, bool]) -> list[str]:
    return [flag for flag, on in stated.items() if on]


def _each(flag: str, values: Mapping[str, str]) -> list[str]:
    return [word for key, value in values.items() for word in (flag, f"{key}={value}")]


def _name(file: NamedFile | None) -> str | None:
    return None if file is None else file.name


def _number(value: float) -> str:
    """As a person writes it, and exactly: 2 and 0.1."""
    return repr(value).removesuffix(".0")
