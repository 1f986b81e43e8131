"""The jobs of a preflight: which variants a target has, which of them take a model, and the compiling for one."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter_ns

from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import (
    Artifact,
    Compiled,
    ForetellingTarget,
    Foretold,
    OpenRequest,
    Placement,
    SessionFacts,
    Target,
    Variant,
    VariedTarget,
)
from bench.errors import OdbError
from bench.jobs import Failed, Job, Worker
from bench.measure.text_driver import open_session
from bench.plugins import load
from bench.process.failure import failure_of
from bench.record.record import Failure
from bench.words import Sentence


class Variants(Struct, frozen=True):
    """The variants of a device, and the rule of their order."""

    variants: tuple[Variant, ...] = ()
    order: Sentence | str = ""


class VariantsJob(Job[Variants], frozen=True, kw_only=True):
    """Which chips does the device stand for?"""

    device: str

    def play(self, worker: Worker) -> Variants:
        """None of a target that has no variants."""
        target = load(self.plugin)
        if not isinstance(target, VariedTarget):
            return Variants()
        return Variants(tuple(target.variants(self.device)), target.order_of_variants)


class Refused(Struct, frozen=True):
    """Why each variant would not take the model, in their order; ``None`` where nothing is known against it."""

    failures: tuple[Failure | None, ...]


class RefuseJob(Job[Refused], frozen=True, kw_only=True):
    """Which variants are known not to take the artifact, before anything is compiled? ``options``: of each variant."""

    artifact: Artifact
    device: str
    options: tuple[dict[str, str], ...]

    def play(self, worker: Worker) -> Refused:
        """Asks the target once for each."""
        target: Target = load(self.plugin)
        return Refused(tuple(self._refused(target, options) for options in self.options))

    def _refused(self, target: Target, options: dict[str, str]) -> Failure | None:
        try:
            target.check(self.artifact, self.device, options)
        except OdbError as error:
            return failure_of(error, "plan").failure
        return None


class ForetellJob(Job[Foretold], frozen=True, kw_only=True):
    """What is known of the artifact on a device that is not here?"""

    artifact: Artifact
    device: str
    options: dict[str, str]

    def play(self, worker: Worker) -> Foretold:
        """Nothing, where the target foretells nothing."""
        worker.announce("read")
        target = load(self.plugin)
        if not isinstance(target, ForetellingTarget):
            return Foretold(findings=())
        return target.foretell(self.artifact, self.device, self.options)


class Built(Struct, frozen=True, kw_only=True):
    """What compiling left. ``compile_ns``: on this machine."""

    facts: SessionFacts
    placement: Placement | None
    compiled: Compiled
    compile_ns: int | None


class CompileJob(Job[Built], frozen=True, kw_only=True):
    """Compile for one variant, into ``request.compile_cache``, and run nothing."""

    request: OpenRequest

    def play(self, worker: Worker) -> Built:
        """The target has been asked already whether it takes the model."""
        target: Target = load(self.plugin)
        spent: dict[str, int] = {}

        @contextmanager
        def phase(name: str) -> Iterator[None]:
            worker.announce(name)
            begin_ns = perf_counter_ns()
            try:
                yield
            finally:
                spent[name] = spent.get(name, 0) + perf_counter_ns() - begin_ns

        session = open_session(target, replace(self.request, inspect=True), phase)
        compiled = target.compiled(self.request) if isinstance(target, VariedTarget) else Compiled()
        return Built(
            facts=session.facts(),
            placement=session.placement(),
            compiled=compiled,
            compile_ns=spent.get("compile"),
        )


def failure_in(answer: object) -> Failure | None:
    """The failure that a job ended with."""
    return answer.failure if isinstance(answer, Failed) else None
