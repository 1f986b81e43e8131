"""What a context costs: it is computed once where the engine can go back to it, and before each query elsewhere."""

from collections.abc import Callable
from contextlib import nullcontext
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench import progress
from bench.contracts import OpenRequest, Scenario
from bench.inputs.prompts import Prompt, Query, save_prompts
from bench.machine.clocks import CoreClocks
from bench.measure.energy import EnergyMeter
from bench.measure.generation import LEAST_PASS_QUERIES, Generation, distinct_queries, pass_queries, play_generation
from bench.measure.long_run import LongRun
from bench.measure.memory import MemoryProbe
from bench.measure.phases import PhaseRecorder
from bench.measure.players.single_stream import play_single_stream
from bench.measure.stage import Steady, Watched
from bench.measure.text_driver import OpenedText
from bench.passes.text_check import TextFound, check_text
from bench.record.record import StoppingRule
from bench.testing import FakeFacts, FakeTokenSession, fake_artifact

Ids = np.ndarray[Any, Any]
RULE = StoppingRule(
    percentile=50,
    precision=1.0,
    min_queries=2,
    max_queries=3,
    min_duration_ns=0,
    max_duration_ns=0,
    warmup_min_queries=1,
    warmup_max_duration_ns=0,
    steady_tolerance=1.0,
)
DEPTH, PROMPT = 5, 3
FIRST, WARM, MEASURED = 1, 1, 2


class Steps(FakeTokenSession, kw_only=True):
    """Counts how often its cache was filled from empty, and with how many tokens. ``able``: it can go back."""

    able: bool = False
    sizes: list[int]
    fills: int = 0

    def prefill(self, ids: Ids) -> int:
        self.sizes.append(len(ids))
        return super().prefill(ids)

    def reset(self) -> None:
        self.fills += 1
        super().reset()

    def rewinds(self) -> bool:
        return self.able

    def rewind(self, tokens: int) -> None:
        self.position = tokens


class Stream(FakeFacts, kw_only=True):
    """Generates by itself, and keeps which contexts it was filled with."""

    contexts: list[bytes]
    prefixes: bool = True
    forgotten: int = 0

    def fill(self, ids: Ids) -> None:
        self.contexts.append(ids.tobytes())

    def held_exactly(self) -> bool:
        return True

    def keeps_prefixes(self) -> bool:
        return self.prefixes

    def forget(self) -> None:
        self.forgotten += 1

    def generate(self, ids: Ids, tokens: int, on_token: Callable[[int], None]) -> None:
        for token in range(tokens):
            on_token(token)


def request(folder: Path, depth: int) -> tuple[OpenRequest, Scenario]:
    (folder / "net.onnx").touch()
    artifact = fake_artifact(folder / "net.onnx", "text_generation")
    scenario = Scenario("single-stream", prompt_tokens=PROMPT, generate_tokens=2, depth_tokens=depth)
    return OpenRequest(artifact, "cpu", prompt_tokens=PROMPT), scenario


def played(session: Any, folder: Path, depth: int = DEPTH, prompts: Path | None = None) -> Steady:
    asked, scenario = request(folder, depth)
    watched = Watched(EnergyMeter({}, (), folder, {}), CoreClocks(folder), None)
    generation = Generation(request=asked, scenario=scenario, rule=RULE, seed=0, prompts=prompts)
    recorder = PhaseRecorder(MemoryProbe(), lambda name: None)
    opened = OpenedText(session, prompt_tokens=PROMPT)
    return play_generation(generation, opened, recorder, nullcontext, watched, play_single_stream, LongRun())[1]


@pytest.mark.parametrize(
    ("able", "depth", "fills"),
    [
        (True, DEPTH, 1),
        (False, DEPTH, FIRST + WARM + MEASURED + LEAST_PASS_QUERIES),
        (False, 0, FIRST + WARM + MEASURED + LEAST_PASS_QUERIES),
    ],
)
def test_a_context_is_computed_once_or_for_each_query(able: bool, depth: int, fills: int, tmp_path: Path) -> None:
    """Where the session goes back to it, and elsewhere; the pass of single tokens is run in any case, as the cost of a
    token is the difference between its queries and whole ones."""
    session = Steps({}, sizes=[], able=able)
    steady = played(session, tmp_path, depth)
    assert fills == session.fills
    assert steady.context_reused == (able if depth else None)
    assert steady.prefill_energy is not None
    assert steady.prefill_energy.queries == LEAST_PASS_QUERIES
    assert session.sizes.count(depth) == (fills if depth else 0)


def test_an_engine_that_keeps_prefixes_finds_one_context_for_all_queries(tmp_path: Path) -> None:
    """All of a process begin behind the same; their own prompts differ."""
    session = Stream({}, contexts=[])
    steady = played(session, tmp_path)
    assert (1, FIRST + WARM + MEASURED + LEAST_PASS_QUERIES) == (len({*session.contexts}), len(session.contexts))
    assert steady.context_reused
    assert [0, 0] == steady.arrays["shared_tokens"].tolist()


def test_own_prompts_get_a_new_context_where_they_would_be_found_behind_the_old(tmp_path: Path) -> None:
    """They come again; behind the same context the engine would not compute them."""
    prompts = tmp_path / "prompts.json"
    save_prompts(prompts, [Prompt(ids=(1, 2, 3))])
    session = Stream({}, contexts=[])
    played(session, tmp_path, prompts=prompts)
    assert FIRST + WARM + MEASURED + LEAST_PASS_QUERIES == len({*session.contexts}) == len(session.contexts)


def checked(session: Any, folder: Path, again: bool, depth: int = DEPTH) -> TextFound:
    asked, scenario = request(folder, depth)
    return check_text(
        OpenedText(session, prompt_tokens=PROMPT),
        asked,
        scenario,
        seed=0,
        prompts=None,
        forced=None,
        tokenizer=None,
        emulated=False,
        again=again,
        folder=folder,
    )


@pytest.mark.parametrize(("able", "again", "fills"), [(True, True, 1), (False, True, 2), (False, False, 1)])
def test_the_check_computes_a_context_no_more_often_than_it_must(
    able: bool, again: bool, fills: int, tmp_path: Path
) -> None:
    """Once where the session goes back to it; and of a reference, which is asked once."""
    session = Steps({}, sizes=[], able=able)
    found = checked(session, tmp_path, again)
    assert fills == session.fills
    assert again == (found.determinism is not None)
    assert found.determinism is None or found.determinism.identical


@pytest.mark.parametrize("depth", [0, DEPTH])
def test_an_engine_that_keeps_prefixes_is_asked_again_as_if_new(depth: int, tmp_path: Path) -> None:
    """Behind a context, too: the prompt itself would be found."""
    session = Stream({}, contexts=[])
    checked(session, tmp_path, again=True, depth=depth)
    assert session.forgotten == 1


@pytest.mark.parametrize(("query_s", "count"), [(0.1, 6), (0.5, 6), (0.9, 3), (2.9, 2), (60.0, 2)])
def test_slow_queries_make_a_pass_shorter(query_s: float, count: int) -> None:
    """Of six, no other begins once 2.7 s have passed; two in any case."""
    now = 0.0

    def clock() -> int:
        return round(now * 1e9)

    found = 0
    rule = replace(RULE, max_duration_ns=2_700_000_000)
    for _ in pass_queries(repeat(Query(np.zeros(0), np.ones(1))), rule, clock):
        now += query_s
        found += 1
    assert count == found


@pytest.mark.parametrize(
    ("most", "fixed", "length"), [(512, None, PROMPT), (2, None, 2), (2, PROMPT, PROMPT), (512, 100, 100)]
)
def test_prompts_that_look_for_a_cache_have_a_limit(most: int, fixed: int | None, length: int, tmp_path: Path) -> None:
    """Whatever the length of those that are measured; a fixed graph gets what it computes at once."""
    distinct = distinct_queries(*request(tmp_path, DEPTH), seed=0, most=most, prefill_tokens=fixed)
    query = next(distinct)
    assert (0, length) == (len(query.context), len(query.prompt))


def test_filling_tells_how_far_it_has_come() -> None:
    """After each part of a long context but the last, which the timed query follows."""
    told: list[tuple[int, int]] = []
    progress.listen(lambda part, whole: told.append((part, whole)))
    try:
        OpenedText(Steps({}, sizes=[])).fill(np.arange(1100))
    finally:
        progress.listen(lambda part, whole: None)
    assert [(512, 1100), (1024, 1100)] == told
