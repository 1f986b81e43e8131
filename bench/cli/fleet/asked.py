"""Options that the commands of a fleet share."""

from pathlib import Path

import click

from bench.cli.help import Command, option
from bench.words import say


class FleetCommand(Command):
    """A subcommand of ``odb fleet``."""

    def get_short_help_str(self, limit: int = 45) -> str:
        return say(f"cli.summary.fleet.{self.name}")


keys_option = option("--keys", type=click.Path(path_type=Path), help="cli.help.fleet.keys_folder")
"""``--keys FOLDER``: of this party."""

insecure_option = option("--insecure", is_flag=True, help="cli.help.fleet.insecure")
"""``--insecure``."""


def warn_insecure(insecure: bool) -> None:
    """Say loudly what ``--insecure`` means."""
    if insecure:
        click.echo(say("cli.fleet.insecure"), err=True)
