"""Measures two runs in alternation: repeat by repeat a fresh process of each, which then take turns block by block.

What comes before measuring (artifact, placement, outputs, caches) is gathered for each by itself. A pair of processes
is the unit of replication. Pairs are short and many, because what differs from process to process does not become
smaller by looking at two of them for longer: as many as the preset says, each half as long as a repeat alone; or as
many as it takes to decide how the two compare, each a quarter as long (``bench.comparison.sequential``).
"""

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from time import monotonic_ns
from typing import Literal, Protocol

import msgspec
from msgspec import Struct

from bench.comparison.comparability import refusals
from bench.comparison.sequential import Standing, standing
from bench.contracts import Artifact
from bench.errors import InputError, OdbError
from bench.execution.assemble import assemble
from bench.execution.one_run import Gathering
from bench.execution.probe import temporary_workspace
from bench.execution.runner import Memo
from bench.execution.suite_run import Listener, plan_suite, with_sensors
from bench.execution.workbench import Bench
from bench.jobs import Failed, Result
from bench.machine.lease import machine_shared
from bench.machine.load import HostLoad
from bench.measure.repeat import Measured
from bench.plugins import Catalog
from bench.process.turns import run_in_turns
from bench.process.turnstile import Turnstile
from bench.record.evidence import OTHER_SIDE, Alternation, RepeatRule, Until, of_yardstick
from bench.record.record import Failure, RecordedRun
from bench.scenarios.lasting import lasting_of
from bench.stats.sequential import FIRST_DIFFERENT
from bench.store.records import save
from bench.store.unfinished import Unfinished, unfinished
from bench.suite.plan import PlannedRun
from bench.suite.presets import PRESETS, shorter_rule
from bench.suite.suite import Suite
from bench.words import Sentence, sentence

Steps = list[tuple[Gathering, Callable[[], None]]]
"""For each side the step that takes in what came of the work."""
SIDES: tuple[Literal["base", "new"], ...] = ("base", "new")


class Pair(Struct, frozen=True):
    """What one pair of processes measured, the base's first. ``busy``: fraction of the machine that others used.
    ``wall_ns``: from the first start to the last exit."""

    sides: tuple[Measured, Measured]
    busy: float | None
    wall_ns: int


class KeptPairs(Protocol):
    """Pairs that outlive the process: so many that another one measured are taken, and not measured again. A pair is
    the unit of replication, so it does not matter that others were measured at another time."""

    def __len__(self) -> int: ...

    def taken(self, index: int, folders: tuple[Path, Path]) -> Pair:
        """An earlier one, its samples in ``folders``."""
        ...

    def keep(self, pair: Pair) -> None: ...


class Identity(Struct, frozen=True):
    """What the base's artifact must be: the record's word, and where it stands. ``made_from``: the checksum of what the
    artifact was made from, if it was; then that decides, since another version may make another artifact of it."""

    sha256: str
    source: str
    made_from: str | None = None

    def check(self, artifact: Artifact) -> None:
        """Raises ``InputError`` for another file."""
        found, expected = artifact.sha256, self.sha256
        if artifact.source is not None and (self.made_from is not None or not artifact.sha256):
            found, expected = artifact.source.sha256, self.made_from or self.sha256
        if found != expected:
            raise InputError(
                sentence(
                    "run.against_another_file",
                    file=(artifact.source or artifact).path.name,
                    source=self.source,
                    sha256=found[:12],
                    expected=expected[:12],
                ),
                sentence("run.name_base_model"),
            )


@machine_shared()
def run_in_alternation(
    base: Suite,
    new: Suite,
    catalog: Catalog,
    out: tuple[Path, Path],
    *,
    cache: Path,
    expected: Identity | None = None,
    base_python: str = "",
    listener: Listener | None = None,
    root: Path = Path("/"),
    in_full: bool = False,
    until: Until | None = None,
    compared: bool = True,
    pairs: KeptPairs | None = None,
) -> tuple[RecordedRun, RecordedRun]:
    """Measure the one run of each suite; records are written under ``out`` (base's, new's).

    ``base_python``: the interpreter in whose environment the base is measured. ``in_full``: the new run is measured as
    it would be alone, by as many and as long repeats, for its own figures; the base is its yardstick, and no more.
    ``until``: pairs are measured until the leading metric is decided, within its bounds. ``compared``: by the rules for
    records, which refuse inputs of another shape; otherwise the caller has a rule of its own.
    ``pairs``: those that were measured before.

    Raises ``InputError`` where a suite does not plan exactly one run, or the base's artifact is not the ``expected``
    one, or where the two are prepared and could not be compared. ``Ctrl-C`` writes what there is and is raised again.
    """
    listener = listener or Listener()
    with temporary_workspace() as workspace, unfinished(out[0]) as of_base, unfinished(out[1]) as of_new:
        machine = with_sensors(Bench(catalog, base, workspace, cache, root))
        memo: Memo = {}
        sides = [
            Gathering(msgspec.structs.replace(machine, suite=suite), run, memo, _said(listener, side, in_full))
            for side, suite, run in zip(
                SIDES, (base, new), plan_pair(base, new, machine, base_python, in_full, until), strict=True
            )
        ]
        _gather(sides, expected, listener, (of_base, of_new), until, compared, pairs)
        recorded = []
        if not sides[1].has_ended():  # it needs more repeats, and there is no base any more to take turns with
            _wait_no_longer(sides[1], sides[0])
        for folder, gathering in zip(out, sides, strict=True):
            if not gathering.has_ended():  # the yardstick, which has as many repeats as the run beside it
                gathering.end_with_the_other()
            result = assemble(*gathering.left())
            recorded.append(RecordedRun(save(folder, result.record, result.samples), result.samples))
        failures = [run.record.failure for run in recorded]
        if any(failure is not None and failure.kind == "interrupted" for failure in failures):
            raise KeyboardInterrupt
        return recorded[0], recorded[1]


def plan_pair(
    base: Suite,
    new: Suite,
    bench: Bench,
    base_python: str = "",
    in_full: bool = False,
    until: Until | None = None,
) -> tuple[PlannedRun, PlannedRun]:
    """The one run of each suite as it is measured in alternation; nothing is measured. ``bench``: of either.

    Raises ``InputError`` where a suite does not plan exactly one run, or one of an emulator.
    """
    group, runs = secrets.token_hex(8), []
    catalogs = bench.catalog.with_targets_in(base_python), bench.catalog
    for side, suite, catalog in zip(SIDES, (base, new), catalogs, strict=True):
        run = _only(plan_suite(msgspec.structs.replace(bench, suite=suite, catalog=catalog)).runs, side)
        turns = Alternation(group, side, yardstick=in_full and side == SIDES[0], until=until)
        runs.append(msgspec.structs.replace(run, alternation=turns) if in_full else planned(run, suite, turns))
    return runs[0], runs[1]


def planned(run: PlannedRun, suite: Suite, alternation: Alternation) -> PlannedRun:
    """``run`` with the repeats and times of an alternation, but for what the user asked by number, and for a scenario
    that says itself how long it lasts."""
    rule, repeats, until = run.rule, run.repeats, alternation.until
    if suite.repeats is None:
        repeats = PRESETS[run.preset].pairs
    if suite.max_seconds is None and lasting_of(run.scenario) is None:
        rule = shorter_rule(rule, until=until is not None)
    allowed = RepeatRule(repeats, repeats)
    if until is not None:
        allowed = RepeatRule(min(FIRST_DIFFERENT, until.most), until.most)
    return msgspec.structs.replace(run, rule=rule, repeats=allowed.fewest, alternation=alternation, repeat_rule=allowed)


def _only(runs: Sequence[PlannedRun], side: str) -> PlannedRun:
    if len(runs) != 1:
        raise InputError(
            sentence("run.against_several_runs", side=side, n_runs=len(runs)),
            sentence("run.name_one_of_each"),
        )
    if runs[0].target.device.emulated:
        raise InputError(
            sentence("run.against_emulator", target=runs[0].target.id),
            sentence("run.compare_two_records"),
        )
    return runs[0]


def _said(listener: Listener, side: str, in_full: bool) -> Callable[[Sentence | str], None]:
    """Tells ``listener`` what a side does; a yardstick is called so, and the run beside it needs no name."""
    if in_full and side == SIDES[1]:
        return listener.step
    where = sentence("run.yardstick") if in_full else side
    return lambda text: listener.step(sentence("text.at", where=where, message=text))


def _gather(
    sides: list[Gathering],
    expected: Identity | None,
    listener: Listener,
    kept: tuple[Unfinished, Unfinished],
    until: Until | None,
    compared: bool,
    pairs: KeptPairs | None,
) -> None:
    began_ns, known, earlier = monotonic_ns(), None, 0 if pairs is None else len(pairs)
    for gathering, other in zip(sides, reversed(sides), strict=True):
        if not gathering.prepare():
            _wait_no_longer(other, gathering)
            return
        prepared = gathering.evidence.prepared
        if gathering is sides[0] and expected is not None and prepared is not None:
            expected.check(prepared.artifact)
    if compared:
        _refuse_incomparable(sides)
    took_ns: list[int] = []
    for index in count():
        listener.pair()
        title = _title(index, sides[1].run, known)
        listener.step(title)
        for work in (partial(_pair, sides, index, title, pairs, took_ns), partial(_keep, sides, kept)):
            done = [gathering.attempt(step) for gathering, step in _or_failure(sides, work)]
            if not all(done):
                return
        if until is not None:
            next_ns = 0 if index + 1 < earlier else sum(took_ns) / len(took_ns)
            known = _look(sides, until, monotonic_ns() - began_ns + next_ns if next_ns else 0)
            until = known.until
        if sides[1].has_ended():
            return


def _refuse_incomparable(sides: list[Gathering]) -> None:
    """Raises ``InputError`` where no pairs could be compared, such as of inputs of another shape. A yardstick is
    another model than the run beside it."""
    base, new = (assemble(*gathering.left()).record for gathering in sides)
    if not of_yardstick(base.plan.alternation):
        for reason in refusals(base, new):
            raise InputError(sentence("run.against_incomparable", why=reason.sentence), reason.advice)


def _title(index: int, run: PlannedRun, known: Standing | None) -> Sentence:
    """Which pair is measured; and what is known of the leading metric, where that decides the number of pairs."""
    until = None if run.alternation is None else run.alternation.until
    if until is None:
        return sentence("run.pair", index=index + 1, repeats=max(index + 1, run.repeats))
    change = None if known is None else known.change
    if change is None or change.ratio is None or change.interval is None:
        return sentence("run.pair_until", index=index + 1, most=until.most)
    low, high = change.interval
    so_far = sentence("run.known_so_far", title=change.title, ratio=change.ratio, low=low, high=high)
    return sentence("run.pair_until_so_far", index=index + 1, most=until.most, known=so_far)


def _look(sides: list[Gathering], until: Until, next_ns: float) -> Standing:
    """What the pairs so far tell. ``next_ns``: the time at which another pair would end."""
    base, new = (assemble(*gathering.left()) for gathering in sides)
    found = standing(base, new, until, out_of_time=until.limit_ns is not None and next_ns > until.limit_ns)
    for gathering in sides:
        gathering.looked(found.until)
    return found


def _wait_no_longer(waiting: Gathering, failed: Gathering) -> None:
    failure = failed.evidence.failure
    message = sentence("run.other_side_failed", why="" if failure is None else failure.sentence)
    waiting.fail(Failure(OTHER_SIDE, "unavailable", message, sentence("run.see_other_record")))


def _or_failure(sides: list[Gathering], work: Callable[[], Steps]) -> Steps:
    """What ``work`` gives; what ends it early, an interrupt too, becomes the failure of both sides."""
    try:
        return work()
    except (OdbError, OSError, KeyboardInterrupt) as error:
        reason = error

    def fail() -> None:
        raise reason

    return [(gathering, fail) for gathering in sides]


def _keep(sides: list[Gathering], kept: tuple[Unfinished, Unfinished]) -> Steps:
    """Keep what there is of both sides. There is nothing to take in."""
    for gathering, of_side in zip(sides, kept, strict=True):
        with suppress(OSError):  # kept or not, the pairs go on
            of_side.keep(assemble(*gathering.unfinished()))
    return []


def _pair(sides: list[Gathering], index: int, title: Sentence, pairs: KeptPairs | None, took_ns: list[int]) -> Steps:
    """Measure one pair, or take one that was; for each side the step that takes in what came of it."""
    if pairs is not None and index < len(pairs):
        pair = pairs.taken(index, (sides[0].folder(), sides[1].folder()))
        took_ns.append(pair.wall_ns)
        each_ns = pair.wall_ns // len(sides)
        return [
            (one, partial(one.keep, found, None, pair.busy, each_ns))
            for one, found in zip(sides, pair.sides, strict=True)
        ]
    turnstile, began_ns = Turnstile(index % 2), monotonic_ns()
    jobs = [(gathering.measure_job(in_turns=True), gathering.folder()) for gathering in sides]
    deadline_s = 2 * sum(gathering.deadline_s() for gathering in sides)
    before = HostLoad.now()
    results = run_in_turns(jobs, deadline_s, turnstile, [gathering.said_of(title) for gathering in sides])
    used = sum(r.answer.cpu_seconds for r in results if not isinstance(r.answer, Failed))
    busy = HostLoad.now().busy_share_of_others(before, used)
    took_ns.append(monotonic_ns() - began_ns)
    base, new = (result.answer for result in results)
    if pairs is not None and not isinstance(base, Failed) and not isinstance(new, Failed):
        pairs.keep(Pair((base, new), busy, took_ns[-1]))

    def step(gathering: Gathering, result: Result[Measured]) -> Callable[[], None]:
        return lambda: gathering.keep(gathering.settled(result), None, busy, result.wall_ns // len(sides))

    return [(gathering, step(gathering, result)) for gathering, result in zip(sides, results, strict=True)]
