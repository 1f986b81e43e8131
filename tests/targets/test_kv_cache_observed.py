"""What a token of stories260K takes in the KV cache of each engine, read from memory in a process of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest
from made_gguf import PLAIN, made_gguf
from msgspec.structs import replace

from bench.contracts import Artifact, Device, ModelRequest, OpenRequest
from bench.execution.runner import JobRunner
from bench.execution.workbench import Bench
from bench.models.files.gguf_file import GgufFile
from bench.passes.kv_cache import cache_of, heap_reader
from bench.plugins import Catalog, load
from bench.record.text import KvCache
from bench.suite.plan import TargetChoice
from bench.suite.suite import Suite
from bench.words import sentence

pytestmark = [
    pytest.mark.real,
    pytest.mark.process,
    pytest.mark.skipif(heap_reader() is None, reason="no mallinfo2: not glibc 2.33 or newer"),
]
LAYOUT = 2 * 5 * 4 * 8 * 4
"""Keys and values, layers, KV heads, head width, bytes of a float32: 1,280."""


@pytest.fixture
def observed(stories: Artifact, catalog: Catalog, tmp_path: Path) -> Callable[[str, str, str], KvCache]:
    """``observed(runtime, plugin, device)``: by the pass, as a run has it; of ``model`` with ``options``."""

    def found(
        runtime: str,
        plugin: str,
        device: str,
        emulated: bool = False,
        model: Artifact = stories,
        **options: str,
    ) -> KvCache:
        pytest.importorskip(runtime)
        ref = next(ref for ref in catalog.of("targets") if ref.name == plugin)
        target = load(ref)
        converted = tmp_path / "converted"
        converted.mkdir()
        artifact = target.convert(model, converted, device, options) if hasattr(target, "convert") else model
        assert artifact.decoder is not None
        choice = TargetChoice(ref, Device(device, True, "", emulated=emulated), options, (), ())
        jobs = JobRunner(Bench(catalog, Suite(), tmp_path, tmp_path, Path("/")), {}, lambda: 120)
        return cache_of(artifact.decoder, OpenRequest(artifact, device, options), choice, jobs)

    return found


@pytest.mark.parametrize(
    ("runtime", "plugin", "device", "caches"),
    [
        ("onnxruntime", "ort", "cpu", 1),
        ("openvino", "openvino", "CPU", 1),
        ("onnxruntime_genai", "ort-genai", "cpu", 2),
    ],
)
def test_memory_shows_the_cache(
    observed: Callable[..., KvCache], runtime: str, plugin: str, device: str, caches: int
) -> None:
    """1,280 bytes a token, to 5 %; onnxruntime-genai holds the cache before and after a step side by side."""
    found = observed(runtime, plugin, device)
    assert (LAYOUT, "heap", "", False) == (found.bytes_per_token, found.read_from, str(found.reason), found.at_once)
    assert found.observed_bytes_per_token == pytest.approx(caches * LAYOUT, rel=0.05)
    assert found.observed_ci95 is not None
    low, high = found.observed_ci95
    assert low <= found.observed_bytes_per_token <= high
    assert high - low <= 0.1 * found.observed_bytes_per_token + 1
    assert found.pass_ns is not None


@pytest.mark.parametrize(
    ("options", "element_bytes", "beside"),
    [
        ({"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}, 4, 1.05),
        ({"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "u8"}, 1, 1.25),
    ],
)
def test_a_cache_that_is_fused_with_attention_is_seen(
    observed: Callable[..., KvCache], tmp_path: Path, options: dict[str, str], element_bytes: int, beside: float
) -> None:
    """In the type that the cache is kept in, whatever the graph's own is; with the scales of 8-bit elements. OpenVINO
    takes its memory by doubling, and keeps it through a reset."""
    config = replace(PLAIN, dim=256, layers=4, heads=4, kv_heads=4, context=512)
    model = GgufFile().prepare(ModelRequest(str(made_gguf(tmp_path, config=config).path)), tmp_path / "cache")
    found = observed("openvino", "openvino", "CPU", model=model, **options)
    elements = 2 * 4 * 4 * 64
    assert (4 * elements, "", "heap") == (found.bytes_per_token, str(found.reason), found.read_from)
    assert found.observed_bytes_per_token is not None
    assert elements * element_bytes <= found.observed_bytes_per_token <= beside * elements * element_bytes


def test_a_pipeline_is_seen_with_its_working_memory_or_says_why_not(observed: Callable[..., KvCache]) -> None:
    """OpenVINO GenAI holds the cache, and what attention needs for each token of the context: 1 to 2.5 times 1,280. A
    busy machine leaves time for too few tokens."""
    found = observed("openvino_genai", "openvino-genai", "CPU")
    if found.observed_bytes_per_token is None:
        assert (
            "is required" in str(found.reason)
            or "in the time allowed" in str(found.reason)
            or "steps" in str(found.reason)
        )
    else:
        assert LAYOUT <= found.observed_bytes_per_token <= 2.5 * LAYOUT


def test_an_emulator_is_not_observed(observed: Callable[..., KvCache]) -> None:
    """No process is started: its memory would not be the device's."""
    found = observed("onnxruntime", "ort", "cpu", emulated=True)
    assert KvCache(LAYOUT, reason=sentence("run.memory_of_emulator")) == found
    assert "emulated: the process' memory is not the device's" == str(found.reason)
