"""What OpenVINO GenAI says does not depend on what it was asked before: on a real model, whose answer to a prompt that
its prefix cache holds is another one (keys and values are rounded to 8 bits there)."""

from pathlib import Path

import numpy as np
import pytest

from bench.contracts import Artifact, ModelRequest, OpenRequest, Phase
from bench.measure.text_driver import OpenedText
from bench.models.files.folder import ModelFolder
from bench.targets.openvino.genai import OpenVinoGenai
from bench.targets.openvino.genai_session import OpenVinoGenaiSession

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
PROMPT = np.array([504, 3575, 282, 4649, 314])  # The capital of France is
NOTHING = np.zeros(0, np.int64)
TOKENS = 12


@pytest.fixture(scope="module")
def smollm(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The IR that the pipeline itself makes of the file."""
    genai = pytest.importorskip("openvino_genai")
    folder = tmp_path_factory.mktemp("smollm")
    (folder / GGUF).symlink_to(realdata / "llm" / "smollm2-135m" / GGUF)
    genai.LLMPipeline(str(folder / GGUF), "CPU", enable_save_ov_model=True)
    return ModelFolder().prepare(ModelRequest(str(folder)), folder)


def opened(artifact: Artifact, phase: Phase, options: dict[str, str], depth: int = 0) -> OpenVinoGenaiSession:
    session = OpenVinoGenai().open(OpenRequest(artifact, "CPU", options, depth_tokens=depth), phase)
    assert isinstance(session, OpenVinoGenaiSession)
    assert "PA" == session.facts().options_effective["ATTENTION_BACKEND"]
    return session


@pytest.fixture(scope="module")
def fresh(smollm: Artifact) -> tuple[int, ...]:
    """What a new pipeline says that keeps its prefixes, as an application's does."""
    from bench.testing import no_phase

    session = OpenedText(opened(smollm, no_phase, {"enable_prefix_caching": "YES"}))
    return session.greedy(NOTHING, PROMPT, TOKENS)


@pytest.mark.real
def test_tokens_do_not_depend_on_what_ran_before(smollm: Artifact, fresh: tuple[int, ...], phase: Phase) -> None:
    """One token from the prompt first, as a cold start is measured, then all of them."""
    session = OpenedText(opened(smollm, phase, {}))
    assert not session.keeps_prefixes
    session.first_token(PROMPT)
    assert [fresh, fresh] == [session.greedy(NOTHING, PROMPT, TOKENS) for _ in range(2)]


@pytest.mark.real
def test_prefixes_are_kept_on_request_and_can_be_forgotten(
    smollm: Artifact, fresh: tuple[int, ...], phase: Phase
) -> None:
    """Then the session says so, and after it has forgotten them it answers as a new one."""
    session = OpenedText(opened(smollm, phase, {"enable_prefix_caching": "YES"}))
    assert session.keeps_prefixes
    session.first_token(PROMPT)
    session.forget()
    assert fresh == session.greedy(NOTHING, PROMPT, TOKENS)


@pytest.mark.real
def test_a_depth_is_the_same_again_once_it_was_forgotten(smollm: Artifact, phase: Phase) -> None:
    """At a depth the context has to be found again, so prefixes are kept there."""
    context = np.random.default_rng(3).integers(1, 40_000, 64)
    session = OpenedText(opened(smollm, phase, {}, depth=64))
    assert session.keeps_prefixes
    first = session.greedy(context, PROMPT, TOKENS)
    session.forget()
    assert first == session.greedy(context, PROMPT, TOKENS)
