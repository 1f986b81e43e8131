"""Text generation on fixed shapes, in the HTP's emulator."""

import platform
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.contracts import (
    Artifact,
    GraphFacts,
    LogitsSession,
    NextLogitsSession,
    OpenRequest,
    Phase,
    Scenario,
    TensorSpec,
    TokenSession,
)
from bench.errors import RunFailure
from bench.measure.generation import distinct_queries
from bench.measure.text_driver import OpenedText
from bench.passes.cached_results import recall_prompts
from bench.targets.ort.cpu import OnnxRuntimeCpu
from bench.targets.qnn.target import OnnxRuntimeQnn
from bench.targets.qnn.tokens import Layout, Runner, Step, dimensions, layout, pads


def opened(stories: Artifact, phase: Phase, prompt: int, context: int) -> TokenSession:
    pytest.importorskip("onnxruntime_qnn")
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("the HTP's emulator exists only for x86-64")
    request = OpenRequest(stories, "htp-emu", prompt_tokens=prompt, decode_context=context)
    session = OnnxRuntimeQnn().open(request, phase)
    assert isinstance(session, TokenSession)
    return session


def test_two_shapes_of_one_cache(float_net: Path, artifact_of: Callable[..., Artifact]) -> None:
    """Tokens and past fill the cache exactly, in both steps."""
    request = OpenRequest(artifact_of(float_net), "htp-emu", prompt_tokens=5, decode_context=16)
    assert Layout(16, prefill=Step(5, 11), decode=Step(1, 15)) == layout(request)


@pytest.mark.parametrize(("prompt", "context"), [(0, 16), (16, 16), (20, 16), (0, 0)])
def test_a_prompt_must_leave_room(
    float_net: Path, artifact_of: Callable[..., Artifact], prompt: int, context: int
) -> None:
    """The past of the prefill cannot be empty, nor can the prompt."""
    request = OpenRequest(artifact_of(float_net), "htp-emu", prompt_tokens=prompt, decode_context=context)
    with pytest.raises(RunFailure, match="fixed shapes need"):
        layout(request)


@pytest.mark.real
def test_every_symbol_gets_a_size(stories: Artifact) -> None:
    """The mask covers past and tokens."""
    assert stories.decoder is not None
    expected = {"batch_size": 1, "sequence_length": 5, "total_sequence_length": 16, "past_sequence_length": 11}
    assert expected == dimensions(stories, stories.decoder, Step(5, 11))


@pytest.mark.real
@pytest.mark.parametrize(
    ("shape", "part"), [((1, None), "cannot be fixed"), ((2, "s"), "cannot be fixed"), (("n", "n"), "cannot be fixed")]
)
def test_dimensions_that_cannot_be_fixed_are_refused(
    stories: Artifact, shape: tuple[int | str | None], part: str
) -> None:
    """No name, another size, or one name for two sizes."""
    assert stories.decoder is not None
    facts = GraphFacts((TensorSpec("input_ids", "int64", shape),), ())
    with pytest.raises(RunFailure, match=part):
        dimensions(msgspec.structs.replace(stories, facts=facts), stories.decoder, Step(5, 11))


@pytest.mark.real
@pytest.mark.parametrize("prompt", [1, 8])
def test_greedy_tokens_are_the_golden_ones(stories: Artifact, golden: list[int], phase: Phase, prompt: int) -> None:
    """Until the cache of 32 is full, in float16, with everything on the HTP."""
    session = opened(stories, phase, prompt, 32)
    found = [session.prefill(np.array(golden[:prompt]))] + [session.decode() for _ in range(32 - prompt)]
    placement = session.placement()
    assert placement is not None
    assert (golden[prompt:33], {"HTP"}, "float16") == (
        found,
        {node.device for node in placement.nodes},
        session.facts().executed_precision,
    )
    with pytest.raises(RunFailure, match="33 tokens, room for 32"):
        session.decode()


@pytest.mark.real
def test_prompts_of_any_length_follow_the_cache(stories: Artifact, golden: list[int], phase: Phase) -> None:
    """Chunks of the compiled length and single tokens give the same story; after a reset nothing is left of it."""
    session = opened(stories, phase, 4, 24)
    session.prefill(np.array(golden[:7]))
    assert golden[13:15] == [session.prefill(np.array(golden[7:13])), session.decode()]
    session.reset()
    assert golden[4:6] == [session.prefill(np.array(golden[:4])), session.decode()]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Of each run, how many tokens the graph takes and how many of them it was given."""
    found: list[tuple[int, int]] = []
    took = Runner.run

    def run(self: Runner, tokens: np.ndarray, positions: np.ndarray, length: int) -> np.ndarray:
        found.append((self.step.tokens, tokens.shape[1]))
        return took(self, tokens, positions, length)

    monkeypatch.setattr(Runner, "run", run)
    return found


@pytest.mark.real
def test_a_rest_is_padded_where_that_is_shorter_and_has_room(
    stories: Artifact, golden: list[int], phase: Phase, runs: list[tuple[int, int]]
) -> None:
    """Padding changes nothing, not a bit of the logits before it, and leaves nothing in the cache."""
    session = opened(stories, phase, 8, 23)
    assert isinstance(session, LogitsSession)
    assert isinstance(session, NextLogitsSession)
    whole, other = session.logits(np.array(golden[:8])), session.logits(np.array([*golden[:5], 7]))
    np.testing.assert_array_equal(whole[:5], other[:5])
    assert [(8, 8), (8, 6)] == runs
    session.reset()
    runs.clear()
    pieces = [golden[:5], golden[5:6], golden[6:16], golden[16:18]]
    found = [session.next_logits(np.array(piece)) for piece in pieces]
    assert [(8, 5), (1, 1), (8, 8), (8, 2), (1, 1), (1, 1)] == runs, "behind 16 tokens only 7 places are left"
    session.reset()
    alone = [session.next_logits(np.array([token])) for token in golden[:18]]
    np.testing.assert_allclose(np.array(found), np.array(alone)[[4, 5, 15, 17]], atol=0.05)


@pytest.mark.parametrize(
    ("count", "held", "expected"),
    [(1, 0, False), (3, 0, False), (4, 0, True), (63, 0, True), (4, 128, True), (4, 129, False)],
)
def test_a_rest_worth_a_run_is_padded(count: int, held: int, expected: bool) -> None:
    """A sixteenth of the prompt graph or more, where its padding still has room."""
    assert expected == pads(count, held, Layout(192, prefill=Step(64, 128), decode=Step(1, 191)))


def test_a_single_token_is_not_padded() -> None:
    """However short the prompt graph is."""
    assert not pads(1, 0, Layout(16, prefill=Step(2, 14), decode=Step(1, 15)))


@pytest.mark.real
def test_a_look_for_cached_results_computes_each_prompt_at_once(
    stories: Artifact, phase: Phase, runs: list[tuple[int, int]]
) -> None:
    """Although the look is for at most 8 tokens: the graph of 12 runs, and that for single tokens never does."""
    text = OpenedText(opened(stories, phase, 12, 24))
    request = OpenRequest(stories, "htp-emu", prompt_tokens=12, decode_context=24)
    queries = distinct_queries(request, Scenario(prompt_tokens=12), 0, 8, text.prefill_tokens)
    found = recall_prompts(text, islice(queries, 7))
    assert [(12, 12)] * (2 + 3 * 6) == runs
    assert 6 == len(found.fresh_ns)


@pytest.mark.real
def test_logits_are_near_onnx_runtimes(stories: Artifact, golden: list[int], phase: Phase) -> None:
    """In float16 on the emulated HTP, token by token and in chunks, against float32 on the CPU."""
    session, other = opened(stories, phase, 8, 32), OnnxRuntimeCpu().open(OpenRequest(stories, "cpu"), phase)
    assert isinstance(session, LogitsSession)
    assert isinstance(other, LogitsSession)
    ids = np.array(golden[:20])
    whole = session.logits(ids)
    np.testing.assert_allclose(whole, other.logits(ids), atol=0.25)
    assert isinstance(session, NextLogitsSession)
    assert session.shows_next()
    session.reset()
    steps = [session.next_logits(ids[:10]), *(session.next_logits(ids[i : i + 1]) for i in range(10, 20))]
    np.testing.assert_allclose(np.array(steps), whole[9:], atol=0.05)


@pytest.mark.real
def test_the_context_binary_is_kept_and_found(
    stories: Artifact, golden: list[int], phase: Phase, tmp_path: Path
) -> None:
    """The first session fills an empty compile cache, the second opens from it and generates the same."""
    request = OpenRequest(stories, "htp-emu", prompt_tokens=4, decode_context=16, compile_cache=tmp_path)
    found = []
    for _ in range(2):
        session = OnnxRuntimeQnn().open(request, phase)
        assert isinstance(session, TokenSession)
        found.append((session.facts().compile_cache, session.prefill(np.array(golden[:4])), session.decode()))
    assert [("cold", *golden[4:6]), ("warm", *golden[4:6])] == found
    assert {"decode_ctx.onnx", "prefill_ctx.onnx"} <= {path.name for path in tmp_path.iterdir()}
