"""OpenVINO GenAI on stories260K, on its folder and on the bare ONNX file."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from genai_folders import write_paged_decoder
from msgspec.structs import replace

from bench.contracts import (
    Artifact,
    ConvertingTarget,
    DecoderSpec,
    GraphFacts,
    LogitsSession,
    ModelRequest,
    OpenRequest,
    Phase,
    StreamSession,
    TokenizingSession,
)
from bench.errors import InputError, RunFailure
from bench.models.files.folder import ModelFolder
from bench.targets.openvino import genai_options
from bench.targets.openvino.genai import OpenVinoGenai
from bench.targets.openvino.genai_session import OpenVinoGenaiSession, TextStream

F32 = {"INFERENCE_PRECISION_HINT": "f32"}


def opened(artifact: Artifact, phase: Phase, options: dict[str, str] = F32, **fields: Any) -> OpenVinoGenaiSession:
    pytest.importorskip("openvino_genai")
    session = OpenVinoGenai().open(OpenRequest(artifact, "CPU", options, **fields), phase)
    assert isinstance(session, OpenVinoGenaiSession)
    return session


def generated(session: StreamSession, prompt: list[int], tokens: int, held: tuple[int, ...] = ()) -> list[int]:
    """What comes out after ``held`` and ``prompt``."""
    found: list[int] = []
    session.fill(np.array(held, np.int64))
    session.generate(np.array(prompt), tokens, found.append)
    return found


@pytest.fixture(scope="module")
def folder(openvino_genai_folder: Path) -> Artifact:
    return ModelFolder().prepare(ModelRequest(str(openvino_genai_folder)), openvino_genai_folder)


@pytest.fixture
def paged(tmp_path: Path) -> Artifact:
    """A decoder that can be rewritten for paged attention."""
    pytest.importorskip("openvino_genai")
    path = write_paged_decoder(tmp_path)
    decoder = DecoderSpec(1, 4, 8, 64, 256, stateful=True)
    facts = GraphFacts((), ())
    return Artifact("paged", "text_generation", "openvino_ir", "float32", path, (path,), "", 0, facts, {}, decoder)


@pytest.mark.real
def test_a_folder_gives_the_golden_text(folder: Artifact, golden: list[int], text: str, phases: Any) -> None:
    """200 tokens, byte for byte through the folder's own tokenizer; its generation settings ask for sampling."""
    session = opened(folder, phases)
    found = generated(session, golden[:1], len(golden) - 1)
    assert golden[1:] == found
    tokenizer = session.tokenizer()
    assert tokenizer is not None
    stream = tokenizer.stream()
    assert text == "".join(stream(token) for token in [*golden[:1], *found])
    assert ["runtime_import", "compile"] == phases.names


@pytest.mark.real
def test_a_bare_onnx_file_is_converted(stories: Artifact, golden: list[int], tmp_path: Path, phase: Phase) -> None:
    """The same text from the IR that ``convert`` writes, which holds the weights as they were."""
    pytest.importorskip("openvino")
    artifact = OpenVinoGenai().convert(stories, tmp_path)
    assert golden[1:] == generated(opened(artifact, phase), golden[:1], len(golden) - 1)
    assert (True, "openvino_ir") == (artifact.decoder is not None and artifact.decoder.stateful, artifact.format)
    names = ["openvino_model.xml", "openvino_model.bin", "config.json", "generation_config.json"]
    assert names == [file.name for file in artifact.files]


@pytest.mark.real
def test_conversion_is_deterministic(stories: Artifact, tmp_path: Path) -> None:
    """Twice in one process: the same bytes."""
    pytest.importorskip("openvino")
    sums = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        sums.append(OpenVinoGenai().convert(stories, tmp_path / name).sha256)
    assert sums[0] == sums[1]


@pytest.mark.real
def test_a_stateful_folder_is_not_converted(folder: Artifact, tmp_path: Path) -> None:
    """Opened where it is."""
    target = OpenVinoGenai()
    assert isinstance(target, ConvertingTarget)
    assert folder is target.convert(folder, tmp_path)


@pytest.mark.real
def test_depth_is_kept_between_calls(folder: Artifact, golden: list[int], phase: Phase) -> None:
    """Filled with the story's beginning, the pipeline processes as many new tokens as the prompt has, and no more.

    Filling generates the next token of the story, which stands for the prompt's first: the story goes on.
    """
    session = opened(folder, phase)
    found = generated(session, golden[30:36], 40, tuple(golden[:30]))
    assert golden[36:76] == found
    assert 6 == session.perf_metrics().get_num_input_tokens()
    assert golden[1:9] == generated(session, golden[:1], 8)


@pytest.mark.real
def test_a_cache_that_went_on_has_to_be_filled_again(folder: Artifact, golden: list[int], phase: Phase) -> None:
    """The second prompt would begin at another depth."""
    session = opened(folder, phase)
    generated(session, golden[30:36], 2, tuple(golden[:30]))
    with pytest.raises(RunFailure, match="twice after one fill"):
        session.generate(np.array(golden[30:36]), 2, lambda token: None)


@pytest.mark.real
def test_end_of_sequence_ends_nothing(folder: Artifact, golden: list[int], tmp_path: Path, phase: Phase) -> None:
    """The fifth token of the story, declared to be the end."""
    import json
    import shutil

    copy = Path(shutil.copytree(folder.path.parent, tmp_path / "copy"))
    for name in ("config.json", "generation_config.json"):
        (copy / name).write_text(json.dumps({"eos_token_id": [golden[5], golden[7]]}))
    artifact = replace(folder, path=copy / "openvino_model.xml")
    assert golden[1:61] == generated(opened(artifact, phase), golden[:1], 60)


@pytest.mark.real
def test_a_generation_ends_at_a_token_where_that_is_asked(
    folder: Artifact, paged: Artifact, golden: list[int], phase: Phase
) -> None:
    """On the state and on paged attention: behind the token, which is handed out, too."""
    stop = golden[6]
    expected = golden[1 : golden.index(stop, 1) + 1]
    assert expected == generated(opened(folder, phase, stop_tokens=(511, stop)), golden[:1], 60)
    plain = generated(opened(paged, phase), [1, 2], 20)
    ended = generated(opened(paged, phase, stop_tokens=(plain[2],)), [1, 2], 20)
    assert plain[: plain.index(plain[2]) + 1] == ended


@pytest.mark.real
def test_the_context_limits_what_is_asked(folder: Artifact, phase: Phase) -> None:
    """Depth, prompt and answer together; and a depth by itself."""
    session = opened(folder, phase)
    session.fill(np.ones(500, np.int64))
    with pytest.raises(RunFailure, match="513 tokens, room for 512"):
        session.generate(np.ones(10, np.int64), 3, lambda token: None)
    with pytest.raises(RunFailure, match="513 tokens, room for 512"):
        session.fill(np.ones(513, np.int64))


@pytest.mark.real
def test_paged_attention_is_taken_where_it_can_be(paged: Artifact, folder: Artifact, phase: Phase) -> None:
    """As the pipeline itself would, and said: attention written out in products cannot be rewritten."""
    found = [opened(artifact, phase).facts().options_effective for artifact in (paged, folder)]
    assert ["PA", "SDPA"] == [options["ATTENTION_BACKEND"] for options in found]
    assert ["NO", None] == [options.get("enable_prefix_caching") for options in found]
    with pytest.raises(RunFailure, match="cannot rewrite its attention") as caught:
        opened(folder, phase, {"ATTENTION_BACKEND": "PA"})
    assert "unsupported_operator" == caught.value.kind


@pytest.mark.real
def test_both_backends_agree_at_a_depth(paged: Artifact, phase: Phase) -> None:
    """Paged attention finds what was filled by its prefix cache; what comes out is as without any cache."""
    held, prompt = tuple(range(3, 63)), [5, 9, 7]
    plain = generated(opened(paged, phase, F32 | {"ATTENTION_BACKEND": "SDPA"}), [*held, *prompt], 12)
    assert plain == generated(opened(paged, phase, depth_tokens=60), prompt, 12, held)


@pytest.mark.real
def test_no_depth_without_a_prefix_cache(paged: Artifact, phase: Phase) -> None:
    """Said, not measured as something else."""
    session = opened(paged, phase, {"enable_prefix_caching": "NO"}, depth_tokens=4)
    assert "NO" == session.facts().options_effective["enable_prefix_caching"]
    with pytest.raises(RunFailure, match="prefix cache") as caught:
        session.fill(np.ones(4, np.int64))
    assert "unsupported_scenario" == caught.value.kind


@pytest.mark.real
def test_the_compile_cache_is_cold_then_warm(folder: Artifact, tmp_path: Path, phase: Phase) -> None:
    """Told by what lies in the folder; none was asked for: none."""
    found = [opened(folder, phase, F32, compile_cache=tmp_path / "cache").facts().compile_cache for _ in range(2)]
    assert ["cold", "warm", "none"] == [*found, opened(folder, phase).facts().compile_cache]


@pytest.mark.real
def test_a_session_says_what_is_known(folder: Artifact, phase: Phase) -> None:
    """Options, versions and precision; no placement and no logits, which the pipeline keeps to itself."""
    session = opened(folder, phase, {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": "1"})
    assert isinstance(session, StreamSession)
    assert isinstance(session, TokenizingSession)
    assert not isinstance(session, LogitsSession)
    assert ("float32", None) == (session.facts().executed_precision, session.placement())
    assert {"openvino-genai", "openvino"} <= session.facts().versions.keys()
    assert "1" == session.facts().options_effective["INFERENCE_NUM_THREADS"]
    assert session.facts().device_name
    assert session.perf_metrics() is None


@pytest.mark.real
def test_a_folder_without_a_tokenizer_has_none(paged: Artifact, phase: Phase) -> None:
    """It generates from ids all the same."""
    assert opened(paged, phase).tokenizer() is None


@pytest.mark.real
def test_the_tokenizer_encodes_as_the_model_was_trained(folder: Artifact, golden: list[int], phase: Phase) -> None:
    """The beginning of sequence first."""
    tokenizer = opened(folder, phase).tokenizer()
    assert tokenizer is not None
    assert golden[:5] == tokenizer.encode("Once upon a time").tolist()


@pytest.mark.real
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"INFERENCE_NUM_THREADS": "many"}, "option INFERENCE_NUM_THREADS=many: CPU does not take it"),
        ({"NO_SUCH_THING": "1"}, "option NO_SUCH_THING=1: CPU does not take it"),
    ],
)
def test_a_refused_option_is_named(folder: Artifact, phase: Phase, options: dict[str, str], message: str) -> None:
    """With the place where the options are listed."""
    with pytest.raises(RunFailure, match=message) as caught:
        opened(folder, phase, options)
    assert ("bad_input", "See odb list options openvino-genai:CPU.") == (caught.value.kind, caught.value.remedy)


@pytest.mark.real
def test_an_absent_device_is_told(folder: Artifact, phase: Phase) -> None:
    """Where this machine has no NPU."""
    absent = [device for device in OpenVinoGenai().devices() if device.name == "NPU" and not device.usable]
    if not absent:
        pytest.skip("this machine has an NPU")
    request = OpenRequest(folder, "NPU", prompt_tokens=16, decode_context=32)
    with pytest.raises(RunFailure, match="NPU") as caught:
        OpenVinoGenai().open(request, phase)
    assert "unavailable" == caught.value.kind


@pytest.mark.real
def test_a_decoder_without_its_cache_is_not_converted(
    float_net: Path, artifact_of: Callable[..., Artifact], tmp_path: Path
) -> None:
    """A convolution is no decoder, whatever its artifact says."""
    pytest.importorskip("openvino")
    decoder = DecoderSpec(layers=1, kv_heads=1, head_dim=4, vocab_size=10, context_length=16)
    artifact = artifact_of(float_net, task="text_generation", decoder=decoder)
    with pytest.raises(RunFailure, match="the decoder has no input_ids, attention_mask") as caught:
        OpenVinoGenai().convert(artifact, tmp_path)
    assert "unsupported_format" == caught.value.kind


@pytest.mark.parametrize(
    ("options", "device", "message"),
    [
        ({"ATTENTION_BACKEND": "MAGIC"}, "CPU", "ATTENTION_BACKEND=MAGIC: not one of its values"),
        ({"enable_prefix_caching": "perhaps"}, "CPU", "enable_prefix_caching=perhaps: neither YES nor NO"),
        ({"cache_size": "big"}, "CPU", "cache_size=big: not a whole number"),
        ({"MAX_PROMPT_LEN": "-1"}, "NPU", "MAX_PROMPT_LEN=-1: not a whole number"),
        ({"ATTENTION_BACKEND": "SDPA", "cache_size": "1"}, "CPU", "cache_size: applies to paged attention only"),
    ],
)
def test_the_pipelines_own_options_are_checked(options: dict[str, str], device: str, message: str) -> None:
    """Before anything is imported."""
    with pytest.raises(InputError, match=message):
        genai_options.read(options, device)


def test_devices_are_listed_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """CPU, GPU and NPU, with what to install."""
    monkeypatch.setitem(sys.modules, "openvino_genai", None)
    devices = OpenVinoGenai().devices()
    assert ["CPU", "GPU", "NPU"] == [device.name for device in devices]
    assert {(False, "openvino-genai is not installed", "pip install 'ondevice-bench[genai]'")} == {
        (device.usable, str(device.reason), str(device.remedy)) for device in devices
    }


def test_where_there_is_no_wheel_another_target_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Installing would not help there."""
    monkeypatch.setitem(sys.modules, "openvino_genai", None)
    monkeypatch.setattr("platform.system", lambda: "Windows")
    monkeypatch.setattr("platform.machine", lambda: "ARM64")
    remedy = OpenVinoGenai().devices()[0].remedy
    assert "no openvino-genai wheel" in str(remedy)
    assert "ort-genai" in str(remedy)


def test_a_text_stream_waits_for_whole_letters() -> None:
    """A letter of two bytes in two tokens; a leading space that only a first token loses."""
    tokens = {1: b" a", 2: b"\xc3", 3: b"\xad", 4: b" b"}
    stream = TextStream(lambda ids: b"".join(tokens[i] for i in ids).decode(errors="replace").removeprefix(" "))
    assert ["a", "", "í", " b", " a"] == [stream(token) for token in (1, 2, 3, 4, 1)]
