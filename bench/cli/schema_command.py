"""``odb schema``."""

import click

from bench.cli.help import Command
from bench.cli.language import lang_option
from bench.cli.options import echo_json


@click.command("schema", cls=Command, help="cli.help.schema")
@lang_option
def command() -> int:
    """``odb schema``."""
    from bench.record.codec import json_schema

    echo_json(json_schema())
    return 0
