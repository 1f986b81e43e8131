"""Records how a model differs from itself on this machine: pairs of processes that took turns, as `--against` has them.

    python tests/perf/record_noise.py [PAIRS] [MODEL…]

writes ``tests/perf/recorded/NAME.npz`` for each of the models beside the project (see tests/conftest.py) that
``MODELS`` lists, or for those named: for each of PAIRS pairs (20 unless given), under the standard preset's rule, the
latencies of both sides in units of 100 ns, in the order measured, how many queries each block held, and the share of
the machine that others used. Five minutes a model. What the machine was doing meanwhile is in ``NAME.txt``, too.
test_recorded_noise.py judges by these files.
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from bench.execution.interleaved import run_in_alternation
from bench.plugins import discover
from bench.record.record import RecordedRun
from bench.suite.suite import ModelAsk, Suite, TargetAsk

ROOT = Path(__file__).resolve().parents[2]
REALDATA = Path(os.environ.get("ODB_REALDATA", ROOT.parent / "shared" / "realdata"))
RECORDED = Path(__file__).with_name("recorded")
UNIT_NS = 100
MODELS = {
    "ultraface": ("ultraface_rfb_320.onnx", "openvino:CPU"),
    "squeezenet": ("squeezenet_fp16.onnx", "ort:cpu"),
    "mobilenet": ("mobilenet_v2_int8.tflite", "openvino:CPU"),
}


def record(name: str, pairs: int) -> None:
    """Measure one model against itself and write what came out."""
    file, target = MODELS[name]
    ask = ModelAsk(str(REALDATA / "models" / file))
    suite = Suite(models=(ask,), targets=(TargetAsk(target),), preset="standard", repeats=pairs)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "base", Path(folder) / "new"
        for side in out:
            side.mkdir()
        runs = run_in_alternation(suite, suite, discover(), out, cache=Path(folder) / "cache")
    RECORDED.mkdir(exist_ok=True)
    arrays = {}
    for side, run in zip(("base", "new"), runs, strict=True):
        for i, (latency, blocks) in enumerate(zip(run.arrays("latency_ns"), run.arrays("block_queries"), strict=True)):
            arrays[f"{side}_{i}"] = np.rint(latency / UNIT_NS).astype(np.int32)
            arrays[f"{side}_blocks_{i}"] = blocks.astype(np.int32)
    arrays["busy"] = np.array([repeat.cpu_busy_share or 0.0 for repeat in runs[0].record.repeats])
    np.savez_compressed(RECORDED / f"{name}.npz", allow_pickle=False, **arrays)
    (RECORDED / f"{name}.txt").write_text(provenance(file, target, runs), encoding="utf-8")


def provenance(file: str, target: str, runs: tuple[RecordedRun, RecordedRun]) -> str:
    """What, where, when, and how restless the machine was."""
    base = runs[0].record
    host, busy = base.environment.host, [r.cpu_busy_share or 0.0 for r in base.repeats]
    medians = [int(np.median(latency)) for run in runs for latency in run.arrays("latency_ns")]
    spread = float(np.std(np.log(medians), ddof=1))
    return (
        f"{file} (sha256 {base.plan.model.sha256}) on {target}, recorded {base.created_utc}\n"
        f"runtime {base.environment.runtime}; {host.get('cpu')}, {host.get('cores_logical')} logical cores, "
        f"virtualised: {host.get('virtualised')}\n"
        f"{len(base.repeats)} pairs of processes in alternation, preset standard, {UNIT_NS} ns a unit\n"
        f"others used {min(busy):.0%} to {max(busy):.0%} of the machine; the processes' medians spread by {spread:.1%} "
        f"(standard deviation of their logarithms)\n"
    )


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for chosen in sys.argv[2:] or list(MODELS):
        record(chosen, count)
