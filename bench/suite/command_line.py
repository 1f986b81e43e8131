"""The command with which a reviewer measures one run again."""

import shlex
from pathlib import Path

from bench.contracts import Scenario
from bench.record.redact import option_without_paths
from bench.scenarios import scenario_text
from bench.suite.plan import FOLDER, PlannedRun
from bench.suite.presets import PRESETS, emulated_rule, shorter_rule
from bench.suite.suite import is_file


def rerun_command(run: PlannedRun, scenario: Scenario) -> str:
    """``odb run`` for this run alone. Files are named without their folders: put them where you run it. Empty for what
    only a suite file can ask."""
    ask = run.model.ask
    if ask.format or (ask.precision and is_file(ask.source)):
        return ""  # a suite file says more than flags can
    words = ["odb", "run"]
    plugins = run.model.plugin, run.target.plugin, run.player
    files = dict.fromkeys(Path(r.location).name for r in plugins if r is not None and r.from_file)
    words += [w for file in files for w in ("--plugin", file)]
    words += ["-m", _source(run), "-t", run.target.id]
    words += [w for key, value in run.target.options.items() for w in ("-O", f"{key}={option_without_paths(value)}")]
    words += [w for name, dims in ask.shapes.items() for w in ("--shape", f"{name}={','.join(map(str, dims))}")]
    words += [w for name, file in ask.inputs.items() for w in ("--input", _input(name, file))]
    if ask.preprocessing:
        words += ["--preprocessing", ask.preprocessing]
    words += ["--precision", ask.precision] if ask.precision else []
    words += ["--prompt-ids", ",".join(map(str, ask.prompt_ids))] if ask.prompt_ids else []
    words += ["--prompts", Path(ask.prompts).name] if ask.prompts else []
    words += ["--dataset", Path(ask.dataset).name] if ask.dataset else []
    words += ["--dataset-options", ask.dataset_options] if ask.dataset_options else []
    words += ["--reference", Path(ask.reference).name] if ask.reference else []
    words += ["--check-inputs", str(run.check_inputs)] if run.check_inputs is not None else []
    words += ["-s", scenario_text(scenario)]
    for flag, value in (
        ("--prompt-tokens", scenario.prompt_tokens),
        ("--generate-tokens", scenario.generate_tokens),
        ("--depth", scenario.depth_tokens or None),
        ("--compile-cache", None if scenario.compile_cache == "none" else scenario.compile_cache),
        ("--lanes", scenario.lanes),
    ):
        words += [flag, str(value)] if value is not None else []
    if run.rule.max_duration_ns not in _lengths(run):
        words += ["--max-seconds", f"{run.rule.max_duration_ns / 1e9:g}"]
    fixed = run.repeat_rule is None or run.repeat_rule.budget_ns is None
    words += ["--preset", run.preset]
    words += ["--repeats", str(run.repeats)] if fixed else []
    words += ["--seed", str(run.seed)]
    return shlex.join([*words, "--strict-placement"] if run.strict_placement else words)


def _lengths(run: PlannedRun) -> tuple[int, ...]:
    """What the longest duration is where nobody asked for one. A side of an alternation, run again alone, gets the
    preset's, as it would had it not taken turns."""
    preset = PRESETS[run.preset].rule
    own = preset if run.alternation is None else shorter_rule(preset)
    return own.max_duration_ns, emulated_rule().max_duration_ns


def _source(run: PlannedRun) -> str:
    source = run.model.ask.source
    if run.model.plugin.name == FOLDER:
        return f"./{Path(source).resolve().name}"
    return Path(source).name if is_file(source) else source


def _input(name: str, file: str) -> str:
    return f"{name}={Path(file).name}" if name else Path(file).name
