"""``odb quantise``: a model in integers, and what that costs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.help import FLOAT, INTEGER, Command, option
from bench.cli.language import lang_option
from bench.cli.options import echo_json, json_option, plugin_option
from bench.cli.terminal import complete
from bench.errors import InputError
from bench.words import sentence

if TYPE_CHECKING:
    from bench.execution.runner import JobRunner
    from bench.plugins import Catalog
    from bench.quantising.asked import QuantiseAsk, QuantisePlan
    from bench.quantising.outcome import Quantised

DEFAULT_SCHEME, DEFAULT_QUANTISER = "int8", "onnx"


@click.command("quantise", cls=Command, help="cli.help.quantise", epilog="cli.epilog.quantise")
@lang_option
@click.argument("model", type=click.Path(path_type=Path))
@option("--data", required=True, type=click.Path(path_type=Path), metavar="DIR", help="cli.help.quantise.data")
@option("--to", "scheme", default=DEFAULT_SCHEME, metavar="SCHEME", help="cli.help.quantise.to")
@option(
    "--for",
    "quantiser",
    default=DEFAULT_QUANTISER,
    metavar="RUNTIME",
    shell_complete=complete.quantisers,
    help="cli.help.quantise.for",
)
@option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="cli.help.quantise.output")
@option("--preprocessing", help="cli.help.run.preprocessing")
@option("--shape", "shapes", multiple=True, metavar="NAME=1,3,224,224", help="cli.help.run.shape")
@option("--dataset-options", help="cli.help.run.dataset_options")
@option("--samples", type=INTEGER, metavar="N", help="cli.help.quantise.samples", figures=lambda: {"default": 400})
@option("--max-size", metavar="SIZE", help="cli.help.quantise.max_size")
@option("--mixed", type=INTEGER, default=0, metavar="N", help="cli.help.quantise.mixed")
@option("--timeout", type=FLOAT, metavar="SECONDS", help="cli.help.quantise.timeout")
@option("--force", is_flag=True, help="cli.help.force")
@option("--dry-run", is_flag=True, help="cli.help.quantise.dry_run")
@plugin_option
@json_option
def command(
    model: Path,
    data: Path,
    scheme: str,
    quantiser: str,
    output: Path | None,
    preprocessing: str | None,
    shapes: tuple[str, ...],
    dataset_options: str | None,
    samples: int | None,
    max_size: str | None,
    mixed: int,
    timeout: float | None,
    force: bool,
    dry_run: bool,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> int:
    """``odb quantise``."""
    from bench.cli.quantise.shown import show, show_plan
    from bench.cli.terminal.progress import progress
    from bench.execution.probe import temporary_workspace
    from bench.plugins import discover
    from bench.quantising.asked import QuantiseAsk, planned
    from bench.quantising.lineage import not_over, refuse_existing, result_of
    from bench.quantising.samples import MOST_SAMPLES, DataAsk
    from bench.scratch import reserved
    from bench.suite.suite import parse_shape

    ask = QuantiseAsk(
        source=str(model),
        data=DataAsk(
            path=data,
            preprocessing=_checked_preprocessing(preprocessing),
            options=dataset_options or "",
            most=_at_least("--samples", MOST_SAMPLES if samples is None else samples, 1),
        ),
        quantiser=quantiser,
        scheme=scheme,
        shapes=dict(parse_shape(shape) for shape in shapes),
        mixed=_at_least("--mixed", mixed, 0),
        max_size_bytes=None if max_size is None else size_bytes(max_size),
        timeout_s=timeout,
    )
    catalog = discover(plugins)
    result = result_of(ask, output, catalog, force)
    with reserved(None if dry_run else result), temporary_workspace() as workspace, progress(sys.stderr) as listener:
        refuse_existing(result, force)  # another command may have written it meanwhile
        jobs = _runner(ask, catalog, workspace, listener.step)
        plan = planned(ask, jobs)
        not_over(plan.artifact, result)
        if dry_run:
            return show_plan(plan, result, as_json)
        outcome = _carried_out(plan, jobs, result)
        page = _write_page(outcome, result, catalog)
    if as_json:
        echo_json(outcome)
    else:
        show(outcome, result, page)
    return outcome.status


def _runner(ask: "QuantiseAsk", catalog: "Catalog", workspace: Path, step: "object") -> "JobRunner":
    from bench.execution.runner import JobRunner, Memo
    from bench.execution.workbench import Bench
    from bench.scripting.places import cache_folder
    from bench.suite.suite import ModelAsk, Suite

    suite = Suite(models=(ModelAsk(ask.source),), timeout_s=ask.timeout_s)
    bench = Bench(catalog, suite, workspace, cache_folder(), Path("/"))
    return JobRunner(bench, Memo(), bench.deadline_s, step)  # type: ignore[arg-type]


def _carried_out(plan: "QuantisePlan", jobs: "JobRunner", result: Path) -> "Quantised":
    """Quantise, and write the result. Raises ``RunFailure`` where no method gave a model."""
    from bench.errors import RunFailure
    from bench.quantising.carrying_out import carry_out, why_none
    from bench.quantising.lineage import with_result, write_result

    carried = carry_out(plan, jobs)
    outcome = carried.outcome
    if outcome.chosen is None:
        if outcome.any_made:
            return outcome
        raise RunFailure("runtime_error", why_none(outcome), sentence("quantise.none_made.remedy"))
    jobs.say(sentence("cli.step.writing"))
    write_result(carried.files, result, outcome.lineage)
    return with_result(outcome, carried.files, result)


def _write_page(outcome: "Quantised", result: Path, catalog: "Catalog") -> Path | None:
    """The page beside the result; none where nothing was written."""
    from bench.plugins import load
    from bench.quantising.lineage import PAGE
    from bench.store.records import write_atomically

    if outcome.result is None:
        return None
    page = result.with_name(result.name + PAGE)
    write_atomically(page, load(catalog.find("quantisations", "html")).render(outcome))
    return page


def size_bytes(text: str) -> int:
    """``2MB``, ``1.5 MiB`` or bytes. Raises ``InputError``."""
    import re

    from bench.submission.units import UNITS

    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    kind, factor = UNITS.get(found[2] or "B", ("", 0)) if found else ("", 0)
    if found is None or kind != "bytes":
        raise InputError(sentence("quantise.not_a_size", text=text), sentence("quantise.not_a_size.remedy"))
    return int(float(found[1]) * factor)


def _at_least(flag: str, value: int, least: int) -> int:
    if value < least:
        raise InputError(sentence("quantise.at_least", flag=flag, least=least, value=value))
    return value


def _checked_preprocessing(text: str | None) -> str:
    from bench.suite.preprocessing import parse_preprocessing

    if text:
        parse_preprocessing(text)
    return text or ""
