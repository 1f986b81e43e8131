"""Each engine keeps a prefix and serves several users without another answer, on stories260K in float32."""

from pathlib import Path

import numpy as np
import pytest
from genai_folders import write_paged_decoder

from bench.contracts import Artifact, ConvertingTarget, DecoderSpec, GraphFacts, OpenRequest, Phase, Scenario, Target
from bench.errors import RunFailure
from bench.measure.text_driver import OpenedText, open_text
from bench.measure.users import answers_at_once
from bench.passes.answers import answers_checked
from bench.plugins import Catalog, load
from bench.scenarios.text import most_tokens, turns_of, users_of

F32 = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}
ENGINES = [
    pytest.param("onnxruntime", "ort:cpu", {}, id="ort"),
    pytest.param("openvino", "openvino:CPU", {"INFERENCE_PRECISION_HINT": "f32"}, id="openvino"),
    pytest.param("onnxruntime_genai", "ort-genai:cpu", {}, id="ort-genai"),
]
CHAT = Scenario("chat", 8, 6, depth_tokens=0, parameters={"turns": 3, "prefix_cache": "on"})
USERS = Scenario("concurrent", 8, 6, depth_tokens=0, parameters={"users": 3})

pytestmark = pytest.mark.real


def opened(
    catalog: Catalog,
    place: str,
    model: Artifact,
    scenario: Scenario,
    options: dict[str, str],
    folder: Path,
    phase: Phase,
    stop_tokens: tuple[int, ...] = (),
) -> tuple[OpenedText, OpenRequest]:
    """``model`` as a run of ``scenario`` opens it."""
    plugin, _, device = place.partition(":")
    target: Target = load(catalog.find("targets", plugin))
    if isinstance(target, ConvertingTarget) and target.converts(model, device, options):
        model = target.convert(model, folder, device, options)
    request = OpenRequest(
        model,
        device,
        options,
        "throughput" if users_of(scenario) else "latency",
        8,
        most_tokens(scenario, ()),
        converses=turns_of(scenario) is not None,
        users=users_of(scenario) or 0,
        stop_tokens=stop_tokens,
    )
    return open_text(target, request, phase), request


@pytest.fixture
def paged(tmp_path: Path) -> Artifact:
    """A decoder that can be rewritten for paged attention."""
    path = write_paged_decoder(tmp_path)
    decoder = DecoderSpec(1, 4, 8, 64, 256, stateful=True)
    facts = GraphFacts((), ())
    return Artifact("paged", "text_generation", "openvino_ir", "float32", path, (path,), "", 0, facts, {}, decoder)


@pytest.mark.parametrize(
    ("module", "place", "options"),
    [*ENGINES, pytest.param("openvino_genai", "openvino-genai:CPU", F32, id="openvino-genai")],
)
@pytest.mark.parametrize("scenario", [CHAT, USERS], ids=["chat", "concurrent"])
def test_the_scenario_changes_no_answer(
    scenario: Scenario,
    module: str,
    place: str,
    options: dict[str, str],
    stories: Artifact,
    catalog: Catalog,
    tmp_path: Path,
    phase: Phase,
) -> None:
    """Turn by turn with the prefix kept and with all computed again, of three users at once and of each alone: the
    tokens are equal, twice. The graph of stories260K cannot be rewritten for paged attention, which users need."""
    pytest.importorskip(module)
    if module == "openvino_genai" and scenario is USERS:
        with pytest.raises(RunFailure, match="paged attention"):
            opened(catalog, place, stories, scenario, options, tmp_path, phase)
        return
    session, request = opened(catalog, place, stories, scenario, options, tmp_path, phase)
    found = answers_checked(session, request, scenario, (), 0)
    assert found is not None
    assert 3 * [6] == [len(ids) for ids in found.token_ids]
    assert found.other_token_ids == found.token_ids
    assert found.again


@pytest.mark.parametrize("scenario", [CHAT, USERS], ids=["chat", "concurrent"])
def test_paged_attention_keeps_prefixes_and_batches_users(
    scenario: Scenario, paged: Artifact, catalog: Catalog, tmp_path: Path, phase: Phase
) -> None:
    """With a cache in float32 nothing is rounded on the way."""
    pytest.importorskip("openvino_genai")
    session, request = opened(catalog, "openvino-genai:CPU", paged, scenario, F32, tmp_path, phase)
    assert (scenario is CHAT) == session.keeps_prefixes
    assert (scenario is USERS) == (session.batching is not None)
    found = answers_checked(session, request, scenario, (), 0)
    assert found is not None
    assert found.other_token_ids == found.token_ids
    assert found.again


@pytest.mark.parametrize(("module", "place", "options"), ENGINES)
def test_users_end_at_a_stop_token(
    module: str,
    place: str,
    options: dict[str, str],
    stories: Artifact,
    catalog: Catalog,
    tmp_path: Path,
    phase: Phase,
) -> None:
    """As a generation alone does: the token is handed out, and nothing behind it."""
    pytest.importorskip(module)
    prompt = np.array([1, 403, 407])
    folders = [tmp_path / name for name in ("whole", "ended")]
    for folder in folders:
        folder.mkdir()
    whole, _ = opened(catalog, place, stories, USERS, options, folders[0], phase)
    ids = whole.greedy(prompt[:0], prompt, 6)
    ended, _ = opened(catalog, place, stories, USERS, options, folders[1], phase, stop_tokens=(ids[3],))
    expected = ids[: ids.index(ids[3]) + 1]
    assert 3 * [expected] == answers_at_once(ended, [prompt] * 3, 6)


def test_the_engine_of_users_ends_at_no_token_unasked(
    stories: Artifact, catalog: Catalog, tmp_path: Path, phase: Phase
) -> None:
    """Every generation has as many tokens as were asked for."""
    pytest.importorskip("onnxruntime_genai")
    session, _ = opened(catalog, "ort-genai:cpu", stories, USERS, {}, tmp_path, phase)
    rng = np.random.default_rng(0)
    prompts = [rng.integers(1, 512, 8) for _ in range(3)]
    assert 3 * [40] == [len(ids) for ids in answers_at_once(session, prompts, 40)]
