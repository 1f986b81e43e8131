"""Parts of the record with evidence for its figures: where their spread comes from, and the results of the untimed
passes."""

from typing import Literal

from msgspec import Struct

from bench.words import Sentence

UntilEnded = Literal["decided", "most", "time", "not_claimed"]
"""Why no further pair was measured: the leading metric was decided; as many as allowed were measured; the time was used
up; nothing may be claimed of the two records, however many pairs there are."""


class Until(Struct, frozen=True, forbid_unknown_fields=True):
    """Pairs were measured until the leading metric was decided, by looking at them several times; see
    ``bench.stats.sequential``. ``tolerance``: the fraction at which it was decided. ``among``: of how many families of
    tests (the speeds of a pair of runs, and its answers on a dataset) the command had, which share the error rate.
    ``most``: pairs at most; ``limit_ns``: time at most, null without a limit. ``looks``: the numbers of pairs at which
    the figures were tested, in order; ``spent_different`` and ``spent_same``: fractions of the two error rates that
    those looks used."""

    tolerance: float
    among: int
    most: int
    limit_ns: int | None = None
    looks: tuple[int, ...] = ()
    spent_different: float = 0.0
    spent_same: float = 0.0
    ended: UntilEnded | None = None


class Alternation(Struct, frozen=True, forbid_unknown_fields=True):
    """The run was measured in alternation with another: repeat i of both took turns, block by block, in processes that
    lived at the same time and never worked at once. ``group`` names the two; ``side`` is this one's. ``yardstick``:
    this one is the other's yardstick, measured for nothing else; never in records from before this was stated.
    ``until``: how the number of pairs was decided; null where it was fixed."""

    group: str
    side: Literal["base", "new"]
    yardstick: bool = False
    until: Until | None = None


def took_turns(base: Alternation | None, new: Alternation | None) -> bool:
    """Whether repeat i of the one took turns with repeat i of the other."""
    return base is not None and new is not None and base.group == new.group and (base.side, new.side) == ("base", "new")


def of_yardstick(turns: Alternation | None) -> bool:
    """Whether a run was measured as the yardstick of another, and says nothing of its own."""
    return turns is not None and turns.yardstick


OTHER_SIDE = "other_side"
"""The phase of a failure that is the other side's of an alternation: this one was prepared, and not measured for it."""


class RepeatRule(Struct, frozen=True, forbid_unknown_fields=True):
    """The number of processes of a run: at least ``fewest``, then more, up to ``most``, until the precision of the
    stopping rule is reached. No further one begins once the earlier ones have taken ``budget_ns`` in total and the
    other runs of the suite have no time left. ``fewest`` equals ``most`` where the number is fixed; ``budget_ns`` is
    then null. See ``bench.analysis.repeats``."""

    fewest: int
    most: int
    budget_ns: int | None = None


RepeatsEnded = Literal["fixed", "precise", "most", "budget", "busy", "other_side", "comparison"]
"""Why no further repeat was measured: the number was fixed; the precision was reached; as many as the rule allows were
measured; their time was used up; other processes disturbed too many of them; the run that this one was measured in
alternation with needed no more; the comparison of the two ended, see ``Until``."""


class Variance(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the spread of the p50 comes from, as coefficients of variation. ``between_process_cv``: of true medians
    from process to process. ``within_process_cv``: of what one process' own median is uncertain by.
    ``repeats_for_precision``: processes with which the 95 % interval of the p50 would reach no further than
    ``precision`` either way; null: over 1,000."""

    processes: int
    between_process_cv: float
    within_process_cv: float
    precision: float
    repeats_for_precision: int | None = None


class Determinism(Struct, frozen=True, forbid_unknown_fields=True):
    """The same input run ``runs`` times in the untimed check: do the outputs agree?

    ``differing``: the outputs that did not, bit for bit. ``max_abs_difference`` and ``cosine_min`` are the worst of
    them. ``within_rounding``: whether they still agree as the executed precision lets them; null where all is
    identical. For text ``first_difference`` is the 1-based position of the first token that changed.
    ``draws``: operators of the graph that draw random numbers; then outputs change by design."""

    runs: int
    identical: bool
    differing: tuple[str, ...] = ()
    max_abs_difference: float | None = None
    cosine_min: float | None = None
    within_rounding: bool | None = None
    first_difference: int | None = None
    draws: tuple[str, ...] = ()


class RepeatedInput(Struct, frozen=True, forbid_unknown_fields=True):
    """Are repeated inputs answered from a cache? Raw times in nanoseconds of a separate pass, one entry per round: of a
    new input (``fresh_ns``), of the same again immediately (``again_ns``), and of one input that is used in every round
    (``recalled_ns``). For text, the time to the first token of a prompt. ``reason``: why it could not be measured."""

    fresh_ns: tuple[int, ...] = ()
    again_ns: tuple[int, ...] = ()
    recalled_ns: tuple[int, ...] = ()
    reason: Sentence | str = ""
