"""A run is measured again where the samples of its dataset are others, although the form names the same folder."""

import json
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from bench.cli.submission.running.unmeasured import same_data
from bench.contracts import Device, Scenario
from bench.plugins import PluginRef
from bench.quality.dataset import dataset_sha256, entry_digest, read_listing
from bench.record.quality import DatasetFacts, LeftOut, Quality
from bench.record.record import Record
from bench.suite.dataset_options import DatasetAsk
from bench.suite.plan import ModelChoice, PlannedRun, TargetChoice
from bench.suite.presets import PRESETS
from bench.suite.suite import ModelAsk
from bench.testing.records import fake_run

PLUGIN = PluginRef("models", "fake", "bench.testing.plugins:FakeModel", "tests")
TARGET = TargetChoice(PLUGIN, Device("cpu", usable=True), {}, ("onnx",), ("tensor",))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three labelled pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, name in enumerate(("a.png", "b.png", "c.png")):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(folder / name)
    (folder / "labels.json").write_text(json.dumps({"a.png": 1, "b.png": 2, "c.png": 3}))
    return folder


def run_on(folder: Path, scenario: str = "single-stream") -> PlannedRun:
    model = ModelChoice(ModelAsk("net.onnx", dataset=str(folder)), PLUGIN, "tensor", ("onnx",))
    return PlannedRun(model, TARGET, Scenario(scenario), PRESETS["quick"].rule, "quick", 2, 0)


def judged_on_all_but(folder: Path, left_out: str) -> Record:
    """A record that was judged on the pictures without one."""
    listing = read_listing(DatasetAsk(folder), judged=False)
    digests = [entry_digest(listing, one) for one in listing.entries if one.file != left_out]
    told = (LeftOut(left_out, left_out, "cannot be read"),)
    facts = DatasetFacts("pictures", "classification", dataset_sha256(digests), len(digests), told)
    made = fake_run("r", [np.full(20, 1_000_000)]).record
    return replace(made, quality=Quality(facts, "f" * 64, "null:cpu"))


def test_another_sample_or_label_is_another_run(pictures: Path) -> None:
    """What was left out when the record was judged may be another."""
    record, run = judged_on_all_but(pictures, "c.png"), run_on(pictures)
    assert same_data(record, run)
    Image.new("RGB", (4, 4), (90, 0, 0)).save(pictures / "c.png")
    assert same_data(record, run)
    (pictures / "labels.json").write_text(json.dumps({"a.png": 1, "b.png": 1, "c.png": 3}))
    assert not same_data(record, run)
    (pictures / "labels.json").write_text(json.dumps({"a.png": 1, "b.png": 2, "c.png": 3}))
    Image.new("RGB", (4, 4), (91, 0, 0)).save(pictures / "a.png")
    assert not same_data(record, run)


def test_a_dataset_that_is_gone_is_for_the_run_to_tell(pictures: Path) -> None:
    record = judged_on_all_but(pictures, "c.png")
    (pictures / "labels.json").write_text("{")
    assert not same_data(record, run_on(pictures))


def test_a_record_without_quality_knows_no_dataset(pictures: Path) -> None:
    """As that of a run that failed before its outputs were judged."""
    assert same_data(replace(judged_on_all_but(pictures, "c.png"), quality=None), run_on(pictures))
