"""What no session of a target can do is refused before a model is opened, and what it can do is not."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from bench.contracts import Artifact, DecoderSpec, GraphFacts, OpenRequest, ScenarioCheckingTarget, Target
from bench.errors import RunFailure
from bench.inputs.conversations import refuse_padding
from bench.inputs.prompts import Lengths, Prompt, queries
from bench.inputs.tokenizer_file import counted
from bench.plugins import discover, load
from bench.targets.ort_genai.users import overlays

DECODER = DecoderSpec(1, 4, 8, 64, 256)
USERS, TALK = {"users": 2}, {"converses": True}


def request(place: str, decoder: DecoderSpec = DECODER, **fields: object) -> tuple[ScenarioCheckingTarget, OpenRequest]:
    name, _, device = place.partition(":")
    target: Target = load(discover().find("targets", name))
    assert isinstance(target, ScenarioCheckingTarget)
    path = Path("model.onnx")
    artifact = Artifact(
        "llm", "text_generation", "onnx", "float32", path, (path,), "", 0, GraphFacts((), ()), {}, decoder
    )
    return target, OpenRequest(artifact, device, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("place", "options", "asked"),
    [
        ("qnn:htp", {}, USERS),
        ("openvino-genai:NPU", {}, USERS),
        ("openvino-genai:NPU", {}, TALK),
        ("openvino-genai:CPU", {"ATTENTION_BACKEND": "SDPA"}, USERS),
        ("openvino-genai:CPU", {"import": "own"}, USERS),
        ("openvino-genai:CPU", {"enable_prefix_caching": "NO"}, TALK),
    ],
)
def test_what_it_cannot_do_is_refused(place: str, options: dict[str, str], asked: dict[str, object]) -> None:
    """With what to do instead."""
    target, wanted = request(place, options=options, **asked)
    with pytest.raises(RunFailure) as refused:
        target.check_scenario(wanted)
    assert ("unsupported_scenario", "plan") == (refused.value.kind, refused.value.phase)
    assert str(refused.value.advice)


@pytest.mark.parametrize(
    ("place", "options", "asked"),
    [
        ("qnn:htp", {}, TALK),
        ("openvino-genai:CPU", {}, USERS),
        ("openvino-genai:CPU", {}, TALK),
        ("openvino-genai:CPU", {"ATTENTION_BACKEND": "SDPA"}, TALK),
        ("ort-genai:cpu", {}, TALK),
        ("ort-genai:cpu", {}, USERS),
    ],
)
def test_what_it_may_do_is_not(place: str, options: dict[str, str], asked: dict[str, object]) -> None:
    """Nor is a generation after another."""
    target, wanted = request(place, options=options, **asked)
    target.check_scenario(wanted)
    target.check_scenario(replace(wanted, users=0, converses=False))


def test_a_graph_of_whole_windows_keeps_no_conversation() -> None:
    """Its answers are padded, and nothing can follow that."""
    target, wanted = request("ort-genai:cpu", replace(DECODER, window=64), converses=True)
    with pytest.raises(RunFailure, match="does not keep the history"):
        target.check_scenario(wanted)


@pytest.mark.parametrize(("depth", "fits"), [(0, True), (128, True), (100, False)])
def test_a_depth_is_whole_windows(depth: int, fits: bool) -> None:
    """Behind any other, every prompt would follow padding."""
    target, wanted = request("ort-genai:cpu", replace(DECODER, window=64), depth_tokens=depth)
    if fits:
        target.check_scenario(wanted)
        return
    with pytest.raises(RunFailure, match="a prompt would follow padding") as refused:
        target.check_scenario(wanted)
    assert ("unsupported_scenario", "plan") == (refused.value.kind, refused.value.phase)
    assert "multiples of 64" in refused.value.remedy


@pytest.mark.parametrize(("padding", "refused"), [(None, 2), (7, 1), (9, None)])
def test_a_prompt_with_the_padding_token_is_known_before_anything_is_opened(
    padding: int | None, refused: int | None
) -> None:
    """By its number; where the model states no padding token, it is 0. Without windows nothing is padded."""
    prompts = (Prompt(ids=(1, 7, 3)), Prompt(ids=(0, 5)))
    for decoder in (replace(DECODER, window=64, pad_token_id=padding), replace(DECODER, pad_token_id=padding)):
        found = counted(prompts, decoder, None)
        assert (3, 2) == found.lengths
        if refused is None or not decoder.window:
            refuse_padding(found.padded, decoder)
            continue
        with pytest.raises(RunFailure, match=f"prompt {refused} contains token {padding or 0}") as caught:
            refuse_padding(found.padded, decoder)
        assert ("bad_input", "prepare") == (caught.value.kind, caught.value.phase)


@pytest.mark.parametrize("padding", [0, 2, 63])
def test_prompts_that_are_drawn_never_have_it(padding: int) -> None:
    """Also where it is the last id; drawn ids stay within the vocabulary."""
    decoder = replace(DECODER, window=64, pad_token_id=padding)
    drawn = queries([], decoder, Lengths(64, 0), 0)
    ids = np.concatenate([next(drawn).prompt for _ in range(40)])
    assert padding not in ids
    assert 1 <= ids.min()
    assert ids.max() < decoder.vocab_size


@pytest.mark.parametrize(("stop", "first", "others"), [((), 63, []), ((5,), 5, []), ((5, 7), 5, [7])])
def test_the_engine_ends_at_no_other_token(stop: tuple[int, ...], first: int, others: list[int]) -> None:
    """A number takes the place of what is there, a list is added: of an empty one, token 0 would remain."""
    _, wanted = request("ort-genai:cpu", users=2, stop_tokens=stop)
    assert [first, others] == [overlay["model"]["eos_token_id"] for overlay in overlays(wanted)]
