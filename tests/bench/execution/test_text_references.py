"""What the fidelity of a language model is taken from, without a run."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from bench.contracts import Artifact, SessionFacts
from bench.contracts.precisions import Precisions
from bench.execution import text_references
from bench.passes.evidence import Evidence
from bench.record.record import Environment, Fidelity
from bench.record.text import Agreement
from bench.testing import fake_artifact

ENGINE, WEIGHTS = Fidelity("none", reason="no other runtime"), Fidelity("plain.onnx on ort:cpu", rule="tokens")


def test_what_a_reference_was_computed_in_is_kept_as_far_as_it_says(tmp_path: Path) -> None:
    """Weights as in the file, and the arithmetic for activations, where a runtime does not tell them apart."""
    (tmp_path / "m").write_text("m")
    artifact = replace(fake_artifact(tmp_path / "m", "text_generation"), precision="int4")
    facts = SessionFacts(device_name="", executed_precision="float32", kv_cache_precision="float16")
    assert {"weights": "int4", "activations": "float32", "kv_cache": "float16"} == text_references._types(
        facts, artifact
    )
    told = replace(facts, precisions=Precisions("int8+int4", "float32+int8"), kv_cache_precision="")
    assert {"weights": "int8+int4", "activations": "float32+int8"} == text_references._types(told, artifact)


@pytest.mark.parametrize(
    ("runtime", "precision", "expected"),
    [
        ("onnxruntime-genai", "float32", WEIGHTS),
        ("onnxruntime-genai", "int4", ENGINE),
        ("", "float32", ENGINE),
    ],
)
def test_a_decoder_of_one_runtime_is_judged_by_the_named_reference(
    runtime: str, precision: str, expected: Fidelity, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where its weights have the same precision: else a difference may be that of the weights."""
    (tmp_path / "m").write_text("m")
    artifact = fake_artifact(tmp_path / "m", "text_generation")
    assert artifact.decoder is not None
    measured = replace(artifact, precision=precision, decoder=replace(artifact.decoder, runtime=runtime))
    agreement = Agreement("model", WEIGHTS.reference)

    def compared(of: str, twin: Artifact, *others: Any) -> tuple[Agreement, Fidelity]:
        assert ("model", artifact) == (of, twin)
        return agreement, WEIGHTS

    monkeypatch.setattr(text_references, "_compare", compared)
    monkeypatch.setattr(text_references, "named_twin", lambda *asked: artifact)
    checked: Any = SimpleNamespace(text=object())
    prepared: Any = SimpleNamespace(artifact=measured)
    environment: Environment = SimpleNamespace()  # type: ignore[assignment]
    so_far = Evidence(
        run=None,  # type: ignore[arg-type]
        environment=environment,
        prepared=prepared,
        checked=checked,
        fidelity=ENGINE,
        agreement=(Agreement("engine", "none"),),
    )
    found = text_references.compare_with_weights(so_far, None)  # type: ignore[arg-type]
    assert (expected, agreement) == (found.fidelity, found.agreement[-1])
    assert 2 == len(found.agreement)
