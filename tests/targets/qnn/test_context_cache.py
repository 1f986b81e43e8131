"""Which compiled contexts a compile cache may give, told from files made by hand and had of the emulator."""

import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.contracts import Artifact, OpenRequest, Phase, TensorSession
from bench.errors import RunFailure
from bench.targets.qnn import context_cache
from bench.targets.qnn.context_cache import KeptContext, Key, keep, key_of, state_of
from bench.targets.qnn.target import OnnxRuntimeQnn

Make = Callable[..., Artifact]
Image = np.ndarray[Any, Any]
KEY: Key = {"model": "f" * 64, "soc": "QCS8550", "shapes": {"x": [1, 3]}}


def written(folder: Path, key: Key = KEY) -> KeptContext:
    """A cold context, which a session has written with its binary beside it."""
    context = KeptContext(folder, "graph", key)
    assert not context.found
    assert context.options() == {"ep.context_enable": "1", "ep.context_file_path": str(folder / "graph_ctx.onnx")}
    (folder / "graph_ctx.onnx").write_bytes(b"graph")
    (folder / "graph_ctx_qnn.bin").write_bytes(b"binary" * 100)
    keep([context, None])
    return context


def test_what_was_kept_is_found_once_it_is_whole(tmp_path: Path) -> None:
    """Cold, then warm; a warm one is not written again."""
    cold = written(tmp_path)
    warm = KeptContext(tmp_path, "graph", KEY)
    assert ("cold", "warm", {}) == (state_of([cold]), state_of([warm]), warm.options())
    assert ("cold", "none") == (state_of([warm, cold]), state_of([None]))


@pytest.mark.parametrize("file", ["graph_ctx.onnx", "graph_ctx_qnn.bin", "graph_ctx.json"])
@pytest.mark.parametrize("damage", ["cut", "emptied", "changed", "removed"])
def test_a_damaged_file_is_no_context(file: str, damage: str, tmp_path: Path) -> None:
    """Nor is one without the rest: all of it is removed, since the provider writes over nothing."""
    written(tmp_path)
    path = tmp_path / file
    whole = path.read_bytes()
    damaged = {"cut": whole[: len(whole) // 2], "emptied": b"", "changed": whole[:-3] + b"\0\0\0"}
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(damaged[damage])
    assert not KeptContext(tmp_path, "graph", KEY).found
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("part", KEY)
def test_what_was_made_of_other_parts_is_no_context(part: str, tmp_path: Path) -> None:
    """Another model, SoC or shape."""
    written(tmp_path)
    assert not KeptContext(tmp_path, "graph", {**KEY, part: "another"}).found


@pytest.mark.parametrize(
    "told", ["[]", "{}", '{"key": 1}', '{"key": {}, "files": 3}', '{"files": {"../x": "0"}}', "\xff"]
)
def test_a_file_of_others_is_no_seal(told: str, tmp_path: Path) -> None:
    """Whatever it holds, it leads to no file outside of the folder and to no error."""
    written(tmp_path)
    (tmp_path / "graph_ctx.json").write_text(told, encoding="latin-1")
    assert not KeptContext(tmp_path, "graph", KEY).found


def test_two_graphs_of_a_folder_do_not_meet(tmp_path: Path) -> None:
    """Prompt and token of a language model: what is wrong with one leaves the other."""
    written(tmp_path)
    assert not KeptContext(tmp_path, "prefill", KEY).found
    assert KeptContext(tmp_path, "graph", KEY).found


def test_the_key_holds_what_the_compiler_is_given(
    tmp_path: Path, float_net: Path, artifact_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of it makes another key: model, shapes, options, SoC, and the versions of what compiles."""
    artifact = artifact_of(float_net)
    library = tmp_path / "libQnnHtp.so"
    library.write_bytes(b"1")

    def key(artifact: Artifact = artifact, soc: str = "QCS8550", sizes: Any = None, **options: str) -> str:
        return json.dumps(key_of(artifact, options, sizes, library, soc))

    keys = [key(), key(replace(artifact, sha256="0" * 64)), key(replace(artifact, shapes={"x": (2, 3, 8, 8)}))]
    keys += [key(soc="QCS6490"), key(sizes={"past": 127}), key(vtcm_mb="8"), key(vtcm_mb="4")]
    library.write_bytes(b"12")
    keys.append(key())
    monkeypatch.setattr(context_cache, "versions", lambda names: {"onnxruntime-qnn": "0.1"})
    keys.append(key())
    assert len(keys) == len(set(keys))


def answer(request: OpenRequest, phase: Phase, image: Image) -> tuple[str, Image]:
    """The state of the cache that a session found, and its output."""
    session = OnnxRuntimeQnn().open(request, phase)
    assert isinstance(session, TensorSession)
    session.bind({"x": image})()
    return session.facts().compile_cache, session.results()["y"]


@pytest.mark.real
@pytest.mark.parametrize("embedded", ["0", "1"])
def test_the_emulator_opens_what_it_compiled_and_nothing_else(
    embedded: str, tmp_path: Path, qdq_net: Path, artifact_of: Make, phase: Phase, image: Image
) -> None:
    """Cold, warm, and cold again for another SoC: it would run the first one's context without a word."""
    pytest.importorskip("onnxruntime_qnn")
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("the HTP's emulator exists only for x86-64")
    options = {"soc": "qcs8550", "ep.context_embed_mode": embedded}
    request = OpenRequest(artifact_of(qdq_net, precision="int8"), "htp-emu", options, compile_cache=tmp_path)
    first, expected = answer(request, phase, image)
    files = {file.name for file in tmp_path.iterdir()}
    binaries = {"graph_ctx_qnn.bin"} if embedded == "0" else set()
    assert ("cold", {"graph_ctx.onnx", "graph_ctx.json"} | binaries) == (first, files)
    again, found = answer(request, phase, image)
    np.testing.assert_array_equal(expected, found)
    other, _ = answer(replace(request, options={**options, "soc": "qcs6490"}), phase, image)
    back, found = answer(request, phase, image)
    assert ("warm", "cold", "cold") == (again, other, back)
    np.testing.assert_array_equal(expected, found)
    held = max(tmp_path.iterdir(), key=lambda file: file.stat().st_size)
    held.write_bytes(held.read_bytes()[: held.stat().st_size // 2])
    mended, found = answer(request, phase, image)
    assert "cold" == mended
    np.testing.assert_array_equal(expected, found)


@pytest.mark.real
def test_a_damaged_context_of_the_users_own_is_told(
    tmp_path: Path, qdq_net: Path, artifact_of: Make, phase: Phase, image: Image
) -> None:
    """A file that is given as the model is not compiled again: the error says what it is, and what to do."""
    pytest.importorskip("onnxruntime_qnn")
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("the HTP's emulator exists only for x86-64")
    request = OpenRequest(artifact_of(qdq_net, precision="int8"), "htp-emu", {"soc": "qcs8550"}, compile_cache=tmp_path)
    answer(request, phase, image)
    binary = tmp_path / "graph_ctx_qnn.bin"
    binary.write_bytes(binary.read_bytes()[:1000])
    artifact = artifact_of(tmp_path / "graph_ctx.onnx")
    with pytest.raises(RunFailure, match=r"compiled context of graph_ctx\.onnx cannot be read") as caught:
        OnnxRuntimeQnn().open(OpenRequest(artifact, "htp-emu", {"soc": "qcs8550"}), phase)
    assert "compile the model again" in caught.value.remedy
