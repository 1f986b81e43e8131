"""``odb power``: its subcommands, imported when called."""

from collections.abc import Mapping
from types import MappingProxyType

import click

from bench.cli.help import LazyGroup
from bench.cli.language import lang_option
from bench.words import say

MODULES: Mapping[str, str] = MappingProxyType({"read": "power.read_command", "join": "power.join_command"})


class PowerGroup(LazyGroup):
    def summary_of(self, name: str) -> str:
        return say(f"cli.summary.power.{name}")


@click.group(
    "power",
    cls=PowerGroup,
    modules=MODULES,
    help="cli.help.power",
    epilog="cli.epilog.power",
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    no_args_is_help=True,
)
@lang_option
@click.pass_context
def command(ctx: click.Context) -> None:
    """``odb power``."""
    if ctx.invoked_subcommand is None:
        ctx.fail(say("cli.usage.missing_command"))
