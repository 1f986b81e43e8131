"""One model on all variants of a device: compiled for each, side by side, and run once for each program.

The model is prepared, converted and run on its reference once for all variants. Every compilation and every run is a
process; a variant that crashes the compiler is a row with its reason. Variants that were compiled to the same program
share one run. An interrupt ends what runs and keeps what was found.
"""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from datetime import UTC, datetime
from time import perf_counter_ns
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from bench import __version__
from bench.contracts import ForetellingTarget, Variant
from bench.errors import InputError, OdbError, RunFailure, UnknownName
from bench.execution.preflight import rows
from bench.execution.preflight.jobs import Built, CompileJob, ForetellJob, RefuseJob, Variants, VariantsJob
from bench.execution.preflight.pool import Pool, Processes, side_by_side
from bench.execution.references import compare_tensors
from bench.execution.runner import JobRunner, Memo
from bench.execution.text_references import compare_with_engine
from bench.execution.untimed import fit, settle
from bench.execution.workbench import Bench
from bench.jobs import Failed
from bench.machine.environment import capture
from bench.passes import convert, prepare
from bench.passes.check import check_job
from bench.passes.compile_caches import CompileCaches
from bench.passes.evidence import Checked, Evidence, Opening, known
from bench.plugins import load
from bench.preflight.found import Preflight, Row
from bench.preflight.need import answered, fitting, in_variant_order, status_of
from bench.record.record import Failure, Fidelity
from bench.suite.plan import PlannedRun
from bench.words import Sentence, sentence


class Asked(Struct, frozen=True, kw_only=True):
    """``only``: names of variants, all where there are none. ``need``: by name. ``frames_per_s``: what the bound is to
    be compared with. ``jobs``: how many processes at a time. ``plan_only``: compile nothing."""

    only: tuple[str, ...] = ()
    need: dict[str, float] = {}
    frames_per_s: float | None = None
    jobs: int = 2
    plan_only: bool = False


class Watcher:
    """Told what happens, for progress. Does nothing by itself."""

    def began(self, model: str, target: str) -> None:
        """One model on one device is begun."""

    def step(self, text: Sentence | str) -> None:
        """What is done now, in a few words."""

    def planned(self, variants: int) -> None:
        """So many variants are compiled for."""

    def found(self, row: Row) -> None:
        """One variant is done."""


class Candidate(Struct, frozen=True):
    """A variant of which nothing is known against the model, and what it opens."""

    variant: Variant
    so_far: Evidence


class Compiled(Struct, frozen=True):
    """A variant that was compiled for."""

    candidate: Candidate
    built: Built
    row: Row


class Run(Struct, frozen=True):
    """What one program gave. ``first``: the variant that it was run for."""

    first: str
    answer: Checked | Failed
    fidelity: Fidelity | None = None


class Survey:
    """One model on one device. ``result`` is to be asked once."""

    def __init__(self, bench: Bench, run: PlannedRun, memo: Memo, asked: Asked, watcher: Watcher) -> None:
        self._bench, self._asked, self._watcher, self._memo = bench, asked, watcher, memo
        self._given = run.target.options
        self._so_far = Evidence(run=run, environment=capture(bench.root))
        self._processes = Processes()
        self._rows: dict[str, Row] = {}
        self._programs: dict[str, list[Compiled]] = {}
        self._ended: dict[str, Run] = {}
        self._versions: dict[str, str] = {}
        self._interrupted = False

    def result(self) -> Preflight:
        """Raises ``InputError`` for a model that cannot be read, and for a variant that the device does not stand
        for."""
        begin_ns, began = perf_counter_ns(), datetime.now(UTC)
        run, jobs = self._so_far.run, self._runner()
        self._watcher.began(run.model.id, run.target.id)
        listed = jobs.run(VariantsJob(run.target.plugin, device=run.target.device.name))
        variants = self._chosen(listed)
        self._prepare(jobs)
        if run.target.device.usable:
            self._compile_and_run(variants, jobs)
        else:
            self._foretell(variants, jobs)
        found = [answered(self._rows[variant.name], self._asked.need) for variant in variants]
        device, artifact = run.target.device, known(self._so_far.prepared).artifact
        return Preflight(
            tool_version=__version__,
            created_utc=began.isoformat(timespec="seconds"),
            model=rows.subject(artifact, run.model.ask.source),
            target=run.target.id,
            emulated=device.emulated,
            device_reason="" if device.usable else device.reason,
            device_remedy="" if device.usable else device.remedy,
            versions=self._versions,
            reference=next((row.fidelity.reference for row in found if row.fidelity is not None), ""),
            order=listed.order,
            need=self._asked.need,
            fit=fitting(found),
            status=status_of(found),
            interrupted=self._interrupted,
            jobs=self._asked.jobs,
            runs=len(self._ended),
            wall_ns=perf_counter_ns() - begin_ns,
            machine=str(self._so_far.environment.host.get("cpu") or ""),
            rows=tuple(found),
        )

    def _runner(self) -> JobRunner:
        """A new one for each thread: it keeps the log of its last job."""
        bench, run = self._bench, self._so_far.run
        return JobRunner(bench, self._memo, lambda: bench.deadline_s(run), self._watcher.step, self._processes.began)

    def _keep(self, row: Row) -> None:
        self._rows[row.variant.name] = row
        self._watcher.found(row)

    def _chosen(self, listed: Variants) -> list[Variant]:
        run, every = self._so_far.run, listed.variants
        if not every:
            remedy = sentence("preflight.no_variants.remedy")
            raise InputError(sentence("preflight.no_variants", target=run.target.id), remedy)
        taken = {option for variant in every for option in variant.options} & self._given.keys()
        if taken:
            remedy = sentence("preflight.variant_by_option.remedy")
            raise InputError(sentence("preflight.variant_by_option", options=sorted(taken)), remedy)
        called = {name.lower(): variant for variant in every for name in (variant.name, variant.part) if name}
        for name in self._asked.only:
            if name.lower() not in called:
                raise UnknownName(sentence("preflight.variant"), name, [variant.name for variant in every])
        chosen = {called[name.lower()].name for name in self._asked.only}
        return in_variant_order([variant for variant in every if not chosen or variant.name in chosen])

    def _prepare(self, jobs: JobRunner) -> None:
        """The model and its inputs. Raises ``InputError`` for a file that cannot be read."""
        try:
            self._so_far = prepare.evidence(self._so_far, jobs)
        except RunFailure as failure:
            raise InputError(failure.sentence, failure.advice) from None

    def _foretell(self, variants: Sequence[Variant], jobs: JobRunner) -> None:
        """What is known without the device."""
        run, artifact = self._so_far.run, known(self._so_far.prepared).artifact
        foretells = isinstance(load(run.target.plugin), ForetellingTarget)
        for variant in variants:
            if not foretells:
                device = run.target.device
                self._keep(Row(variant=variant, status="foretold", reason=device.reason, remedy=device.remedy))
                continue
            job = ForetellJob(
                run.target.plugin, artifact=artifact, device=run.target.device.name, options=self._options(variant)
            )
            answer = jobs.attempt(job).answer
            if isinstance(answer, Failed):
                self._keep(rows.refused(variant, answer.failure))
                continue
            device, refuted = run.target.device, answer.fits is False
            row = Row(
                variant=variant,
                status="refused" if refuted else "foretold",
                reason=answer.findings[0] if refuted else device.reason,
                remedy="" if refuted else sentence("preflight.device_elsewhere", target=run.target.id),
                findings=answer.findings,
            )
            row = rows.placed(row, answer.placement, artifact)
            self._keep(rows.bounded(row, artifact, None, self._asked.frames_per_s))

    def _compile_and_run(self, variants: Sequence[Variant], jobs: JobRunner) -> None:
        candidates = self._candidates(variants, jobs)
        self._watcher.planned(len(candidates))
        if self._asked.plan_only:
            for one in candidates:
                self._keep(Row(variant=one.variant, status="planned"))
        elif candidates:
            with side_by_side(self._asked.jobs, self._processes) as pool:
                self._side_by_side(candidates, pool, jobs)

    def _candidates(self, variants: Sequence[Variant], jobs: JobRunner) -> list[Candidate]:
        """The variants of which nothing is known against the model. The others become rows with their reasons."""
        run, refusal = self._so_far.run, self._so_far.run.skip
        artifact = known(self._so_far.prepared).artifact
        failures: Sequence[Failure | None] = [refusal] * len(variants)
        if refusal is None:
            try:
                self._so_far = fit(settle(self._so_far, jobs), jobs)
                options = tuple(self._options(variant) for variant in variants)
                job = RefuseJob(run.target.plugin, artifact=artifact, device=run.target.device.name, options=options)
                failures = jobs.run(job).failures
                self._convert([v for v, failure in zip(variants, failures, strict=True) if failure is None], jobs)
            except RunFailure as failure:
                every = Failure(failure.phase, failure.kind, failure.sentence, failure.advice)
                failures = [one or every for one in failures]
        for variant, one in zip(variants, failures, strict=True):
            if one is not None:
                self._keep(rows.refused(variant, one))
        return [Candidate(variant, self._opened(variant)) for variant in variants if variant.name not in self._rows]

    def _convert(self, variants: Sequence[Variant], jobs: JobRunner) -> None:
        """What all variants open instead of the model's own file, where that is needed."""
        if variants:
            self._so_far = convert.evidence(self._opened(variants[0]), jobs)

    def _options(self, variant: Variant) -> dict[str, str]:
        return {**self._given, **variant.options}

    def _opened(self, variant: Variant) -> Evidence:
        """As the variant opens it, with a compile cache of its own, which compiling fills."""
        so_far, options = self._so_far, self._options(variant)
        run = replace(so_far.run, target=replace(so_far.run.target, options=options))
        request = replace(known(so_far.opening).request, options=options)
        return replace(so_far, run=run, opening=Opening(request, CompileCaches("warm", self._bench.folder)))

    def _side_by_side(self, candidates: Sequence[Candidate], pool: Pool, jobs: JobRunner) -> None:
        """Compile for all; run each program once, as soon as it is there."""
        waiting, programs = deque(candidates), deque[str]()
        compiling: dict[Future[Built | Failed], Candidate] = {}
        running: dict[Future[Checked | Failed], str] = {}
        try:
            while waiting or programs or compiling or running:
                while (waiting or programs) and len(compiling) + len(running) < self._asked.jobs:
                    if programs:  # first, so that what an interrupt leaves is whole rows
                        program = programs.popleft()
                        running[pool.submit(self._run, self._programs[program][0].candidate)] = program
                    else:
                        one = waiting.popleft()
                        compiling[pool.submit(self._build, one)] = one
                waited: list[Future[Any]] = [*compiling, *running]
                done, _ = wait(waited, return_when=FIRST_COMPLETED)
                for built in [future for future in compiling if future in done]:
                    if program := self._built(compiling.pop(built), built.result()):
                        programs.append(program)
                for ended in [future for future in running if future in done]:
                    self._ran(running.pop(ended), ended.result(), jobs)
        except KeyboardInterrupt:
            self._interrupted = True
            pool.end()
            self._keep_the_rest(candidates)

    def _build(self, one: Candidate) -> Built | Failed:
        """In a thread."""
        job = CompileJob(one.so_far.run.target.plugin, request=known(one.so_far.opening).for_process())
        return self._runner().attempt(job).answer

    def _run(self, one: Candidate) -> Checked | Failed:
        """In a thread."""
        return self._runner().attempt(check_job(one.so_far, again=False)).answer

    def _built(self, one: Candidate, answer: Built | Failed) -> str:
        """Take in what was compiled. Returns the program, where it is a new one and has to be run."""
        if isinstance(answer, Failed):
            self._keep(rows.refused(one.variant, answer.failure))
            return ""
        self._versions = self._versions or answer.facts.versions
        artifact = known(one.so_far.prepared).artifact
        row = rows.compiled(one.variant, answer, artifact, self._asked.frames_per_s)
        program = answer.compiled.program_sha256 or one.variant.name
        members = self._programs.setdefault(program, [])
        members.append(Compiled(one, answer, row))
        if program in self._ended:
            self._keep_run(members[-1], self._ended[program])
        return program if len(members) == 1 else ""

    def _ran(self, program: str, answer: Checked | Failed, jobs: JobRunner) -> None:
        """Take in what one program gave, for all variants that it is the program of."""
        members = self._programs[program]
        fidelity = None if isinstance(answer, Failed) else self._fidelity(members[0], answer, jobs)
        self._ended[program] = Run(members[0].candidate.variant.name, answer, fidelity)
        for one in members:
            self._keep_run(one, self._ended[program])

    def _keep_run(self, one: Compiled, run: Run) -> None:
        name = one.candidate.variant.name
        if isinstance(run.answer, Failed):
            self._keep(rows.broke(one.row, run.answer.failure))
        else:
            self._keep(rows.ran(one.row, run.fidelity, "" if name == run.first else run.first))

    def _fidelity(self, one: Compiled, answer: Checked, jobs: JobRunner) -> Fidelity | None:
        """Of the outputs, against the reference's."""
        checked = replace(answer, facts=one.built.facts, placement=one.built.placement)
        so_far = replace(one.candidate.so_far, checked=checked)
        try:
            return compare_with_engine(compare_tensors(so_far, jobs), jobs).fidelity
        except OdbError as error:
            return Fidelity("none", reason=error.sentence)

    def _keep_the_rest(self, candidates: Sequence[Candidate]) -> None:
        """What was compiled and not run, and what was not come to."""
        begun = {one.candidate.variant.name: one.row for members in self._programs.values() for one in members}
        for candidate in candidates:
            name = candidate.variant.name
            if name not in self._rows:
                row = begun.get(name) or Row(variant=candidate.variant, status="interrupted")
                self._keep(rows.interrupted(row))
