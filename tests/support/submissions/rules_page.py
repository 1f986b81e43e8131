"""docs/rules.md, made from the table of rules and the English catalogue. To write it again after a change:

python tests/support/submissions/rules_page.py
"""

from pathlib import Path

from bench.scenarios.kinds import KINDS
from bench.submission.rules.criteria import FEWEST_PROCESSES
from bench.submission.rules.table import CRITERIA, EVIDENCE, FORM, RECORDS, SYSTEM
from bench.submission.rules.version import RULES_VERSION
from bench.suite.presets import PRESETS
from bench.words import say, speaking

PAGE = Path(__file__).resolve().parents[3] / "docs" / "rules.md"
HEAD = """\
# Rules of a submission

`odb check DIR` judges a submission by these rules: its form, `submission.toml`, and the records in `records/`. Every
criterion is decided again from the samples of its record; a decision that is stored somewhere is not read.

| severity | meaning | status of `odb check` |
|---|---|---|
| reject | The form is incomplete, or contradicts its records. The submission cannot be reviewed like this. | 1 |
| flag | A reviewer has to decide: a criterion stays undecided, or something needs a reason. | 0; 1 with `--strict` |
| warn | Worth mending. It decides nothing. | 0 |

Status 2 means that the form cannot be read, or that the command line is wrong. `--json` prints the findings with stable
keys, `--junit FILE` writes one test case for each rule, and `--rules` lists this table at the terminal.

An id stays with its rule and is never used for another. The form states the version of the rules that it was written
for (`rules = {version}`). A later version of odb judges it by the rules up to that version, and reports apart what
newer rules would find; they decide nothing. The newest version is {version}.

The keys of `--json`: `accepted`, `rules_version`, `tool_version`, `counts` (`reject`, `flag`, `warn`, `passed`,
`rules`), `findings` (each with `rule`, `severity`, `clause`, `where`, and `message` and `remedy` as code and figures),
`passed` (ids of the rules that found nothing), and `newer` (`rules` and `findings` of a newer version).

Rules about figures follow three principles:

- What an emulator, an invalid record or a missing sensor cannot show stays undecided, is flagged with its weight, and
  never counts as met.
- A record that contradicts the form (another model, other options, edited figures) rejects the submission.
- What odb detects itself, such as the processor and the power source, is never asked for.
"""
PARTS = (
    ("The form", FORM),
    ("What is measured: device, models, targets, scenarios", SYSTEM),
    ("The table of targets", CRITERIA),
    ("What decides a criterion", EVIDENCE),
    ("Records", RECORDS),
)


def page() -> str:
    """The whole page."""
    with speaking("en"):
        lines = [HEAD.format(version=RULES_VERSION)]
        for title, rules in PARTS:
            lines += [
                f"## {title}",
                "",
                "| rule | severity | about | symptom | cause | fix |",
                "|---|---|---|---|---|---|",
            ]
            for rule in rules:
                row = (rule.id, rule.severity, f"`{rule.clause}`", rule.title, rule.cause, remedy(rule.id))
                lines.append(f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |")
            lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def remedy(rule: str) -> str:
    """What to do, with the names of figures in place of their values."""
    names: dict[str, str | list[str]] = {
        "newest": str(RULES_VERSION),
        "fewest": str(FEWEST_PROCESSES),
        "presets": list(PRESETS),
        "known": list(KINDS),
        "fitting": ["the units of the metric"],
        "missing": ["what is missing"],
        "right": "at_most or at_least",
        "demanded": "that number",
        "advice": "Correct the path; the nearest one is named.",
    }
    return say(f"rule.{rule}.remedy", **names)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
