"""stories260K as a pipeline of several graphs on onnxruntime-genai, in the forms that are shipped for NPUs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hybrid_decoders import write_pipeline
from msgspec.structs import replace
from stories_pipelines import STORIES, write_slid, write_split, write_windowed

from bench.contracts import Artifact, ModelRequest, OpenRequest, Phase, Stage
from bench.errors import RunFailure
from bench.models.files.folder import ModelFolder
from bench.models.files.onnx_file import OnnxFile
from bench.targets.ort.cpu import OnnxRuntimeCpu
from bench.targets.ort_genai.config import Taken
from bench.targets.ort_genai.session import OrtGenaiSession
from bench.targets.ort_genai.target import OrtGenai

WINDOW = 16


def prepared(folder: Path) -> Artifact:
    return ModelFolder().prepare(ModelRequest(str(folder)), folder)


def opened(artifact: Artifact, phase: Phase, options: dict[str, str] | None = None) -> OrtGenaiSession:
    pytest.importorskip("onnxruntime_genai")
    session = OrtGenai().open(OpenRequest(artifact, "cpu", options or {}), phase)
    assert isinstance(session, OrtGenaiSession)
    return session


def generated(session: OrtGenaiSession, prompt: list[int], tokens: int) -> list[int]:
    return [session.prefill(np.array(prompt)), *(session.decode() for _ in range(tokens - 1))]


@pytest.fixture(scope="module")
def split(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return prepared(write_split(realdata, tmp_path_factory.mktemp("split")))


@pytest.fixture(scope="module")
def windowed(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return prepared(write_windowed(realdata, tmp_path_factory.mktemp("windowed"), WINDOW))


@pytest.mark.real
def test_the_published_graph_in_pieces_is_the_same_model(split: Artifact, realdata: Path) -> None:
    """Work and cache are those of the graph in one piece; each half of the layers holds the angles' table of four."""
    stories = OnnxFile().prepare(ModelRequest(str(realdata / STORIES / "model.onnx")), split.path.parent)
    assert 259_968 == stories.facts.macs == split.facts.macs
    assert stories.facts.parameters is not None
    assert stories.facts.parameters + 4 == split.facts.parameters
    assert stories.decoder is not None
    assert split.decoder is not None
    assert stories.decoder.kv_cache_bytes_per_token == split.decoder.kv_cache_bytes_per_token == 1280
    assert ["tokens", "layers_0", "layers_1", "head"] == [stage.name for stage in split.decoder.stages]


@pytest.mark.real
def test_pieces_give_the_golden_text(split: Artifact, golden: list[int], phase: Phase) -> None:
    """200 tokens; the stages run in the order of the file, which is not the alphabet's."""
    assert golden[1:] == generated(opened(split, phase), golden[:1], len(golden) - 1)


@pytest.mark.real
@pytest.mark.parametrize("given", [1, WINDOW - 1, WINDOW, WINDOW + 1, 3 * WINDOW])
def test_prompts_of_any_length_go_through_windows(
    windowed: Artifact, golden: list[int], phase: Phase, given: int
) -> None:
    """A graph for a window of the prompt and one for a token, with padding to whole windows."""
    session = opened(windowed, phase)
    for _ in range(2):
        session.reset()
        assert golden[given : given + 20] == generated(session, golden[:given], 20)


@pytest.mark.real
def test_the_logits_of_windows_are_those_of_the_graph_in_one_piece(
    windowed: Artifact, stories: Artifact, golden: list[int], phase: Phase
) -> None:
    """At every position, to float32's rounding."""
    ids = np.array(golden[:40])
    reference: Any = OnnxRuntimeCpu().open(OpenRequest(stories, "cpu", {}), phase)
    assert np.allclose(reference.logits(ids), opened(windowed, phase).logits(ids), atol=2e-4)


@pytest.mark.real
def test_a_prompt_follows_whole_windows_only(windowed: Artifact, golden: list[int], phase: Phase) -> None:
    """Behind padding, or behind a token, the runtime would count the padding as context."""
    session = opened(windowed, phase)
    session.prefill(np.array(golden[: 2 * WINDOW]))
    assert golden[40:50] == generated(session, golden[2 * WINDOW : 40], 10)
    for first in (golden[: WINDOW + 3], golden[:WINDOW]):
        session.reset()
        session.prefill(np.array(first))
        if len(first) == WINDOW:
            session.decode()
        with pytest.raises(RunFailure, match="a prompt would follow padding") as caught:
            session.prefill(np.array(golden[20:24]))
        assert ("unsupported_scenario", True) == (caught.value.kind, "multiples of 16" in caught.value.remedy)


@pytest.mark.real
def test_a_prompt_with_the_padding_token_is_refused(windowed: Artifact, phase: Phase) -> None:
    """The runtime would take it for the end of the prompt."""
    session = opened(windowed, phase)
    for ask in (session.prefill, session.logits):
        with pytest.raises(RunFailure, match="contains token 0, the model's padding token") as caught:
            ask(np.array([1, 0, 403]))
        assert "bad_input" == caught.value.kind


@pytest.mark.real
def test_the_options_of_the_command_line_reach_each_stage(
    realdata: Path, tmp_path: Path, golden: list[int], phase: Phase
) -> None:
    """A stage with session options of its own inherits them; one that states the same option is refused."""
    write_split(realdata, tmp_path)
    file = tmp_path / "genai_config.json"
    content = json.loads(file.read_text())
    stages = content["model"]["decoder"]["pipeline"][0]
    stages["layers_0"]["session_options"] = {
        "provider_options": [{"qnn": {"backend_path": "QnnHtp.dll", "htp_performance_mode": "burst"}}],
        "intra_op_num_threads": 2,
    }
    file.write_text(json.dumps(content))
    artifact = prepared(tmp_path)
    assert artifact.decoder is not None
    assert ["", "qnn", "", ""] == [stage.provider for stage in artifact.decoder.stages]
    OrtGenai().check(artifact, "cpu", {"inter_op_num_threads": "1"})
    assert golden[1:9] == generated(opened(artifact, phase, {"inter_op_num_threads": "1"}), golden[:1], 8)
    field = r"model\.decoder\.pipeline\.layers_0\.session_options\.intra_op_num_threads"
    with pytest.raises(RunFailure, match=rf"{field} states the option intra_op_num_threads") as caught:
        OrtGenai().check(artifact, "cpu", {"intra_op_num_threads": "1"})
    assert "bad_input" == caught.value.kind


def test_what_the_runtime_opens_keeps_the_order_and_no_provider(tmp_path: Path) -> None:
    """A file with sorted keys would run the stages in the alphabet's order."""
    write_pipeline(tmp_path)
    content = json.loads((tmp_path / "genai_config.json").read_text())
    stages = content["model"]["decoder"]["pipeline"][0]
    options = {"log_id": "x", "provider_options": [{"qnn": {"backend_path": "/tmp/evil.so"}}]}
    given = {"z_first": stages["embedding"], "a_last": {**stages["layers"], "session_options": options}}
    content["model"]["decoder"] |= {"pipeline": given, "sliding_window": {"window_size": 8, "alignment": "left"}}
    taken = json.loads(Taken(content, tmp_path, "genai_config.json").text())["model"]["decoder"]
    assert ["z_first", "a_last"] == [name for stage in taken["pipeline"] for name in stage]
    last = taken["pipeline"][1]["a_last"]
    assert ({"log_id": "x"}, True) == (last["session_options"], last["inherit_session_options"])
    assert "evil" not in json.dumps(taken)


@pytest.mark.parametrize(
    "option", ["custom_ops_library", "enable_profiling", "session.model_external_initializers_file_folder_path"]
)
def test_an_option_of_a_stage_that_may_act_is_refused(option: str, tmp_path: Path) -> None:
    """The error names the file and the stage's field."""
    write_pipeline(tmp_path)
    content = json.loads((tmp_path / "genai_config.json").read_text())
    stages = content["model"]["decoder"]["pipeline"][0]
    stages["layers"]["session_options"] = {option: "/tmp/evil.so"}
    with pytest.raises(RunFailure) as caught:
        Taken(content, tmp_path, "genai_config.json")
    field = f"model.decoder.pipeline[0].layers.session_options.{option}"
    assert ("bad_input", True) == (caught.value.kind, field in caught.value.message)


def test_a_compiled_graph_is_refused_with_its_stage(tmp_path: Path) -> None:
    """Nothing here runs what was compiled for another device."""
    artifact = prepared(write_pipeline(tmp_path))
    assert artifact.decoder is not None
    stages = (artifact.decoder.stages[0], Stage("context", "ctx.onnx", "", 1, compiled="Qnn"))
    made = replace(artifact, decoder=replace(artifact.decoder, stages=stages))
    with pytest.raises(
        RunFailure, match=r"graph ctx\.onnx of model\.decoder\.pipeline\.context was compiled for Qnn"
    ) as caught:
        OrtGenai().check(made, "cpu", {})
    assert "unsupported_format" == caught.value.kind


@pytest.mark.real
def test_a_cache_that_slides_is_read_and_refused(realdata: Path, tmp_path: Path) -> None:
    """Its keys and values are in 8 bits; the runtime does not move them along on a CPU."""
    artifact = prepared(write_slid(realdata, tmp_path))
    decoder = artifact.decoder
    assert decoder is not None
    assert (5, 4, 8, "uint8", 320) == (
        decoder.layers,
        decoder.kv_heads,
        decoder.head_dim,
        decoder.kv_cache_precision,
        decoder.kv_cache_bytes_per_token,
    )
    with pytest.raises(RunFailure, match=r"does not move the cache \(past_key_0_in\) along on ort-genai:cpu") as caught:
        OrtGenai().check(artifact, "cpu", {})
    assert "unsupported_format" == caught.value.kind
