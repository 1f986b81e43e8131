"""What a forger would change in a record: the right value is shown, or the record is refused by name."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from tampered import Place, Tampered, at
from whole_records import failed, offline, tensors, text

from bench.errors import InputError
from bench.record.record import RecordedRun
from bench.record.samples import samples_of
from bench.record.text import Agreement
from bench.store.records import load


def alone() -> RecordedRun:
    """As ``text``, of a decoder that only one runtime runs: its outputs are judged by the reference that was named."""
    run = text()
    known, fidelity = run.record.summary.text_generation, run.record.fidelity
    assert known is not None
    assert fidelity is not None
    named = known.agreement[1]
    uncompared = Agreement("engine", "none", reason="no other runtime")
    summary = replace(run.record.summary, text_generation=replace(known, agreement=(uncompared, named)))
    record = replace(run.record, summary=summary, fidelity=replace(fidelity, reference=named.reference))
    return replace(run, record=record)


class TestForgeries:
    """What a forger would change, with the right value shown or the record refused by name."""

    def read(self, folder: Path, make: Any, place: Place, value: Any) -> RecordedRun:
        tampered = Tampered(folder, make())
        assert at(tampered.raw, place) != value
        tampered.write(place, value)
        return load(tampered.folder)

    @pytest.mark.parametrize(
        ("make", "place", "value"),
        [
            (tensors, ("summary", "energy", "bytes_moved"), 46),
            (tensors, ("quality", "paired", 0, "word"), "same"),
            (tensors, ("quality", "paired", 0, "p_value"), 0.9),
            (tensors, ("quality", "paired", 0, "worse_samples"), 1),
            (tensors, ("quality", "metrics", 0, "interval95"), [0.9, 1.0]),
            (tensors, ("quality", "reference", "metrics", 0, "interval95"), [0.0, 0.1]),
            (tensors, ("repeats", 0, "converged"), False),
            (text, ("summary", "text_generation", "agreement", 0, "token_prefix"), 8),
            (text, ("summary", "text_generation", "agreement", 0, "tokens_equal_share"), 1.0),
            (text, ("summary", "text_generation", "agreement", 1, "kl_divergence_nats"), 0.0),
            (text, ("summary", "text_generation", "agreement", 1, "top1_agreement"), 0.5),
            (text, ("fidelity", "token_prefix"), 8),
            (alone, ("fidelity", "token_prefix"), 8),
            (alone, ("summary", "text_generation", "agreement", 1, "token_prefix"), 8),
            (offline, ("repeats", 2, "converged"), False),
            (offline, ("summary", "throughput_per_s"), 999.0),
        ],
    )
    def test_the_right_value_is_shown(self, tmp_path: Path, make: Any, place: Place, value: Any) -> None:
        """Computed again from what the record holds, and the record is called edited."""
        read = self.read(tmp_path, make, place, value)
        assert at(msgspec.to_builtins(make().record), place) == at(msgspec.to_builtins(read.record), place)
        assert read.record.verdict is not None
        assert ("record_edited", False) == (read.record.verdict.reasons[0].code, read.record.verdict.valid)

    @pytest.mark.parametrize(
        ("make", "place", "value", "message"),
        [
            (tensors, ("placement", "macs", "NPU"), 990_000, "placement.macs adds up to 1,090,000"),
            (tensors, ("placement", "nodes", "CPU"), 1, "placement.fallback names 2"),
            (tensors, ("placement", "fallback"), ["Resize a"], "placement.fallback names 1"),
            (tensors, ("repeats", 1, "energy", "channels", 0, "joules"), 0.001, "channels[0].joules is 0.001"),
            (tensors, ("repeats", 1, "energy", "queries"), 3000, "energy.queries is 3000"),
            (tensors, ("quality", "metrics", 0, "value"), 1.0, "the results of top1 give"),
            (tensors, ("quality", "metrics", 0, "higher_is_better"), False, "quality.metrics states top1"),
            (tensors, ("status",), "failed", "status is failed"),
            (tensors, ("plan", "target", "device"), "npu", "plan.target.id is ort:cpu"),
            (text, ("plan", "scenario", "prompt_tokens"), 512, "plan.scenario.prompt_tokens is 512"),
            (offline, ("repeats", 0, "duration_ns"), 1_000_000, "energy.queries is 60"),
            (failed, ("failure",), None, "status is failed"),
        ],
    )
    def test_a_contradiction_is_refused(
        self, tmp_path: Path, make: Any, place: Place, value: Any, message: str
    ) -> None:
        """The file and the fields are named."""
        with pytest.raises(InputError) as caught:
            self.read(tmp_path, make, place, value)
        assert message in caught.value.message
        assert make().record.record_id in caught.value.message

    @pytest.mark.parametrize(
        ("place", "value", "message"),
        [
            (("plan", "rule", "precision"), 0.9, "plan.rule.precision as 0.9 (preset quick: 0.1)"),
            (("plan", "preset"), "strict", "(preset strict: 99)"),
            (("plan", "seed"), 4, "plan.seed as 4 (in its command: --seed 3)"),
            (("plan", "strict_placement"), True, "(in its command: no --strict-placement)"),
            (("plan", "scenario", "compile_cache"), "none", "(in its command: --compile-cache warm)"),
        ],
    )
    def test_a_plan_that_says_two_things_is_marked(
        self, tmp_path: Path, place: Place, value: Any, message: str
    ) -> None:
        """A rule that is not the preset's would make any run valid."""
        read = self.read(tmp_path, tensors, place, value)
        assert read.record.verdict is not None
        assert ("record_edited", False) == (read.record.verdict.reasons[0].code, read.record.verdict.valid)
        assert message in read.record.verdict.reasons[0].message

    def test_figures_of_a_reference_without_results_are_not_shown(self, tmp_path: Path) -> None:
        """A record of this version keeps the reference's results: without them neither its metrics nor tests stand."""
        read = self.read(tmp_path, tensors, ("quality", "reference", "samples"), {}).record
        assert read.quality is not None
        assert read.quality.reference is not None
        assert ((), ()) == (read.quality.reference.metrics, read.quality.paired)
        assert read.verdict is not None
        assert "record_edited" == read.verdict.reasons[0].code


def test_queries_in_flight_have_as_many_beginnings_as_times() -> None:
    """The figures of a window add one to the other."""
    run = offline()
    samples = {**run.samples, "in_flight_start_ns_0": run.samples["in_flight_start_ns_0"][:1]}
    with pytest.raises(InputError, match=r"is an array of \[1\], but there are times of 2 queries in flight"):
        samples_of(run.record.repeats[0], samples, "in_flight_start_ns", "here")
