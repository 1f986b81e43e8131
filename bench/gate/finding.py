"""What a gate found: types only, filled by the gate and shown by reports."""

from typing import Literal

from msgspec import Struct

from bench.nights.events import Event
from bench.nights.series import Series
from bench.words import Sentence

Word = Literal[
    "worse",  # shown, and confirmed in a new session where that was asked for
    "suspect",  # shown by tonight's record alone: to be measured again
    "drifting",  # no night stands out, and the level has moved since the base
    "better",
    "same",
    "cannot_tell",
    "machine",  # moved as all series of this machine did
    "wrong",  # the outputs were right in the base
    "broken",  # it was measured in the base, and failed or was skipped tonight
    "invalid",  # measured, and the verdict forbids to use it
    "missing",  # in the history, and not among tonight's records
    "dead",  # missing, as all series of this machine or target are
    "new",  # no base yet
    "no_base",  # no base yet, though the history has nights: of this series, of other machines, or of other series
]


RED: tuple[Word, ...] = ("worse", "drifting", "wrong", "broken")
"""Words of a series that make the status 1."""


class Calibration(Struct, frozen=True, kw_only=True):
    """How much a metric of this series differs from itself. ``nights``: how many at the base's level the figures come
    from, the base's included; with few of them the tolerance stands in, the more the fewer they are. ``deviation``: of
    the logarithm of one night's level, between nights. ``margin``: a change below it is none, as a fraction.
    ``smallest_change``: what is found in one night with a chance of 80 %."""

    nights: int
    deviation: float
    margin: float
    smallest_change: float | None = None


class MetricFinding(Struct, frozen=True, kw_only=True):
    """One metric of one series. ``base``: the level of the base and of the nights at that level; ``new``: tonight's.
    ``change``: new over base less 1; of a fraction new less base. ``interval``: 95 %, of the change, the spread between
    nights included. ``p_corrected``: over all series and metrics of the night. ``residual``: of the change, what is
    beyond that of all series of the machine; ``None`` where these did not move together."""

    metric: str
    word: Literal["worse", "better", "same", "cannot_tell"]
    base: float
    new: float
    change: float
    interval: tuple[float, float] | None
    p_corrected: float | None
    calibration: Calibration
    residual: float | None = None


class Confirmation(Struct, frozen=True, kw_only=True):
    """A second measurement in another session. ``how``: ``alternating`` with the base; ``again`` where the base cannot
    be measured any more; ``night_before``: the last night had shown the same; ``paired``: none was needed, because
    tonight's record itself was measured in alternation with the base. ``confirmed``: ``None`` where it could
    not decide. ``metrics``: what it found. ``records``: ids."""

    how: Literal["alternating", "again", "night_before", "paired"]
    confirmed: bool | None
    began_utc: str
    records: tuple[str, ...] = ()
    metrics: tuple[MetricFinding, ...] = ()
    reason: Sentence | str = ""


class Drift(Struct, frozen=True, kw_only=True):
    """A change of level found over the nights. ``since``: the record that it began with, on ``night`` (UTC date).
    ``change``: of the level since then over that before, less 1. ``p_value``: by permutation."""

    metric: str
    since: str
    night: str
    change: float
    p_value: float


class SeriesFinding(Struct, frozen=True, kw_only=True):
    """One series tonight. ``record_id``, ``base_id``: the records compared; ``None`` where there is none. ``events``:
    what changed between them. ``reasons``: why it is this word, in sentences. ``leading``: name of the metric that is
    shown first."""

    series: Series
    word: Word
    record_id: str | None = None
    base_id: str | None = None
    leading: str | None = None
    metrics: tuple[MetricFinding, ...] = ()
    drift: Drift | None = None
    confirmation: Confirmation | None = None
    events: tuple[Event, ...] = ()
    reasons: tuple[Sentence | str, ...] = ()


class MachineShift(Struct, frozen=True, kw_only=True):
    """All series of one class of machine, or of one device of a rack, moved together. ``change``: the common one, less
    1. ``moved`` of ``series`` did. ``changed``: what is known to have changed; ``conditions``: name -> value in the
    base and tonight."""

    machine: str
    change: float
    moved: int
    series: int
    changed: tuple[Event, ...] = ()
    conditions: dict[str, tuple[float, float]] = {}


class Stated(Struct, frozen=True, kw_only=True):
    """What the gate promises, measured on this history: each of its quiet nights in turn is judged by all others.
    ``false_alarms`` of ``nights`` were red; ``rate_at_most``: the upper 95 % bound of that rate. ``smallest_change``:
    the median over series of what one night finds with a chance of 80 %; ``None`` without nights to measure it on.
    ``suspects``: nights on which something would have been measured again; ``machine_nights``: on which all series of a
    machine moved together."""

    nights: int
    false_alarms: int
    rate_at_most: float | None
    smallest_change: float | None
    suspects: int = 0
    machine_nights: int = 0


class Gate(Struct, frozen=True, kw_only=True):
    """One night's answer. ``status``: 0 nothing worse · 1 confirmed worse · 3 cannot tell · 2 bad input.
    ``unreadable``: records of tonight that cannot be read, with the reason. ``left_open``, ``accepted``: name of
    ``bench.gate.outcome.OPEN`` -> series. ``tolerance``: a smaller change is none in any series, as a fraction."""

    created_utc: str
    findings: tuple[SeriesFinding, ...]
    machines: tuple[MachineShift, ...] = ()
    stated: Stated | None = None
    status: Literal[0, 1, 2, 3] = 0
    reason: Sentence | str = ""
    unreadable: tuple[Sentence | str, ...] = ()
    left_open: dict[str, int] = {}
    accepted: dict[str, int] = {}
    tolerance: float = 0.03

    @property
    def red(self) -> tuple[SeriesFinding, ...]:
        """Those that make the status 1."""
        return tuple(one for one in self.findings if one.word in RED)
