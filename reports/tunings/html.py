"""A search's result as one self-contained HTML page: the answer, the front drawn, every setting."""

from bench.printable import visible
from bench.reports.templates import template
from bench.reports.tunings import words
from bench.reports.tunings.charts import figures
from bench.tuning.result import Tuning
from bench.words import say, sentence, units

STATES = {"found": "valid", "default": "plain", "not_decided": "unjudged", "interrupted": "skipped"}


class HtmlTuning:
    summary = sentence("tune.writer.html")
    suffix = ".html"

    def render(self, tuning: Tuning) -> bytes:
        """The page, UTF-8, without scripts and without network."""
        page: str = template("tuning.html.j2").render(
            title=words.headline(tuning),
            state=STATES[tuning.end],
            reason=units.clean(str(tuning.reason)),
            summary=words.summary(tuning),
            figures=figures(tuning),
            table=words.table(tuning),
            lost=words.lost_table(tuning),
            space=words.space_table(tuning),
            own=tuning.own,
            use="" if tuning.own is None else units.clean(str(tuning.own.use)),
            facts=facts(tuning),
        )
        return visible(page).encode()


def facts(tuning: Tuning) -> list[tuple[str, str]]:
    """Where and how it was measured."""
    fixed = " ".join(f"{name}={value}" for name, value in tuning.fixed.items())
    known = {
        "made": units.when(tuning.created_utc),
        "device": str(tuning.device),
        "machine": ", ".join(str(tuning.machine[name]) for name in ("cpu", "os") if tuning.machine.get(name)),
        "fixed": fixed,
        "version": tuning.version,
    }
    return [(say(f"tune.fact.{name}"), units.clean(text)) for name, text in known.items() if text]
