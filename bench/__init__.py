"""ondevice-bench: measures models on on-device targets, and says how far to trust the numbers.

The names below are the public API for scripts and plugin authors. They are resolved on first use, so that
``import bench`` stays free.
"""

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes longer to import than all else here
    from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Artifact": "bench.contracts",
    "Device": "bench.contracts",
    "Record": "bench.record.record",
    "Suite": "bench.suite.suite",
    "TensorSpec": "bench.contracts",
    "load_records": "bench.store.records",
    "run_suite": "bench.execution.suite_run",
}

__all__ = [  # noqa: PLE0604 - the names are strings; ruff does not look into the dict
    "__version__",
    *_PUBLIC,
]


def __getattr__(name: str) -> "Any":
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'bench' has no attribute {name!r}")
