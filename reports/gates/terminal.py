"""A gate's findings for a terminal: what is worse, by how much, since when and what to do; then counts, and the rate
that the gate states."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from bench.gate.finding import Gate, SeriesFinding, Word
from bench.reports.gates import words
from bench.words import say, sentence, units
from bench.words.cells import wrapped

FEWEST_CELLS = 40
PLAIN_CELLS = 100
QUIET: tuple[Word, ...] = ("same", "new")
"""Words of series that are counted and not listed."""
ON_DEVICES: tuple[Word, ...] = ("invalid", "suspect", "dead")
"""Words whose remedy is another for the devices of a rack."""
MOST_LISTED = 12  # series of one word; the rest is counted
MOST_METRICS = 4  # of one series


class TerminalGate:
    summary = sentence("gate.writer.terminal")
    suffix = ".txt"

    def __init__(self, width: int = PLAIN_CELLS) -> None:
        self.width = max(width, FEWEST_CELLS)

    def at_terminal(self, columns: int, color: bool = False) -> "TerminalGate":
        """The writer for a terminal of that many columns. It uses no colours."""
        return TerminalGate(columns)

    def render(self, gate: Gate, files: Mapping[str, str]) -> bytes:
        """All that a person needs, in lines of at most ``width`` cells, the answer first."""
        return ("\n".join(_lines(gate, self.width)) + "\n").encode()


def _lines(gate: Gate, width: int) -> Iterator[str]:
    yield from (*_indented(str(gate.reason), 0, width), "")
    for shift in gate.machines:
        yield from (*_indented(words.machine(shift), 0, width), "")
    for word, findings in _by_word(gate).items():
        if word not in QUIET:
            yield from (*_listed(word, findings, width), "")
    yield from _indented(_counts(gate), 0, width)
    yield from _indented(words.stated(gate.stated), 0, width)


def _by_word(gate: Gate) -> dict[Word, list[SeriesFinding]]:
    found: dict[Word, list[SeriesFinding]] = {}
    for one in gate.findings:
        found.setdefault(one.word, []).append(one)
    return found


def _counts(gate: Gate) -> str:
    counts = Counter(one.word for one in gate.findings)
    listed = [say("gate.count", series=count, word=words.word(word)) for word, count in counts.items()]
    return say("gate.counts", counts=listed) if listed else say("gate.nothing")


def _listed(word: Word, findings: Sequence[SeriesFinding], width: int) -> Iterator[str]:
    yield from _indented(say("gate.listed", word=words.word(word), series=len(findings)), 0, width)
    for one in findings[:MOST_LISTED]:
        yield from _indented(words.name(one), 2, width)
        for text in _told(one):
            yield from _indented(text, 4, width)
    if len(findings) > MOST_LISTED:
        yield from _indented(say("gate.more", series=len(findings) - MOST_LISTED), 2, width)
    for text in _remedies(word, findings):
        yield from _indented(text, 2, width)


def _remedies(word: Word, findings: Sequence[SeriesFinding]) -> Iterator[str]:
    """What to do; what the devices of a rack measured is measured again there."""
    if word == "better":
        return
    devices = list(dict.fromkeys(units.clean(one.series.device) for one in findings if one.series.device))
    if word not in ON_DEVICES or not all(one.series.device for one in findings):
        yield say(f"gate.remedy.{word}")
    if word in ON_DEVICES and devices:
        shown = devices[:MOST_LISTED] + ["…"] * (len(devices) > MOST_LISTED)
        device = devices[0] if len(devices) == 1 else "DEVICE"
        yield say(f"gate.remedy.on_device.{word}", devices=shown, device=device)


def _told(one: SeriesFinding) -> Iterator[str]:
    """By how much, since when, why this word, and what changed; a line each. Of a series that moved with its machine
    the rest stands once, with the machine."""
    if one.word == "machine":
        yield from map(words.moved, one.metrics[:1])
        return
    named = "better" if one.word == "better" else "worse"
    shown = [metric for metric in one.metrics if metric.word == named]
    yield from map(words.moved, shown[:MOST_METRICS] or one.metrics[:1])
    if one.drift is not None and one.word != "drifting":
        yield words.since(one.drift)
    for reason in one.reasons:
        yield units.clean(str(reason))
    if one.events and one.word not in ("same", "better"):
        yield say("gate.changed", events=words.events(one.events))


def _indented(text: str, spaces: int, width: int) -> Iterator[str]:
    for line in wrapped(units.together(text), width - spaces):
        yield " " * spaces + line.replace(units.NO_BREAK, " ")
