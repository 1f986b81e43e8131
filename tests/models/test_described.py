"""What is known of a model before it is built is what the built one is."""

from collections.abc import Callable
from pathlib import Path

import pytest
from made_gguf import made_gguf
from msgspec.structs import replace
from published_folders import LLAMA, random_weights, write_shards

from bench.cli.against.dry_run import with_checksum
from bench.contracts import Artifact, Describable, Model, ModelRequest, Source
from bench.errors import InputError
from bench.execution.interleaved import Identity
from bench.models.checkpoints.huggingface.plugin import WeightsFile
from bench.models.files.folder import ModelFolder
from bench.models.files.gguf_file import GgufFile
from bench.models.sllm.llama import Llama15M
from bench.models.vision.mobilenet_v2 import MobileNetV2

Case = tuple[Model, str]


def gguf(folder: Path) -> Case:
    return GgufFile(), str(made_gguf(folder, kind="Q4_1", name="tiny.Q4_1.gguf").path)


def folder_of_gguf(folder: Path) -> Case:
    made_gguf(folder, kind="Q8_0")
    return ModelFolder(), str(folder)


def published(folder: Path) -> Case:
    write_shards(folder / "net", LLAMA, random_weights(LLAMA), 2)
    (folder / "net" / "tokenizer_config.json").write_text("{}")
    return ModelFolder(), str(folder / "net")


def shard(folder: Path) -> Case:
    _, source = published(folder)
    return WeightsFile(), str(Path(source) / "model-00002-of-00002.safetensors")


def decoder(folder: Path) -> Case:
    return Llama15M(), "llama-15M"


def classifier(folder: Path) -> Case:
    return MobileNetV2(), "mobilenet_v2"


def described(model: Model, request: ModelRequest, folder: Path) -> Artifact:
    folder.mkdir()
    assert isinstance(model, Describable)
    found = model.described(request, folder)
    assert found is not None
    return found


def known(artifact: Artifact) -> dict[str, object]:
    """What does not depend on the graph."""
    beside = {file.name: file.read_bytes() for file in artifact.files[1:] if file.suffix != ".data"}
    source: Source | None = artifact.source and replace(artifact.source, sha256="")
    fields = ("model_id", "task", "format", "precision", "shapes", "decoder")
    facts = (artifact.facts.parameters if artifact.decoder else artifact.facts.inputs, artifact.path.name)
    return {**{name: getattr(artifact, name) for name in fields}, "beside": beside, "source": source, "facts": facts}


@pytest.mark.parametrize("make", [gguf, folder_of_gguf, published, shard, decoder, classifier])
def test_a_model_is_described_as_it_is_built(make: Callable[[Path], Case], tmp_path: Path) -> None:
    """Its name, interface and source, and what lies beside it; no graph is written."""
    model, source = make(tmp_path)
    request = ModelRequest(source)
    found = described(model, request, tmp_path / "described")
    assert known(model.prepare(request, tmp_path / "cache")) == known(found)
    assert (False, "", 0) == (found.path.exists(), found.sha256, found.size_bytes)


@pytest.mark.parametrize("make", [gguf, folder_of_gguf, published, shard, decoder, classifier])
def test_a_request_is_refused_alike(make: Callable[[Path], Case], tmp_path: Path) -> None:
    """A precision, a format or a shape that it does not come in."""
    model, source = make(tmp_path)
    plain = ModelRequest(source)
    for number, request in enumerate(
        [replace(plain, precision="int2"), replace(plain, format="tflite"), replace(plain, shapes={"y": (1,)})]
    ):
        with pytest.raises(InputError) as built:
            model.prepare(request, tmp_path / "cache")
        with pytest.raises(InputError) as told:
            described(model, request, tmp_path / f"described-{number}")
        assert (built.value.message, built.value.remedy) == (told.value.message, told.value.remedy)
    assert not (tmp_path / "cache").exists()


def test_a_folder_with_a_graph_is_read_as_ever(tmp_path: Path) -> None:
    """Nothing is built of it, so it has no description."""
    (tmp_path / "net.tflite").write_bytes(b"x")
    (tmp_path / "described").mkdir()
    assert ModelFolder().described(ModelRequest(str(tmp_path)), tmp_path / "described") is None


def test_a_base_is_known_by_its_source_before_it_is_built(tmp_path: Path) -> None:
    """``odb run --against --dry-run``: a described model has no checksum, its source has one; another file is told."""
    model, source = gguf(tmp_path)
    found = with_checksum(described(model, ModelRequest(source), tmp_path / "described"))
    built = model.prepare(ModelRequest(source), tmp_path / "cache")
    assert built.source is not None
    identity = Identity(built.sha256, "record", built.source.sha256)
    identity.check(found)
    identity.check(built)
    with pytest.raises(InputError, match=r"tiny\.Q4_1\.gguf is not the file that record was measured with"):
        replace(identity, made_from="0" * 64).check(found)
    with pytest.raises(InputError):
        Identity("0" * 64, "record").check(found)
