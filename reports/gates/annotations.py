"""A gate's findings as commands that GitHub Actions shows beside a job: ``::error file=…,title=…::…``."""

from collections.abc import Iterator, Mapping

from bench.gate.finding import Gate
from bench.reports.gates.words import OUTCOMES, machine, name, told
from bench.words import say, sentence, units

MOST = 10  # GitHub shows ten errors and ten warnings a step


class GithubAnnotations:
    summary = sentence("gate.writer.github")
    suffix = ".txt"

    def render(self, gate: Gate, files: Mapping[str, str]) -> bytes:
        """UTF-8, a line each. ``files``: record id -> the file that an annotation is about."""
        return "".join(f"{line}\n" for line in _lines(gate, files)).encode()


def _lines(gate: Gate, files: Mapping[str, str]) -> Iterator[str]:
    errors = [finding for finding in gate.findings if OUTCOMES[finding.word] in ("failed", "error")]
    warnings = [finding for finding in gate.findings if finding.word in ("suspect", "invalid", "missing")]
    for level, findings in (("error", errors), ("warning", warnings)):
        for finding in findings[:MOST]:
            file = files.get(finding.record_id or finding.base_id or "", "")
            yield _command(level, told(finding), title=name(finding), file=file)
        if len(findings) > MOST:
            yield _command(level, say("gate.more", series=len(findings) - MOST))
    for shift in gate.machines:
        yield _command("warning", machine(shift))


def _command(level: str, message: str, title: str = "", file: str = "") -> str:
    """Text is escaped as the runner decodes it: percent signs and line ends; in properties also colons and commas."""
    given = [f"{key}={_property(value)}" for key, value in (("file", file), ("title", title)) if value]
    return f"::{level}{' ' if given else ''}{','.join(given)}::{_data(message)}"


def _data(text: str) -> str:
    return units.clean(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
