"""A target is asked once a run whether it takes a model: before the model is converted or opened."""

from pathlib import Path

import pytest

from bench.execution.suite_run import run_suite
from bench.plugins import discover
from bench.record.record import Record
from bench.suite.suite import ModelAsk, Suite, TargetAsk

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("in_process")]

PLUGIN = """
from pathlib import Path

from bench.errors import RunFailure
from bench.testing import FakeModel, NullTarget


def told(what):
    with Path(LOG).open("a") as log:
        log.write(what + "\\n")


class Plain(NullTarget):
    def check(self, artifact, device, options):
        told("check")
        if options.get("latency_us") == "7":
            raise RunFailure("unsupported_precision", "not with 7", "Take 8.", "plan")

    def open(self, request, phase):
        told("open")
        return super().open(request, phase)


class Converting(Plain):
    def converts(self, artifact, device, options):
        return True

    def convert(self, artifact, folder, device, options):
        told("convert")
        return artifact


PLUGINS = {"models": {"fake": FakeModel}, "targets": {"plain": Plain, "converting": Converting}}
"""


def run(folder: Path, target: str, latency_us: str) -> tuple[Record, list[str]]:
    """The record of one run, and what the target was asked, in order."""
    log, plugin = folder / "asked.txt", folder / "asking.py"
    plugin.write_text(f"LOG = {str(log)!r}\n{PLUGIN}")
    suite = Suite(
        models=(ModelAsk("fake"),),
        targets=(TargetAsk(f"{target}:cpu"),),
        options={"latency_us": latency_us},
        repeats=2,
        max_seconds=0.3,
    )
    (folder / "out").mkdir()
    recorded = run_suite(suite, discover((plugin,)), folder / "out", cache=folder / "cache")
    return recorded[0].record, log.read_text().split()


def test_a_target_is_asked_before_it_opens(tmp_path: Path) -> None:
    """Once, though four passes open the model: the check, the one for cached results, two repeats."""
    record, asked = run(tmp_path, "plain", "8")
    assert ("ok", ["check", "open", "open", "open", "open"]) == (record.status, asked)


def test_a_target_is_asked_before_it_converts(tmp_path: Path) -> None:
    """Not again of what was converted."""
    record, asked = run(tmp_path, "converting", "8")
    assert ("ok", ["check", "convert", "open", "open", "open", "open"]) == (record.status, asked)


@pytest.mark.parametrize("target", ["plain", "converting"])
def test_nothing_is_done_for_a_model_that_is_not_taken(tmp_path: Path, target: str) -> None:
    """No conversion, nothing opened; the record has the target's own words."""
    record, asked = run(tmp_path, target, "7")
    assert ["check"] == asked
    assert record.failure is not None
    assert ("skipped", "plan", "unsupported_precision", "not with 7", "Take 8.") == (
        record.status,
        record.failure.phase,
        record.failure.kind,
        record.failure.message,
        record.failure.remedy,
    )
