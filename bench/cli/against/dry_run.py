"""``odb run --against --dry-run``: what would be measured in turns or checked again, what would be refused, and which
records are unmatched. Its status is that of the run, as far as it is known before anything is opened."""

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from msgspec import Struct
from msgspec.structs import asdict, replace

from bench.cli.against.pairs import Pair, Pairs, not_checked, plan_again, refused
from bench.cli.dry_run import for_scripts, print_left_out, print_remedy, print_table
from bench.cli.options import echo_json
from bench.cli.terminal.progress import Expected, span_text, total_seconds
from bench.comparison.matching import Unmatched
from bench.comparison.outcome import Outcome, foreseen
from bench.contracts import Artifact
from bench.digest import sha256_of_files
from bench.errors import InputError
from bench.execution.foresee import Foreseen, foresee_one
from bench.execution.interleaved import plan_pair
from bench.execution.probe import temporary_workspace
from bench.execution.runner import Memo
from bench.execution.workbench import Bench
from bench.printable import clean
from bench.record.evidence import Until
from bench.record.record import Failure
from bench.scripting.places import cache_folder
from bench.stats.sequential import looks
from bench.suite.plan import PlannedRun
from bench.words import say, sentence, speaking

if TYPE_CHECKING:
    from bench.plugins import Catalog

End = Literal["ready", "broken", "not_measured"]


class Prospect(Struct, frozen=True):
    """One pair as it would be carried out: ``runs`` by side, and of each why it would be refused or skipped."""

    pair: Pair
    runs: tuple[PlannedRun, ...]
    failures: tuple[Failure | None, ...]

    @property
    def sides(self) -> tuple[str, ...]:
        return ("again",) if self.pair.emulated else ("base", "new")

    @property
    def end(self) -> End:
        """What the comparison would find of it: where the new run alone fails, it is worse; a run that is skipped
        because it cannot be measured here leaves a pair without figures."""
        *base, new = self.failures
        if any(failure is not None for failure in base):
            return "not_measured"
        if new is None:
            return "ready"
        return "not_measured" if base and new.phase == "plan" else "broken"


def show_pairs(
    chosen: Pairs,
    catalog: "Catalog",
    base_python: str,
    as_json: bool,
    accepted: Collection[str] = (),
    until: Until | None = None,
) -> int:
    """Print what ``--against`` would do. Returns the exit status."""
    prospects, alone = _prospects(chosen, catalog, base_python, until)
    ends = Counter(one.end for one in prospects)
    found = foreseen(ends["ready"], ends["broken"], ends["not_measured"], alone, chosen.problems, accepted)
    if as_json:
        with speaking("en"):
            _print_json(prospects, alone, chosen, found, until)
        return found.status
    for note in chosen.notes:
        click.echo(clean(str(note)))
    rows = [(run, side) for one in prospects for run, side in zip(one.runs, one.sides, strict=True)]
    failures = [failure for one in prospects for failure in one.failures]
    shown = [None if run.skip is not None else failure for (run, _), failure in zip(rows, failures, strict=True)]
    if rows:
        print_table("pairs", rows, shown)
    for one in alone:
        click.echo(clean(_alone(one)))
    print_left_out([run for run, _ in rows], failures)
    for problem in chosen.problems:
        click.echo("\n" + say("cli.not_read", reason=clean(str(problem.message))))
        print_remedy(clean(str(problem.remedy)))
    ready = [run for one in prospects if one.end == "ready" for run in one.runs]
    click.echo(f"\n{found.reason}")
    time = total_seconds(ready)
    if until is not None and until.limit_ns is not None:
        time = Expected(time.least, max(time.least, min(time.most, until.limit_ns / 1e9)))
    click.echo(_end(prospects, span_text(time)))
    if until is not None:
        click.echo(_until(until))
    return found.status


def _until(until: Until) -> str:
    """By which looks and within which bounds the number of pairs is decided."""
    minutes = 0.0 if until.limit_ns is None else until.limit_ns / 60e9
    return say("cli.pairs.until", looks=list(looks(until.most)), most=until.most, minutes=minutes)


def _print_json(
    prospects: Sequence[Prospect],
    alone: Sequence[Unmatched],
    chosen: Pairs,
    found: Outcome,
    until: Until | None,
) -> None:
    """The same in every language; texts of a plan are in the language spoken."""
    echo_json(
        {
            "pairs": [_for_scripts(one) for one in prospects],
            "unmatched": [replace(one, reason=str(one.reason)) for one in alone],
            "notes": [str(note) for note in chosen.notes],
            "problems": chosen.problems,
            "result": found,
            "until": None if until is None else {**asdict(until), "looks": looks(until.most)},
        }
    )


def _prospects(
    chosen: Pairs, catalog: "Catalog", base_python: str, until: Until | None
) -> tuple[list[Prospect], list[Unmatched]]:
    """The pairs that would be carried out, and the records that would be unmatched. Raises ``InputError`` if the only
    pair is wrong."""
    prospects, alone = [], list(chosen.unmatched)
    memo: Memo = {}
    with temporary_workspace() as workspace:
        for pair in chosen.pairs:
            bench = Bench(catalog, pair.new, workspace, cache_folder(), Path("/"))
            try:
                runs = _runs(pair, bench, base_python, until)
                without = not_checked(pair, runs[0]) if pair.emulated else None
                if without is not None:
                    alone.append(without)
                    continue
                known = [foresee_one(bench, run, memo) for run in runs]
                _check_identity(pair, known[0])
            except InputError as error:
                if len(chosen.pairs) == 1:
                    raise
                alone.append(refused(pair.source, error))
                continue
            failures = tuple(run.skip or one.failure for run, one in zip(runs, known, strict=True))
            prospects.append(Prospect(pair, runs, failures))
    return prospects, alone


def _runs(pair: Pair, bench: Bench, base_python: str, until: Until | None) -> tuple[PlannedRun, ...]:
    if pair.emulated:
        return (plan_again(pair, bench.catalog),)
    return plan_pair(pair.base, pair.new, bench, base_python, until=until)


def _check_identity(pair: Pair, known: Foreseen) -> None:
    """Raises ``InputError`` for a base's file that is another than the record's."""
    if not pair.emulated and known.artifact is not None:
        pair.identity.check(with_checksum(known.artifact))


def with_checksum(artifact: Artifact) -> Artifact:
    """A described artifact has no checksum of its own, and that of its source is computed only here."""
    source = artifact.source
    if source is None or source.sha256:
        return artifact
    return replace(artifact, source=replace(source, sha256=sha256_of_files(source.files)))


def _alone(one: Unmatched) -> str:
    code = "cli.unmatched.lost" if one.lost else "cli.unmatched.not_measured" if one.not_measured else "cli.unmatched"
    side = sentence(f"cli.side.{one.side}")
    return say(code, side=side, model=one.model, target=one.target, reason=one.reason)


def _end(prospects: Sequence[Prospect], time: str) -> str:
    """How the pairs are compared, and about how long it takes."""
    if not prospects:
        return say("cli.pairs.none", time=time)
    emulated = {one.pair.emulated for one in prospects}
    code = "cli.pairs.both" if len(emulated) == 2 else "cli.pairs.again" if True in emulated else "cli.pairs.turns"
    return say(code, time=time)


def _for_scripts(one: Prospect) -> dict[str, Any]:
    """One pair: the record it is about, how it is compared, and each run by its side, with why it would be refused."""
    how = "placement_and_outputs" if one.pair.emulated else "in_alternation"
    runs = zip(one.sides, one.runs, one.failures, strict=True)
    sides = {side: for_scripts(run, failure) for side, run, failure in runs}
    return {"record_id": one.pair.source.record.record_id, "how": how, **sides}
