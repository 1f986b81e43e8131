"""A gate's findings as Markdown, for the page of a CI job."""

from collections.abc import Iterator, Mapping, Sequence

from bench.gate.finding import Gate, SeriesFinding
from bench.printable import visible
from bench.reports.gates import words
from bench.reports.gates.words import ORDER, OUTCOMES
from bench.reports.words.markdown import escape, table_row
from bench.words import say, sentence

SIGNS = {0: "✅", 1: "❌", 2: "⚠️", 3: "❔"}
LISTED = 50  # series of one table


class MarkdownGate:
    summary = sentence("gate.writer.md")
    suffix = ".md"

    def render(self, gate: Gate, files: Mapping[str, str]) -> bytes:
        """UTF-8; names are escaped, so that they cannot become markup."""
        return visible("\n".join(_lines(gate)).rstrip() + "\n").encode()


def _lines(gate: Gate) -> Iterator[str]:
    yield from (f"## {SIGNS[gate.status]} {escape(str(gate.reason) or words.counts(gate))}", "")
    yield from (f"{escape(words.counts(gate))}.", "")
    for shift in gate.machines:
        yield from (f"> {escape(words.machine(shift))}", "")
    red = [finding for finding in gate.findings if OUTCOMES[finding.word] in ("failed", "error")]
    yield from _table(say("gate.heading.red"), red)
    yield from _table(say("gate.heading.suspects"), [f for f in gate.findings if f.word == "suspect"])
    yield from _table(say("gate.heading.better"), [f for f in gate.findings if f.word == "better"])
    quiet = ("cannot_tell", "machine", "invalid", "missing", "new", "no_base")
    rest = sorted((f for f in gate.findings if f.word in quiet), key=lambda f: ORDER.index(f.word))
    if rest:
        yield from (f"<details><summary>{escape(say('gate.heading.rest', series=len(rest)))}</summary>", "")
        yield from (f"- {escape(words.name(f))}: {escape(words.told(f))}" for f in rest[:LISTED])
        yield from (*_more(rest), "", "</details>", "")
    for reason in gate.unreadable:
        yield f"- ⚠️ {escape(str(reason))}"
    yield from ("", escape(words.stated(gate.stated)))


def _table(heading: str, findings: Sequence[SeriesFinding]) -> Iterator[str]:
    if not findings:
        return
    yield from (f"### {escape(heading)}", "")
    columns = ("series", "figure", "base", "tonight", "change", "what")
    yield table_row([escape(say(f"gate.column.{column}")) for column in columns])
    yield table_row(["---"] * len(columns))
    for finding in findings[:LISTED]:
        yield table_row([escape(cell) for cell in _row(finding)])
    yield from (*_more(findings), "")


def _row(finding: SeriesFinding) -> tuple[str, ...]:
    found = words.first(finding)
    if found is None:
        return (words.name(finding), "", "", "", "", words.told(finding))
    known = words.interval(found)
    changed = f"{words.change(found)} ({known})" if known else words.change(found)
    base, new = (words.figure(value, found.metric) for value in (found.base, found.new))
    return (words.name(finding), words.title(found.metric), base, new, changed, words.beside(finding))


def _more(findings: Sequence[SeriesFinding]) -> Iterator[str]:
    if len(findings) > LISTED:
        yield from ("", escape(say("gate.more", series=len(findings) - LISTED)))
