"""``odb completion``."""

import click

EPILOG = """\b
Examples:
  eval "$(odb completion bash)"                   in ~/.bashrc
  odb completion fish > ~/.config/fish/completions/odb.fish"""


@click.command("completion", epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the script that makes SHELL complete odb's commands and options."""
    from click.shell_completion import get_completion_class

    from bench.cli.group import odb

    completion = get_completion_class(shell)
    assert completion is not None
    click.echo(completion(odb, {}, "odb", "_ODB_COMPLETE").source())
    return 0
