"""What happens while a fleet measures, for progress."""

from pathlib import Path

from bench.fleet.client.planning import FleetOrder, FleetPlan
from bench.fleet.ledger import Line
from bench.words import Sentence


class FleetWatcher:
    """Told what happens. Does nothing by itself."""

    def planned(self, plan: FleetPlan, done: int) -> None:
        """Before anything is sent. ``done``: so many orders were done before."""

    def sent(self, order: FleetOrder, device: str) -> None:
        """The device has the order now."""

    def began(self, order: FleetOrder, device: str) -> None:
        """The device has begun to measure it."""

    def goes_on(self, order: FleetOrder, device: str) -> None:
        """The device had begun it before this end lost it, or before this command was repeated."""

    def waits(self, order: FleetOrder, device: str, text: Sentence | str) -> None:
        """Why the device does not begin it yet. May be told more than once."""

    def step(self, order: FleetOrder, device: str, text: Sentence | str) -> None:
        """What the device does, between timed parts."""

    def fetched(self, order: FleetOrder, device: str, record: Path) -> None:
        """The record is here."""

    def failed(self, order: FleetOrder, line: Line, final: bool) -> None:
        """The order was refused or its run was lost. ``final``: it is not tried again."""

    def twice(self, order: str, device: str) -> None:
        """The device had a run of that order, which another carried out meanwhile; it is not kept."""

    def joined(self, device: str) -> None:
        """A device has joined that was not there before, and takes orders."""

    def away(self, device: str) -> None:
        """The device cannot be reached."""

    def back(self, device: str) -> None:
        """The device is there again."""

    def barred(self, device: str, reason: Sentence | str) -> None:
        """The device takes no further orders."""
