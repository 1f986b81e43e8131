"""Saves the state of each run while a suite is measured, so that a killed ``odb run`` keeps its finished repeats.

After each repeat the complete record that an interrupt would leave is written to a folder of the suite next to the
records: ``DIR/.unfinished-…/<record_id>/<repeats>/``. The suite removes that folder at its end. If its process is
killed, ``recover`` makes them records, each with the failure ``interrupted`` and the number of its repeats.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from msgspec.structs import replace

from bench.contracts import Scenario
from bench.errors import InputError
from bench.minutes.files import KeptMinutes, kept_minutes
from bench.record.record import Failure, Record, RecordedRun, Repeat, SampleArrays
from bench.scenarios.lasting import lasting_of
from bench.scratch import scratch_folder, sweep
from bench.store.derived import judged
from bench.store.records import UNFINISHED, load, write_record
from bench.words import sentence

MINUTES, WITH_MINUTES = "minutes", "with_minutes"
"""The folder beside the states of a run in which a long repeat keeps its minutes; see ``bench.minutes.files``. And that
of the record with them."""


class Unfinished:
    """The runs of a suite that have repeats and no record yet. ``folder``: where they are kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, run: RecordedRun) -> None:
        """Write what there is of the run, in place of what there was a repeat ago. Raises ``OSError``."""
        place = self._folder / run.record.record_id
        place.mkdir(exist_ok=True)
        before = [*place.iterdir()]
        write_record(place / f"{len(run.record.every_repeat):06}", run.record, run.samples)
        for folder in before:
            shutil.rmtree(folder, ignore_errors=True)

    def minutes(self, run: RecordedRun) -> Path:
        """Where the repeat of ``run`` that begins now keeps its minutes; what there is of the run is written first.
        Raises ``OSError``."""
        self.keep(run)
        return self._folder / run.record.record_id / MINUTES

    def drop(self, record_id: str) -> None:
        """The run has its record."""
        shutil.rmtree(self._folder / record_id, ignore_errors=True)


@contextmanager
def unfinished(out: Path) -> Iterator[Unfinished]:
    """The states that are kept next to the records in ``out`` until the suite ends. Raises ``InputError``."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(scratch_folder(UNFINISHED, out))
        except OSError as error:
            message = sentence("store.not_written", path=out, strerror=error.strerror)
            raise InputError(message, sentence("store.free_space_choose_another_folder")) from None
        yield Unfinished(folder)


def recover(path: Path) -> list[Record]:
    """Make records in ``path``, and in the folders in it, of what suites whose process has ended left unfinished there;
    returns them. Nothing half written becomes one, none is written over another, and what living processes keep is left
    alone."""
    found: list[Record] = []
    with suppress(OSError, ValueError):  # a name that no folder can have
        for out in (path, *sorted({left.parent for left in path.glob(f"*/{UNFINISHED}*")})):
            sweep(UNFINISHED, out, lambda folder: found.extend(_recovered(folder)))
    return found


def _recovered(folder: Path) -> Iterator[Record]:
    out = folder.parent
    for place in sorted(folder.iterdir()):
        if place.name.startswith(".") or place.is_symlink() or not place.is_dir() or (out / place.name).exists():
            continue
        minutes = kept_minutes(place / MINUTES)
        for kept in sorted((one for one in place.iterdir() if one.name not in (MINUTES, WITH_MINUTES)), reverse=True):
            run = _whole(kept)
            if run is None or run.record.record_id != place.name:
                continue
            whole = run if minutes is None else _with_minutes(place / WITH_MINUTES, run, minutes)
            if whole.record.repeats:
                (kept if whole is run else place / WITH_MINUTES).rename(out / place.name)
                yield whole.record
            break


def _with_minutes(folder: Path, run: RecordedRun, kept: KeptMinutes) -> RecordedRun:
    """``run`` with its minutes, written to ``folder``; as it is if they do not belong to it."""
    try:
        joined = with_minutes(run, kept)
        write_record(folder, joined.record, joined.samples)
    except (ArithmeticError, LookupError, TypeError, ValueError):  # whatever figures make of other samples
        return run
    return run if _whole(folder) is None else joined


def _whole(folder: Path) -> RecordedRun | None:
    """The record in ``folder``, unless it is half written."""
    try:
        return None if folder.is_symlink() else load(folder)
    except InputError:
        return None


def with_minutes(run: RecordedRun, kept: KeptMinutes) -> RecordedRun:
    """``run``, which was interrupted, with the minutes of the repeat that it was in."""
    record, repeat = run.record, kept.state.repeat
    number = len(record.every_repeat)
    keys = {role: f"{role}_{number}" for role in kept.arrays}
    samples = {**run.samples, **{keys[role]: array for role, array in kept.arrays.items()}}
    repeat = replace(repeat, samples=SampleArrays(len(kept.arrays["latency_ns"]), keys))
    failure = None if record.failure is None else with_minutes_said(record.failure, repeat, record.plan.scenario)
    record = replace(record, repeats=(*record.repeats, repeat), failure=failure)
    return judged(RecordedRun(record, samples)).plain()


def with_minutes_said(failure: Failure, repeat: Repeat, scenario: Scenario) -> Failure:
    """The failure of a run that ended in the middle of ``repeat``, which kept its minutes."""
    lasting = lasting_of(scenario)
    if lasting is None or repeat.duration_ns is None:
        return failure
    figures = {"done": repeat.duration_ns // lasting.minute_ns, "minutes": lasting.minutes}
    if failure.kind == "interrupted":
        return replace(failure, phase="steady", sentence=sentence("run.interrupted_in_minute", **figures))
    return replace(failure, sentence=sentence("run.failed_in_minute", why=failure.sentence, **figures))
