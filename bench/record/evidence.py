"""Parts of the record that say why its figures may be believed: where their spread comes from, and what was tried
beside measuring."""

from typing import Literal

from msgspec import Struct


class Alternation(Struct, frozen=True, forbid_unknown_fields=True):
    """The run was measured in alternation with another: repeat i of both took turns, block by block, in processes that
    lived at the same time and never worked at once. ``group`` names the two; ``side`` is this one's."""

    group: str
    side: Literal["base", "new"]


OTHER_SIDE = "other_side"
"""The phase of a failure that is the other side's of an alternation: this one was prepared, and not measured for it."""


class RepeatRule(Struct, frozen=True, forbid_unknown_fields=True):
    """How many processes a run is measured in: at least ``fewest``; more, up to ``most``, until the precision of the
    stopping rule is reached, and none begins once those so far have taken ``budget_ns`` together and the other runs of
    the suite have left none of theirs. ``fewest`` equals ``most`` where the number is fixed; ``budget_ns`` is then
    null. See ``bench.analysis.repeats``."""

    fewest: int
    most: int
    budget_ns: int | None = None


RepeatsEnded = Literal["fixed", "precise", "most", "budget", "busy"]
"""Why no further repeat was measured: the number was fixed; the precision was reached; as many as the rule allows were
measured; their time was used up; other processes disturbed too many of them."""


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
    """Is an input that was seen before answered from a cache? Raw times in nanoseconds of a pass of its own, one entry
    a round: of an input never seen (``fresh_ns``), of the same again at once (``again_ns``), and of one input that
    comes back every round (``recalled_ns``). For text the time to the first token of a prompt.
    ``reason``: why it could not be tried."""

    fresh_ns: tuple[int, ...] = ()
    again_ns: tuple[int, ...] = ()
    recalled_ns: tuple[int, ...] = ()
    reason: str = ""
