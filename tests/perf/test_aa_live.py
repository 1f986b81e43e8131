"""A/A, live: models measured against themselves in alternation, in fresh processes. A quarter of an hour."""

from pathlib import Path
from typing import Any

import pytest

from bench.comparison.comparison import compare
from bench.execution.interleaved import run_in_alternation
from bench.plugins import Catalog
from bench.suite.suite import ModelAsk, Suite, TargetAsk

pytestmark = [pytest.mark.perf, pytest.mark.real, pytest.mark.timeout(7200)]

COMPARISONS = 20
MODELS = (("ultraface_rfb_320.onnx", "openvino:CPU"), ("squeezenet_fp16.onnx", "ort:cpu"))


def test_a_against_a_is_never_called_different(
    benchmark: Any, tmp_path: Path, realdata: Path, catalog: Catalog
) -> None:
    """20 comparisons at preset quick: none of them says faster, slower, better or worse of any metric."""
    pytest.importorskip("openvino")
    said: list[str] = []
    ratios: list[float] = []

    def play() -> None:
        for index in range(COMPARISONS):
            file, target = MODELS[index % len(MODELS)]
            ask = (ModelAsk(str(realdata / "models" / file)),)
            suite = Suite(models=ask, targets=(TargetAsk(target),), preset="quick")
            out = tmp_path / f"base-{index}", tmp_path / f"new-{index}"
            for folder in out:
                folder.mkdir()
            base, new = run_in_alternation(suite, suite, catalog, out, cache=tmp_path / "cache")
            changes = compare(base, new).changes
            said.extend(f"{file} {c.metric} {c.word}" for c in changes if c.word not in ("same", "cannot_tell"))
            ratios.append(round(changes[0].ratio or 0.0, 4))

    benchmark.pedantic(play, rounds=1)
    benchmark.extra_info["said"] = said
    benchmark.extra_info["p50 ratios"] = ratios
    assert [] == said
