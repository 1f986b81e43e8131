"""A user at a terminal who types ``odb run``: what each command left, and what its page and records say."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from bench.record.record import Record, RecordedRun
from bench.store.records import load_records

USER = "zaphod-beeblebrox"
QUICK = ("--repeats", "1", "--max-seconds", "0.2")


class Outcome(NamedTuple):
    """What one ``odb run`` left."""

    status: int
    folder: Path
    runs: list[RecordedRun]
    stderr: str

    def recorded(self, model: str, target: str) -> RecordedRun:
        """The one run of that model on that target."""
        (run,) = (r for r in self.runs if (r.record.plan.model.id, r.record.plan.target.id) == (model, target))
        return run

    def record(self, model: str, target: str) -> Record:
        return self.recorded(model, target).record


class Terminal:
    """A user with a name, a home and an empty cache, who types ``odb run``: one repeat, of a fifth of a second."""

    def __init__(self, home: Path) -> None:
        self.home, self.cache, self._count = home, home / "cache", 0

    def run(self, *words: str, quick: tuple[str, ...] = QUICK) -> Outcome:
        self._count += 1
        out = self.home / f"out-{self._count}"
        done = subprocess.run(
            [sys.executable, "-c", "from bench.cli import main; main()", "run", *words, *quick, "-o", out],
            capture_output=True,
            text=True,
            timeout=280,
            cwd=self.home,
            env={**os.environ, "HOME": str(self.home), "USER": USER, "LOGNAME": USER, "ODB_CACHE": str(self.cache)},
            check=False,
        )
        assert "Traceback" not in done.stderr + done.stdout
        assert out.is_dir(), done.stderr
        return Outcome(done.returncode, out, load_records(out), done.stderr)


def flags(flag: str, values: "tuple[str | Path, ...]") -> list[str]:
    return [word for value in values for word in (flag, str(value))]
