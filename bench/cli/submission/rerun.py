"""Measures the records of a submission again: exactly what they say was asked, on this machine."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import ModelRequest
from bench.errors import InputError, OdbError
from bench.execution.interleaved import run_in_alternation
from bench.execution.probe import temporary_workspace
from bench.execution.suite_run import Listener, run_suite
from bench.jobs import Failed
from bench.pipelines.again import refuse_other_inputs
from bench.plugins import Catalog
from bench.process.alter import AlterJob
from bench.process.supervisor import run_job
from bench.record.record import Record, RecordedRun
from bench.reproduce.answers import Side
from bench.reproduce.audit import audited
from bench.scenarios.kinds import kind_of
from bench.submission.assessment import Assessment
from bench.submission.dossier.reproduction import Audit
from bench.submission.form import RECORDS, SubmittedModel
from bench.submission.matching import is_of
from bench.submission.measuring.yardstick import yardstick_of
from bench.suite.base_run import Given, base_suite
from bench.suite.found_files import NotFound, Places, found_model
from bench.suite.plan import choose_models
from bench.suite.suite import Suite
from bench.words import Sentence, mapped, sentence

ALTER_SECONDS = 600.0


class Reviewer(Struct, frozen=True):
    """What the reviewer gives: his own copies of ``models``, his own ``seed`` for inputs, and whether to audit with
    ``altered`` models."""

    models: tuple[Path, ...] = ()
    datasets: tuple[Path, ...] = ()
    seed: int | None = None
    altered: bool = False


class Again(Struct, frozen=True, kw_only=True):
    """A claimed record, and how it is measured again; ``problem``: why it cannot be."""

    claimed: Side
    suite: Suite | None = None
    yardstick: Suite | None = None
    problem: Sentence | str = ""


def planned_again(found: Assessment, folder: Path, catalog: Catalog, given: Reviewer) -> tuple[Again, ...]:
    """For each record that decides a criterion of the submission in ``folder``, once."""
    runs = {run.record.record_id: run for run in found.runs}
    wanted = dict.fromkeys(row.record_id for row in found.rows if row.record_id)
    return tuple(_again(runs[name], found, folder, catalog, given) for name in wanted)


def measured_again(again: Again, catalog: Catalog, out: Path, cache: Path, listener: Listener) -> Side | None:
    """The run measured here, with its yardstick if the claim has one; ``None`` where it cannot be. The records are
    written under ``out``."""
    if again.suite is None:
        return None
    if again.yardstick is not None:
        base, new = run_in_alternation(
            again.yardstick, again.suite, catalog, (out, out), cache=cache, listener=listener, in_full=True
        )
        return Side(new, base)
    (run,) = run_suite(again.suite, catalog, out, cache=cache, listener=listener)
    return Side(run)


def _again(run: RecordedRun, found: Assessment, folder: Path, catalog: Catalog, given: Reviewer) -> Again:
    claimed, models = Side(run, yardstick_of(run, found.runs)), found.submission.models
    try:
        suite = suite_again(run, folder, catalog, given, models)
        yardstick = None
        if claimed.yardstick is not None:
            yardstick = suite_again(claimed.yardstick, folder, catalog, Reviewer())
        return Again(claimed=claimed, suite=suite, yardstick=yardstick)
    except OdbError as error:
        return Again(claimed=claimed, problem=_without(folder, error))


def _without(folder: Path, error: OdbError) -> Sentence | str:
    """What is wrong, with names as the submission has them and not those of a copy of it."""
    return mapped(error.sentence, lambda text: text.replace(f"{folder}{os.sep}", ""))


def suite_again(
    run: RecordedRun, folder: Path, catalog: Catalog, given: Reviewer, models: Sequence[SubmittedModel] = ()
) -> Suite:
    """The one run of ``run``, as its record says; files are found by their hashes in ``folder``, first where the form
    says that those of its model are, one of ``models``, and where the reviewer says. Raises ``InputError``."""
    record = run.record
    sent = [place for model in models if is_of(record, model) for place in _beside(model, folder)]
    sent += [folder, folder / "models", folder / "inputs"]
    sent += [path.parent for kind in ("models/*/*", "inputs/*/*", "inputs/*/*/*") for path in folder.glob(kind)]
    places = Places(own=(Path.cwd(),), sent=tuple(dict.fromkeys(sent)), files=(*given.models, *given.datasets))
    _check_model(record, places, given)
    try:
        suite = base_suite(record, folder / RECORDS / record.record_id, catalog, places, Given())
    except NotFound as error:  # its remedy is that of odb run
        raise InputError(sentence("reproduce.file_missing", problem=error.sentence)) from None
    refuse_other_inputs(record, suite)
    rule = record.plan.repeat_rule
    if rule is not None and rule.fewest == rule.most:
        suite = replace(suite, repeats=record.plan.repeats)
    return suite if given.seed is None else replace(suite, seed=given.seed)


def _beside(model: SubmittedModel, folder: Path) -> Iterator[Path]:
    """The folders in ``folder`` that hold what the form names for ``model``: two models may name files alike."""
    fed = (*model.inputs.values(), model.prompts, model.dataset, model.pipeline_inputs)
    for path in filter(None, (*fed, model.source, model.reference)):
        place = (folder / path).parent
        if place.resolve().is_relative_to(folder.resolve()):
            yield place


def _check_model(record: Record, places: Places, given: Reviewer) -> None:
    """Raises ``InputError`` for a model file that is neither in the bundle nor among the ``given`` ones."""
    asked, model = record.plan.asked, record.plan.model
    if asked is None or asked.kind == "built_in" or model.named_sha256 is None:
        return
    try:
        found_model([asked.model.name], model.named_sha256, model.named_size_bytes, "", places)
    except InputError:
        figures = {"model": asked.model.name, "sha256": model.named_sha256[:12]}
        if given.models:
            files = [path.name for path in given.models]
            raise InputError(sentence("reproduce.model_of_another_file", files=files, **figures)) from None
        raise InputError(sentence("reproduce.model_missing", **figures)) from None


def audit_again(
    again: Again, catalog: Catalog, out: Path, cache: Path, listener: Listener, margin: float
) -> Audit | None:
    """The audit of a claimed record with an altered copy of its model, measured in alternation with it; ``None`` where
    the record cannot be measured again. The records are written under ``out``."""
    claimed, suite = again.claimed.record, again.suite
    if suite is None:
        return None
    with temporary_workspace() as workspace:
        try:
            altered = _altered(suite, catalog, workspace)
        except OdbError as error:
            return Audit(record=claimed.record_id, word="cannot_tell", reason=error.sentence)
        if claimed.plan.target.emulated:
            (run,) = run_suite(altered, catalog, out, cache=cache, listener=listener)
            return audited(claimed, None, run, margin)
        base, new = run_in_alternation(suite, altered, catalog, (out, out), cache=cache, listener=listener)
        return audited(claimed, base, new, margin)


def _altered(suite: Suite, catalog: Catalog, workspace: Path) -> Suite:
    """``suite`` with a copy of its model whose weights are permuted, compared with the model itself. Raises
    ``OdbError``."""
    ((ask, plugin),) = choose_models(suite, catalog)
    request = ModelRequest(ask.source, format=ask.format, precision=ask.precision, shapes=ask.shapes, seed=suite.seed)
    done = run_job(AlterJob(plugin, request=request, seed=suite.seed), workspace / "alter", ALTER_SECONDS)
    if isinstance(done.answer, Failed):
        raise InputError(done.answer.failure.sentence, done.answer.failure.advice)
    model = replace(ask, source=str(done.answer.path), reference=ask.source)
    if not any(kind_of(one).staged for one in suite.scenarios):
        model = replace(model, dataset="", dataset_options="")
    return replace(suite, models=(model,))
