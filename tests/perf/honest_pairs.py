"""Is an honest submission reproduced? It is measured, packed, verified and measured again from its bundle, as often as
wanted, by the commands that an applicant and a reviewer type.

    python tests/perf/honest_pairs.py MODEL.onnx [TARGET [PAIRS [PRESET]]]

A line a pair says what `odb reproduce` answers for each criterion, with the ratio of the two figures (to the yardstick
where it is one), and the load before. Wanted: never "not_reproduced".
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from shutil import copy
from typing import Any, NamedTuple

import click

from bench.store.records import load_records
from bench.submission.criterion import Criterion
from bench.submission.form import (
    Measuring,
    Party,
    Project,
    Submission,
    SubmittedDevice,
    SubmittedModel,
    SubmittedScenario,
    SubmittedTarget,
)
from bench.submission.form_text import form_text

FIGURES = (
    ("p50", "summary.latency_ns.p50", "at_most", 1000.0, "ms"),
    ("throughput", "summary.throughput_per_s", "at_least", 0.001, "frames/s"),
    ("memory", "summary.memory_bytes.peak_rss", "at_most", 64.0, "GiB"),
    ("placement", "placement.nodes.share", "at_least", 1.0, "%"),
    ("outputs", "fidelity.cosine_min", "at_least", 0.5, "1"),
    ("size", "plan.model.size_bytes", "at_most", 4096.0, "MiB"),
)


class Pair(NamedTuple):
    """What a reviewer was answered: criterion -> answer. ``told``: of a command that failed."""

    answers: dict[str, dict[str, Any]]
    seconds: float
    load: float
    told: str = ""


def main(model: Path, target: str, pairs: int, preset: str) -> int:
    """Print a line a pair and the sums; 0 if no honest figure was called false."""
    counts: Counter[str] = Counter()
    for number in range(1, pairs + 1):
        with tempfile.TemporaryDirectory(prefix="honest-") as room:
            found = one_pair(Path(room), model, target, preset)
        click.echo("\n".join(lines(number, found)))
        counts.update(one["word"] for one in found.answers.values())
    click.echo(f"\n{pairs} pairs: " + (", ".join(f"{word} {n}" for word, n in sorted(counts.items())) or "no answer"))
    return 1 if counts["not_reproduced"] or not counts else 0


def one_pair(room: Path, model: Path, target: str, preset: str) -> Pair:
    """An applicant's and a reviewer's measurement, one after the other."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    begin = time.monotonic()
    copy(model, room)
    (room / "submission.toml").write_text(form_text(form(model.name, target, preset)), encoding="utf-8")
    told = ""
    for words in (
        ("run", "."),
        ("pack", ".", "--despite-rejections", "-o", "b.zip"),
        ("verify", "b.zip"),
        ("reproduce", "b.zip", "-o", "again"),
    ):
        done = odb(room, *words)
        wanted = (0, 1, 3) if words[0] in ("run", "reproduce") else (0,)  # of a busy machine, too
        if done.returncode not in wanted:
            told = f"odb {' '.join(words)}: status {done.returncode}: {done.stderr.strip()[-300:]}"
            break
        if words[0] == "run" and done.returncode:
            told = f"(odb run: status {done.returncode}; {', '.join(verdicts(room / 'records'))})"
    file = room / "again" / "reproduction.json"
    answers = json.loads(file.read_bytes())["answers"] if file.is_file() else []
    return Pair({one["criterion"]: one for one in answers}, time.monotonic() - begin, load, told)


def verdicts(folder: Path) -> Iterator[str]:
    """What became of each record."""
    for run in load_records(folder):
        record = run.record
        codes = record.verdict.invalidating if record.verdict is not None else ()
        failure = "" if record.failure is None else f" {record.failure.phase}: {record.failure.message}"
        yield f"{record.plan.model.id} {record.status}{failure} {' '.join(codes)}".strip()


def odb(room: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", "from bench.cli import main; main()", *words]
    return subprocess.run(command, cwd=room, capture_output=True, text=True, check=False)


def form(model: str, target: str, preset: str) -> Submission:
    """Six figures of one model on one target, with limits that any machine meets."""
    weight = 100 / len(FIGURES)
    criteria = tuple(
        Criterion(
            id=name,
            title=name,
            metric=metric,
            direction=direction,  # type: ignore[arg-type]
            target=wanted,
            unit=unit,
            weight=weight,
            model="net",
            device=target,
        )
        for name, metric, direction, wanted, unit in FIGURES
    )
    return Submission(
        format=1,
        track="inspection-drone",
        rules=1,
        project=Project(name="Honest pairs"),
        applicant=Party(organisation="Nobody"),
        device=SubmittedDevice(name="This machine"),
        measuring=Measuring(preset=preset),
        models=(SubmittedModel(id="net", source=model),),
        targets=(SubmittedTarget(id=target),),
        scenarios=(SubmittedScenario(name="single-stream"),),
        criteria=criteria,
    )


def lines(number: int, one: Pair) -> Iterator[str]:
    """What is printed of a pair."""
    yield f"pair {number}: {one.seconds:.0f} s, load before {one.load:.1f} {one.told}".rstrip()
    for name, answer in one.answers.items():
        ratio = "" if answer.get("ratio") is None else f" {answer['ratio']:.3f}"
        by = " to the yardstick" if answer.get("by_yardstick") else ""
        code = answer.get("reason") or ""
        why = f" ({code['code'] if isinstance(code, dict) else code})" if code else ""
        yield f"    {name}: {answer['word']}{ratio}{by}{why}"


if __name__ == "__main__":
    given = sys.argv[1:]
    target_given = given[1] if len(given) > 1 else "ort:cpu"
    count_given = int(given[2]) if len(given) > 2 else 3
    sys.exit(main(Path(given[0]), target_given, count_given, given[3] if len(given) > 3 else "standard"))
