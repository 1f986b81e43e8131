"""How far a graph has come while it is written."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from made_gguf import CONFIGS, made_gguf

from bench import progress
from bench.contracts import ModelRequest
from bench.inputs.prepared import Prepared
from bench.models.files.gguf_file import GgufFile
from bench.models.sllm.decoder import write_decoder
from bench.passes.prepare import PrepareJob
from bench.plugins import discover
from bench.process.supervisor import run_job


@pytest.fixture
def heard() -> Iterator[list[tuple[int, int]]]:
    found: list[tuple[int, int]] = []
    progress.listen(lambda part, whole: found.append((part, whole)))
    yield found
    progress.listen(lambda part, whole: None)


@pytest.mark.parametrize("architecture", ["llama", "gemma3", "phi3"])
def test_the_numbers_written_are_told(architecture: str, heard: list[tuple[int, int]], tmp_path: Path) -> None:
    """From none to all but the last tensor's, each tensor once, of all parameters; also of seeded weights."""
    config = CONFIGS[architecture]
    write_decoder(config, 1, tmp_path / "model.onnx")
    parts = [part for part, _ in heard]
    assert {config.parameters} == {whole for _, whole in heard}
    assert (0, len(config.tensors), sorted(set(parts))) == (parts[0], len(parts), parts)
    assert config.parameters - parts[-1] in {
        shape[0] * (shape[1] if len(shape) > 1 else 1) for shape in config.tensors.values()
    }


def test_a_published_model_is_told_alike(heard: list[tuple[int, int]], tmp_path: Path) -> None:
    """In its own blocks, too; a model that is in the cache is not written again."""
    path = made_gguf(tmp_path, kind="Q4_1").path
    GgufFile().prepare(ModelRequest(str(path)), tmp_path / "cache")
    first = list(heard)
    GgufFile().prepare(ModelRequest(str(path)), tmp_path / "cache")
    assert (len(CONFIGS["llama"].tensors), first) == (len(first), heard)


@pytest.mark.process
def test_a_worker_tells_its_parent_in_percent(tmp_path: Path) -> None:
    """Each number once, ascending from 0."""
    job = PrepareJob(
        discover().find("models", ".gguf"),
        request=ModelRequest(str(made_gguf(tmp_path).path)),
        cache=tmp_path / "cache",
    )
    percents: list[int] = []
    answer = run_job(job, tmp_path / "job", 60.0, on_part=percents.append).answer
    assert isinstance(answer, Prepared)
    assert (0, sorted(set(percents)), True) == (percents[0], percents, 50 < percents[-1] <= 100)
