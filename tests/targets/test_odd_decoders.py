"""Decoders as exporters lay them out, on every engine: the tokens are those of the plain layout."""

from pathlib import Path

import numpy as np
import odd_decoders
import pytest

from bench.contracts import (
    Artifact,
    ConvertingTarget,
    LogitsSession,
    ModelRequest,
    NextLogitsSession,
    OpenRequest,
    Phase,
    StreamSession,
    Target,
    TokenSession,
)
from bench.errors import RunFailure
from bench.measure.text_driver import whole_texts
from bench.models.files.onnx_file import OnnxFile
from bench.plugins import discover, load
from bench.quality.text.sampling import Sampling, drawn

pytestmark = pytest.mark.real

PROMPT, TOKENS = 20, 8
REFUSED = {
    **{("packed_cache", target): r"past_0 \[2, 1, 4, 0, 8\]" for target in ("openvino-genai", "ort-genai", "qnn")},
    **{
        ("turned_keys", target): r"all \[batch,heads,length,width\] .* past_key_values.0.key \[1, 4, 8, 0\]"
        for target in ("openvino-genai", "ort-genai", "qnn")
    },
    **{("flat_logits", target): r"logits \[batch,512\]" for target in ("openvino-genai", "ort-genai")},
}
"""What an engine cannot drive, and how it says so."""
TARGETS = {"ort": "cpu", "openvino": "CPU", "openvino-genai": "CPU", "ort-genai": "cpu", "qnn": "htp-emu"}
OPTIONS = {"openvino": {"INFERENCE_PRECISION_HINT": "f32"}, "openvino-genai": {"INFERENCE_PRECISION_HINT": "f32"}}


@pytest.fixture(params=list(odd_decoders.VARIANTS))
def variant(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def decoder(variant: str, realdata: Path, tmp_path: Path) -> Artifact:
    path = odd_decoders.write(variant, realdata / "llm" / "stories260K" / "model.onnx", tmp_path)
    return OnnxFile().prepare(ModelRequest(str(path)), tmp_path)


def opened(name: str, artifact: Artifact, phase: Phase, folder: Path) -> TokenSession | StreamSession:
    target: Target = load(discover(()).find("targets", name))
    for distribution in target.requires:
        pytest.importorskip(distribution.replace("-", "_"))
    device = TARGETS[name]
    if not any(d.name == device and d.usable for d in target.devices()):
        pytest.skip(f"{name}:{device} is not usable here")
    if isinstance(target, ConvertingTarget):
        artifact = target.convert(artifact, folder)
    request = OpenRequest(artifact, device, OPTIONS.get(name, {}), prompt_tokens=PROMPT, decode_context=PROMPT + TOKENS)
    session = target.open(request, phase)
    assert isinstance(session, TokenSession | StreamSession)
    return session


def generated(session: TokenSession | StreamSession, ids: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> list[int]:
    if isinstance(session, TokenSession):
        session.reset()
        return [session.prefill(ids), *(session.decode() for _ in range(TOKENS - 1))]
    found: list[int] = []
    session.fill(np.empty(0, np.int64))
    session.generate(ids, TOKENS, found.append)
    return found


@pytest.mark.parametrize("target", list(TARGETS))
def test_tokens_are_those_of_the_plain_layout(
    target: str, variant: str, decoder: Artifact, golden: list[int], phase: Phase, tmp_path: Path
) -> None:
    """Greedy tokens of stories260K, also of a second generation, which begins with an empty cache again; a layout that
    an engine cannot drive is refused by what is odd in it."""
    room = tmp_path / "room"
    room.mkdir()
    if (variant, target) in REFUSED:
        with pytest.raises(RunFailure, match=REFUSED[variant, target]) as caught:
            opened(target, decoder, phase, room)
        assert ("unsupported_format", True) == (caught.value.kind, "ort:cpu" in caught.value.remedy)
        return
    session = opened(target, decoder, phase, room)
    found = [generated(session, np.array(golden[:PROMPT])) for _ in range(2)]
    assert [golden[PROMPT : PROMPT + TOKENS]] * 2 == found


@pytest.mark.parametrize("target", ["ort", "openvino"])
def test_logits_of_every_position(
    target: str, variant: str, decoder: Artifact, golden: list[int], phase: Phase, tmp_path: Path
) -> None:
    """Also where the graph returns those of the last position only: each row's argmax is the next golden token."""
    if (variant, target) in REFUSED:
        pytest.skip("this engine cannot keep such a cache")
    session = opened(target, decoder, phase, tmp_path)
    assert isinstance(session, LogitsSession)
    assert golden[1 : PROMPT + 1] == session.logits(np.array(golden[:PROMPT])).argmax(axis=1).tolist()


@pytest.mark.parametrize("target", ["ort", "openvino"])
def test_logits_step_by_step(
    target: str, variant: str, decoder: Artifact, golden: list[int], phase: Phase, tmp_path: Path
) -> None:
    """On the cache, after a prompt and after each token; again after a reset. The same texts are drawn as by passes
    over the whole text."""
    if (variant, target) in REFUSED:
        pytest.skip("this engine cannot keep such a cache")
    session = opened(target, decoder, phase, tmp_path)
    assert isinstance(session, NextLogitsSession)
    assert isinstance(session, LogitsSession)
    assert session.shows_next()
    for _ in range(2):
        session.reset()
        rows = [session.next_logits(np.array(golden[:PROMPT]))]
        rows += [session.next_logits(np.array([token])) for token in golden[PROMPT : PROMPT + 3]]
        assert golden[PROMPT : PROMPT + 4] == [int(row.argmax()) for row in rows]
    session.reset()
    ways = session.next_logits, whole_texts(session.logits)
    stepwise, whole = (drawn(way, np.array(golden[:PROMPT]), TOKENS, 3, Sampling(1.0, 0.95, 7)) for way in ways)
    assert stepwise[0] == whole[0]
    assert stepwise[0] != tuple(golden[PROMPT : PROMPT + TOKENS])


@pytest.mark.parametrize("target", ["ort", "openvino"])
def test_logits_in_bfloat16_are_those_numbers(target: str, realdata: Path, phase: Phase, tmp_path: Path) -> None:
    """The plain logits, rounded or cut to bfloat16; a reading as float16 would keep no more than their order."""
    source = realdata / "llm" / "stories260K" / "model.onnx"
    ids = np.arange(1, PROMPT + 1)
    found = []
    for path in (source, odd_decoders.write("bfloat16_logits", source, tmp_path)):
        session = opened(target, OnnxFile().prepare(ModelRequest(str(path)), tmp_path), phase, tmp_path)
        assert isinstance(session, LogitsSession)
        found.append(session.logits(ids).astype(np.float32))
    plain, rounded = found
    np.testing.assert_allclose(rounded, plain, rtol=2.0**-7, atol=1e-3)
