"""``odb schema``."""

import click

from bench.cli.language import lang_option
from bench.cli.options import echo_json


@click.command("schema")
@lang_option
def command() -> int:
    """Print the JSON Schema of record.json."""
    from bench.record.codec import json_schema

    echo_json(json_schema())
    return 0
