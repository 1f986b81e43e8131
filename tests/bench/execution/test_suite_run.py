"""A suite carried out in real processes on fake targets."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.contracts import Scenario
from bench.errors import InputError, UnknownName
from bench.record.record import RecordedRun
from bench.store.records import load_records

Run = Callable[..., list[RecordedRun]]


def test_a_run_leaves_a_whole_record(run: Run, tmp_path: Path) -> None:
    """Phases, warm-up, memory by phase, energy, samples and verdict are there, and on disk as returned."""
    recorded = run(["fake"], ["null:cpu"], repeats=2, options={"latency_us": "300"})[0]
    record = recorded.record
    assert record.status == "ok"
    assert len(record.repeats) == 2
    for repeat in record.repeats:
        assert repeat.phases_ns.read is None
        assert repeat.phases_ns.compile is not None
        assert {"start", "compile", "ready", "first_inference", "steady"} == set(repeat.memory_bytes)
        assert repeat.energy is not None
        assert repeat.energy.cpu_seconds is not None
        assert repeat.energy.cpu_seconds > 0
    assert record.summary.latency_ns is not None
    assert record.summary.latency_ns.min >= 300_000
    assert record.verdict is not None
    assert record.harness.loop_overhead_ns is not None
    saved = load_records(tmp_path / "out")[0]
    assert record == saved.record
    assert all(np.array_equal(recorded.samples[key], saved.samples[key]) for key in recorded.samples)


def test_text_generation_keeps_every_token(run: Run) -> None:
    """One stamp a token, the first query's ids, and TTFT, TPOT and ITL from them."""
    recorded = run(["fake-decoder"], ["null:cpu"], scenarios=(Scenario(prompt_tokens=4, generate_tokens=5),))[0]
    text = recorded.record.summary.text_generation
    assert text is not None
    assert (4, 5, (1, 2, 3, 1, 2)) == (text.prompt_tokens, text.generated_tokens, text.token_ids)
    stamps = recorded.arrays("token_ns")[0]
    assert stamps.shape[1] == 5
    assert np.array_equal(stamps[:, -1], recorded.arrays("latency_ns")[0])


def test_offline_counts_what_all_lanes_complete(run: Run) -> None:
    """Two lanes of sleeping calls complete about twice as much as one can."""
    recorded = run(["fake"], ["bad:fallback"], scenarios=(Scenario("offline", lanes=4),))[0]
    summary = recorded.record.summary
    assert summary.throughput_per_s is not None
    assert summary.latency_ns is not None
    assert summary.throughput_per_s > 1.5e9 / summary.latency_ns.mean


def test_skipped_pairs_are_records_too(run: Run) -> None:
    """A device that is not usable gives a skipped record with the reason and the remedy."""
    record = run(["fake"], ["bad:absent"])[0].record
    assert record.status == "skipped"
    assert record.failure is not None
    assert ("unavailable", "plug one in") == (record.failure.kind, record.failure.remedy)
    assert record.verdict is not None
    assert (False, ["not_measured"]) == (record.verdict.valid, [reason.code for reason in record.verdict.reasons])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"models": ["resnet5"], "targets": ["null:cpu"]}, "unknown model: resnet5\nDid you mean resnet50?"),
        ({"models": ["fake"], "targets": ["nul:cpu"]}, "unknown target: nul:cpu\nDid you mean null?"),
        ({"models": ["fake"], "targets": ["null:cpx"]}, "unknown target: null:cpx\nDid you mean null:cpu?"),
        (
            {"models": ["fake"], "targets": ["null:cpu"], "options": {"latency": "1"}},
            "unknown option: latency\nDid you mean latency_us?",
        ),
        (
            {"models": ["fake"], "targets": ["null:cpu"], "options": {"null.latenzy_us": "1"}},
            "unknown option of target null: latenzy_us\nDid you mean latency_us?",
        ),
        ({"models": ["fake"], "targets": ["null:cpu"], "preset": "quik"}, "unknown preset: quik\nDid you mean quick?"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(run: Run, fields: dict[str, object], message: str) -> None:
    """A name nobody knows is an error before anything is measured."""
    with pytest.raises(UnknownName) as error:
        run(**fields)
    assert str(error.value).startswith(message)


def test_a_file_of_unknown_kind_is_refused(run: Run, tmp_path: Path) -> None:
    """A suffix that no plugin takes names those that are taken, of installed plugins, too."""
    file = tmp_path / "net.pt"
    file.write_bytes(b"x")
    with pytest.raises(InputError, match=r"no plugin takes files that end in .pt") as error:
        run([str(file)], ["null:cpu"])
    given, _, folder = error.value.remedy.removeprefix("Give ").partition(", or ")
    assert folder == "a folder of Hugging Face or a GenAI runtime, or with one model file."
    assert {".onnx", ".tflite", ".xml"} <= set(given.split(", "))


@pytest.mark.usefixtures("in_process")
def test_options_reach_their_targets_only(run: Run) -> None:
    """A bare key goes to every target that knows it; plugin.key to one plugin."""
    recorded = run(["fake"], ["null:cpu", "bad:fallback"], options={"knob": "1", "null.latency_us": "2"})
    assert [{"latency_us": "2"}, {"knob": "1"}] == [r.record.plan.target.options_requested for r in recorded]


@pytest.mark.usefixtures("in_process")
def test_the_same_seed_plans_the_same_inputs(run: Run) -> None:
    """Inputs are seeded: two runs have the same hash, another seed another."""
    hashes = []
    for seed in (1, 1, 2):
        inputs = run(["fake"], ["null:cpu"], seed=seed)[0].record.plan.inputs
        assert inputs is not None
        hashes.append(inputs.sha256)
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


def test_nothing_personal_is_recorded(run: Run, tmp_path: Path) -> None:
    """No absolute path, host name or user name is in a record."""
    import getpass
    import platform

    text = msgspec.json.encode(run(["fake"], ["bad:refuse-open"])[0].record).decode()
    assert str(tmp_path) not in text
    assert "/home/someone" not in text
    assert platform.node() not in text
    assert getpass.getuser() == "root" or getpass.getuser() not in text
