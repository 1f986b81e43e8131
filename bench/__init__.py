"""ondevice-bench: measures models on on-device targets, and says how far to trust the numbers.

The names below are the public API for scripts and plugin authors. They are resolved on first use, so that
``import bench`` stays free; ``__init__.pyi`` tells type checkers what they are. No package or module of this folder has
the name of one of them: importing it would put it in the place of the function.
"""

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes longer to import than all else here
    from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Artifact": "bench.contracts",
    "Comparison": "bench.comparison.comparison",
    "Device": "bench.contracts",
    "Findings": "bench.comparison.folders",
    "History": "bench.nights.history",
    "ModelAsk": "bench.suite.suite",
    "Progress": "bench.scripting.progress",
    "Record": "bench.record.record",
    "RecordedRun": "bench.record.record",
    "Scenario": "bench.contracts",
    "Suite": "bench.suite.suite",
    "TargetAsk": "bench.suite.suite",
    "TensorSpec": "bench.contracts",
    "compare": "bench.scripting.comparing",
    "history": "bench.scripting.histories",
    "load": "bench.scripting.loading",
    "run": "bench.scripting.measuring",
}

__all__ = [  # noqa: PLE0604 - the names are strings; ruff does not look into the dict
    "__version__",
    *_PUBLIC,
]


def __dir__() -> "list[str]":
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> "Any":
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'bench' has no attribute {name!r}")
