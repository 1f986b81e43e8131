"""``odb completion``."""

import click

from bench.cli.help import Choice, Command
from bench.cli.language import lang_option


@click.command("completion", cls=Command, help="cli.help.completion", epilog="cli.epilog.completion")
@lang_option
@click.argument("shell", type=Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """``odb completion``."""
    from click.shell_completion import get_completion_class

    from bench.cli.group import odb

    completion = get_completion_class(shell)
    assert completion is not None
    click.echo(completion(odb, {}, "odb", "_ODB_COMPLETE").source())
    return 0
