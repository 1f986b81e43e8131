"""Asks target plugins what this machine has: each in a process of its own, so that one that breaks hurts no other."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from bench.contracts import Device
from bench.jobs import Failed, Probed, ProbeJob
from bench.plugins import Catalog
from bench.supervisor import STEP_SECONDS, run_job


@contextmanager
def temporary_workspace() -> Iterator[Path]:
    """A folder for jobs, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="odb-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def probe_targets(catalog: Catalog, workspace: Path, plugins: Mapping[str, tuple[str, ...]]) -> dict[str, Probed]:
    """Ask each plugin, in a process of its own and all at once, for its devices and the options of the named ones.

    A plugin that cannot answer is reported as one unusable device, with what it said.
    """

    def ask(item: tuple[str, tuple[str, ...]]) -> Probed:
        name, devices = item
        ref = catalog.find("targets", name)
        result = run_job(ProbeJob(Path(tempfile.mkdtemp(dir=workspace)), ref, devices), STEP_SECONDS)
        if isinstance(result.event, Probed):
            return result.event
        assert isinstance(result.event, Failed)
        failure = result.event.failure
        broken = [Device(d, False, reason=failure.message, remedy=failure.remedy) for d in devices or ("?",)]
        return Probed(tuple(broken), {}, (), (), {})

    with ThreadPoolExecutor(max_workers=4) as pool:
        return dict(zip(plugins, pool.map(ask, plugins.items()), strict=True))
