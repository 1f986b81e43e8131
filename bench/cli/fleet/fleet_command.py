"""``odb fleet``: its subcommands, one module each, imported when it is called."""

from collections.abc import Mapping
from types import MappingProxyType

from bench.cli.options import subcommands

MODULES: Mapping[str, str] = MappingProxyType(
    {
        "keys": "fleet.keys_command",
        "scheduler": "fleet.scheduler_command",
        "worker": "fleet.worker_command",
        "run": "fleet.run_command",
        "status": "fleet.status_command",
        "quarantine": "fleet.quarantine_command",
        "release": "fleet.release_command",
        "report": "fleet.report_command",
    }
)

command = subcommands("fleet", MODULES)
"""``odb fleet``."""
