"""The types of the names that ``__init__.py`` resolves on first use."""

from bench.comparison.comparison import Comparison
from bench.comparison.folders import Findings
from bench.contracts import Artifact, Device, Scenario, TensorSpec
from bench.nights.history import History
from bench.record.record import Record, RecordedRun
from bench.scripting.comparing import compare
from bench.scripting.histories import history
from bench.scripting.loading import load
from bench.scripting.measuring import run
from bench.scripting.progress import Progress
from bench.suite.suite import ModelAsk, Suite, TargetAsk

__version__: str

__all__ = [
    "Artifact",
    "Comparison",
    "Device",
    "Findings",
    "History",
    "ModelAsk",
    "Progress",
    "Record",
    "RecordedRun",
    "Scenario",
    "Suite",
    "TargetAsk",
    "TensorSpec",
    "__version__",
    "compare",
    "history",
    "load",
    "run",
]
