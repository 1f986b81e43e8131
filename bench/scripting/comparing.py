"""``bench.compare``: how much runs differ. ``odb compare`` calls it too."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import overload

from bench.comparison.comparison import TOLERANCE, Comparison, compare_all
from bench.comparison.folders import Findings, compare_folders, without_yardsticks
from bench.comparison.matching import pair_up
from bench.comparison.observe import Observation, observe
from bench.comparison.outcome import checked_accept
from bench.comparison.rules import SUBJECTS, Subject
from bench.errors import InputError, UnknownName
from bench.record.record import RecordedRun
from bench.scripting.arguments import PATH, checked_fraction, names_in, one_or_several
from bench.scripting.loading import load
from bench.words import sentence

Folder = str | os.PathLike[str]
Side = RecordedRun | Folder | Sequence[RecordedRun] | Sequence[Folder]


@overload
def compare(
    base: RecordedRun, new: RecordedRun, *, tolerance: float = TOLERANCE, subjects: Collection[Subject] = ()
) -> Comparison: ...


@overload
def compare(
    base: Folder | Sequence[RecordedRun],
    new: Folder | Sequence[Folder] | Sequence[RecordedRun],
    *,
    tolerance: float = TOLERANCE,
    subjects: Collection[Subject] = (),
    accept: str | Collection[str] = (),
) -> Findings: ...


def compare(
    base: Side,
    new: Side,
    *,
    tolerance: float = TOLERANCE,
    subjects: Collection[Subject] = (),
    accept: str | Collection[str] = (),
) -> Comparison | Findings:
    """Compares runs, as ``odb compare`` does.

    Of two runs it returns their ``Comparison``; of folders of records, or sequences of runs, ``Findings``: a comparison
    for each pair that belongs together, and what has no partner. All metrics of all pairs are corrected together, so
    compare in one call what one decision depends on.

    ``tolerance``: the fraction, above 0 and at most 1, that counts as the same. ``subjects``: what the comparison is
    about (``target``, ``version``, ``model``), which may differ. ``accept``: what may be left undecided
    (``bench.comparison.outcome.OPEN``). Raises ``InputError`` for a folder without a record that can be read; a single
    record that cannot be read is among the findings' ``problems``.
    """
    for name, side in (("base", base), ("new", new)):
        one_or_several(name, side, (RecordedRun, *PATH), "RecordedRun | str | os.PathLike")
    checked_fraction("tolerance", tolerance)
    if not 0 < tolerance <= 1:
        raise InputError(sentence("compare.tolerance_no_fraction", tolerance=tolerance))
    for subject in names_in("subjects", subjects):
        if subject not in SUBJECTS:
            raise UnknownName(sentence("scripting.subject"), subject, SUBJECTS)
    if isinstance(base, RecordedRun) and isinstance(new, RecordedRun):
        return compare_all([(observe(base), observe(new))], tolerance, subjects)[0]
    accepted = checked_accept(
        accept if isinstance(accept, str) else ",".join(names_in("accept", accept, "str | Collection[str]"))
    )
    if isinstance(base, str | os.PathLike) and (folders := _folders(new)):
        return compare_folders(Path(base), folders, tolerance, subjects, accepted)
    (before, left_out), (after, more) = without_yardsticks(_observed(base)), without_yardsticks(_observed(new))
    pairs, unmatched = pair_up(before, after, subjects)
    found = compare_all([(pair.base, pair.new) for pair in pairs], tolerance, subjects)
    return Findings(tolerance, tuple(found), tuple(unmatched), accepted=accepted, yardsticks=left_out + more)


def _observed(side: Side) -> list[Observation]:
    """Of the runs of one side; those in folders are read."""
    if isinstance(side, RecordedRun):
        return [observe(side)]
    if isinstance(side, str | os.PathLike):
        return [observe(run) for run in load(side)]
    return [one for part in side for one in _observed(part)]


def _folders(side: Side) -> list[Path]:
    """The folders that ``side`` names; none where any of it is a run."""
    if isinstance(side, RecordedRun):
        return []
    sides = [side] if isinstance(side, str | os.PathLike) else side
    folders = [Path(one) for one in sides if not isinstance(one, RecordedRun)]
    return folders if len(folders) == len(sides) else []
