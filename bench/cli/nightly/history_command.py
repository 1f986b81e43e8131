"""``odb history``: its subcommands, one module each, imported when it is called."""

from collections.abc import Mapping
from types import MappingProxyType

import click

from bench.cli.help import LazyGroup
from bench.cli.language import lang_option
from bench.words import say

MODULES: Mapping[str, str] = MappingProxyType(
    {
        "add": "nightly.add_command",
        "list": "nightly.list_command",
        "show": "nightly.show_command",
        "accept": "nightly.accept_command",
        "pin": "nightly.pin_command",
        "page": "nightly.page_command",
        "export": "nightly.export_command",
        "check": "nightly.check_command",
        "rebuild": "nightly.rebuild_command",
        "prune": "nightly.prune_command",
    }
)


class HistoryGroup(LazyGroup):
    def summary_of(self, name: str) -> str:
        return say(f"cli.summary.history.{name}")


@click.group(
    "history",
    cls=HistoryGroup,
    modules=MODULES,
    help="cli.help.history",
    epilog="cli.epilog.history",
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    no_args_is_help=True,
)
@lang_option
@click.pass_context
def command(ctx: click.Context) -> None:
    """``odb history``."""
    if ctx.invoked_subcommand is None:
        ctx.fail(say("cli.usage.missing_command"))
