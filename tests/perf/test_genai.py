"""What is measured of the GenAI engines, against what they say or do by themselves, in alternation in one process."""

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.contracts import Artifact, ModelRequest, OpenRequest
from bench.measure.loop import quiet_interpreter
from bench.plugins import discover, load
from bench.testing import no_phase

pytestmark = [pytest.mark.perf, pytest.mark.real]

MODELS = ("llama-15M", "smollm2-135M")
PROMPT, TOKENS, ROUNDS = 32, 128, 15


@pytest.fixture(scope="module", params=MODELS)
def decoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    model: Any = load(discover().find("models", request.param))
    artifact: Artifact = model.prepare(ModelRequest(request.param), tmp_path_factory.mktemp("models"))
    return artifact


def opened(name: str, device: str, artifact: Artifact, folder: Path) -> Any:
    target: Any = load(discover().find("targets", name))
    converted = target.convert(artifact, folder)
    request = OpenRequest(converted, device, prompt_tokens=PROMPT, decode_context=PROMPT + TOKENS)
    return target.open(request, no_phase)


def tpot_ns(stamps: list[int]) -> float:
    return (stamps[-1] - stamps[0]) / (len(stamps) - 1)


def prompts(artifact: Artifact) -> Any:
    """A different prompt each time."""
    assert artifact.decoder is not None
    random = np.random.default_rng(0)
    while True:
        yield random.integers(3, artifact.decoder.vocab_size, PROMPT)


def test_ort_genai_is_timed_as_a_bare_loop_times_it(benchmark: Any, decoder: Artifact, tmp_path: Path) -> None:
    """A token of ours over one of generate_next_token and get_next_tokens, on the same model, in turn: within 2 %."""
    pytest.importorskip("onnxruntime_genai")
    from bench.targets.ort_genai.session import generator

    session = opened("ort-genai", "cpu", decoder, tmp_path)
    bare = generator(session._opened, PROMPT + TOKENS)
    asked, clock, ratios = prompts(decoder), time.perf_counter_ns, []

    def theirs() -> None:
        bare.generate_next_token()
        bare.get_next_tokens()[0]

    def timed(call: Any) -> int:
        begin = clock()
        call()
        return clock() - begin

    def alternate() -> None:
        prompt = next(asked)
        session.reset()
        session.prefill(prompt)
        session.decode()
        bare.rewind_to(0)
        bare.append_tokens(prompt.astype(np.int32))
        theirs()
        took: dict[Any, list[int]] = {session.decode: [], theirs: []}
        with quiet_interpreter():
            for index in range(TOKENS - 2):
                for call in (session.decode, theirs) if index % 2 else (theirs, session.decode):
                    took[call].append(timed(call))
        ratios.append(statistics.median(took[session.decode]) / statistics.median(took[theirs]))

    benchmark.pedantic(alternate, rounds=ROUNDS, warmup_rounds=2)
    benchmark.extra_info["ratio"] = statistics.median(ratios[2:])
    assert abs(statistics.median(ratios[2:]) - 1) <= 0.02


def test_openvino_genai_agrees_with_its_own_metrics(benchmark: Any, decoder: Artifact, tmp_path: Path) -> None:
    """Our TPOT over the pipeline's own of the same generation: within 2 %."""
    pytest.importorskip("openvino_genai")
    session = opened("openvino-genai", "CPU", decoder, tmp_path)
    asked, clock, ratios = prompts(decoder), time.perf_counter_ns, []

    def generate() -> None:
        stamps: list[int] = []
        session.fill(np.zeros(0, np.int64))
        with quiet_interpreter():
            session.generate(next(asked), TOKENS, lambda token: stamps.append(clock()))
        assert TOKENS == len(stamps)
        ratios.append(tpot_ns(stamps) / 1e6 / session.perf_metrics().get_tpot().mean)

    benchmark.pedantic(generate, rounds=ROUNDS, warmup_rounds=2)
    benchmark.extra_info["ratio"] = statistics.median(ratios[2:])
    assert abs(statistics.median(ratios[2:]) - 1) <= 0.02
