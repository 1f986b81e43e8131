"""``odb run --on``: on a device over a cable, by a benchmark program that the user has built for it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import echo_json
from bench.errors import InputError
from bench.scripting.places import cache_folder, results_folder
from bench.words import say, sentence

if TYPE_CHECKING:
    from bench.errors import OdbError
    from bench.plugins import Catalog
    from bench.record.record import RecordedRun
    from bench.suite.suite import Suite

NOT_ON = (
    *("targets", "scenarios", "against", "datasets", "references", "inputs", "preprocessing", "prompts", "prompt_ids"),
    *("prompt_tokens", "generate_tokens", "depth", "lanes", "compile_cache", "repeats", "max_seconds", "profile"),
    *("chat", "stop", "strict_placement", "suite_file", "meter_marker", "check_inputs", "deadline"),
)
"""What the benchmark program's own loop does not take."""
FLAGS: Mapping[str, str] = {
    "suite_file": "SUITE",
    **{f"{name}s": f"--{name}" for name in ("target", "scenario", "dataset", "reference", "input")},
}


def run_on(
    given: Mapping[str, Any],
    suite: "Suite",
    catalog: "Catalog",
    fail_on: tuple[str, ...],
    show: "Callable[[Sequence[RecordedRun], Path, Catalog, bool], OdbError | None]",
) -> int:
    """Measure and ``show``, or tell what would be measured. Returns the exit status."""
    from bench.analysis.verdict.fail_on import exit_status
    from bench.devices.measuring import measure_on
    from bench.scripting.measuring import remove_empty
    from bench.store.records import prepare_folder

    _refuse_others(given)
    options = dict(_pairs(given["options"]))
    if given["dry_run"]:
        return _shown(given, suite, catalog)
    folder = prepare_folder(results_folder(given["output"]))
    try:
        recorded = measure_on(
            given["on"],
            given["runner"],
            suite,
            catalog,
            folder,
            cache=cache_folder(),
            options=options,
            say=lambda text: click.echo(f"odb: {text}", err=True),
        )
    finally:
        remove_empty(folder)
    if (unwritten := show(recorded, folder / "report.html", catalog, given["as_json"])) is not None:
        raise unwritten
    return exit_status([run.record for run in recorded], fail_on)


def _refuse_others(given: Mapping[str, Any]) -> None:
    for name in NOT_ON:
        if given[name]:
            flag = FLAGS.get(name, f"--{name.replace('_', '-')}")
            raise InputError(sentence("cli.not_with_on", flag=flag), sentence("cli.leave_it_out"))


def _pairs(options: tuple[str, ...]) -> list[tuple[str, str]]:
    from bench.suite.suite import parse_pair

    return [parse_pair("-O", option) for option in options]


def _shown(given: Mapping[str, Any], suite: "Suite", catalog: "Catalog") -> int:
    """What would be measured where, without measuring it."""
    from bench.devices.adb import connected
    from bench.devices.android import handheld
    from bench.devices.measuring import program_at
    from bench.suite.plan import choose_models

    program = program_at(given["runner"], catalog)
    device = connected(given["on"])
    of, models = handheld(device), [ask.source for ask, _ in choose_models(suite, catalog)]
    told = {"model": of.model, "soc": of.part, "android": of.properties.get("ro.build.version.release", "")}
    if given["as_json"]:
        echo_json({"on": device.name, "runner": program.ref.name, "models": models, "device": told})
        return 0
    names = [Path(model).name for model in models]
    click.echo(say("cli.on.would_measure", models=names, named=device.name, runner=program.ref.name, **_words(told)))
    return 0


def _words(told: Mapping[str, str]) -> dict[str, str]:
    return {name: value or "?" for name, value in told.items()}
