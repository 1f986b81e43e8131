"""``odb gate --confirm``: every suspect is measured again, in a new session that begins at least minutes later.

A session is a process tree of its own. What its processes leave behind - pages in memory, a warm chip, a cached
compilation - is not that of tonight's, and neither is the state that the machine was in.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from bench.analysis.run_processes import timed
from bench.comparison.comparison import compare
from bench.errors import InputError, of_flag
from bench.gate.confirming import by_alternation, by_session, explained, how_to_confirm, not_done
from bench.gate.finding import Confirmation, SeriesFinding
from bench.gate.judge import Judgement
from bench.machine.lease import machine_shared
from bench.nights.point import Point, point_of
from bench.nights.series import Series
from bench.process import trees
from bench.record.record import Record, RecordedRun
from bench.scripting.places import cache_folder
from bench.store.records import chosen_folders, load
from bench.suite.found_files import Places, found_model
from bench.words import Sentence, sentence

SPAWN = "from bench.cli import main; main()"
LONGEST_WAIT_MINUTES = 1440
MOST_CHARACTERS = 300


class Session(Struct, frozen=True, kw_only=True):
    """What the user gave for sessions. ``out``: folder that their records go to; ``models``: model files that are
    looked at first; ``base_models``, ``base_python``, ``plugins``: as of ``odb run --against``."""

    out: Path
    models: tuple[Path, ...] = ()
    base_models: tuple[Path, ...] = ()
    base_python: Path | None = None
    plugins: tuple[Path, ...] = ()


Measured = tuple[RecordedRun | None, RecordedRun | None]
"""Base and new of a session; ``None`` for a side without figures."""


@machine_shared()
def confirm_all(
    judgement: Judgement,
    folders: Mapping[str, Path],
    session: Session,
    tell: Callable[[SeriesFinding, str], None] = lambda one, how: None,
) -> dict[Series, Confirmation]:
    """The second measurement of each suspect, one after the other; not of one that a device of a rack measured.
    ``folders``: where the records of both sides lie, by id. ``tell``: called before each."""
    found = {}
    for one in judgement.suspects:
        how = how_to_confirm(one, session.base_python is not None)
        if one.series.device:
            why = sentence("gate.confirm.of_a_device", device=one.series.device)
            found[one.series] = not_done(how, _now(), why)
            continue
        tell(one, how)
        found[one.series] = _confirmed(judgement, one, folders, session)
    return found


def _confirmed(judgement: Judgement, one: SeriesFinding, folders: Mapping[str, Path], session: Session) -> Confirmation:
    assert one.base_id is not None
    assert one.record_id is not None
    base, new = folders[one.base_id], folders[one.record_id]
    with_python = session.base_python is not None
    how, out, began = how_to_confirm(one, with_python), session.out / one.series.id, _now()
    if how == "alternating":
        done = alternating(base, new, out, session)
        if not isinstance(done, Sentence):
            first, second = done
            answer = by_alternation(
                one, compare(first, second, judgement.gate.tolerance), began, [r.record.record_id for r in done]
            )
            if answer.confirmed or explained(one, with_python):
                return answer
            again = _by_session(judgement, one, second, began)
            return again if again.confirmed else answer
    done_again = again_alone(new, out / "again", session)
    if isinstance(done_again, Sentence):
        return not_done("again", began, done_again)
    return _by_session(judgement, one, done_again, began)


def _by_session(judgement: Judgement, one: SeriesFinding, run: RecordedRun, began: str) -> Confirmation:
    point = point_of(timed(run), "", "")
    metrics = judgement.again({one.series: point}).get(one.series, ())
    return by_session(one, metrics, began, [run.record.record_id])


def alternating(base: Path, new: Path, out: Path, session: Session) -> tuple[RecordedRun, RecordedRun] | Sentence:
    """Base and tonight's side in alternation; a sentence where that cannot be done."""
    record = load(new).record
    arguments = ["run", "--against", str(base), "-o", str(out), "--json"]
    try:
        if record.plan.model.sha256 != load(base).record.plan.model.sha256:
            arguments += ["-m", str(_model_of(record, new, session))]
    except InputError as error:
        return sentence("gate.confirm.no_model", reason=error.sentence)
    for path in session.base_models:
        arguments += ["--base-model", str(path)]
    for path in session.plugins:
        arguments += ["--plugin", str(path)]
    if session.base_python is not None:
        arguments += ["--base-python", str(session.base_python)]
    before = _records_in(out / "base") | _records_in(out / "new")
    told = spawned([sys.executable, "-P", "-c", SPAWN, *arguments])
    sides = [_newest(out / side, before) for side in ("base", "new")]
    if sides[0] is None or sides[1] is None:
        return sentence("gate.confirm.session_failed", told=told)
    return sides[0], sides[1]


def again_alone(new: Path, out: Path, session: Session) -> RecordedRun | Sentence:
    """Tonight's side measured again; a sentence where that cannot be done."""
    arguments, before = [str(new), str(out), *(str(path.absolute()) for path in session.models)], _records_in(out)
    for path in session.plugins:
        arguments += ["--plugin", str(path)]
    told = spawned([sys.executable, "-P", "-m", "bench.cli.gate.session", *arguments])
    run = _newest(out, before)
    return sentence("gate.confirm.session_failed", told=told) if run is None else run


def _model_of(record: Record, folder: Path, session: Session) -> Path:
    """The file that tonight's record was measured with. Raises ``InputError`` where it is not here any more."""
    asked, model = record.plan.asked, record.plan.model
    if asked is None or asked.kind == "built_in" or model.named_sha256 is None:
        raise InputError(sentence("gate.confirm.not_a_file", model=model.id))
    places = Places(own=(Path.cwd(),), sent=(folder,), files=session.models)
    return found_model(
        [asked.model.name], model.named_sha256, model.named_size_bytes, f"{folder}/record.json: plan.asked", places
    )


def spawned(command: Sequence[str]) -> str:
    """Run a session to its end, in a process group of its own that an interrupt ends. Returns the last it said."""
    environment = {**os.environ, "ODB_CACHE": str(cache_folder())}
    process = trees.begin(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=environment,
    )
    try:
        _, said = process.communicate()
    except BaseException:
        _end(process)
        raise
    lines = [line for line in said.splitlines() if line.strip()]
    return (lines[-1] if lines else f"status {process.returncode}")[:MOST_CHARACTERS]


def _end(process: "subprocess.Popen[str]") -> None:
    """End the session as Ctrl-C would, so that it cleans up, and do not leave it behind."""
    trees.interrupt(process)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        trees.end(process)


def _records_in(folder: Path) -> frozenset[Path]:
    """The records that are in ``folder``; none where it is not there."""
    try:
        return frozenset(chosen_folders(folder))
    except InputError:
        return frozenset()


def _newest(folder: Path, before: Collection[Path]) -> RecordedRun | None:
    """The newest record with figures in ``folder``, without those that were there ``before``: they are of sessions of
    other nights."""
    try:
        runs = [load(path) for path in sorted(_records_in(folder) - frozenset(before))]
    except InputError:
        return None
    measured = [run for run in runs if run.record.status == "ok"]
    return max(measured, key=lambda run: run.record.created_utc, default=None)


def checked_wait(minutes: float) -> float:
    """Raises ``InputError`` for a time that is none, or longer than a day."""
    if not 0 <= minutes <= LONGEST_WAIT_MINUTES:
        raise InputError(of_flag("--wait", sentence("gate.wait_out_of_range", most=LONGEST_WAIT_MINUTES)))
    return minutes


def wait_until_later(tonight: Sequence[Point], minutes: float, tell: Callable[[float], None]) -> None:
    """Sleep until the last of tonight's records is at least ``minutes`` old. ``tell``: called with the seconds."""
    times = [datetime.fromisoformat(point.created_utc) for point in tonight if point.created_utc]
    past = min(((datetime.now(UTC) - time_).total_seconds() for time_ in times), default=minutes * 60)
    left = minutes * 60 - max(0.0, past)
    if left > 0:
        tell(left)
        time.sleep(left)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
