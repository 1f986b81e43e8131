"""How the reference of a language model is judged on its texts, without a run."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.contracts import OpenRequest
from bench.execution import quality
from bench.passes.evidence import Evidence
from bench.passes.judge import JudgeJob
from bench.plugins import PluginRef
from bench.suite.dataset_options import DatasetAsk
from bench.testing import fake_artifact


def test_the_reference_has_the_tokenizer_of_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So that what it said, where both part, is shown as text."""
    (tmp_path / "m").write_text("m")
    artifact, plugin = fake_artifact(tmp_path / "m", "text_generation"), PluginRef("targets", "t", "t:T", "")
    request = OpenRequest(artifact, "cpu", prompt_tokens=2, decode_context=64)
    found = SimpleNamespace(plugin=plugin, name="t:cpu", request=lambda *asked: request)
    monkeypatch.setattr(quality, "reference_for", lambda *asked: found)
    asked: list[JudgeJob] = []

    def once(kind: type, key: object, make: Any, more_s: float, says: object) -> Any:
        asked.append(make())
        return SimpleNamespace(answer=None)

    beside = tmp_path / "tokenizer.json"
    prepared: Any = SimpleNamespace(artifact=artifact, tokenizer=beside, question_tokens=0, dataset_samples=1)
    device, model = SimpleNamespace(emulated=False), SimpleNamespace(dataset=DatasetAsk(tmp_path), plugin=plugin)
    run: Any = SimpleNamespace(target=SimpleNamespace(device=device), model=model)
    opening: Any = SimpleNamespace(request=request)
    so_far = Evidence(run=run, environment=None, prepared=prepared, opening=opening)  # type: ignore[arg-type]
    jobs: Any = SimpleNamespace(catalog=None, once=once)
    quality._reference(so_far, SimpleNamespace(windows=None), artifact, jobs)  # type: ignore[arg-type]
    assert [beside] == [job.tokenizer for job in asked]
