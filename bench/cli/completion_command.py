"""``odb completion``."""

import click

from bench.cli.language import lang_option

EPILOG = """\b
Examples:
  eval "$(odb completion bash)"                   in ~/.bashrc
  odb completion fish > ~/.config/fish/completions/odb.fish"""


@click.command("completion", epilog=EPILOG)
@lang_option
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the script that makes SHELL complete odb's commands and options."""
    from click.shell_completion import get_completion_class

    from bench.cli.group import odb

    completion = get_completion_class(shell)
    assert completion is not None
    click.echo(completion(odb, {}, "odb", "_ODB_COMPLETE").source())
    return 0
