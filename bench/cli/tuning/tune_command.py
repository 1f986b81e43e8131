"""``odb tune``: which settings of a target suit a model best?"""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.help import FLOAT, INTEGER, Choice, Command, once, option
from bench.cli.language import lang_option
from bench.cli.options import echo_json, json_option, plugin_option
from bench.cli.terminal import complete
from bench.cli.terminal.columns import terminal_width
from bench.scripting.places import cache_folder, results_folder
from bench.words import say, sentence

if TYPE_CHECKING:
    from bench.execution.tuning.question import Asked
    from bench.plugins import Catalog
    from bench.tuning.result import Tuning

GOALS = ("latency", "throughput", "memory", "energy")
BUDGET = "10m"
TOLERANCE_PERCENT = 3.0
PAGE, DATA, SUITE = "tuning.html", "tuning.json", "suite.toml"


@click.command("tune", cls=Command, help="cli.help.tune", epilog="cli.epilog.tune")
@lang_option
@option("-m", "--model", required=True, shell_complete=complete.models, help="cli.help.tune.model")
@option("-t", "--target", required=True, shell_complete=complete.targets, help="cli.help.tune.target")
@option("--goal", type=Choice(GOALS), default="latency", help="cli.help.tune.goal")
@option(
    "--budget",
    metavar="TIME",
    default=BUDGET,
    figures=lambda: {"default": BUDGET},
    help="cli.help.tune.budget",
)
@option("-o", "--output", type=click.Path(path_type=Path), help="cli.help.tune.output")
@option("-O", "--option", "options", multiple=True, metavar="[PLUGIN.]KEY=VALUE", help="cli.help.tune.option")
@option(
    "--tolerance",
    type=FLOAT,
    default=TOLERANCE_PERCENT,
    metavar="PERCENT",
    figures=lambda: {"default": TOLERANCE_PERCENT},
    help="cli.help.tune.tolerance",
)
@option("--seed", type=INTEGER, help="cli.help.tune.seed")
@option("--preset", help="cli.help.tune.preset")
@option("--shape", "shapes", multiple=True, metavar="NAME=1,3,224,224", help="cli.help.run.shape")
@option("--input", "inputs", multiple=True, metavar="NAME=FILE", help="cli.help.run.input")
@option("--preprocessing", help="cli.help.run.preprocessing")
@option("-p", "--prompt-tokens", metavar="N", help="cli.help.tune.prompt_tokens")
@option("-n", "--generate-tokens", metavar="N", help="cli.help.tune.generate_tokens")
@option("--prompts", multiple=True, callback=once, type=click.Path(path_type=Path), help="cli.help.run.prompts")
@option("--precision", metavar="P", help="cli.help.tune.precision")
@option("--reference", "references", multiple=True, metavar="FILE", help="cli.help.run.reference")
@option("--timeout", type=FLOAT, metavar="SECONDS", help="cli.help.run.timeout")
@option("--dry-run", is_flag=True, help="cli.help.tune.dry_run")
@plugin_option
@json_option
def command(
    model: str,
    target: str,
    goal: str,
    budget: str,
    output: Path | None,
    tolerance: float,
    dry_run: bool,
    plugins: tuple[Path, ...],
    as_json: bool,
    **given: Any,
) -> int:
    """``odb tune``. Returns 0 where a setting was found or the default is as good, 3 where neither was shown."""
    from bench.cli.tuning.asked import asked
    from bench.plugins import discover

    catalog, folder = discover(plugins), results_folder(output)
    question = asked(
        {**given, "models": (model,), "targets": (target,)},
        goal=goal,
        budget=budget,
        tolerance=tolerance,
        catalog=catalog,
        cache=cache_folder(),
    )
    if dry_run:
        from bench.cli.tuning.dry_run import show_space

        return show_space(question, as_json)
    return _tuned(question, catalog, folder, as_json)


def _refuse_used(folder: Path) -> None:
    """Raise ``InputError`` where an earlier search has left its files: half of them would stay if this one ended early,
    and its records would stand beside these. One that did not end is gone on with."""
    from bench.errors import InputError
    from bench.execution.tuning.journal import JOURNAL
    from bench.reading import exists

    if exists(folder / JOURNAL) and _has_not_ended(folder / DATA):
        return
    names = (DATA, SUITE, PAGE, JOURNAL, "base", "new")
    found = next((folder / name for name in names if exists(folder / name)), None)
    if found is not None:
        raise InputError(sentence("tune.exists", file=found), sentence("tune.exists.remedy"))


def _has_not_ended(data: Path) -> bool:
    """Whether a search was killed before it wrote its result, or interrupted."""
    import msgspec

    from bench.reading import NOT_DECODED

    try:
        return msgspec.json.decode(data.read_bytes(), type=dict[str, Any]).get("end") == "interrupted"
    except FileNotFoundError:
        return True
    except (OSError, *NOT_DECODED):
        return False


def _tuned(question: "Asked", catalog: "Catalog", folder: Path, as_json: bool) -> int:
    """Search, write what was found into ``folder``, and show it."""
    from bench.cli.tuning.progress import progress
    from bench.execution.tuning.tuner import tune
    from bench.machine.lease import machine_shared
    from bench.plugins import load
    from bench.scratch import reserved
    from bench.scripting.measuring import remove_empty
    from bench.store.records import prepare_folder

    _refuse_used(folder)
    prepare_folder(folder)
    try:
        with reserved(folder / DATA), machine_shared(), progress(sys.stderr) as listener:
            _refuse_used(folder)  # another search may have ended meanwhile
            found = tune(question, folder, listener)
            files = _written(found, question, catalog, folder)
    except BaseException:
        remove_empty(folder)
        raise
    if as_json:
        echo_json(found)
    else:
        writer = load(catalog.find("tunings", "terminal"))
        if sys.stdout.isatty():
            writer = writer.at_terminal(terminal_width(), False)
        click.echo(writer.render(found).decode(), nl=False)
        click.echo("\n" + say("tune.written", files=[str(file) for file in files]))
        click.echo(say("tune.run_it", command=shlex.join(["odb", "run", str(folder / SUITE)])))
    if found.end == "interrupted":
        click.echo(say("tune.go_on", folder=str(folder)), err=True)
        raise KeyboardInterrupt
    return found.status


def _written(found: "Tuning", question: "Asked", catalog: "Catalog", folder: Path) -> list[Path]:
    """The suite, the runtime's own configuration, the page and the data."""
    from bench.plugins import load
    from bench.store.records import write_atomically
    from bench.tuning.suite_text import suite_text

    contents = {SUITE: suite_text(found, question.suite, folder).encode()}
    if found.own is not None:
        contents[found.own.file_name] = found.own.text.encode()
    contents[PAGE] = load(catalog.find("tunings", "html")).render(found)
    contents[DATA] = load(catalog.find("tunings", "json")).render(found)
    for name, data in contents.items():
        write_atomically(folder / name, data)
    return [folder / name for name in contents]
