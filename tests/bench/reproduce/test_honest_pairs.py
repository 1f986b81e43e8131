"""Pairs of an applicant's and a reviewer's measurement, through the bundle: honest ones are reproduced."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_bundles import submission
from msgspec.structs import replace

from bench import __version__
from bench.analysis.rules import rules_digest
from bench.bundle import open_bundle
from bench.bundle.contents.toml import toml_bytes
from bench.bundle.packing import PackOptions, packing, write_bundle
from bench.record.asked import Asked, NamedFile
from bench.record.evidence import Alternation
from bench.record.inputs import PlannedModel
from bench.record.record import RecordedRun, Tool
from bench.reproduce.answers import Side, answer
from bench.store.derived import judged
from bench.store.records import save
from bench.submission.assessment import assess
from bench.submission.form import SubmittedModel
from bench.submission.measuring.yardstick import yardstick_of
from bench.suite.presets import PRESETS
from bench.testing.records import fake_run

MS = 1_000_000
MARGIN = 0.05
PAIRS, FALSE = 30, 10
YARD = PlannedModel("yard", "tensor", "onnx", "float32", "a" * 64, 1_000, 10, 10)
FORM = submission(models=(SubmittedModel("fake", "fake"),))


def side(name: str, p50_ns: float, rng: np.random.Generator) -> Side:
    """A run and its yardstick in turns: a machine that is up to half slower than at best, changes by 5 % from process
    to process, and disturbs each query of each model."""
    states = rng.uniform(1, 1.5) * rng.uniform(0.95, 1.05, 6)

    def run(record_id: str, typical_ns: float, **plan: Any) -> RecordedRun:
        own = 1 + 0.003 * rng.standard_normal(6)
        parts = [typical_ns * states[i] * own[i] * (1 + 0.02 * rng.random(60)) for i in range(6)]
        made = fake_run(record_id, [np.rint(part).astype(np.int64) for part in parts], **plan)
        tool = Tool("ondevice-bench", __version__, rules_digest())
        asked = replace(made.record.plan, rule=PRESETS["quick"].rule, command="")
        found: RecordedRun = judged(replace(made, record=replace(made.record, tool=tool, plan=asked))).plain()
        return found

    own, built_in = (Asked(kind="built_in", model=NamedFile(which)) for which in ("fake", "yard"))
    base = run(f"{name}-y", 2 * MS, model=YARD, asked=built_in, alternation=Alternation(name, "base", yardstick=True))
    return Side(run(name, p50_ns, asked=own, alternation=Alternation(name, "new")), base)


def words(folder: Path, claimed: Side, here: Side) -> dict[str, str]:
    """What the reviewer answers who has only the bundle, by criterion."""
    (folder / "records").mkdir(parents=True)
    (folder / "submission.toml").write_bytes(toml_bytes(FORM))
    for run in (claimed.run, claimed.yardstick):
        assert run is not None
        save(folder / "records", run.record, run.samples)
    with packing(folder, PackOptions(despite_rejections=True)) as made:
        write_bundle(made, folder / "b.zip")
    with open_bundle(folder / "b.zip") as bundle:
        found = assess(bundle.data)
    by_id = {run.record.record_id: run for run in found.runs}
    sent = {row.criterion.id: by_id[row.record_id] for row in found.rows}
    return {
        row.criterion.id: answer(
            row, Side(sent[row.criterion.id], yardstick_of(sent[row.criterion.id], found.runs)), here, MARGIN
        ).word
        for row in found.rows
    }


@pytest.mark.long
def test_honest_pairs_are_reproduced(tmp_path: Path) -> None:
    """All of them, in time and in size, on a machine whose speed changes by more than the margin."""
    rng = np.random.default_rng(12)
    for number in range(PAIRS):
        claimed, here = side("claim", 5 * MS, rng), side("here", 5 * MS, rng)
        assert words(tmp_path / f"{number}", claimed, here) == {"p50-1": "reproduced", "size": "reproduced"}


@pytest.mark.long
def test_claims_ten_percent_too_good_are_not(tmp_path: Path) -> None:
    """In 90 % at least; the size is as claimed."""
    rng = np.random.default_rng(13)
    found = []
    for number in range(FALSE):
        claimed, here = side("claim", 4.5 * MS, rng), side("here", 5 * MS, rng)
        found.append(words(tmp_path / f"{number}", claimed, here))
    assert [one["p50-1"] for one in found].count("not_reproduced") >= 0.9 * FALSE
    assert {one["size"] for one in found} == {"reproduced"}
