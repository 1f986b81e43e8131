"""A real wall meter's log, its times moved onto a run that is measured here: its known joules, and those of the run's
window as numpy has them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from bench.cli.group import odb
from bench.record.record import RecordedRun
from bench.store.records import load_records

NS = 1_000_000_000
FORM = "%m-%d-%Y %H:%M:%S.%f"
INTO_S, IDLE_W = 60.0, 20.0
"""Where in the log the window begins; a power that is stated, as the real log holds no marker."""


def moved(log: Path, target: Path, began_unix_ns: int) -> None:
    """The log as it would be, had ``INTO_S`` seconds passed in it when the window began."""
    lines = [line.split(",") for line in log.read_text(encoding="utf-8").splitlines()]
    first = datetime.strptime(lines[0][1], FORM)
    begins = datetime.fromtimestamp(began_unix_ns // 1_000_000 / 1000 - INTO_S, UTC).replace(tzinfo=None)
    begins -= timedelta(microseconds=begins.microsecond % 1000)  # the format has milliseconds
    for cells in lines:
        cells[1] = (begins + (datetime.strptime(cells[1], FORM) - first)).strftime(FORM)[:23]
    target.write_text("".join(",".join(cells) + "\n" for cells in lines), encoding="utf-8")


def joules_by_numpy(log: Path, began_unix_ns: int, seconds: float) -> float:
    """Each reading in the middle of the time since the one before; between them straight lines."""
    cells = [line.split(",") for line in log.read_text(encoding="utf-8").splitlines()]
    ends = np.array([datetime.strptime(c[1], FORM).replace(tzinfo=UTC).timestamp() for c in cells]) - began_unix_ns / NS
    at, watts = (ends[1:] + ends[:-1]) / 2, np.array([float(c[3]) for c in cells])[1:]
    borders = np.unique(np.concatenate(([0.0, seconds], at[(at > 0) & (at < seconds)])))
    power = np.interp(borders, at, watts)
    return float(np.sum(np.diff(borders) * (power[1:] + power[:-1]) / 2))


def told(*words: object) -> Any:
    return json.loads(CliRunner().invoke(odb, ["power", *map(str, words), "--json"], standalone_mode=False).output)


@pytest.mark.real
@pytest.mark.process
def test_a_real_log_on_a_run_here(realdata: Path, run: Callable[..., list[RecordedRun]], tmp_path: Path) -> None:
    """5,083.6 J and 38.219 W in all. By the preset strict, a repeat takes as long as it may: five readings here."""
    model = realdata / "models" / "mlperf_tiny_resnet.onnx"
    (measured,) = run([str(model)], ["ort:cpu"], preset="strict", max_seconds=5.05)
    window = measured.record.repeats[0].energy
    assert window is not None
    assert window.began_unix_ns is not None
    log = tmp_path / "spl.txt"
    moved(realdata / "power" / "ptd_ranging_spl.txt", log, window.began_unix_ns)

    whole = told("read", log, "--zone", "UTC")["figures"]
    assert (whole["joules"], whole["mean_watts"]) == (
        pytest.approx(5083.6365, abs=1e-3),
        pytest.approx(38.2191, abs=1e-4),
    )

    clock = ("--zone", "UTC", "--clock-doubt", "0.1", "--idle-watts", IDLE_W)
    (joined,) = told("join", tmp_path / "out", log, *clock, "-o", tmp_path / "metered")["records"]
    seconds = window.duration_ns / NS
    joules = joules_by_numpy(log, window.began_unix_ns, seconds)
    assert 23.37 * seconds < joules < 45.03 * seconds
    assert joined["total_joules_per_inference"] * window.queries == pytest.approx(joules, rel=1e-6)
    assert joined["joules_per_inference"] * window.queries == pytest.approx(joules - IDLE_W * seconds, rel=1e-6)
    assert joined["watts"] == pytest.approx(joules / seconds, rel=1e-6)
    (kept,) = load_records(tmp_path / "metered")
    assert kept.record.meter is not None
    assert (kept.record.meter.aligned_by, kept.record.meter.format) == ("clock", "ptdaemon")
