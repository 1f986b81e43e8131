"""Compares folders of records: reads, pairs, compares. A record that cannot be read is named, and the rest compared."""

from collections.abc import Collection, Sequence
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from bench.comparison.comparison import TOLERANCE, Comparison, compare_all
from bench.comparison.matching import Pair, Unmatched, pair_up
from bench.comparison.observe import Observation, observe
from bench.comparison.rules import Subject
from bench.errors import InputError
from bench.parallel import each
from bench.record.evidence import of_yardstick
from bench.store.records import chosen_folders, load_timed
from bench.words import Sentence, sentence


class Problem(Struct, frozen=True):
    """A record that could not be read or believed. ``sentence`` (``message`` in JSON) and ``advice`` (``remedy``): a
    code and figures; ``message`` and ``remedy`` are their words in the language that is spoken."""

    sentence: Sentence | str = field(name="message")
    advice: Sentence | str = field(default="", name="remedy")

    @property
    def message(self) -> str:
        return str(self.sentence)

    @property
    def remedy(self) -> str:
        return str(self.advice)


class Findings(Struct, frozen=True):
    """All that one ``odb compare`` found. ``accepted``: what may be left undecided, names of
    ``bench.comparison.outcome.OPEN``. ``yardsticks``: how many records of yardsticks were left out."""

    tolerance: float
    comparisons: tuple[Comparison, ...]
    unmatched: tuple[Unmatched, ...] = ()
    problems: tuple[Problem, ...] = ()
    accepted: tuple[str, ...] = ()
    yardsticks: int = 0

    @property
    def worse(self) -> bool:
        return any(comparison.worse for comparison in self.comparisons)

    @property
    def compared(self) -> int:
        """How many pairs were compared: neither refused, nor such that nothing can be claimed of any metric."""
        return sum(
            any(change.claimed for change in c.changes) or bool(c.quality and c.quality.changes)
            for c in self.comparisons
        )


def compare_folders(
    base: Path,
    new: Sequence[Path],
    tolerance: float = TOLERANCE,
    subjects: Collection[Subject] = (),
    accepted: Collection[str] = (),
) -> Findings:
    """Compare the records in each folder of ``new`` with those in ``base``; a folder is a record's, or holds records'.

    Raises ``InputError`` where ``base``, or the only one of ``new``, does not exist or holds no record that can be
    read; one of several is named, and the rest compared.
    """
    problems: list[Problem] = []
    before, yardsticks = _observations(base, problems)
    matched: list[Pair] = []
    unmatched: list[Unmatched] = []
    folders: list[str] = []
    for folder, name in zip(new, _names(new), strict=True):
        side = name or "new"
        try:
            after, more = _observations(folder, problems)
        except InputError as error:
            if len(new) == 1:
                raise
            problems.append(Problem(error.sentence, error.advice))
            continue
        yardsticks += more
        pairs, alone = pair_up(before, after, subjects, side)
        matched += pairs
        unmatched += alone
        folders += [name] * len(pairs)
    compared = compare_all([(pair.base, pair.new) for pair in matched], tolerance, subjects)
    named = [replace(c, new=replace(c.new, folder=name)) for c, name in zip(compared, folders, strict=True)]
    return Findings(tolerance, tuple(named), tuple(unmatched), tuple(problems), tuple(accepted), yardsticks)


def _names(new: Sequence[Path]) -> list[str]:
    """Labels for the folders: their names, or the paths as given if names are equal; empty for a single folder."""
    if len(new) == 1:
        return [""]
    names = [folder.resolve().name for folder in new]
    return names if len({*names}) == len(names) else [str(folder) for folder in new]


def _observations(path: Path, problems: list[Problem]) -> tuple[list[Observation], int]:
    """What can be read under ``path``, the samples of one record a core in memory at a time; the rest joins
    ``problems``. Yardsticks beside other runs are left out, and counted."""
    results = list(each(_observed, chosen_folders(path)))
    found = [result for result in results if isinstance(result, Observation)]
    broken = [result for result in results if isinstance(result, Problem)]
    if not found:
        raise InputError(sentence("compare.none_readable", path=path, why=broken[0].sentence), broken[0].advice)
    problems += broken
    return without_yardsticks(found)


def without_yardsticks(found: list[Observation]) -> tuple[list[Observation], int]:
    """``found`` without yardsticks beside other runs, and how many those are."""
    own = [one for one in found if not of_yardstick(one.record.plan.alternation)]
    return (own, len(found) - len(own)) if own else (found, 0)


def _observed(folder: Path) -> Observation | Problem:
    try:
        return observe(load_timed(folder), str(folder))
    except InputError as error:
        return Problem(error.sentence, error.advice)
