"""The fixture ``odb``: measures, and asserts what records show. Figures, decisions and words are those of ``odb``."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import pytest
from msgspec.structs import replace

from bench.analysis.verdict.emulated import is_emulated
from bench.analysis.verdict.fail_on import checked_fail_on, failing
from bench.comparison.comparison import TOLERANCE
from bench.comparison.folders import Findings
from bench.comparison.outcome import checked_accept, outcome
from bench.comparison.rules import Subject
from bench.contracts import Scenario
from bench.errors import InputError, OdbError
from bench.pytesting import failures, replay
from bench.pytesting.limits import limits_of, share_of
from bench.pytesting.machine import Machine
from bench.pytesting.marks import Marked, marked
from bench.record.record import RecordedRun
from bench.scripting import measuring
from bench.scripting.comparing import compare
from bench.scripting.loading import load
from bench.scripting.measuring import Asked, Folder, Model, Target
from bench.scripting.places import paths_of
from bench.words import UnknownLanguage, chosen, sentence, speaking

Base = RecordedRun | Folder | Sequence[RecordedRun]


def used(
    node: pytest.Item, folder: Path, machine: dict[str, Any], earlier: Sequence[Mapping[str, Any]]
) -> "Iterator[Odb]":
    """The fixture of the test ``node``, whose messages are in the language of ``ODB_LANG`` or the locale. ``machine``
    is filled with what the records say of it; ``earlier``: what it was in benchmarks that are compared with."""
    try:
        language = chosen(None)
        settings = marked(node)
    except UnknownLanguage as error:
        raise pytest.UsageError(f"{error.source}={error.name}: no such language") from None
    except OdbError as error:
        raise pytest.UsageError(f"{node.nodeid}: {error}") from None
    with speaking(language):
        yield Odb(node, folder, settings, Machine(machine, earlier))


class Odb:
    """Measures models, and asserts what the records show. An assertion that fails raises ``AssertionError`` with the
    sentences of a report; what is undecided fails too, unless ``accept`` names it."""

    def __init__(self, node: pytest.Item, folder: Path, settings: Marked, machine: Machine) -> None:
        self._node, self._folder, self._settings, self._machine = node, folder, settings, machine

    def run(
        self,
        model: Model,
        target: Target,
        *,
        scenario: str | Scenario | None = None,
        plugins: Folder | Sequence[Folder] = (),
        **asked: Unpack[Asked],
    ) -> RecordedRun:
        """Measure one model on one target. ``asked``: as ``bench.run`` takes it; what it leaves out is that of the
        marker. Returns the run, also one that failed or was skipped. Raises ``InputError`` for what cannot be
        planned."""
        __tracebackhide__ = True
        with Plainly():
            whole: Asked = {**self._settings.asked, **asked}
            runs = measuring.run(
                model,
                target,
                scenarios=scenario or self._settings.scenario or None,
                out=self._folder,
                plugins=[*paths_of(self._settings.plugins), *paths_of(plugins)],
                **whole,
            )
            if len(runs) != 1:
                raise InputError(sentence("pytest.several_runs", runs=len(runs)))
        self._machine.note(runs[0].record)
        return runs[0]

    def assert_valid(self, run: RecordedRun, *, fail_on: str | Collection[str] | None = None) -> None:
        """Fail unless the run was measured and its verdict has none of the codes and groups that ``fail_on`` names, as
        ``odb run --fail-on`` takes them; without it every code that makes a run invalid."""
        __tracebackhide__ = True
        with Plainly():
            names = checked_fail_on(_joined(fail_on or self._settings.fail_on))
        if run.record.status != "ok" or failing(run.record, names):
            self._show(failures.report(run))
            raise AssertionError(failures.not_valid(run.record, failing(run.record, names)))

    def assert_within(
        self,
        run: RecordedRun,
        limits: Mapping[str, float | str] | None = None,
        *,
        accept: str | Collection[str] | None = None,
        **named: float | str,
    ) -> None:
        """Fail unless each figure meets its limit with its whole 95 % interval: ``p99="33 ms"``, ``peak_rss="200 MB"``,
        ``macs_on_accelerator=0.99``. Whether a limit is a maximum or a minimum follows from the figure; ``"<= …"`` and
        ``">= …"`` state it. ``limits`` takes any path of a record: ``{"quality.metrics.top1": "75 %"}``."""
        __tracebackhide__ = True
        with Plainly():
            asked = limits_of({**(limits or {}), **named})
            accepted = self._accepted(accept)
        undecided = "cannot-tell" if run.record.status == "ok" else "not-measured"
        passing = {"met", "cannot_tell"} if undecided in accepted else {"met"}
        wrong = [one for one in (limit.seen_in(run) for limit in asked) if one.word not in passing]
        if wrong:
            self._show(failures.report(run))
            raise AssertionError(failures.not_within(run.record, wrong))

    def assert_not_slower(
        self,
        run: RecordedRun,
        base: Base,
        *,
        tolerance: float | str | None = None,
        subjects: Collection[Subject] = (),
        accept: str | Collection[str] | None = None,
    ) -> None:
        """Fail unless ``odb compare`` would end with status 0: the leading metric is shown to be faster or the same,
        and nothing is worse. ``base``: a run, or a folder with records of which one matches. ``tolerance``: a fraction,
        or text such as ``"5 %"``."""
        __tracebackhide__ = True
        with Plainly():
            share = share_of("tolerance", tolerance if tolerance is not None else self._settings.tolerance or TOLERANCE)
            findings = compared(base, run, share, subjects, self._accepted(accept))
        if outcome(findings).status != 0:
            self._show(failures.comparison(findings))
            raise AssertionError(failures.not_faster(findings))

    def benchmark(
        self,
        benchmark: Any,
        model: Model,
        target: Target,
        *,
        scenario: str | Scenario | None = None,
        plugins: Folder | Sequence[Folder] = (),
        fail_on: str | Collection[str] | None = None,
        **asked: Unpack[Asked],
    ) -> RecordedRun:
        """Measure as ``run`` does, and give pytest-benchmark's fixture ``benchmark`` the time of each query in seconds,
        so that its table, ``--benchmark-json`` and ``--benchmark-compare`` have the measured figures. The run has to be
        valid, as ``assert_valid`` decides, and not emulated."""
        __tracebackhide__ = True
        run = self.run(model, target, scenario=scenario, plugins=plugins, **asked)
        self.assert_valid(run, fail_on=fail_on)
        if is_emulated(run.record):
            raise AssertionError(failures.emulated(run.record))
        with Plainly():
            replay.into(benchmark, run)
        for changed in self._machine.changes():
            self._node.warn(pytest.PytestWarning(changed))
        return run

    def _accepted(self, accept: str | Collection[str] | None) -> tuple[str, ...]:
        given = self._settings.accept if accept is None else accept
        return checked_accept(_joined(given))

    def _show(self, report: str) -> None:
        """Add the report to what pytest shows of a test that fails."""
        self._node.add_report_section("call", "odb", report)


class Plainly:
    """Raises an error in a request again, without the frames of what found it: pytest shows the line of the test."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        __tracebackhide__ = True
        if isinstance(error, OdbError):
            raise InputError(error.sentence, error.advice) from None


def _joined(names: str | Collection[str] | None) -> str | None:
    """Names as a flag takes them."""
    return names if names is None or isinstance(names, str) else ",".join(names)


def compared(
    base: Base, run: RecordedRun, tolerance: float, subjects: Collection[Subject], accepted: tuple[str, ...]
) -> Findings:
    """The run with its record of the base. Raises ``InputError`` if the base has none."""
    if isinstance(base, RecordedRun):
        found = compare(base, run, tolerance=tolerance, subjects=subjects)
        return Findings(tolerance, (found,), accepted=accepted)
    before = load(base) if isinstance(base, str | os.PathLike) else base
    findings = compare(before, [run], tolerance=tolerance, subjects=subjects, accept=accepted)
    if not findings.comparisons:
        plan = run.record.plan
        raise InputError(sentence("pytest.no_base", model=plan.model.id, target=plan.target.id))
    return replace(findings, unmatched=())
