"""Options and functions that several commands share."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bench.cli.help import LazyGroup, option
from bench.cli.language import lang_option
from bench.cli.terminal.columns import terminal_width
from bench.cli.terminal.utf8 import writes_unicode
from bench.printable import ascii_json, printable_json
from bench.words import say

if TYPE_CHECKING:
    from bench.reporting import Report

F = TypeVar("F", bound=Callable[..., Any])

plugin_option = option("--plugin", "plugins", multiple=True, type=click.Path(path_type=Path), help="cli.help.plugin")
"""``--plugin FILE``, repeatable."""

json_option = option("--json", "as_json", is_flag=True, help="cli.help.json")
"""``--json``."""


def setting_options(function: F) -> F:
    """A flag for each setting."""
    from bench.settings import SETTINGS

    for setting in reversed(SETTINGS):
        function = option(f"--{setting.name}", metavar=setting.metavar, help=setting.about)(function)
    return function


def subcommands(name: str, modules: Mapping[str, str]) -> click.Group:
    """The command ``odb NAME``, which only has subcommands: each with its module in ``bench.cli``, imported when it is
    called. Their words are ``cli.help.NAME``, ``cli.epilog.NAME`` and ``cli.summary.NAME.SUBCOMMAND``."""

    class Group(LazyGroup):
        def summary_of(self, name_of_one: str) -> str:
            return say(f"cli.summary.{name}.{name_of_one}")

    @click.group(
        name,
        cls=Group,
        modules=modules,
        help=f"cli.help.{name}",
        epilog=f"cli.epilog.{name}",
        context_settings={"help_option_names": ["-h", "--help"]},
        invoke_without_command=True,
        no_args_is_help=True,
    )
    @lang_option
    @click.pass_context
    def command(ctx: click.Context) -> None:
        if ctx.invoked_subcommand is None:
            ctx.fail(say("cli.usage.missing_command"))

    return command


def echo_json(value: Any) -> None:
    """Print ``value`` (plain data or msgspec structs) as indented JSON."""
    import msgspec

    text = printable_json(msgspec.json.format(msgspec.json.encode(value), indent=2)).decode()
    click.echo(text if writes_unicode(sys.stdout) else ascii_json(text))


def console(markup: bool = False) -> Any:
    """A rich console on stdout: coloured at a terminal, plain and as wide as it needs in a pipe. ``markup``: what is in
    brackets is a style; names that others gave have to be escaped then."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=markup)


def fitted(report: "Report") -> "Report":
    """``report`` as stdout can show it: as wide as the terminal and coloured, unless ``NO_COLOR`` is set. Into a pipe
    it writes what it always does."""
    from bench.reporting import FitsTerminal

    if not sys.stdout.isatty() or not isinstance(report, FitsTerminal):
        return report
    return report.at_terminal(terminal_width(), color=not os.environ.get("NO_COLOR"))
