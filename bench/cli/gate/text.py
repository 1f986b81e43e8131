"""What a gate found, for a terminal: what is worse, by how much, since when and what to do; then counts, and the rate
that the gate states."""

from collections import Counter
from collections.abc import Iterator, Sequence

from bench.analysis.metrics import METRICS
from bench.gate.finding import Gate, MachineShift, MetricFinding, SeriesFinding, Stated, Word
from bench.nights.events import Event
from bench.printable import clean
from bench.words import say, units
from bench.words.cells import wrapped

FEWEST_CELLS = 40
QUIET: tuple[Word, ...] = ("same", "new")
"""Words of series that are counted and not listed."""
MOST_LISTED = 12  # series of one word; the rest is counted
MOST_METRICS = 4  # of one series
BY_NAME = {metric.name: metric for metric in METRICS}


def gate_text(gate: Gate, width: int) -> str:
    """All that a person needs, in lines of at most ``width`` cells, the answer first."""
    wide = max(width, FEWEST_CELLS)
    lines = [*_indented(str(gate.reason), 0, wide), ""]
    for shift in gate.machines:
        lines += [*_indented(machine_words(shift), 0, wide), ""]
    for word, findings in _by_word(gate).items():
        if word not in QUIET:
            lines += [*_listed(word, findings, wide), ""]
    lines += _indented(_counts(gate), 0, wide)
    lines += _indented(stated_words(gate.stated), 0, wide)
    return "\n".join(lines)


def _by_word(gate: Gate) -> dict[Word, list[SeriesFinding]]:
    found: dict[Word, list[SeriesFinding]] = {}
    for one in gate.findings:
        found.setdefault(one.word, []).append(one)
    return found


def _counts(gate: Gate) -> str:
    counts = Counter(one.word for one in gate.findings)
    listed = [say("gate.count", series=count, word=say(f"gate.word.{word}")) for word, count in counts.items()]
    return say("gate.counts", counts=listed) if listed else say("gate.nothing")


def _listed(word: Word, findings: Sequence[SeriesFinding], width: int) -> Iterator[str]:
    yield from _indented(say("gate.listed", word=say(f"gate.word.{word}"), series=len(findings)), 0, width)
    for one in findings[:MOST_LISTED]:
        yield from _indented(clean(one.series.name), 2, width)
        for text in finding_words(one):
            yield from _indented(text, 4, width)
    if len(findings) > MOST_LISTED:
        yield from _indented(say("gate.more", series=len(findings) - MOST_LISTED), 2, width)
    if word != "better":
        yield from _indented(say(f"gate.remedy.{word}"), 2, width)


def finding_words(one: SeriesFinding) -> Iterator[str]:
    """By how much, since when, why this word, and what changed; a line each. Of a series that moved with its machine
    the rest stands once, with the machine."""
    if one.word == "machine":
        yield from map(metric_words, one.metrics[:1])
        return
    named = "better" if one.word == "better" else "worse"
    shown = [metric for metric in one.metrics if metric.word == named]
    for metric in shown[:MOST_METRICS] or one.metrics[:1]:
        yield metric_words(metric)
    if one.drift is not None and one.word != "drifting":
        yield say("gate.since", night=one.drift.night, change=units.percent_change(1 + one.drift.change))
    for reason in one.reasons:
        yield clean(str(reason))
    if one.events and one.word not in ("same", "better"):
        yield say("gate.changed", events=events_words(one.events))


def metric_words(metric: MetricFinding) -> str:
    """``p50 10.0 ms → 11.0 ms: +10.2 % (95 % interval +8.1 % to +12.4 %)``."""
    of = BY_NAME[metric.metric]
    text = say(
        "gate.moved",
        metric=of.title,
        base=units.figure(metric.base, of.unit),
        new=units.figure(metric.new, of.unit),
        change=units.points(metric.change) if of.fraction else units.percent_change(1 + metric.change),
    )
    if metric.interval is not None:
        low, high = metric.interval
        between = units.points_interval(low, high) if of.fraction else units.change_interval(1 + low, 1 + high)
        text = say("gate.moved.with_interval", moved=text, interval=between)
    if metric.residual is None:
        return text
    return say("gate.moved.beyond", moved=text, ratio=1 + metric.residual)


def machine_words(shift: MachineShift) -> str:
    """That all series of a machine moved, by how much, and what is known to have changed."""
    changed = [events_words(shift.changed)] if shift.changed else []
    for name, (before, after) in shift.conditions.items():
        changed.append(f"{name} {units.digits(before)} → {units.digits(after)}")
    return say(
        "gate.machine" if changed else "gate.machine.unknown",
        machine=clean(shift.machine) or units.MISSING,
        change=units.percent_change(1 + shift.change),
        moved=shift.moved,
        series=shift.series,
        changed=", ".join(changed),
    )


def events_words(events: Sequence[Event]) -> str:
    return ", ".join(f"{clean(one.what)} {_value(one.before)} → {_value(one.after)}" for one in events)


def _value(version: str | None) -> str:
    return units.MISSING if version is None else clean(version)


def stated_words(stated: Stated | None) -> str:
    """The rate of false alarms and the smallest change found, measured on the history."""
    if stated is None or not stated.nights or stated.rate_at_most is None:
        return say("gate.stated.none")
    text = say("gate.stated", nights=stated.nights, false_alarms=stated.false_alarms, rate=stated.rate_at_most)
    if stated.smallest_change is None:
        return text
    return say("text.two", first=text, second=say("gate.stated.smallest", change=stated.smallest_change))


def _indented(text: str, spaces: int, width: int) -> Iterator[str]:
    for line in wrapped(units.together(text), width - spaces):
        yield " " * spaces + line.replace(units.NO_BREAK, " ")
