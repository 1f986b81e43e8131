"""``--until decided``: within which bounds pairs of processes are measured until a comparison is decided."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.record.evidence import Until
from bench.stats.sequential import FIRST_SAME
from bench.suite.presets import MOST_PAIRS
from bench.suite.suite import MOST_SECONDS
from bench.words import sentence

if TYPE_CHECKING:
    from bench.cli.against.pairs import Pair

MAX_MINUTES = 60.0
"""Of a whole command, unless ``--max-minutes`` says otherwise."""


def asked_until(params: Mapping[str, Any], pairs: "Sequence[Pair]", tolerance: float) -> Until | None:
    """``None`` without ``--until``. ``params``: of ``odb run``. ``limit_ns`` is that of the command, for all ``pairs``.
    Raises ``InputError``."""
    minutes, most = params["max_minutes"], params["repeats"]
    if params["until"] is None:
        if minutes is not None:
            told = sentence("cli.max_minutes_without_until")
            raise InputError(told, sentence("cli.max_minutes_without_until.remedy"))
        return None
    if minutes is not None and not 0 < minutes * 60 < MOST_SECONDS:
        raise InputError(sentence("cli.max_minutes_out_of_range", minutes=minutes))
    if most is not None and most < FIRST_SAME:
        remedy = sentence("cli.until_too_few.remedy", most=MOST_PAIRS)
        raise InputError(sentence("cli.until_too_few", repeats=most, fewest=FIRST_SAME), remedy)
    return Until(
        tolerance,
        among=max(1, sum(families(pair) for pair in pairs)),
        most=MOST_PAIRS if most is None else most,
        limit_ns=round((MAX_MINUTES if minutes is None else minutes) * 60e9),
    )


def families(pair: "Pair") -> int:
    """Of tests: of speed where the pair is timed, and of answers where it is judged on a dataset."""
    judged = any(model.dataset for model in pair.new.models)
    return (not pair.emulated) + judged
