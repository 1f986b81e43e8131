"""Tonight's records against the base of each series: the gate, before and after suspects are measured again.

1. a series that has no figures tonight is told apart: broken, invalid, missing, dead (``bench.gate.night``)
2. every metric of the others is compared with the base's level, by the spread between nights
   (``bench.gate.calibration``); over all series and metrics of the night at most ``ALPHA_SUSPECT`` of quiet nights
   suspect anything (Holm, weighted)
3. all series of a machine that moved together are the machine (``bench.gate.machine``); what one moved beyond is
   judged again
4. a suspect is red only if another session shows it, too: a new one (``bench.gate.confirming``), or that of the
   last night
5. where the level has been another for some nights, the night it began with (``bench.gate.drifting``)
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from bench.gate.calibration import ALPHA_AGAIN, ALPHA_SUSPECT, Noise, calibrated, p_values
from bench.gate.drifting import drifts
from bench.gate.figures import (
    Figures,
    Thresholds,
    figures_of,
    metric_findings,
    shown_again,
    tested_series,
    thresholds,
)
from bench.gate.finding import Confirmation, Drift, Gate, MetricFinding, SeriesFinding, Word
from bench.gate.machine import Moved, machines_moved
from bench.gate.night import expected, first_night, silent, without_figures
from bench.gate.outcome import summed_up
from bench.gate.replay import replayed, stated
from bench.gate.table import BaseOf, Known, Table, gathered
from bench.nights.events import changed_between
from bench.nights.point import Point
from bench.nights.series import Series
from bench.stats.ratio import holm
from bench.words import Sentence, sentence

TOLERANCE = 0.03


class Judgement(Struct, frozen=True, kw_only=True):
    """A gate's answer, and the numbers that a second measurement is judged by."""

    gate: Gate
    table: Table
    noise: Noise
    limits: Thresholds
    numbers: dict[Series, int]
    least: float

    def known(self, series: Series) -> Known:
        return self.table.known[self.numbers[series]]

    @property
    def suspects(self) -> tuple[SeriesFinding, ...]:
        return tuple(one for one in self.gate.findings if one.word == "suspect")

    def again(self, points: Mapping[Series, Point]) -> dict[Series, tuple[MetricFinding, ...]]:
        """What a new session of suspects shows, against the base's level: of the metrics that were suspected, each
        corrected for these alone. A series whose new record does not count is left out."""
        asked = {one.series: {m.metric for m in one.metrics if m.word == "worse"} for one in self.suspects}
        numbered = {self.numbers[series]: point for series, point in points.items()}
        found = figures_of(self.table, self.noise, numbered)
        rows = [
            i
            for i, row in enumerate(self.table.rows)
            if row.number in numbered and row.metric.name in asked[self.table.known[row.number].series]
        ]
        corrected = np.full(len(self.table.rows), np.nan)
        rows = [i for i in rows if np.isfinite(found.p_value[i])]
        corrected[rows] = np.maximum(holm([float(found.p_value[i]) for i in rows]), found.luck[rows])
        metrics = metric_findings(self.table, self.noise, found, self.limits, self.least, corrected, alpha=ALPHA_AGAIN)
        return {
            self.table.known[number].series: tuple(m for m in of_one if not math.isnan(m.p_corrected or 0.0))
            for number, of_one in metrics.items()
        }


def judge(
    histories: Iterable[tuple[Series, Sequence[Point]]],
    tonight: Mapping[Series, Point],
    base: BaseOf,
    *,
    created_utc: str,
    tolerance: float = TOLERANCE,
    accepted: Collection[str] = (),
    all_machines: bool = False,
    base_name: str = "",
    unreadable: Sequence[Sentence | str] = (),
) -> Judgement:
    """The gate's answer on ``tonight``. ``histories``: the nights of every series, oldest first; ``base``: which of
    them a series is compared with. ``tolerance``: a smaller change is none in any series. ``all_machines``: series of
    machines that no record of tonight is from are expected, too. ``base_name``: of the bases that were asked for; empty
    for the usual ones."""
    least = math.log1p(tolerance)
    table = gathered(histories, tonight, base)
    noise = calibrated(table, tolerance)
    numbers = {one.series: number for number, one in enumerate(table.known)}
    points = {number: one.tonight for number, one in enumerate(table.known) if one.tonight is not None}
    found = figures_of(table, noise, points)
    limits = thresholds(table, noise, tested_series(table, found), least)
    night = _Night(table, noise, found, limits, least)
    findings = _findings(night, tonight, numbers, all_machines, base_name)
    suspected = np.array([night.suspected(row.number) for row in table.rows], dtype=bool)
    smallest = np.where([row.leading for row in table.rows], limits.smallest, np.nan)
    gate = Gate(
        created_utc=created_utc,
        findings=findings,
        machines=tuple(moved.shown for moved in night.moved.values()),
        stated=stated(replayed(table, noise, least, suspected), np.expm1(smallest)),
        unreadable=tuple(unreadable),
        tolerance=tolerance,
    )
    return Judgement(
        gate=summed_up(gate, accepted), table=table, noise=noise, limits=limits, numbers=numbers, least=least
    )


class _Night:
    """Tonight's figures with all that is concluded from them, series by series."""

    def __init__(self, table: Table, noise: Noise, found: Figures, limits: Thresholds, least: float) -> None:
        self.table, self.noise, self.found, self.limits, self.least = table, noise, found, limits, least
        self.metrics = metric_findings(table, noise, found, limits, least)
        self.leading = {row.number: i for i, row in enumerate(table.rows) if row.leading}
        self.rows = {(row.number, row.metric.name): i for i, row in enumerate(table.rows)}
        self.moved = self._moved(found)
        self.before = self._last_night()
        self.moved_before = self._moved(self.before)
        self._carry_over()
        self.residuals = self._residuals()
        self.drifts: dict[int, Drift] = {}

    def _moved(self, found: Figures) -> dict[str, Moved]:
        numbers = {n: i for n, i in self.leading.items() if np.isfinite(found.worse_by[i])}
        before = {n: self._before(n, i) for n, i in numbers.items()}
        worse_by = {n: float(found.worse_by[i]) for n, i in numbers.items()}
        errors = {n: float(found.error[i]) for n, i in numbers.items()}
        return machines_moved(self.table.known, worse_by, errors, before, self.least)

    def _before(self, number: int, i: int) -> Point:
        """The last night if it was at the base's level; otherwise the base."""
        known = self.table.known[number]
        column = self.table.nights.index(known.last.night) if known.last.night in self.table.nights else -1
        return known.last if column >= 0 and self.noise.kept[i, column] else known.base

    def _last_night(self) -> Figures:
        last = {n: one.last for n, one in enumerate(self.table.known) if one.last.record_id != one.base.record_id}
        return figures_of(self.table, self.noise, last)

    def _carry_over(self) -> None:
        """A metric that the last night suspected is worse where tonight shows it again, as in a session of its own."""
        for number, metrics in self.metrics.items():
            for place, one in enumerate(metrics):
                i = self.rows[number, one.metric]
                suspected = self.before.corrected[i] < ALPHA_SUSPECT and self.before.worse_by[i] > self.least
                if suspected and one.word != "worse" and shown_again(self.found, i, self.least):
                    metrics[place] = replace(one, word="worse")

    def _residuals(self) -> dict[int, tuple[float, float]]:
        """Number -> what its leading metric moved beyond its machine, and the p-value of none, by Holm's method. The
        degrees of freedom are Welch's, of the spread between nights and that between series."""
        found = {}
        for number, i in self.leading.items():
            moved = self.moved.get(self.table.known[number].series.place)
            if moved is None or not np.isfinite(self.found.worse_by[i]):
                continue
            residual = float(self.found.worse_by[i]) - moved.shift
            parts = float(self.found.error[i]) ** 2, moved.spread**2 + moved.error**2
            df = sum(parts) ** 2 / (parts[0] ** 2 / self.noise.df[i] + parts[1] ** 2 / (moved.series - 1))
            found[number] = residual, float(p_values(residual, math.sqrt(sum(parts)), df))
        corrected = holm([p for _, p in found.values()])
        return {n: (residual, p) for (n, (residual, _)), p in zip(found.items(), corrected, strict=True)}

    def machine(self, number: int) -> Moved | None:
        return self.moved.get(self.table.known[number].series.place)

    def worse(self, number: int) -> list[MetricFinding]:
        """Metrics that are shown to be worse; of a machine that moved, only those that the others' move leaves."""
        metrics = self.metrics.get(number, [])
        if self.machine(number) is None:
            return [one for one in metrics if one.word == "worse"]
        sizes = [one for one in metrics if one.word == "worse" and self._size(number, one.metric)]
        residual, p = self.residuals.get(number, (0.0, 1.0))
        beyond = residual > self.least and p < ALPHA_SUSPECT
        return [*(one for one in metrics[:1] if beyond), *sizes]

    def _size(self, number: int, metric: str) -> bool:
        """Whether a metric does not depend on how fast the machine is."""
        return self.table.rows[self.rows[number, metric]].metric.unit == "bytes"

    def suspected(self, number: int) -> bool:
        return bool(self.worse(number))

    def night_before(self, number: int) -> Confirmation | None:
        """The last night as the first session, where it shows the same of a metric of tonight's."""
        known = self.table.known[number]
        if self.machine(number) is not None or known.series.place in self.moved_before:
            return None
        again = [m for m in self.worse(number) if shown_again(self.before, self.rows[number, m.metric], self.least)]
        if not again:
            return None
        return Confirmation(
            how="night_before",
            confirmed=True,
            began_utc=known.last.created_utc,
            records=(known.last.record_id,),
            reason=sentence("gate.why.night_before", night=known.last.night),
        )

    def shown_metrics(self, number: int) -> tuple[MetricFinding, ...]:
        """All metrics, those of a moved machine with what is beyond it, and without a claim of their own."""
        metrics = self.metrics.get(number, [])
        moved = self.machine(number)
        if moved is None:
            return tuple(metrics)
        worse = {one.metric for one in self.worse(number)}
        found = []
        for one in metrics:
            i = self.rows[number, one.metric]
            residual = None if i != self.leading.get(number) else math.expm1(self.residuals[number][0])
            word = "worse" if one.metric in worse else one.word if self._size(number, one.metric) else "cannot_tell"
            found.append(replace(one, word=word, residual=residual))
        return tuple(found)


def _findings(
    night: _Night, tonight: Mapping[Series, Point], numbers: Mapping[Series, int], all_machines: bool, base_name: str
) -> tuple[SeriesFinding, ...]:
    known = expected(night.table.known, tonight, all_machines)
    unmeasured = without_figures(known)
    _find_drifts(night, known, set(unmeasured), numbers)
    found = [
        _without(one, *unmeasured[one.series])
        if one.series in unmeasured
        else _finding(night, one, numbers[one.series])
        for one in known
    ]
    compared = any(series in numbers for series in tonight)
    for series, point in tonight.items():
        if series not in numbers:
            said = first_night(series, point, night.table.earlier, base_name, compared)
            found.append(_first(series, point, *said))
    for series, last, (word, why) in silent(night.table.without_base, [one.series for one in known], tonight):
        found.append(SeriesFinding(series=series, word=word, leading=last.leading, reasons=(why,)))
    return tuple(sorted(found, key=lambda one: (ORDER.index(one.word), one.series)))


ORDER: tuple[Word, ...] = (
    *("worse", "wrong", "broken", "drifting", "suspect", "machine", "dead", "missing", "invalid", "cannot_tell"),
    *("no_base", "better", "new", "same"),
)


def _find_drifts(night: _Night, known: Sequence[Known], unmeasured: set[Series], numbers: Mapping[Series, int]) -> None:
    ids = {
        numbers[one.series]: (one.tonight.record_id, one.tonight.night)
        for one in known
        if one.tonight is not None and one.series not in unmeasured and night.machine(numbers[one.series]) is None
    }
    asked = [number for number in ids if night.suspected(number)]
    night.drifts = drifts(night.table, night.noise, night.found, ids, asked, night.least)


def _without(one: Known, word: Word, why: Sentence | str) -> SeriesFinding:
    events = () if one.tonight is None else changed_between(one.last, one.tonight)
    return SeriesFinding(
        series=one.series,
        word=word,
        record_id=None if one.tonight is None else one.tonight.record_id,
        base_id=one.base.record_id,
        leading=one.base.leading,
        events=events,
        reasons=(why,),
    )


def _first(series: Series, point: Point, word: Word, why: Sentence | str) -> SeriesFinding:
    return SeriesFinding(series=series, word=word, record_id=point.record_id, leading=point.leading, reasons=(why,))


def _finding(night: _Night, one: Known, number: int) -> SeriesFinding:
    assert one.tonight is not None
    drift, confirmation = night.drifts.get(number), None
    if night.suspected(number):
        confirmation = night.night_before(number)
    word, reasons = _word(night, one, number, drift, confirmation)
    return SeriesFinding(
        series=one.series,
        word=word,
        record_id=one.tonight.record_id,
        base_id=one.base.record_id,
        leading=one.base.leading,
        metrics=night.shown_metrics(number),
        drift=drift,
        confirmation=confirmation,
        events=changed_between(one.base, one.tonight),
        reasons=reasons,
    )


def _word(
    night: _Night, one: Known, number: int, drift: Drift | None, confirmation: Confirmation | None
) -> tuple[Word, tuple[Sentence | str, ...]]:
    metrics, moved = night.metrics.get(number, []), night.machine(number)
    assert one.tonight is not None
    if one.tonight.emulated:
        return "same", (sentence("gate.why.emulated"),)
    if one.tonight.record_id == one.base.record_id:
        return "same", (sentence("gate.why.is_base"),)
    if not metrics:
        return "cannot_tell", (sentence("gate.why.no_metric"),)
    if night.suspected(number):
        if confirmation is not None:
            return "worse", (confirmation.reason,)
        if moved is not None:
            return "suspect", (sentence("gate.why.beyond_machine", ratio=1 + moved.shown.change),)
        return "suspect", (sentence("gate.why.suspect"),)
    if moved is not None:
        return "machine", (sentence("gate.why.machine", ratio=1 + moved.shown.change),)
    if drift is not None and drift.change * _sign(night, number) > 0:
        return "drifting", (sentence("gate.why.drifting", night=drift.night, ratio=1 + drift.change),)
    lead = metrics[0]
    if lead.word == "cannot_tell":
        i = night.rows[number, lead.metric]
        if night.found.luck[i] >= ALPHA_SUSPECT:
            return "cannot_tell", (sentence("gate.why.short_history", nights=lead.calibration.nights),)
        return "cannot_tell", (sentence("gate.why.noisy", margin=lead.calibration.margin),)
    if any(metric.word == "better" for metric in metrics):
        return "better", (sentence("gate.why.better", series=one.series.id),)
    return "same", ()


def _sign(night: _Night, number: int) -> float:
    return 1.0 if night.table.rows[night.leading[number]].metric.lower_is_better else -1.0


def confirmed(judgement: Judgement, found: Mapping[Series, Confirmation], accepted: Collection[str]) -> Gate:
    """The gate after suspects were measured again."""
    gate = judgement.gate
    findings = [
        _decided(one, found[one.series]) if one.word == "suspect" and one.series in found else one
        for one in gate.findings
    ]
    findings.sort(key=lambda one: (ORDER.index(one.word), one.series))
    return summed_up(replace(gate, findings=tuple(findings)), accepted)


def _decided(one: SeriesFinding, confirmation: Confirmation) -> SeriesFinding:
    word: Word = "cannot_tell"
    if confirmation.confirmed:
        word = "worse"
    elif confirmation.confirmed is False:
        word = "same"
    return replace(one, word=word, confirmation=confirmation, reasons=(confirmation.reason,))
