"""Runs as tables of pandas and Arrow, for scripts. Neither package is required otherwise.

``of="runs"``: a row for each run, with the names of the CSV report for the same columns: what was measured, the
verdict, every figure of ``bench.analysis.metrics`` and its 95 % interval. Figures of an emulator are missing, so that
an average does not mix its times with a device's. ``of="queries"``: a row for each timed query, ``latency_ns`` and
``start_ns`` (since the first of its process) with ``record_id``, ``model``, ``target`` and ``repeat`` (from 0).
``of="operators"``: a row for each operator of a run that was profiled, with the fields of ``operators`` in the record.
``of="points"``: a row for each value of the axis of a scenario, with ``curve``, ``at``, ``n``, ``value``, ``ci95_low``
and ``ci95_high``.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bench.errors import OdbError
from bench.frames.columns import Of, rows
from bench.record.record import RecordedRun
from bench.words import sentence

if TYPE_CHECKING:
    import pandas
    import pyarrow


def to_pandas(runs: Sequence[RecordedRun], of: Of = "runs") -> "pandas.DataFrame":
    """A data frame with pandas' own types for missing values (``Int64``, ``Float64``, ``boolean``, ``string``). Raises
    ``OdbError`` if pandas is not installed."""
    pandas = _package("pandas")
    return pandas.DataFrame(rows(runs, of)).convert_dtypes()


def to_arrow(runs: Sequence[RecordedRun], of: Of = "runs") -> "pyarrow.Table":
    """An Arrow table; a missing value is null. Raises ``OdbError`` if pyarrow is not installed."""
    pyarrow = _package("pyarrow")
    return pyarrow.Table.from_pylist(rows(runs, of))


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise OdbError(sentence("frames.not_installed", package=name), f"pip install {name}") from None
