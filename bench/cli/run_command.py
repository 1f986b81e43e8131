"""``odb run``."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.language import lang_option
from bench.cli.options import cache_folder, echo_json, fitted, json_option, plugin_option, setting_options
from bench.cli.output_format import default_folder
from bench.cli.terminal import complete

if TYPE_CHECKING:
    from bench.plugins import Catalog
    from bench.suite.suite import Suite

EPILOG = """\b
Examples:
  odb run                                          a first look at this machine
  odb run -m detector.onnx --shape images=1,3,640,640 --preset standard
  odb run -m net.xml -t openvino:CPU -s offline -O NUM_STREAMS=2
  odb run -m net.onnx --input data=photo.jpg --preprocessing order=bgr,mean=104:117:123
  odb run -m net.onnx --dataset photos --preprocessing mean=127,scale=128
  odb run -m net.onnx -t qnn:htp-emu -O soc=snapdragon-x-elite
  odb run -m llm/model.onnx -p 128,512 -n 128 -d 0,1024
  odb run suite.toml -o results --dry-run
  odb run --against old-results -m new.onnx        measure both in alternation, and compare
  odb run --fail-on outputs,failed                 status 1 for wrong outputs, not for a busy machine
  odb run --against old-results -O NUM_STREAMS=2   the same model with another option
  odb run suite.toml --against nights/1            each run of the suite and its record
\b
Inputs are made up (seeded pictures, indices, numbers) unless --input is given. A dynamic first dimension becomes 1;
any other needs --shape. With several models, MODEL:NAME=… applies to one of them.
\b
Exit status: 0 done; 1 done, and a run is invalid or failed, or what --fail-on names;
2 bad usage or input; 3 nothing could be measured; 130 interrupted."""


@click.command("run", epilog=EPILOG)
@lang_option
@click.argument("suite_file", metavar="[SUITE.toml]", required=False, type=click.Path(path_type=Path))
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    shell_complete=complete.models,
    help="A built-in model's name, or a file. Repeatable.",
)
@click.option(
    "-t",
    "--target",
    "targets",
    multiple=True,
    shell_complete=complete.targets,
    help="plugin:device, as in openvino:CPU. Repeatable.",
)
@click.option(
    "-s",
    "--scenario",
    "scenarios",
    multiple=True,
    shell_complete=complete.scenarios,
    metavar="NAME[:KEY=VALUE,…]",
    help="As offline or offline:lanes=4; default single-stream; see `odb list scenarios`. Repeatable.",
)
@click.option("--preset", help="quick (default), standard or strict: how long, how many processes, how precise.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for records; default odb-results/TIME.")
@click.option(
    "-O", "--option", "options", multiple=True, metavar="[PLUGIN.]KEY=VALUE", help="An option of the runtime."
)
@click.option(
    "--allow-unsafe-options",
    metavar="KEY,…",
    help="Options of SUITE.toml to accept although they can name files, load code or write.",
)
@click.option("--shape", "shapes", multiple=True, metavar="NAME=1,3,224,224", help="Fix an input's shape.")
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME=FILE", help="A .npy or image for an input, or FILE.npz."
)
@click.option("--preprocessing", help="How images become tensors: order=, layout=, mean=, scale=, resize=.")
@click.option("-p", "--prompt-tokens", metavar="N,…", help="Text generation: lengths of seeded prompts.")
@click.option("-n", "--generate-tokens", metavar="N,…", help="Text generation: tokens to generate.")
@click.option("-d", "--depth", metavar="N,…", help="Text generation: tokens in the cache before the prompt.")
@click.option("--prompt-ids", metavar="ID,…", help="Text generation: your own prompt, as token ids.")
@click.option("--prompts", type=click.Path(path_type=Path), help="Text generation: your own prompts, .txt or .jsonl.")
@click.option("--precision", metavar="P,…", help="Built-in models: weights as float32, float16, int8 or int4.")
@click.option(
    "--compile-cache", metavar="C,…", help="none (default), cold or warm: the state of the runtime's compile cache."
)
@click.option(
    "--dataset", "datasets", multiple=True, metavar="[MODEL:]DIR", help="Labelled samples to evaluate quality on."
)
@click.option("--dataset-options", help="How labels and outputs are read: label_offset=1,output=probs …")
@click.option(
    "--reference", "references", multiple=True, metavar="[MODEL:]FILE", help="A float model to compare outputs with."
)
@click.option("--check-inputs", type=int, help="Number of inputs on which outputs are compared; default 4.")
@click.option("--lanes", type=int, help="offline: queries in flight; default is the runtime's choice.")
@click.option("--repeats", type=int, help="Exact number of fresh processes for each run; by default the preset's rule.")
@click.option("--max-seconds", type=float, help="Maximum steady state of a repeat; default is the preset's.")
@click.option("--seed", type=int, help="Seed of weights and inputs; default 0.")
@click.option("--strict-placement", is_flag=True, help="Fail a run in which any node ran on another device.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Maximum time of one process.")
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    metavar="BASE",
    help="Measure BASE (a record or a folder of records) again, in alternation with this run, and compare.",
)
@click.option(
    "--base-model",
    "base_models",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --against: the base's model file. Repeatable; each record takes the file with its hash.",
)
@click.option(
    "--base-python",
    type=click.Path(path_type=Path),
    metavar="PYTHON",
    help="With --against: the interpreter of another environment, whose runtimes the base is measured with.",
)
@click.option(
    "--tolerance",
    type=float,
    default=3.0,
    metavar="PERCENT",
    help="With --against: differences up to this are the same; default 3.",
)
@click.option("--accept", metavar="NAME,…", help="With --against: what may stay undecided, as in odb compare.")
@click.option(
    "--fail-on",
    metavar="CODE,…",
    help="What gives status 1: verdict codes, or outputs, placement, noise, failed, invalid; default invalid,failed. "
    "Not with --against, whose status is that of the comparison.",
)
@setting_options
@click.option("--dry-run", is_flag=True, help="Print what would be measured, and stop.")
@plugin_option
@json_option
def command(
    suite_file: Path | None,
    models: tuple[str, ...],
    targets: tuple[str, ...],
    scenarios: tuple[str, ...],
    preset: str | None,
    output: Path | None,
    options: tuple[str, ...],
    allow_unsafe_options: str | None,
    shapes: tuple[str, ...],
    inputs: tuple[str, ...],
    preprocessing: str | None,
    prompt_tokens: str | None,
    generate_tokens: str | None,
    depth: str | None,
    prompt_ids: str | None,
    prompts: Path | None,
    precision: str | None,
    compile_cache: str | None,
    datasets: tuple[str, ...],
    dataset_options: str | None,
    references: tuple[str, ...],
    check_inputs: int | None,
    lanes: int | None,
    repeats: int | None,
    max_seconds: float | None,
    seed: int | None,
    strict_placement: bool,
    timeout: float | None,
    against: Path | None,
    base_models: tuple[Path, ...],
    base_python: Path | None,
    tolerance: float,
    accept: str | None,
    fail_on: str | None,
    dry_run: bool,
    plugins: tuple[Path, ...],
    as_json: bool,
    **settings: str | None,
) -> int:
    """Measure models on targets; write a record for each run, and a report.

    By default the built-in vision model and sLLM are measured on every target that this machine has. Flags add to or
    replace what SUITE.toml contains.
    """
    from bench.analysis.verdict.fail_on import checked_fail_on
    from bench.cli.asked import asked_suite
    from bench.errors import InputError
    from bench.plugins import discover

    context = click.get_current_context()
    default_folder(output)  # said before anything is looked at
    catalog = discover(plugins)
    names = checked_fail_on(fail_on)
    if against is not None:
        if fail_on is not None:
            raise InputError(
                "--fail-on: cannot be used with --against, where the comparison decides the status",
                "Name what may stay undecided with --accept.",
            )
        from bench.cli.against.measure import measure_against

        return measure_against(context, catalog, output, as_json)
    by_hand = context.get_parameter_source("tolerance") is click.core.ParameterSource.COMMANDLINE
    for flag, given in (
        ("--base-model", base_models or None),
        ("--base-python", base_python),
        ("--accept", accept),
        ("--tolerance", tolerance if by_hand else None),
    ):
        if given is not None:
            raise InputError(
                f"{flag}: can only be used with --against, which is not given", "Name the base: --against BASE."
            )
    suite = asked_suite(context.params, catalog)
    if suite.untrusted is not None and suite.untrusted.allowed:
        taken = ", ".join(sorted(suite.untrusted.allowed))
        click.echo(f"odb: {suite.untrusted.origin}: options accepted by --allow-unsafe-options: {taken}", err=True)
    if dry_run:
        from bench.cli.dry_run import show_plan

        return show_plan(suite, catalog, as_json)
    return measure(suite, catalog, output, as_json, names)


def measure(suite: "Suite", catalog: "Catalog", output: Path | None, as_json: bool, fail_on: tuple[str, ...]) -> int:
    """Run the suite with progress, print the result, write the page. Returns the exit status."""
    from bench.analysis.verdict.fail_on import DEFAULT, exit_status, why
    from bench.cli.report_command import tell_recovered
    from bench.cli.terminal.progress import progress
    from bench.errors import OdbError
    from bench.plugins import load
    from bench.run.suite_run import run_suite
    from bench.store.records import prepare_folder
    from bench.suite.suite import check

    check(suite, catalog)
    folder = prepare_folder(default_folder(output))
    tell_recovered(folder)
    page = folder / "report.html"
    with progress(sys.stderr) as listener:
        try:
            recorded = run_suite(suite, catalog, folder, cache=cache_folder(), listener=listener)
        except KeyboardInterrupt:
            if any(folder.glob("*/record.json")):
                write_page(page, catalog)
            _remove_empty(folder)
            raise
        except OdbError:
            _remove_empty(folder)
            raise
        listener.step("writing the report")
        write_page(page, catalog)
    if as_json:
        echo_json([run.record for run in recorded])
    else:
        click.echo(fitted(load(catalog.find("reports", "terminal"))).render(recorded).decode(), nl=False)
        click.echo(f"\nRecords: {folder}\nReport:  {page}")
    records = [run.record for run in recorded]
    status = exit_status(records, fail_on)
    if status == 1 and fail_on != DEFAULT:
        click.echo(f"odb: status 1, as --fail-on asks: {why(records, fail_on)}", err=True)
    return status


def _remove_empty(folder: Path) -> None:
    """Where nothing was measured, no folder is left."""
    with suppress(OSError):
        folder.rmdir()


def write_page(page: Path, catalog: "Catalog") -> None:
    """The report of every record beside it; those that cannot be read are named, and the rest reported."""
    from bench.cli.report_command import telling
    from bench.plugins import load
    from bench.store.records import readable_records, write_atomically

    runs, refused = readable_records(page.parent)
    writer = telling(load(catalog.find("reports", "html")), refused)
    write_atomically(page, writer.render(runs))
