"""Compile caches: none, cold or warm, as the scenario says, and as the runtime found them."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Literal

import pytest

from bench.contracts import OpenRequest, Scenario
from bench.errors import RunFailure
from bench.passes.compile_caches import CompileCaches
from bench.record.record import RecordedRun
from bench.testing import fake_artifact


@pytest.fixture
def request_of(tmp_path: Path) -> OpenRequest:
    (tmp_path / "m.onnx").write_text("m")
    return OpenRequest(fake_artifact(tmp_path / "m.onnx"), "cpu")


def folders(root: Path) -> Callable[[], Path]:
    numbers = count()
    return lambda: root / str(next(numbers))


def test_a_cold_cache_is_new_for_every_process(request_of: OpenRequest, tmp_path: Path) -> None:
    """A warm one is one folder for all; without a cache there is none."""
    found = {}
    for asked in ("none", "cold", "warm"):
        caches = CompileCaches(asked, folders(tmp_path))
        found[asked] = [caches.request(request_of).compile_cache for _ in range(2)]
    assert ([None, None], True, False) == (
        found["none"],
        found["warm"][0] == found["warm"][1],
        found["cold"][0] == found["cold"][1],
    )


def test_cold_caches_do_not_pile_up(request_of: OpenRequest, tmp_path: Path) -> None:
    """What one process compiled is gone when the next one begins; a warm cache stays."""

    def made(asked: Literal["cold", "warm"]) -> list[bool]:
        number = folders(tmp_path / asked)
        caches, seen = CompileCaches(asked, number), []
        for _ in range(3):
            cache = caches.request(request_of).compile_cache
            assert cache is not None
            cache.mkdir(parents=True, exist_ok=True)
            (cache / "blob").write_text("compiled")
            seen.append(cache)
        return [cache.exists() for cache in seen]

    assert ([False, False, True], [True, True, True]) == (made("cold"), made("warm"))


def test_a_target_without_a_cache_is_refused(tmp_path: Path) -> None:
    """Rather than calling an ordinary start a warm one."""
    CompileCaches("none", folders(tmp_path)).demand("none", "x:cpu")
    with pytest.raises(RunFailure, match="x:cpu keeps no compiled models") as caught:
        CompileCaches("warm", folders(tmp_path)).demand("none", "x:cpu")
    assert ("plan", "unsupported_scenario") == (caught.value.phase, caught.value.kind)


def test_a_cache_that_was_not_used_is_no_result(tmp_path: Path) -> None:
    """Warm was asked for, and the runtime compiled again."""
    CompileCaches("warm", folders(tmp_path)).proven("warm")
    with pytest.raises(RunFailure, match="warm compile cache was asked for, but the runtime found a cold one"):
        CompileCaches("warm", folders(tmp_path)).proven("cold")


@pytest.mark.real
def test_cold_and_warm_are_separate_results(run: Callable[..., list[RecordedRun]]) -> None:
    """OpenVINO: each scenario's repeats all found the cache as it says; ONNX Runtime has none, and is skipped."""
    pytest.importorskip("openvino")
    scenarios = tuple(Scenario(compile_cache=cache) for cache in ("cold", "warm"))
    found = run(["mobilenet_v2"], ["openvino:CPU", "ort:cpu"], scenarios=scenarios, repeats=2, max_seconds=0.2)
    told = [
        (r.record.plan.target.id, r.record.status, {x.compile_cache for x in r.record.repeats}, r.record.plan.scenario)
        for r in found
    ]
    assert [
        ("openvino:CPU", "ok", {"cold"}, "cold"),
        ("ort:cpu", "skipped", set(), "cold"),
        ("openvino:CPU", "ok", {"warm"}, "warm"),
        ("ort:cpu", "skipped", set(), "warm"),
    ] == [(target, status, caches, scenario.compile_cache) for target, status, caches, scenario in told]
