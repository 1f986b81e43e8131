"""One trained story, the same bytes on every engine: stories260K against the text of its golden file."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.contracts import Scenario
from bench.record.record import RecordedRun
from bench.suite.suite import ModelAsk, TargetAsk

pytestmark = pytest.mark.real

F32 = {"INFERENCE_PRECISION_HINT": "f32"}  # OpenVINO's own default is bfloat16 on processors that have it
OPTIONS = {"openvino:CPU": F32, "openvino-genai:CPU": F32}


def text_of(ids: list[int], tokens: Path) -> bytes:
    """What llama2.c prints for ``ids``: their bytes, the space after the first token left out."""
    data, pieces, at = tokens.read_bytes(), [], 4
    while at < len(data):
        length = struct.unpack_from("<i", data, at + 4)[0]
        pieces.append(data[at + 8 : at + 8 + length])
        at += 8 + length
    found = [pieces[i] for i in ids]
    found[0] = found[0].removeprefix(b" ")
    return b"".join(bytes([int(p[3:5], 16)]) if p.startswith(b"<0x") and len(p) == 6 else p for p in found)


@pytest.fixture
def tell(
    run: Callable[..., list[RecordedRun]], realdata: Path
) -> Callable[[str, int], tuple[RecordedRun, dict[str, object]]]:
    """``tell(target, tokens)``: the story on ``target``, measured by the whole tool, and the golden file."""
    story = realdata / "llm" / "stories260K"
    golden = json.loads((story / "golden.json").read_text())

    def measure(target: str, tokens: int) -> tuple[RecordedRun, dict[str, object]]:
        ask = ModelAsk(str(story / "model.onnx"), prompt_ids=tuple(golden["prompt_ids"]))
        scenario = Scenario(generate_tokens=tokens)
        (found,) = run([ask], [TargetAsk(target, OPTIONS.get(target, {}))], scenarios=(scenario,), max_seconds=0.1)
        return found, golden

    return measure


@pytest.mark.parametrize("target", ["ort:cpu", "openvino:CPU", "openvino-genai:CPU", "ort-genai:cpu"])
def test_the_story_is_told_byte_for_byte(
    tell: Callable[[str, int], tuple[RecordedRun, dict[str, object]]], realdata: Path, target: str
) -> None:
    """From the prompt [1] to the end of the golden text, and every token as the unoptimised reference says it."""
    pytest.importorskip(
        {"openvino-genai": "openvino_genai", "ort-genai": "onnxruntime_genai"}.get(target.split(":")[0], "onnx")
    )
    found, golden = tell(target, 200)
    assert None is found.record.failure
    text = found.record.summary.text_generation
    assert text is not None
    ids = golden["greedy_ids"]
    assert isinstance(ids, list)
    expected = str(golden["text"]).encode()
    told = text_of(list(text.token_ids), realdata / "llm" / "stories260K" / "tok512.bin")
    assert expected == told[: len(expected)]
    assert ids[1:] == list(text.token_ids[: len(ids) - 1])
    assert [(200, 200)] == [(a.token_prefix, a.tokens_compared) for a in text.agreement]


def test_the_story_on_the_emulated_htp(
    tell: Callable[[str, int], tuple[RecordedRun, dict[str, object]]],
) -> None:
    """In float16: the first 64 tokens as in the golden file, or the first that differs, explained by its logits."""
    pytest.importorskip("onnxruntime_qnn")
    found, golden = tell("qnn:htp-emu", 64)
    assert None is found.record.failure
    text = found.record.summary.text_generation
    assert text is not None
    ids = golden["greedy_ids"]
    assert isinstance(ids, list)
    (engine,) = text.agreement
    same = list(text.token_ids[:64]) == ids[1:65]
    swap = engine.first_divergence
    explained = (
        swap is not None and None not in (swap.logit_gap, swap.logit_error) and swap.logit_error >= swap.logit_gap
    )
    assert same or explained
    assert found.record.fidelity is not None
    assert found.record.fidelity.ok is not False
