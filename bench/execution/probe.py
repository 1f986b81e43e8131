"""Asks target plugins for their devices on this machine, each in a separate process, so that a failure does not affect
the others."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.contracts import Channel, Device, Sensor, TargetFacts
from bench.errors import OdbError
from bench.jobs import Failed
from bench.plugins import Catalog, load
from bench.process.probe import EVERY, ProbeJob
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


def probe_targets(catalog: Catalog, workspace: Path, plugins: Mapping[str, tuple[str, ...]]) -> dict[str, TargetFacts]:
    """Ask each plugin for its devices, and for the options of those named.

    A plugin that fails is reported as unusable devices, with its message.
    """
    return {name: _probe(catalog, workspace, name, devices) for name, devices in plugins.items()}


def _probe(catalog: Catalog, workspace: Path, name: str, devices: tuple[str, ...]) -> TargetFacts:
    ref = catalog.find("targets", name)
    answer = run_job(ProbeJob(ref, devices), Path(tempfile.mkdtemp(dir=workspace)), PROBE_SECONDS).answer
    if not isinstance(answer, Failed):
        return answer
    names = [device for device in devices if device not in ("", EVERY)] or ["?"]
    broken = tuple(Device(d, False, reason=answer.failure.sentence, remedy=answer.failure.advice) for d in names)
    return TargetFacts(broken, {}, (), (), {})


def load_sensors(catalog: Catalog) -> tuple[dict[str, Sensor], tuple[Channel, ...]]:
    """Every sensor plugin that can be loaded, and an unusable channel for each that cannot."""
    sensors: dict[str, Sensor] = {}
    broken = []
    for ref in catalog.of("sensors"):
        try:
            sensors[ref.name] = load(ref)
        except OdbError as error:
            broken.append(Channel(ref.name, "all", "energy", "other", "", False, error.sentence, error.advice))
    return sensors, tuple(broken)
