"""Which runs ``odb run --against BASE`` measures: each base record, and what is new in its place.

Without a suite file the flags say what is new, and everything else is the base's. With one, each run of the suite is
paired with the record of the same model, target and scenario.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from msgspec import Struct
from msgspec.structs import replace

from bench.cli.against.records import Source, likeness, of_one_run, same_run
from bench.cli.against.suites import (
    NEW_ONLY,
    applied,
    check_options,
    model_names,
    named_files,
    of_model,
    refuse_unused,
    suite_files,
    with_model,
    with_target,
)
from bench.cli.asked import asked_suite
from bench.comparison.folders import Problem
from bench.comparison.matching import Unmatched, kind_of, newest_measured, unmatched
from bench.errors import InputError
from bench.execution.interleaved import Identity
from bench.execution.probe import temporary_workspace
from bench.execution.suite_run import chosen_targets, plan_suite
from bench.execution.workbench import Bench
from bench.pipelines.again import refuse_other_inputs
from bench.plugins import Catalog
from bench.record.record import Record
from bench.scripting.places import cache_folder
from bench.store.records import chosen_folders, load
from bench.suite.base_run import Given, base_suite
from bench.suite.found_files import Places
from bench.suite.plan import PlannedRun
from bench.suite.suite import Suite, TargetAsk, parse_pair
from bench.suite.untrusted import ALLOW
from bench.words import Sentence, sentence

COMMAND_LINE = click.core.ParameterSource.COMMANDLINE


class Pair(Struct, frozen=True):
    """A base record, the suite that measures it again, and the one of what is new; each plans one run. For an emulated
    record only ``new`` is carried out and compared with the record."""

    source: Source
    base: Suite
    new: Suite

    @property
    def emulated(self) -> bool:
        return self.source.record.plan.target.emulated

    @property
    def identity(self) -> Identity:
        """What the base's file must be."""
        model = self.source.record.plan.model
        assert model.sha256 is not None  # ``base_suite`` refuses a record without
        made_from = None if model.source is None else model.source.sha256
        return Identity(model.sha256, str(self.source.folder), made_from)


class Pairs(Struct, frozen=True):
    """``unmatched``: records and runs without a partner, or that cannot be measured again. ``notes``: how flags were
    understood. ``problems``: records of BASE that cannot be read."""

    pairs: tuple[Pair, ...]
    unmatched: tuple[Unmatched, ...] = ()
    notes: tuple[Sentence, ...] = ()
    problems: tuple[Problem, ...] = ()


def plan_again(pair: Pair, catalog: Catalog) -> PlannedRun:
    """The run that checks an emulated record again. Raises ``InputError`` if its target is not an emulator."""
    with temporary_workspace() as workspace:
        runs = plan_suite(Bench(catalog, pair.new, workspace, cache_folder(), Path("/"))).runs
    origin = f"{pair.source.folder}/record.json"
    if len(runs) != 1:
        raise InputError(sentence("cli.not_one_run", file=origin, count=len(runs)), sentence("cli.not_one_run.remedy"))
    if not runs[0].target.device.emulated:
        raise InputError(
            sentence("cli.no_emulator", file=origin, target=runs[0].target.id), sentence("cli.no_emulator.remedy")
        )
    return runs[0]


def not_checked(pair: Pair, run: PlannedRun) -> Unmatched | None:
    """The emulated record as lost, where its emulator cannot be used here."""
    if run.skip is None:
        return None
    return refused(pair.source, InputError(sentence("cli.not_checked", reason=run.skip.sentence), run.skip.advice))


def refused(source: Source, error: InputError) -> Unmatched:
    """The record as lost, with the reason of ``error``."""
    code = "cli.refused_with_remedy" if error.remedy else "cli.refused"
    reason = sentence(code, reason=error.sentence, remedy=error.advice)
    return unmatched(source.record, "base", reason, lost=True)


class Chooser:
    """``context``: that of the command, whose parameters say what was given by hand."""

    def __init__(self, context: click.Context, catalog: Catalog) -> None:
        params = context.params
        self._catalog, self._params = catalog, params
        self._given = {k: v for k, v in params.items() if context.get_parameter_source(k) == COMMAND_LINE}
        self._path: Path = params["against"]
        self._options = dict(parse_pair("-O", option) for option in params["options"])
        if params["allow_unsafe_options"] and not params["suite_file"]:
            raise InputError(sentence("cli.only_for_a_suite", flag=ALLOW), sentence("cli.leave_it_out"))
        self._left: list[Unmatched] = []
        self._notes: list[Sentence] = []
        self._errors: list[InputError] = []
        self._problems: list[Problem] = []

    def pairs(self) -> Pairs:
        """Raises ``InputError`` if there is no pair at all, or the flags are ambiguous."""
        sources = self._newest(self._sources())
        found = self._of_suite(sources) if self._given.get("suite_file") else self._of_flags(sources)
        if not found:
            if self._errors:
                raise self._errors[0]
            if any(one.not_measured for one in self._left):
                raise InputError(
                    sentence("cli.asked_not_measured", folder=self._path), sentence("cli.measure_base_first")
                )
            raise InputError(
                sentence("cli.none_is_asked_for", folder=self._path),
                sentence("cli.base_holds", runs=_listed(source.record for source in sources)),
            )
        return Pairs(tuple(found), tuple(self._left), tuple(self._notes), tuple(self._problems))

    # ------------------------------------------------------------------------------------------------ records

    def _sources(self) -> list[Source]:
        """The records that can be read; for the others the reason is reported. Raises ``InputError`` if none of those
        left was measured."""
        sources = []
        for folder in chosen_folders(self._path):
            try:
                sources.append(Source(folder, load(folder).record))
            except InputError as error:
                self._problems.append(Problem(error.sentence, error.advice))
        if not sources:
            first = self._problems[0]
            raise InputError(sentence("cli.none_read", folder=self._path, reason=first.sentence), first.advice)
        if not any(source.measured for source in sources):
            raise InputError(sentence("cli.none_measured", folder=self._path), sentence("cli.measure_base_first"))
        return sources

    def _leave_not_measured(self, source: Source, asked: Iterable[Source]) -> None:
        """As in ``odb compare`` nothing is known of a run that the base did not measure, unless another of the records
        ``asked`` for holds a measurement of it."""
        again = any(other.measured and of_one_run(other.record, source.record) for other in asked)
        reason = sentence("cli.another_measured") if again else source.why_not_measured
        self._left.append(unmatched(source.record, "base", reason, not_measured=not again))

    def _newest(self, sources: Sequence[Source]) -> list[Source]:
        """Of records of the same thing only the newest that was measured."""
        newest: dict[tuple[object, ...], Source] = {}
        for source in sorted(sources, key=lambda s: newest_measured(s.record)):
            before = newest.pop(kind_of(source.record), None)
            if before is not None:
                again = sentence("cli.newer_measured" if before.measured else "cli.another_measured")
                self._left.append(unmatched(before.record, "base", again))
            newest[kind_of(source.record)] = source
        return list(newest.values())

    def _places(self, source: Source, suite: Suite | None = None) -> Places:
        """Where the record's files may be: the user's own folders are the current one and those of files that flags
        name. Files next to the record, the suite and the suite's files may have been sent with them."""
        named: tuple[Path, ...] = tuple(self._params["base_models"])
        files = named_files(self._given)
        own = dict.fromkeys([Path(), *(file.parent for file in files)])
        sent = dict.fromkeys([source.folder, source.folder.parent])
        if suite is not None:
            theirs = suite_files(suite)
            sent |= dict.fromkeys([self._params["suite_file"].resolve().parent, *(file.parent for file in theirs)])
            files += theirs
        return Places(tuple(own), tuple(sent), (*named, *files), only_files=bool(named))

    def _base(self, source: Source, places: Places, both: Mapping[str, Any]) -> Suite:
        flags = {*both, *(k for k in ("inputs",) if self._given.get(k))}
        base = base_suite(source.record, source.folder, self._catalog, places, Given(flags, self._options))
        refuse_other_inputs(source.record, base)
        fed = source.record.plan.inputs
        if source.record.plan.asked is None and fed is not None and fed.source in ("file", "image"):
            both = {**both, **{k: self._given[k] for k in ("inputs", "preprocessing") if k in self._given}}
        return applied(base, both, self._catalog)

    # -------------------------------------------------------------------------------------------------- flags

    def _of_flags(self, sources: list[Source]) -> list[Pair]:
        sources, target = self._on_targets(sources)
        chosen = self._of_models(sources)
        refuse_unused(self._given, [source.record for source, _ in chosen])
        ids = {source.record.plan.model.id for source, _ in chosen}
        targets = dict.fromkeys(target or source.record.plan.target.id for source, _ in chosen)
        options = self._routed(tuple(targets))
        found = []
        for source, model in chosen:
            if not source.measured:
                self._leave_not_measured(source, (other for other, _ in chosen))
                continue
            plan = source.record.plan
            given = of_model(self._given, plan.model.id, ids)
            both = {k: v for k, v in given.items() if k not in NEW_ONLY}
            try:
                base = self._base(source, self._places(source), both)
                new = with_model(base, model) if model else base
                new = applied(new, {k: v for k, v in given.items() if k in NEW_ONLY}, self._catalog)
            except InputError as error:
                self._refuse(source, error)
                continue
            name = target or plan.target.id
            found.append(Pair(source, base, with_target(new, name, options[name])))
        return found

    def _refuse(self, source: Source, error: InputError) -> None:
        self._errors.append(error)
        self._left.append(refused(source, error))

    def _on_targets(self, sources: list[Source]) -> tuple[list[Source], str]:
        """``-t`` is a filter where BASE holds records on that target; otherwise that target is what is new."""
        named: tuple[str, ...] = self._given.get("targets", ())
        here = {source.record.plan.target.id for source in sources}
        known = [name for name in named if any(_is_on(target, name) for target in here)]
        other = [name for name in named if name not in known]
        if not named:
            return sources, ""
        if known and other:
            raise InputError(
                sentence("cli.targets_known_and_not", folder=self._path, known=known, other=other),
                sentence("cli.targets_known_and_not.remedy"),
            )
        if len(other) > 1:
            raise InputError(
                sentence("cli.targets_too_many", flags=_flags(other)), sentence("cli.targets_too_many.remedy")
            )
        if other:
            self._notes.append(sentence("cli.target_is_new", target=other[0]))
            return sources, other[0]
        kept = [s for s in sources if any(_is_on(s.record.plan.target.id, name) for name in known)]
        told = sentence("cli.records_selected", flags=_flags(known), selected=len(kept), all=len(sources))
        self._notes.append(told)
        return kept, ""

    def _of_models(self, sources: list[Source]) -> list[tuple[Source, str]]:
        """Each base with the new model for it: by its id, unless there is but one model to compare with."""
        named: tuple[str, ...] = self._given.get("models", ())
        ids = dict.fromkeys(source.record.plan.model.id for source in sources)
        if not named:
            return [(source, "") for source in sources]
        if len(ids) == 1 and len(named) == 1:
            return [(source, named[0]) for source in sources]
        wanted = {name: model_names(name) & ids.keys() for name in named}
        strangers = [name for name, found in wanted.items() if not found]
        if strangers:
            raise InputError(
                sentence("cli.model_not_held", folder=self._path, held=list(ids), model=strangers[0]),
                sentence("cli.model_not_held.remedy"),
            )
        return [(s, name) for s in sources for name in named if s.record.plan.model.id in wanted[name]]

    def _routed(self, targets: Sequence[str]) -> dict[str, dict[str, str]]:
        """The given options that each target accepts. Raises ``UnknownName`` for one that none takes."""
        if not self._options or not targets:
            return {target: {} for target in targets}
        check_options(self._options, targets, self._catalog)
        suite = Suite(targets=tuple(TargetAsk(target) for target in targets), options=self._options)
        with temporary_workspace() as workspace:
            chosen = chosen_targets(Bench(self._catalog, suite, workspace, cache_folder(), Path("/")))
        return {
            target: {k: v for one in chosen if _is_on(one.id, target) for k, v in one.options.items()}
            for target in targets
        }

    # -------------------------------------------------------------------------------------------------- suite

    def _of_suite(self, sources: list[Source]) -> list[Pair]:
        suite, runs = self._suite_runs()
        named: tuple[str, ...] = self._given.get("targets", ())
        if named:
            kept = [run for run in runs if any(_is_on(run.target.id, name) for name in named)]
            if not kept:
                raise InputError(
                    sentence("cli.suite_without_target", flags=_flags(named)),
                    sentence("cli.suite_without_target.remedy"),
                )
            told = sentence("cli.runs_selected", flags=_flags(named), selected=len(kept), all=len(runs))
            self._notes.append(told)
            runs = kept
            sources = [s for s in sources if any(_is_on(s.record.plan.target.id, name) for name in named)]
        found, used = [], set()
        for run in runs:
            source = max((s for s in sources if same_run(run, s.record)), key=lambda s: likeness(run, s), default=None)
            if source is None:
                reason = sentence("cli.base_has_none")
                self._left.append(Unmatched("new", "", run.model.id, run.target.id, run.scenario.name, reason))
                continue
            used.add(source.record.record_id)
            if not source.measured:
                self._leave_not_measured(source, ())
                continue
            if run.skip is not None:
                error = InputError(sentence("cli.not_measurable_now", reason=run.skip.sentence), run.skip.advice)
                self._refuse(source, error)
                continue
            try:
                found.append(self._suite_pair(suite, run, source))
            except InputError as error:
                self._refuse(source, error)
        self._left += [
            unmatched(s.record, "base", sentence("cli.suite_asks_not"), lost=s.measured)
            for s in sources
            if s.record.record_id not in used
        ]
        return found

    def _suite_runs(self) -> tuple[Suite, Sequence[PlannedRun]]:
        """Flags add to the suite as usual, except ``-t``, which selects from its targets if it names any."""
        suite = asked_suite({**self._params, "targets": ()}, self._catalog)
        if not suite.targets:
            suite = asked_suite(self._params, self._catalog)
        with temporary_workspace() as workspace:
            return suite, plan_suite(Bench(self._catalog, suite, workspace, cache_folder(), Path("/"))).runs

    def _suite_pair(self, suite: Suite, run: PlannedRun, source: Source) -> Pair:
        """What holds for both sides is the suite's, but for its repeats: a pair of processes is another thing. Model,
        target, options and inputs of the base are its own."""
        shared: dict[str, Any] = {
            "preset": suite.preset,
            "repeats": self._given.get("repeats"),
            "seed": suite.seed,
            "strict_placement": suite.strict_placement,
            "timeout_s": suite.timeout_s,
            "max_seconds": suite.max_seconds,
            "check_inputs": suite.check_inputs,
            "settings": suite.settings,
            "profile": suite.profile,
        }
        base = replace(self._base(source, self._places(source, suite), {}), **shared)
        new = Suite(
            models=(run.model.ask,),
            targets=(TargetAsk(run.target.id, dict(run.target.options)),),
            scenarios=(run.scenario,),
            **shared,
        )
        return Pair(source, base, new)


def _is_on(target: str, name: str) -> bool:
    """Whether ``target`` is what ``-t name`` names: itself, or any device of the plugin."""
    return target == name or target.partition(":")[0] == name


def _flags(targets: Sequence[str]) -> str:
    """As they were typed."""
    return " ".join(f"-t {target}" for target in targets)


def _listed(records: Iterable[Record]) -> list[Sentence]:
    pairs = dict.fromkeys((r.plan.model.id, r.plan.target.id) for r in records)
    return [sentence("cli.model_on_target", model=model, target=target) for model, target in pairs]
