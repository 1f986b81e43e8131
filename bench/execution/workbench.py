"""What every step of one suite shares."""

import tempfile
from pathlib import Path

from msgspec import Struct

from bench.contracts import Channel
from bench.inputs.tensor_files import temporary_file_lost
from bench.plugins import Catalog, PluginRef
from bench.process.supervisor import STEP_SECONDS
from bench.record.runner import FleetDevice
from bench.suite.plan import PlannedRun
from bench.suite.suite import Suite


class Bench(Struct, frozen=True):
    """What every step of one suite shares. ``fleet``: the device and the order that the records are of."""

    catalog: Catalog
    suite: Suite
    workspace: Path
    cache: Path
    root: Path
    channels: tuple[Channel, ...] = ()
    idle_watts: dict[str, float] = {}
    fleet: FleetDevice | None = None

    def folder(self) -> Path:
        """A new folder for one job. Raises ``RunFailure`` where the workspace is gone."""
        if not self.workspace.is_dir():
            raise temporary_file_lost()
        return Path(tempfile.mkdtemp(dir=self.workspace))

    def sensors(self) -> tuple[PluginRef, ...]:
        """The sensor plugins that have something to read here."""
        used = {channel.sensor for channel in self.channels if channel.usable}
        return tuple(ref for ref in self.catalog.of("sensors") if ref.name in used)

    def deadline_s(self, run: PlannedRun | None = None) -> float:
        """How long one job may take."""
        return deadline_s(self.suite, run)


def deadline_s(suite: Suite, run: PlannedRun | None = None) -> float:
    """How long one job of the suite, or of one of its runs, may take."""
    if suite.timeout_s is not None:
        return suite.timeout_s
    rule_ns = 3 * (run.rule.max_duration_ns + run.rule.warmup_max_duration_ns) if run else 0
    return STEP_SECONDS + rule_ns / 1e9
