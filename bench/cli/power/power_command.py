"""``odb power``: its subcommands, imported when called."""

from collections.abc import Mapping
from types import MappingProxyType

from bench.cli.options import subcommands

MODULES: Mapping[str, str] = MappingProxyType({"read": "power.read_command", "join": "power.join_command"})

command = subcommands("power", MODULES)
"""``odb power``."""
