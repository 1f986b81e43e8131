"""The command ``odb``. This module imports next to nothing, so that an interrupt is handled as early as possible."""

import sys

from bench.cli.terminal.signals import handle_interrupts


def main() -> None:
    """Entry point: handle interrupts first, then import and carry out the command, and exit with its status."""
    handle_interrupts()
    from bench.cli.group import carried_out

    sys.exit(carried_out())
