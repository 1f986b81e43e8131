"""Reading takes little memory: that of the largest tensor, and half as much again."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from made_gguf import CONFIGS, made_gguf
from msgspec.structs import replace

from bench.models.checkpoints.gguf.opening import open_gguf

MIB = 1 << 20


@pytest.mark.parametrize("kind", ["F32", "Q4_1"])
def test_a_tensor_as_a_whole(tmp_path: Path, kind: str) -> None:
    """All rows at once, and nothing is kept."""
    config = replace(CONFIGS["llama"], vocab=1 << 15, dim=256, hidden=64)
    path = made_gguf(tmp_path, config=config, kind=kind).path
    open_gguf(path).tensors["layers.0.attention.query.weight"].rows(0, 8)  # the library, once
    tracemalloc.start()
    try:
        tensor = open_gguf(path).tensors["embedding.weight"]
        opened = tracemalloc.get_traced_memory()[0]
        n_bytes = tensor.rows(0, 1 << 15).nbytes
        _, most = tracemalloc.get_traced_memory()
        assert n_bytes == (1 << 15) * 256 * 4
        assert most < opened + 1.5 * n_bytes
        tracemalloc.reset_peak()
        for start in range(0, 1 << 15, 1 << 12):
            tensor.rows(start, start + (1 << 12))
        kept, most = tracemalloc.get_traced_memory()
        assert kept < opened + MIB
        assert most < opened + n_bytes / 2
    finally:
        tracemalloc.stop()


READ = """
import resource, sys
from pathlib import Path
import gguf.quants
from bench.models.checkpoints.gguf.opening import open_gguf
tensors = open_gguf(Path(sys.argv[1])).tensors
small = tensors["layers.0.attention.key.weight"]
small.rows(0, 8), small.blocks(0, 8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for tensor in tensors.values():
    for start in range(0, tensor.shape[0], 4096):
        tensor.rows(start, min(start + 4096, tensor.shape[0]))
        if tensor.bits:
            tensor.blocks(start, min(start + 4096, tensor.shape[0]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.real
@pytest.mark.process
def test_the_real_file_in_a_process_of_its_own(realdata: Path) -> None:
    """All 272 tensors of SmolLM2, as numbers and as blocks: its largest is 113 MB in float32, its file 92 MB."""
    path = realdata / "llm" / "smollm2-135m" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], check=False, capture_output=True, text=True, timeout=120
    )
    assert not done.stderr
    assert int(done.stdout) * 1024 < 1.5 * 49152 * 576 * 4
