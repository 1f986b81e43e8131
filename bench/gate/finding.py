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
]


class Calibration(Struct, frozen=True, kw_only=True):
    """How much a metric of this series differs from itself. ``nights``: how many without a change the figures come
    from, 0 where the preset's tolerance stands in. ``deviation``: of the logarithm of one night's level. ``margin``: a
    change below it is none, as a fraction. ``smallest_change``: what is found in one night with a chance of 80 %."""

    nights: int
    deviation: float
    margin: float
    smallest_change: float | None = None


class MetricFinding(Struct, frozen=True, kw_only=True):
    """One metric of one series. ``base``, ``new``: figures as reports show them. ``change``: new over base less 1; of a
    fraction new less base. ``interval``: 95 %, of the change, the spread between nights included. ``p_corrected``: over
    all series and metrics of the night."""

    metric: str
    word: Literal["worse", "better", "same", "cannot_tell"]
    base: float
    new: float
    change: float
    interval: tuple[float, float] | None
    p_corrected: float | None
    calibration: Calibration


class Confirmation(Struct, frozen=True, kw_only=True):
    """A second measurement in a new session. ``how``: ``alternating`` with the base, or ``again`` where the base cannot
    be measured any more. ``confirmed``: ``None`` where it could not decide. ``metrics``: what it found."""

    how: Literal["alternating", "again"]
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
    """All series of one class of machine moved together. ``change``: the common one, less 1. ``moved`` of ``series``
    did. ``changed``: what is known to have changed; ``conditions``: name -> value in the base and tonight."""

    machine: str
    change: float
    moved: int
    series: int
    changed: tuple[Event, ...] = ()
    conditions: dict[str, tuple[float, float]] = {}


class Stated(Struct, frozen=True, kw_only=True):
    """What the gate promises, measured on this history by replaying its quiet nights. ``false_alarms`` of ``nights``
    replayed nights were red; ``rate_at_most``: the upper 95 % bound of that rate. ``smallest_change``: the median over
    series of what one night finds with a chance of 80 %; ``None`` without nights to measure it on."""

    nights: int
    false_alarms: int
    rate_at_most: float | None
    smallest_change: float | None


class Gate(Struct, frozen=True, kw_only=True):
    """One night's answer. ``status``: 0 nothing worse · 1 confirmed worse · 3 cannot tell · 2 bad input.
    ``unreadable``: records of tonight that cannot be read, with the reason."""

    created_utc: str
    findings: tuple[SeriesFinding, ...]
    machines: tuple[MachineShift, ...] = ()
    stated: Stated | None = None
    status: Literal[0, 1, 2, 3] = 0
    reason: Sentence | str = ""
    unreadable: tuple[Sentence | str, ...] = ()
