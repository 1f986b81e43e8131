"""What thirty minutes at a thousand queries a second take of memory and time, and how surely a throttle is found."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sustained import MINUTE_NS, Device, noisy, played, run_of, sustained

from bench.store.derived import judged

pytestmark = pytest.mark.perf

MB = 1_000_000
SUPPORT = Path(__file__).resolve().parents[2] / "support" / "devices"

MEASURE = """
import json, resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from sustained import Device, MS, noisy, played, run_of, sustained
from bench.analysis.repeats import seen_of
from bench.measure.long_run import LongRun
from bench.store.derived import judged
from bench.minutes.files import MinuteFiles, kept_minutes
from bench.store.records import save
from bench.testing.records import fake_repeat

folder = Path(sys.argv[2])
files, kept = MinuteFiles(folder / "minutes"), []

class Kept(LongRun):
    def keep(self, begun):
        files.keep(begun.arrays, fake_repeat(0, begun.arrays["latency_ns"], {}), b"{}")
        kept.append(begun.queries)

scenario = sustained(30)
steady = played(Device(noisy(lambda minute: 0.98)), scenario, Kept())
measured = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
run = judged(run_of([steady], scenario))
save(folder, run.record, run.samples)
recorded = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps([steady.energy.queries, len(kept), measured, recorded]))
"""

DRAW = """
import json, sys, time
from pathlib import Path
from bench.plugins import discover, load
from bench.store.records import readable_records
began = time.perf_counter()
runs, _ = readable_records(Path(sys.argv[1]))
page = load(discover().find("reports", "html")).render(runs)
print(json.dumps([time.perf_counter() - began, len(page)]))
"""


def test_thirty_minutes_at_a_thousand_a_second(tmp_path: Path) -> None:
    """1.8 million queries: the process that measures stays under 300 MB, and so does the one that makes the record of
    it; every minute is on disk; the page is drawn within two seconds."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(SUPPORT), str(tmp_path)], capture_output=True, text=True, check=True
    )
    queries, minutes, measuring, recording = json.loads(done.stdout)
    assert 1_790_000 < queries < 1_830_000
    assert 30 == minutes == len([*(tmp_path / "minutes").glob("*.npz")])
    assert measuring < 300 * MB
    assert recording < 300 * MB
    drawn = subprocess.run([sys.executable, "-c", DRAW, str(tmp_path)], capture_output=True, text=True, check=True)
    seconds, _ = json.loads(drawn.stdout)
    assert seconds <= 2


def test_a_throttle_is_found_within_a_minute_and_two_per_cent() -> None:
    """A loss of a tenth, a fifth and two fifths at minute 7 of 20, with 10 % noise on each query."""
    for seed, lost in enumerate((0.1, 0.2, 0.4) * 5):
        slow = 100 / (1 - lost)
        device = Device(noisy(lambda minute, slow=slow: 100 if minute < 7 else slow, seed, spread=0.1))
        found = judged(run_of([played(device, sustained(20))], sustained(20))).record.summary.figures
        at, left = found["time_to_throttle_ns"].value, found["retained_fraction"].value
        assert abs((at or 0) - 7 * MINUTE_NS) < MINUTE_NS, (seed, lost, at)
        assert abs((left or 0) - (1 - lost)) < 0.02 * (1 - lost), (seed, lost, left)


def test_even_runs_are_not_called_throttled() -> None:
    """None of twenty."""
    for seed in range(20):
        device = Device(noisy(lambda minute: 100, seed, spread=0.1))
        found = judged(run_of([played(device, sustained(20))], sustained(20))).record.summary.figures
        assert found["time_to_throttle_ns"].value is None, seed
