"""``odb history``: its subcommands, one module each, imported when it is called."""

from collections.abc import Mapping
from types import MappingProxyType

from bench.cli.options import subcommands

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

command = subcommands("history", MODULES)
"""``odb history``."""
