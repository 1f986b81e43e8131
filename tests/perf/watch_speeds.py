"""Is it the process that has its speed, or the machine? Prints, round after round, the p50 of a process that lives for
the whole time, that of a new one, and what two processes that share nothing get done meanwhile.

    python tests/perf/watch_speeds.py MODEL [--seconds 200] [--threads 1]
"""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import click

ROUND_SECONDS = 0.2
APART = 1.25  # of two speeds, the slower takes so many times as long at least
COUNT = "import time\nend, n = time.monotonic() + 0.5, 0\nwhile time.monotonic() < end:\n    n += 1\nprint(n)"


def session(model: Path, threads: int) -> Callable[[], object]:
    """One query of the model on OpenVINO's CPU, with inputs of zeros."""
    from openvino import Core

    config = {"PERFORMANCE_HINT": "LATENCY"} | ({"INFERENCE_NUM_THREADS": threads} if threads else {})
    query: Callable[[], object] = Core().compile_model(model, "CPU", config).create_infer_request().infer
    query()
    return query


def p50_us(query: Callable[[], object]) -> float:
    end, seen = time.monotonic() + ROUND_SECONDS, []
    while time.monotonic() < end:
        begin_ns = time.perf_counter_ns()
        query()
        seen.append(time.perf_counter_ns() - begin_ns)
    return median(seen) / 1000


def counted() -> list[int]:
    """How far two processes count within half a second, at the same time."""
    both = [subprocess.Popen([sys.executable, "-c", COUNT], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    return [int(process.communicate()[0]) for process in both]


@click.command()
@click.argument("model", type=click.Path(path_type=Path, exists=True))
@click.option("--seconds", default=200.0)
@click.option("--threads", default=0, help="0: as many as OpenVINO takes.")
@click.option("--once", is_flag=True, help="Print one p50 in microseconds, as the new process does.")
def main(model: Path, seconds: float, threads: int, once: bool) -> None:
    query = session(model, threads)
    if once:
        click.echo(p50_us(query))
        return
    again = [sys.executable, __file__, str(model), "--threads", str(threads), "--once"]
    end, rounds = time.monotonic() + seconds, []
    while time.monotonic() < end:
        old = p50_us(query)
        new = float(subprocess.run(again, capture_output=True, text=True, check=True).stdout)
        rounds.append((old, new, sum(counted())))
        click.echo("old {:6.0f} µs   new {:6.0f} µs   counted {}".format(*rounds[-1]))
    summed_up(rounds)


def summed_up(rounds: Sequence[tuple[float, float, int]]) -> None:
    """How often both were at one speed, and whether the counting knew of it."""
    seen = [p50 for old, new, _ in rounds for p50 in (old, new)]
    middle = (min(seen) * max(seen)) ** 0.5
    if max(seen) < APART * min(seen):
        click.echo(f"{len(rounds)} rounds: one speed, {min(seen):.0f} to {max(seen):.0f} µs")
        return
    fast = [count for old, new, count in rounds if max(old, new) < middle]
    slow = [count for old, new, count in rounds if min(old, new) >= middle]
    click.echo(f"{len(rounds)} rounds: both below {middle:.0f} µs in {len(fast)}, both above in {len(slow)}")
    if fast and slow:
        click.echo(f"counted: when slow, {median(slow) / median(fast):.3f} of when fast")


if __name__ == "__main__":
    main()
