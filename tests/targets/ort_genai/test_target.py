"""onnxruntime-genai on stories260K, on its folder and on the bare ONNX file."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from msgspec.structs import replace

from bench.contracts import (
    Artifact,
    ConvertingTarget,
    LogitsSession,
    ModelRequest,
    OpenRequest,
    Phase,
    TokenizingSession,
    TokenSession,
)
from bench.errors import InputError, RunFailure
from bench.models.files.folder import ModelFolder
from bench.targets.ort_genai import folder as onnxruntime_genai_folder
from bench.targets.ort_genai.session import OrtGenaiSession
from bench.targets.ort_genai.target import OrtGenai


def opened(artifact: Artifact, phase: Phase, options: dict[str, str] | None = None, **fields: Any) -> OrtGenaiSession:
    pytest.importorskip("onnxruntime_genai")
    session = OrtGenai().open(OpenRequest(artifact, "cpu", options or {}, **fields), phase)
    assert isinstance(session, OrtGenaiSession)
    return session


def generated(session: TokenSession, prompt: list[int], tokens: int) -> list[int]:
    return [session.prefill(np.array(prompt)), *(session.decode() for _ in range(tokens - 1))]


@pytest.fixture(scope="module")
def folder(ort_genai_folder: Path) -> Artifact:
    return ModelFolder().prepare(ModelRequest(str(ort_genai_folder)), ort_genai_folder)


@pytest.fixture
def changed(folder: Artifact, tmp_path: Path) -> Callable[..., Artifact]:
    """``changed(field=value)``: the folder with other fields of genai_config.json's model."""

    def rewrite(**fields: Any) -> Artifact:
        copy = Path(shutil.copytree(folder.path.parent, tmp_path / "copy"))
        config = json.loads((copy / "genai_config.json").read_text())
        config["model"] |= fields
        (copy / "genai_config.json").write_text(json.dumps(config))
        return replace(folder, path=copy / folder.path.name)

    return rewrite


@pytest.mark.real
def test_a_folder_gives_the_golden_text(folder: Artifact, golden: list[int], text: str, phases: Any) -> None:
    """200 tokens, byte for byte through the folder's own tokenizer; its search options ask for sampling."""
    session = opened(folder, phases, decode_context=len(golden))
    found = generated(session, golden[:1], len(golden) - 1)
    assert golden[1:] == found
    tokenizer = session.tokenizer()
    assert tokenizer is not None
    stream = tokenizer.stream()
    assert text == "".join(stream(token) for token in [*golden[:1], *found])
    assert ["runtime_import", "compile"] == phases.names


@pytest.mark.real
def test_a_bare_onnx_file_gets_a_folder(stories: Artifact, golden: list[int], tmp_path: Path, phase: Phase) -> None:
    """The same text; a folder with its own configuration is opened where it is."""
    target = OrtGenai()
    assert isinstance(target, ConvertingTarget)
    artifact = target.convert(stories, tmp_path)
    assert golden[1:] == generated(opened(artifact, phase), golden[:1], len(golden) - 1)
    assert ["model.onnx", "genai_config.json"] == [file.name for file in artifact.files]
    assert artifact is target.convert(artifact, tmp_path)


@pytest.mark.real
@pytest.mark.parametrize("refused", [(), ("symlink",), ("symlink", "link")])
def test_weights_in_another_file_are_linked_with_it(
    stories: Artifact,
    golden: list[int],
    tmp_path: Path,
    phase: Phase,
    monkeypatch: pytest.MonkeyPatch,
    refused: tuple[str, ...],
) -> None:
    """By symbolic links, by hard ones where a system refuses those, by copies where it refuses both."""

    def refuse(*paths: Path) -> None:
        raise OSError("a required privilege is not held")

    for name in refused:
        monkeypatch.setattr(onnxruntime_genai_folder.os, name, refuse)
    (tmp_path / "source").mkdir()
    path = tmp_path / "source" / "model.onnx"
    onnx.save(onnx.load(stories.path), str(path), save_as_external_data=True, location="w.data", size_threshold=100)
    (tmp_path / "made").mkdir()
    artifact = replace(stories, path=path, files=(path, path.parent / "w.data"))
    made = OrtGenai().convert(artifact, tmp_path / "made")
    assert golden[1:20] == generated(opened(made, phase), golden[:1], 19)
    assert (not refused) == made.path.is_symlink()


def test_a_mask_of_another_type_than_the_positions_is_refused(stories: Artifact) -> None:
    """Before it is opened, where the runtime would say so of a generator."""
    assert stories.decoder is not None
    narrow = replace(stories, decoder=replace(stories.decoder, mask_dtype="int32"))
    with pytest.raises(RunFailure, match="feeds both in one type") as caught:
        OrtGenai().check(narrow, "cpu", {})
    assert "unsupported_format" == caught.value.kind
    OrtGenai().check(replace(narrow, decoder=replace(narrow.decoder, has_position_ids=False)), "cpu", {})


@pytest.mark.real
def test_a_configuration_of_another_graph_is_not_taken(folder: Artifact, tmp_path: Path) -> None:
    """Two graphs in one folder: the configuration means one of them."""
    copy = Path(shutil.copytree(folder.path.parent, tmp_path / "copy"))
    shutil.copy(folder.path, copy / "other.onnx")
    (tmp_path / "made").mkdir()
    other = replace(folder, path=copy / "other.onnx", files=(copy / "other.onnx",))
    made = OrtGenai().convert(other, tmp_path / "made")
    config = json.loads((tmp_path / "made" / "genai_config.json").read_text())
    assert "other.onnx" == config["model"]["decoder"]["filename"]
    names = ["other.onnx", "tokenizer.json", "tokenizer_config.json", "genai_config.json"]
    assert names == [file.name for file in made.files]


@pytest.mark.real
def test_end_of_sequence_ends_nothing(changed: Callable[..., Artifact], golden: list[int], phase: Phase) -> None:
    """Tokens that the story is full of, declared to be the end: not one token changes."""
    session = opened(changed(eos_token_id=[golden[1], golden[5], golden[7], 426]), phase)
    for _ in range(2):
        assert golden[1:] == generated(session, golden[:1], len(golden) - 1)
        session.reset()


@pytest.mark.real
@pytest.mark.parametrize("ends", [[2], "all"])
def test_a_prompt_follows_a_prompt(
    changed: Callable[..., Artifact], golden: list[int], phase: Phase, ends: list[int] | str
) -> None:
    """The cache holds exactly the prompts: after a prompt's token, and after tokens that were fed back."""
    session = opened(changed(eos_token_id=golden[1:40] if ends == "all" else ends), phase)
    first = session.prefill(np.array(golden[:20]))
    assert [golden[20], golden[26], golden[27]] == [first, session.prefill(np.array(golden[20:26])), session.decode()]
    session.reset()
    found = generated(session, golden[:20], 5)
    assert golden[20:25] == found
    assert golden[30:33] == generated(session, golden[24:30], 3)


@pytest.mark.real
def test_reset_starts_over(folder: Artifact, golden: list[int], phase: Phase) -> None:
    """Also after a long generation; after it there is nothing to go on from."""
    session = opened(folder, phase)
    long = generated(session, golden[:1], 500)
    for _ in range(2):
        session.reset()
        with pytest.raises(RunFailure, match="before prefill"):
            session.decode()
        assert long == generated(session, golden[:1], 500)


@pytest.mark.real
def test_there_is_room_for_what_was_planned(folder: Artifact, golden: list[int], phase: Phase) -> None:
    """A prompt of 4 and 6 tokens in a context of 10, and no more; the length asked for is no option."""
    session = opened(folder, phase, decode_context=10)
    assert golden[4:10] == generated(session, golden[:4], 6)
    assert "search.max_length" not in session.facts().options_effective
    with pytest.raises(RunFailure, match="the KV cache is full: 11 tokens, room for 10"):
        session.decode()
    session.reset()
    with pytest.raises(RunFailure, match="the KV cache is full"):
        session.prefill(np.ones(10, np.int64))


@pytest.mark.real
def test_logits_are_those_of_onnxruntime(folder: Artifact, golden: list[int], phase: Phase) -> None:
    """After each of 100 tokens, from the same graph in one pass."""
    import onnxruntime

    session = opened(folder, phase, decode_context=8)
    assert isinstance(session, LogitsSession)
    found = session.logits(np.array(golden[:100]))
    graph = onnxruntime.InferenceSession(folder.path, providers=["CPUExecutionProvider"])
    feeds = {"input_ids": np.array([golden[:100]]), "position_ids": np.arange(100)[None]}
    feeds["attention_mask"] = np.ones((1, 100), np.int64)
    empty = {i.name: np.zeros((1, 4, 0, 8), np.float32) for i in graph.get_inputs() if i.name.startswith("past")}
    expected = graph.run(["logits"], feeds | empty)[0][0]
    assert ((100, 512), np.float32) == (found.shape, found.dtype)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    session = opened(folder, phase, decode_context=32)
    for _ in range(2):
        session.reset()
        steps = [session.next_logits(np.array(golden[:5])), *(session.next_logits(np.array([i])) for i in golden[5:20])]
        np.testing.assert_allclose(np.array(steps), expected[4:20], atol=1e-4)
    session.reset()
    assert golden[1:8] == generated(session, golden[:1], 7)


@pytest.mark.real
def test_the_tokenizer_encodes_as_the_model_was_trained(folder: Artifact, golden: list[int], phase: Phase) -> None:
    """The beginning of sequence first."""
    session = opened(folder, phase)
    assert isinstance(session, TokenizingSession)
    tokenizer = session.tokenizer()
    assert tokenizer is not None
    assert golden[:5] == tokenizer.encode("Once upon a time").tolist()
    stream = tokenizer.stream()
    ids = tokenizer.encode("día ☃ x")
    assert "día ☃ x" == "".join(stream(int(token)) for token in ids)


@pytest.mark.real
def test_a_file_without_a_tokenizer_has_none(stories: Artifact, tmp_path: Path, phase: Phase) -> None:
    """It generates from ids all the same."""
    assert opened(OrtGenai().convert(stories, tmp_path), phase).tokenizer() is None


@pytest.mark.real
def test_session_options_reach_the_runtime(folder: Artifact, phase: Phase) -> None:
    """Those of ONNX Runtime by their own names; told as effective beside the search options."""
    options = {"intra_op_num_threads": "1", "session.intra_op.allow_spinning": "0", "enable_mem_pattern": "false"}
    held = opened(folder, phase, options).facts().options_effective
    assert {"1", "0", "False"} == {held[name] for name in options}
    assert ("False", "1") == (held["search.do_sample"], held["search.repetition_penalty"])
    assert options.keys() <= OrtGenai().options("cpu").keys()
    assert "execution_mode" not in OrtGenai().options("cpu")


@pytest.mark.real
def test_a_wrong_configuration_is_told_without_folders(changed: Callable[..., Artifact], phase: Phase) -> None:
    """The runtime's own words, and which field it stumbled over."""
    artifact = changed(no_such_field=1)
    with pytest.raises(RunFailure, match="no_such_field") as caught:
        opened(artifact, phase)
    assert "bad_input" == caught.value.kind
    assert str(artifact.path.parent) not in caught.value.message


@pytest.mark.real
def test_a_graph_that_is_gone_is_told(changed: Callable[..., Artifact], phase: Phase) -> None:
    """After it was prepared."""
    artifact = changed()
    artifact.path.unlink()
    with pytest.raises(RunFailure, match=r"decoder\.onnx") as caught:
        opened(artifact, phase)
    assert str(artifact.path.parent) not in caught.value.message


@pytest.mark.real
def test_a_session_says_what_is_known(folder: Artifact, phase: Phase) -> None:
    """Versions and precision; no placement, no cache."""
    session = opened(folder, phase)
    facts = session.facts()
    assert ("float32", None, "none") == (facts.executed_precision, session.placement(), facts.compile_cache)
    assert {"onnxruntime-genai", "onnxruntime"} <= facts.versions.keys()
    assert facts.device_name


@pytest.mark.real
def test_qnn_never_falls_back_in_silence(folder: Artifact, phase: Phase) -> None:
    """A graph of dynamic shapes would run on the CPU alone; it is refused, and where it runs is named."""
    pytest.importorskip("onnxruntime_genai")
    pytest.importorskip("onnxruntime_qnn")
    for _ in range(2):  # the provider's library is registered once in a process
        with pytest.raises(RunFailure, match="would run the rest on the CPU without reporting it") as caught:
            OrtGenai().open(OpenRequest(folder, "qnn", {"soc": "snapdragon-8-elite"}, decode_context=64), phase)
    assert ("fallback", True) == (caught.value.kind, "qnn:htp-emu" in caught.value.remedy)


@pytest.mark.real
def test_qnn_without_hardware_is_an_emulator() -> None:
    """Said of the device, and never measured unasked."""
    pytest.importorskip("onnxruntime_genai")
    pytest.importorskip("onnxruntime_qnn")
    device = next(device for device in OrtGenai().devices() if device.name == "qnn")
    if not device.emulated:
        pytest.skip("this machine has an HTP")
    assert not device.default
    assert "session.disable_cpu_ep_fallback" not in OrtGenai().options("qnn")
    assert "soc" in OrtGenai().options("qnn")


def test_qnn_options_are_checked(stories: Artifact) -> None:
    """As the qnn plugin does."""
    with pytest.raises(InputError, match="htp_performance_mode=warp"):
        OrtGenai().check(stories, "qnn", {"htp_performance_mode": "warp"})


@pytest.mark.parametrize("absent", ["onnxruntime_genai", "onnxruntime_qnn"])
def test_devices_are_listed_without_the_packages(monkeypatch: pytest.MonkeyPatch, absent: str) -> None:
    """With what to install."""
    monkeypatch.setitem(sys.modules, absent, None)
    devices = {device.name: device for device in OrtGenai().devices()}
    assert ["cpu", "qnn"] == list(devices)
    assert not devices["qnn"].usable
    if absent == "onnxruntime_genai":
        assert (False, "pip install 'ondevice-bench[genai]'") == (devices["cpu"].usable, str(devices["cpu"].remedy))
        assert "onnxruntime-genai is not installed" == str(devices["qnn"].reason)
