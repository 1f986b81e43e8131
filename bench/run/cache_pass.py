"""The pass that observes the KV cache of a language model, as the parent sees it."""

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from bench.contracts import DecoderSpec, OpenRequest
from bench.jobs import CacheJob, CacheSeen, Failed
from bench.process.supervisor import run_job
from bench.record.text import KvCache
from bench.suite.plan import TargetChoice

EXACT_HEAP = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
"""Small pieces that a thread has freed would count as handed out."""


def cache_of(
    decoder: DecoderSpec, request: OpenRequest, target: TargetChoice, folder: Callable[[], Path], deadline_s: float
) -> KvCache:
    """What a token takes. That it is not seen is no reason not to measure: the reason is stated instead."""
    computed = decoder.kv_cache_bytes_per_token
    if target.device.emulated:
        return KvCache(computed, reason="emulated: the process' memory is not the device's")
    job = CacheJob(folder(), target.plugin, replace(request, compile_cache=None))
    result = run_job(job, deadline_s, environment=EXACT_HEAP)
    if isinstance(result.event, CacheSeen):
        return replace(result.event.kv_cache, pass_ns=result.wall_ns)
    assert isinstance(result.event, Failed)
    return KvCache(computed, reason=f"the pass failed: {result.event.failure.message}", pass_ns=result.wall_ns)
