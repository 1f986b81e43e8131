"""``odb check``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.help import Command, option
from bench.cli.language import lang_option
from bench.cli.options import echo_json, json_option
from bench.words import say, sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.submission.rules.check import Checked
    from bench.submission.rules.finding import Finding


@click.command("check", cls=Command, help="cli.help.check", epilog="cli.epilog.check")
@lang_option
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@option("--strict", is_flag=True, help="cli.help.check.strict")
@option("--rules", "lists", is_flag=True, help="cli.help.check.rules")
@option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="cli.help.check.junit")
@option("--force", is_flag=True, help="cli.help.force")
@json_option
def command(folder: Path | None, strict: bool, lists: bool, junit: Path | None, force: bool, as_json: bool) -> int:
    """``odb check``."""
    if lists:
        return show_rules(as_json)
    from bench.errors import InputError

    if folder is None:
        raise InputError(sentence("cli.check.no_folder"), sentence("cli.check.no_folder.remedy"))
    from bench.cli.output_format import checked_output
    from bench.submission.rules.check import check

    file = None if junit is None else checked_output(junit, force)
    found = check(folder)
    if file is not None:
        from bench.cli.submission.junit import junit_of
        from bench.store.records import write_atomically

        write_atomically(file, junit_of(found, strict))
    if as_json:
        echo_json(for_scripts(found, strict))
    else:
        from bench.cli.submission.findings_text import findings_text
        from bench.cli.terminal.columns import terminal_width

        click.echo(findings_text(found, terminal_width() if sys.stdout.isatty() else 80))
    return 1 if is_rejected(found, strict) else 0


def is_rejected(found: "Checked", strict: bool) -> bool:
    """Whether the submission is to be refused; ``strict``: for what a reviewer would have to decide, too."""
    return bool(found.rejected or (strict and found.flagged))


def show_rules(as_json: bool) -> int:
    """All rules of this version."""
    from bench.cli.terminal.columns import columns, terminal_width
    from bench.submission.rules.table import RULES

    if as_json:
        names = ("id", "clause", "severity", "since")
        echo_json([{**{name: getattr(one, name) for name in names}, "title": one.title} for one in RULES])
        return 0
    head = [say(f"cli.check.column.{name}") for name in ("rule", "severity", "clause", "title")]
    rows = [[one.id, say(f"severity.{one.severity}"), one.clause, str(one.title)] for one in RULES]
    click.echo(columns(head, rows, terminal_width() if sys.stdout.isatty() else 160))
    return 0


def for_scripts(found: "Checked", strict: bool) -> dict[str, Any]:
    """The result as JSON, the same in every language: sentences are codes and figures."""
    from bench import __version__

    return {
        "accepted": not is_rejected(found, strict),
        "rules_version": found.rules_version,
        "tool_version": __version__,
        "counts": {
            "reject": len(found.rejected),
            "flag": len(found.flagged),
            "warn": len(found.warned),
            "passed": len(found.passed_rules),
            "rules": len(found.rules),
        },
        "findings": _plain(found.findings),
        "passed": list(found.passed_rules),
        "newer": {"rules": list(found.newer_rules), "findings": _plain(found.newer_findings)},
    }


def _plain(findings: "Sequence[Finding]") -> list[dict[str, Any]]:
    from bench.printable import clean
    from bench.submission.rules.table import RULES

    clauses = {rule.id: rule.clause for rule in RULES}
    return [
        {
            "rule": one.rule,
            "severity": one.severity,
            "clause": clauses.get(one.rule, ""),
            "where": clean(one.where),
            "message": one.told,
            "remedy": one.remedy,
        }
        for one in findings
    ]
