"""Asks target plugins what this machine has: each in a process of its own, so that one that breaks hurts no other."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.contracts import Channel, Device, Sensor
from bench.errors import OdbError
from bench.jobs import Failed, Probed, ProbeJob
from bench.plugins import Catalog, load
from bench.process.supervisor import run_job
from bench.scratch import scratch_folder, sweep

PROBE_SECONDS = 60.0
WORKSPACE = "odb-"


@contextmanager
def temporary_workspace() -> Iterator[Path]:
    """A folder for jobs, removed afterwards; those of runs that were killed are removed first."""
    sweep(WORKSPACE)
    with scratch_folder(WORKSPACE) as folder:
        yield folder


def probe_targets(catalog: Catalog, workspace: Path, plugins: Mapping[str, tuple[str, ...]]) -> dict[str, Probed]:
    """Ask each plugin for its devices, and for the options of those named.

    A plugin that cannot answer is reported as unusable devices, with what it said.
    """
    return {name: _probe(catalog, workspace, name, devices) for name, devices in plugins.items()}


def _probe(catalog: Catalog, workspace: Path, name: str, devices: tuple[str, ...]) -> Probed:
    ref = catalog.find("targets", name)
    event = run_job(ProbeJob(Path(tempfile.mkdtemp(dir=workspace)), ref, devices), PROBE_SECONDS).event
    if isinstance(event, Probed):
        return event
    assert isinstance(event, Failed)
    names = [device for device in devices if device] or ["?"]
    broken = tuple(Device(d, False, reason=event.failure.message, remedy=event.failure.remedy) for d in names)
    return Probed(broken, {}, (), (), {})


def load_sensors(catalog: Catalog) -> tuple[dict[str, Sensor], tuple[Channel, ...]]:
    """Every sensor plugin that can be loaded, and an unusable channel for each that cannot."""
    sensors: dict[str, Sensor] = {}
    broken = []
    for ref in catalog.of("sensors"):
        try:
            sensors[ref.name] = load(ref)
        except OdbError as error:
            broken.append(Channel(ref.name, "all", "energy", "other", "", False, error.message, error.remedy))
    return sensors, tuple(broken)
