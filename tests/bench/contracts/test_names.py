"""What models that come as files and folders are called."""

from pathlib import Path

import pytest

from bench.contracts.names import file_model_id, folder_model_id

HUB = "hub/models--acme--net-small/snapshots/0123abcd"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("models/detector.onnx", "detector"),
        ("llm/stories260K/model.onnx", "stories260K"),
        ("bert/onnx/model.onnx", "bert"),
        ("한국어 모델/onnx/model.onnx", "한국어 모델"),
        ("bert/openvino/FP16/openvino_model.xml", "bert"),
        (f"{HUB}/onnx/model.onnx", "net-small"),
        (f"{HUB}/model.onnx", "net-small"),
        (f"{HUB}/onnx/model_quantized.onnx", "model_quantized"),
        ("smollm/SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct.Q4_1"),
        ("smollm/ggml-model-Q4_K_M.gguf", "smollm-Q4_K_M"),
        ("smollm/unsloth.Q8_0.gguf", "smollm.Q8_0"),
        ("smollm/model-f16.gguf", "smollm-f16"),
        ("smollm/model.gguf", "smollm"),
        ("ggml-model-Q4_0.gguf", "ggml-model-Q4_0"),
        ("model.onnx", "model"),
        ("onnx/model.onnx", "onnx"),
        ("../model.onnx", "model"),
        ("../onnx/model.onnx", "onnx"),
        ("smollm/SmolLM2.Q4_1-00001-of-00002.gguf", "SmolLM2.Q4_1"),
        ("smollm/ggml-model-Q4_K_M-00002-of-00002.gguf", "smollm-Q4_K_M"),
        ("smollm/model-00001-of-00002.gguf", "smollm"),
        ("net-00001-of-2.gguf", "net-00001-of-2"),
    ],
)
def test_files_go_by_the_name_that_tells_them_apart(file: str, name: str) -> None:
    """Exports all have one name, in folders of one name; only folders that were given are named."""
    assert name == file_model_id(Path(file))


def test_no_users_home_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders of homes bear the names of people."""
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "alice"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home" / "alice"))
    home = tmp_path / "home"
    assert "model" == file_model_id(home / "alice" / "model.onnx")
    assert "onnx" == file_model_id(home / "alice" / "onnx" / "model.onnx")
    assert "onnx" == file_model_id(home / "bob" / "onnx" / "model.onnx")
    assert "bert" == file_model_id(home / "alice" / "bert" / "onnx" / "model.onnx")


def test_folders_go_by_their_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the current one, and a snapshot of a download cache by its repository."""
    for folder in ("bert/onnx", HUB):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "bert")
    assert ("bert", "bert") == (folder_model_id(Path()), folder_model_id(Path("onnx")))
    assert "net-small" == folder_model_id(tmp_path / HUB)


@pytest.mark.parametrize("file", ["model.safetensors", "model-00001-of-00003.safetensors", "weights.SafeTensors"])
def test_weights_go_by_the_name_of_their_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    """The folder is the model, whichever of its files was named; also in the current folder, and in a cache."""
    for folder in ("Qwen3-0.6B", HUB):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "Qwen3-0.6B")
    names = [file_model_id(folder / file) for folder in (Path(), tmp_path / "Qwen3-0.6B", tmp_path / HUB)]
    assert ["Qwen3-0.6B", "Qwen3-0.6B", "net-small"] == names
    monkeypatch.setenv("HOME", str(tmp_path / "Qwen3-0.6B"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "Qwen3-0.6B"))
    assert "model" == file_model_id(Path(file))
