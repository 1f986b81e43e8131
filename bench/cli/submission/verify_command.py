"""``odb verify``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.help import Command, option
from bench.cli.language import lang_option
from bench.cli.options import echo_json, json_option

if TYPE_CHECKING:
    from bench.bundle.verification import Verification


@click.command("verify", cls=Command, help="cli.help.verify", epilog="cli.epilog.verify")
@lang_option
@click.argument("bundle", metavar="BUNDLE", type=click.Path(path_type=Path))
@option("--key", type=click.Path(path_type=Path), metavar="PUB", help="cli.help.verify.key")
@option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="cli.help.verify.junit")
@option("--force", is_flag=True, help="cli.help.force")
@json_option
def command(bundle: Path, key: Path | None, junit: Path | None, force: bool, as_json: bool) -> int:
    """``odb verify``."""
    from bench.cli.output_format import checked_output
    from bench.cli.submission.verified_shown import for_scripts, junit_of, verified_text
    from bench.cli.terminal.columns import terminal_width
    from bench.store.records import write_atomically

    file = None if junit is None else checked_output(junit, force)
    found = verified(bundle, key)
    if file is not None:
        write_atomically(file, junit_of(found))
    if as_json:
        echo_json(for_scripts(found))
    else:
        click.echo(verified_text(found, terminal_width() if sys.stdout.isatty() else 100))
    return 0 if found.verified else 1


def verified(bundle: Path, key: Path | None) -> "Verification":
    """The bundle checked by every rule. Raises ``InputError`` for what is no bundle or no key."""
    from bench.bundle.contents.statement import public_key
    from bench.bundle.opening import open_bundle
    from bench.bundle.refused import RefusedBundle
    from bench.bundle.verification import refusal, verify
    from bench.cli.submission.dossiers import bundled_dossiers
    from bench.cli.submission.pack_command import data_reader

    public = None if key is None else public_key(key)
    try:
        with open_bundle(bundle, with_models=False, with_parts=True) as content:
            return verify(content, render=bundled_dossiers, key=public, data=data_reader())
    except RefusedBundle as error:
        return refusal(error)
