"""Whether the first run has something to say: the default `odb run`, from nothing, again and again.

    python tests/perf/first_run.py [TRIES]

Each try is a command of its own with an empty cache, on the three targets that the README installs. A line a try says
how many of its timed runs were valid, in how many seconds, of which how many were spent in repeats; then a line a run,
how many repeats it took, why they ended, how well its figure is known, and the reasons of its verdict. Wanted on a
quiet machine with two cores: three of four valid in eight of ten tries, in three minutes at most.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import click

from bench.analysis.repeats import figures_of
from bench.analysis.run_processes import timed
from bench.record.record import Record, RecordedRun
from bench.stats.variance import known_to
from bench.store.records import load_records

TARGETS = ("openvino:CPU", "ort:cpu", "qnn:htp-emu")
WANTED_VALID, WANTED_SECONDS, WANTED_FRACTION = 3, 180.0, 0.8


class Try(NamedTuple):
    """What one default run left: its timed runs, the seconds it took, its status, and the load before it."""

    runs: tuple[RecordedRun, ...]
    seconds: float
    status: int
    load: float

    @property
    def valid(self) -> int:
        return sum(run.record.verdict is not None and run.record.verdict.valid for run in self.runs)


def main(tries: int) -> int:
    """Print the table; 0 if what is wanted came about."""
    done = []
    for number in range(1, tries + 1):
        done.append(one_try())
        click.echo("\n".join(lines(number, done[-1])))
    well = sum(one.valid >= WANTED_VALID for one in done)
    seconds = [one.seconds for one in done]
    codes = Counter(code for one in done for run in one.runs for code in invalidating(run.record))
    click.echo(f"\n{well} of {tries} tries with {WANTED_VALID} valid runs or more")
    click.echo(f"{median(seconds):.0f} s in the median, {max(seconds):.0f} s at most")
    click.echo(f"runs not valid, by reason: {', '.join(f'{code} {n}' for code, n in codes.most_common()) or 'none'}")
    return 0 if well >= WANTED_FRACTION * tries and max(seconds) <= WANTED_SECONDS else 1


def one_try() -> Try:
    """Run the command once."""
    with tempfile.TemporaryDirectory(prefix="first-run-") as room:
        out, load = Path(room) / "out", os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
        words = [word for target in TARGETS for word in ("-t", target)]
        begin = time.monotonic()
        status = subprocess.run(
            [sys.executable, "-c", "from bench.cli import main; main()", "run", *words, "-o", out],
            env={**os.environ, "ODB_CACHE": str(Path(room) / "cache")},
            stdout=subprocess.DEVNULL,
            check=False,
        ).returncode
        seconds = time.monotonic() - begin
        runs = tuple(run for run in load_records(out) if not run.record.plan.target.emulated)
        return Try(runs, seconds, status, load)


def lines(number: int, one: Try) -> Iterator[str]:
    """What is printed of a try."""
    repeating = sum(seconds_in_repeats(run.record) for run in one.runs)
    yield (
        f"try {number}: {one.valid} of {len(one.runs)} valid, {one.seconds:.0f} s, {repeating:.0f} of them in repeats; "
        f"status {one.status}, load before {one.load:.1f}"
    )
    for run in one.runs:
        record, reach = run.record, known(run)
        yield (
            f"    {record.plan.model.id} on {record.plan.target.id}: {len(record.repeats)} repeats, "
            f"{len(record.set_aside)} set aside, ended {record.repeats_ended}, "
            f"known to {'?' if reach is None else f'{reach:.1%}'}, {', '.join(invalidating(record)) or 'valid'}"
        )


def invalidating(record: Record) -> tuple[str, ...]:
    return record.verdict.invalidating if record.verdict is not None else ("no verdict",)


def known(run: RecordedRun) -> float | None:
    """How well the figure of a typical process is known, as the decision saw it."""
    found = figures_of(run.record.repeats, run.samples, run.record.plan.scenario, timed(run).latency)
    return known_to([figure for figure in found if figure])


def seconds_in_repeats(record: Record) -> float:
    """What the run's repeats took, as far as the record tells."""
    total_ns = 0
    for repeat in (*record.repeats, *record.set_aside):
        phases = repeat.phases_ns
        parts = (phases.runtime_import, phases.read, phases.compile, phases.first_inference, repeat.harness_ns)
        total_ns += sum(part or 0 for part in parts) + (repeat.duration_ns or 0)
        total_ns += repeat.warmup.duration_ns if repeat.warmup is not None else 0
    return total_ns / 1e9


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
