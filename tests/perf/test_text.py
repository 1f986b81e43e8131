"""Speed of text generation, as ratios in one run. Each pair of sessions generates in alternation, prompt by prompt, so
that a machine that changes speed changes both; the figure is the median of the ratios of neighbours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.contracts import Artifact, ModelRequest, OpenRequest
from bench.inputs.prompts import Lengths, Query, queries
from bench.measure.loop import quiet_interpreter, time_generations, token_overhead_ns
from bench.measure.text_driver import Generator
from bench.plugins import discover, load
from bench.stats.timeline import Timeline
from bench.testing import no_phase

pytestmark = [pytest.mark.perf, pytest.mark.timeout(900)]
PROMPT, TOKENS, ROUNDS = 32, 64, 15
MODELS = ("llama-15M", "smollm2-135M")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Artifact]:
    cache = tmp_path_factory.mktemp("models")

    def prepare(name: str) -> Artifact:
        artifact: Artifact = load(discover().find("models", name)).prepare(ModelRequest(name), cache)
        return artifact

    return prepare


def opened(target: str, artifact: Artifact, folder: Path, options: dict[str, str] | None = None) -> Generator:
    """A session of ``target`` on ``artifact``, converted where the target asks for it."""
    name, _, device = target.partition(":")
    plugin: Any = load(discover().find("targets", name))
    if hasattr(plugin, "convert"):
        place = folder / name
        place.mkdir()
        artifact = plugin.convert(artifact, place)
    request = OpenRequest(artifact, device, options or {}, prompt_tokens=PROMPT, decode_context=PROMPT + TOKENS)
    return Generator(plugin.open(request, no_phase))


def tpot_ns(generator: Generator, query: Query) -> float:
    timeline = Timeline()
    with quiet_interpreter():
        time_generations(generator, iter([query]), TOKENS, 1, timeline)
    return (timeline.token_ns[-1] - timeline.token_ns[0]) / (TOKENS - 1)


def ratio(ours: Generator, theirs: Generator, artifact: Artifact, benchmark: Any) -> float:
    """Median over rounds of our TPOT over theirs, in the order a b, b a, a b …; both are warm before the first."""
    assert artifact.decoder is not None
    endless = queries((), artifact.decoder, Lengths(PROMPT, 0), 0)
    found: list[float] = []

    def play() -> None:
        for index in range(ROUNDS + 2):
            query = next(endless)
            sides = (ours, theirs) if index % 2 else (theirs, ours)
            times = {id(side): tpot_ns(side, query) for side in sides}
            if index > 1:
                found.append(times[id(ours)] / times[id(theirs)])

    benchmark.pedantic(play, rounds=1)
    low, middle, high = np.quantile(found, [0.25, 0.5, 0.75])
    benchmark.extra_info |= {"ratio": float(middle), "quartiles": [float(low), float(high)], "rounds": ROUNDS}
    return float(middle)


@pytest.mark.parametrize("model", MODELS)
def test_raw_onnx_runtime_is_not_slower_than_its_genai(
    built: Callable[[str], Artifact], model: str, tmp_path: Path, benchmark: Any
) -> None:
    """On the same graph; half a hundredth is what the median of so few rounds leaves open."""
    pytest.importorskip("onnxruntime_genai")
    artifact = built(model)
    ours, theirs = opened("ort:cpu", artifact, tmp_path), opened("ort-genai:cpu", artifact, tmp_path)
    assert ratio(ours, theirs, artifact, benchmark) <= 1.005


@pytest.mark.parametrize("model", MODELS)
def test_raw_openvino_is_not_slower_than_its_genai(
    built: Callable[[str], Artifact], model: str, tmp_path: Path, benchmark: Any
) -> None:
    """On the same graph, both with their own defaults."""
    pytest.importorskip("openvino_genai")
    artifact = built(model)
    ours, theirs = opened("openvino:CPU", artifact, tmp_path), opened("openvino-genai:CPU", artifact, tmp_path)
    assert ratio(ours, theirs, artifact, benchmark) <= 1.005


def test_the_harness_adds_little_to_a_token(benchmark: Any) -> None:
    """At most 2 µs beside the engine's call."""
    found = benchmark.pedantic(token_overhead_ns, rounds=5)
    benchmark.extra_info["token_overhead_ns"] = found
    assert found <= 2_000
