"""How Dask ``distributed`` is set up for a rack, and the only place that asks whether it is installed.

Dask carries: transport, TLS, resources, the queue, and whether a device is there. What it does besides is switched off
here: stealing of tasks, repetition by itself, profiles, monitors, and pages over HTTP, which need no certificate.
"""

import asyncio
import logging
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

from bench.errors import InputError
from bench.words import sentence

NEVER = "365d"
CONFIG: Mapping[str, Any] = MappingProxyType(
    {
        "distributed.scheduler.work-stealing": False,
        "distributed.scheduler.allowed-failures": 0,  # the client decides what is sent again
        "distributed.scheduler.worker-ttl": None,  # no heartbeats come while a run is timed; see comm.timeouts.tcp
        "distributed.scheduler.active-memory-manager.start": False,
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        "distributed.worker.profile.enabled": False,
        "distributed.worker.profile.low-level": False,
        "distributed.admin.system-monitor.interval": NEVER,
        "distributed.admin.system-monitor.disk": False,
        "distributed.admin.system-monitor.gil.enabled": False,
        "distributed.admin.tick.interval": NEVER,
        "distributed.admin.tick.cycle": NEVER,
        "distributed.diagnostics.nvml": False,
        "distributed.comm.timeouts.connect": "10s",
        "distributed.comm.timeouts.tcp": "30s",
        "distributed.comm.require-encryption": None,
    }
)


def demand_engine() -> None:
    """Raise ``InputError`` naming the extra if what a fleet needs is not installed."""
    for package in ("distributed", "cryptography"):
        if find_spec(package) is None:
            raise InputError(sentence("fleet.extra_missing", package=package), sentence("fleet.extra_missing.remedy"))


def set_up_engine() -> None:
    """Set up Dask in this process, whatever the user's own configuration of it says. Raises ``InputError`` if it is not
    installed."""
    demand_engine()
    import dask.config

    dask.config.set(dict(CONFIG))
    import distributed  # noqa: F401  # sets up its loggers as it is imported

    # of patch levels and packages that do not matter, on every command; the plan compares those that do
    warnings.filterwarnings("ignore", "Mismatched versions found", Warning)
    log = logging.getLogger("distributed")
    log.setLevel(logging.ERROR)
    logging.getLogger("distributed.worker").setLevel(logging.CRITICAL)  # its agent says what is wrong, once
    for handler in log.handlers:
        handler.addFilter(_is_news)


def said_by(error: BaseException) -> str:
    """What the lowest layer said that said anything; the kind of the error where none did."""
    said = ""
    below: BaseException | None = error
    while below is not None:
        said, below = str(below) or said, below.__cause__
    return said or type(error).__name__


def _is_news(entry: logging.LogRecord) -> bool:
    """Not the traceback of a lost connection: a rack goes on after it, and both ends say so in their own words."""
    error = entry.exc_info[1] if entry.exc_info else None
    return not isinstance(error, OSError | TimeoutError | asyncio.CancelledError)
