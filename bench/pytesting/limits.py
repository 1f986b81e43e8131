"""Limits of figures, as a test states them: ``p99="33 ms"``."""

import re
from collections.abc import Mapping
from functools import cache

from msgspec import Struct

from bench.analysis.metrics import METRICS
from bench.errors import InputError, UnknownName
from bench.record.record import RecordedRun
from bench.submission.criterion import Criterion, Direction
from bench.submission.decision import Word, decide
from bench.submission.figures import FigureKind, Seen, figure_kind, figure_kinds
from bench.submission.units import UNITS
from bench.words import Sentence, sentence, units

_QUANTITY = re.compile(r"(<=|>=|≤|≥)?\s*([+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*(\S*)", re.ASCII)
_DIRECTIONS: Mapping[str, Direction] = {"<=": "at_most", "≤": "at_most", ">=": "at_least", "≥": "at_least"}
PLAIN = {"fraction": "fraction", "number": "1", "decibels": "dB"}
"""Units of a record in which a limit may be a number without a unit."""
MAY_BE_NEGATIVE = ("decibels", "celsius", "number")
OTHERS = {
    "macs_on_accelerator": "placement.macs.share",
    "nodes_on_accelerator": "placement.nodes.share",
    "cosine": "fidelity.cosine_min",
    "sqnr": "fidelity.sqnr_db_min",
    "top1_agreement": "fidelity.top1_agreement",
    "tokens_equal": "summary.text_generation.agreement.tokens_equal_share",
    "size": "plan.model.size_bytes",
}


@cache
def limit_names() -> Mapping[str, str]:
    """Short name -> path in the record: a metric without its unit (``cold_start``, ``peak_rss``), percentiles of the
    latency without the word (``p99``), and ``OTHERS``."""
    short = {}
    for metric in METRICS:
        name = metric.name
        for end in ("_ns", "_bytes", "_per_s"):
            name = name.removesuffix(end)
        short[name.removeprefix("latency_")] = metric.place
    return {**short, **OTHERS}


class Result(Struct, frozen=True):
    """What a limit came to. ``reason``: why it ``cannot_tell``."""

    limit: "Limit"
    word: Word
    seen: Seen
    reason: Sentence | str = ""


class Limit(Struct, frozen=True):
    """``name`` as the test wrote it; ``value`` in ``unit``, one of ``bench.submission.units``."""

    name: str
    kind: FigureKind
    direction: Direction
    value: float
    unit: str

    @property
    def amount(self) -> str:
        """As the test states it; a fraction in percent."""
        return units.limit(self.value) if self.unit == "fraction" else f"{self.value:g} {self.unit}".removesuffix(" 1")

    def seen_in(self, run: RecordedRun) -> Result:
        """Whether the run meets it, by the rule of ``bench.submission.decision``."""
        criterion = Criterion(
            id="limit",
            title=self.name,
            metric=self.kind.path,
            direction=self.direction,
            target=self.value,
            unit=self.unit,
            weight=100.0,
        )
        seen = self.kind.see(run)
        decision = decide(criterion, self.kind, seen, run.record)
        return Result(self, decision.word, seen, decision.reason)


def limits_of(given: Mapping[str, float | str]) -> list[Limit]:
    """Each limit. Raises ``InputError`` for a figure that is not known, for one without a unit that fits,
    and without any limit: such a test could not fail."""
    if not given:
        raise InputError(sentence("pytest.no_limits"))
    return [_limit(name, value) for name, value in given.items()]


def share_of(name: str, value: float | str) -> float:
    """A fraction above 0 and at most 1: a number, or text such as ``"5 %"``. Raises ``InputError``."""
    _, amount, unit = _parts(name, value, "5 %")
    share = amount * _fitting(name, value, unit, "fraction")[1]
    if not 0 < share <= 1:
        raise InputError(sentence("pytest.no_share", name=name, value=str(value)))
    return share


def _limit(name: str, value: float | str) -> Limit:
    kind = figure_kind(name) if "." in name else _named(name)
    sign, amount, unit = _parts(name, value, f"33 {_units_of(kind.unit)[:3][-1]}")
    unit, _ = _fitting(name, value, unit, kind.unit)
    if amount < 0 and kind.unit not in MAY_BE_NEGATIVE:
        raise InputError(sentence("pytest.negative", name=name, value=str(value)))
    if sign:
        direction = _DIRECTIONS[sign]
    elif kind.lower_is_better is None:
        raise InputError(sentence("pytest.no_direction", name=name, value=str(value)))
    else:
        direction = "at_most" if kind.lower_is_better else "at_least"
    return Limit(name, kind, direction, amount, unit)


def _named(name: str) -> FigureKind:
    if name not in limit_names():
        raise UnknownName(sentence("pytest.limit"), name, limit_names())
    return figure_kinds()[limit_names()[name]]


def _parts(name: str, value: float | str, example: str) -> tuple[str, float, str]:
    """Sign of the direction, number, unit."""
    found = _QUANTITY.fullmatch(str(value).strip())
    if found is None or isinstance(value, bool):
        raise InputError(sentence("pytest.no_quantity", name=name, value=str(value), example=example))
    return found[1] or "", float(found[2]), found[3].replace("µs", "us").replace("μs", "us")


def _fitting(name: str, value: float | str, unit: str, of_record: str) -> tuple[str, float]:
    """The unit, and how many of the record's it is."""
    unit = unit or PLAIN.get(of_record, "")
    if unit not in _units_of(of_record):
        raise InputError(sentence("pytest.unit", name=name, value=str(value), units=_units_of(of_record)))
    return unit, UNITS[unit][1]


def _units_of(of_record: str) -> list[str]:
    return [unit for unit, (record, _) in UNITS.items() if record == of_record]
