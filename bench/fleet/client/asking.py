"""What a fleet is asked to measure: a suite whose models are read and packed, and what its devices say."""

import platform
from collections.abc import Sequence
from pathlib import Path

from bench import __version__
from bench.entry_points import versions
from bench.errors import OdbError
from bench.execution.model_files import files_read
from bench.execution.probe import temporary_workspace
from bench.execution.runner import Memo
from bench.execution.suite_run import model_choice
from bench.execution.workbench import Bench
from bench.fleet.client.parcel import Parcel, parcel_of
from bench.fleet.client.planning import Asked, LeftOut, Packed
from bench.fleet.client.where import Where
from bench.plugins import Catalog
from bench.suite.plan import ModelChoice, choose_models
from bench.suite.scenario_choice import choose_scenarios
from bench.suite.suite import Suite, check


def asked_of(suite: Suite, catalog: Catalog, *, cache: Path, where: Where, each: bool) -> Asked:
    """Reads each of the user's own models, in a process of its own, for the files that belong to it. Raises
    ``InputError`` for what is wrong with the suite; a model that cannot be read is left out, with the reason."""
    check(suite, catalog)
    chosen = [model_choice(ask, ref) for ask, ref in choose_models(suite, catalog)]
    players = [choice.plugin for asked in suite.scenarios for choice in choose_scenarios(asked, catalog)]
    code = [Path(ref.location) for ref in players if ref is not None and ref.from_file]
    memo: Memo = {}
    with temporary_workspace() as workspace:
        bench = Bench(catalog, suite, workspace, cache, Path("/"))
        packed = tuple(_packed(bench, choice, code, memo) for choice in chosen)
    return Asked(
        suite=suite,
        catalog=catalog,
        models=packed,
        where=where,
        each=each,
        versions={"ondevice-bench": __version__, "python": platform.python_version(), **versions(("distributed",))},
    )


def _packed(bench: Bench, choice: ModelChoice, code: Sequence[Path], memo: Memo) -> Packed:
    own = [Path(choice.plugin.location)] if choice.plugin.from_file else []
    plugins = tuple(dict.fromkeys((*own, *code)))
    try:
        read = files_read(bench, choice, bench.suite.seed, memo)
        parcel = parcel_of(choice.ask, read)
        return Packed(choice=choice, parcel=parcel, with_code=parcel_of(choice.ask, read, plugins) if plugins else None)
    except OdbError as error:
        problem = LeftOut(model=choice.id, code="bad_input", reason=error.sentence, remedy=error.advice)
        return Packed(choice=choice, parcel=Parcel(choice.ask), problem=problem)
