"""The first figure of a run is the one that its scenario is about, in words that say what it is."""

from typing import Any

import numpy as np
import pytest
from made_conversations import chat, concurrent
from open_loops import Device as Lane
from open_loops import scenario_of, sound_run
from real_use_runs import pipeline, server, waking
from sustained import Device, noisy, played, run_of, sustained

from bench.analysis.metrics import METRICS
from bench.record.record import RecordedRun
from bench.reports.runs.html import HtmlReport
from bench.reports.runs.markdown import MarkdownReport
from bench.reports.runs.terminal import TerminalReport
from bench.reports.words.leading import WORDS, leading_words
from bench.scenarios.kinds import KINDS
from bench.store.derived import judged
from bench.testing.records import fake_run
from bench.words import speaking, units

MS = 1_000_000


def lasting(minutes: int, throttles: bool, **rate: float) -> RecordedRun:
    scenario = sustained(minutes, **rate)
    level = noisy(lambda minute: 125.0 if throttles and minute >= 7 else 100.0)
    return judged(run_of([played(Device(level), scenario)], scenario))


def plain(text: str, latency_ns: int, queries: int = 1000) -> RecordedRun:
    return judged(fake_run("r", [np.full(queries, latency_ns)] * 3, scenario=scenario_of(text)))


def tailed() -> RecordedRun:
    """Of fifty queries 49 take 2 ms, which is their median, and the last one 9 ms, which is their p99."""
    latency = np.where(np.arange(1000) % 50 == 49, 9 * MS, 2 * MS)
    return judged(fake_run("r", [latency] * 3, scenario=scenario_of("multi-stream:streams=8")))


ALIKE = (1, 1, 1)
SAID: dict[str, tuple[Any, str, str]] = {
    "sustained": (lambda: lasting(4, throttles=False), "steady rate 9.97 queries/s, 99.6 %", "안정 속도 9.97 쿼리/s"),
    "throttled": (lambda: lasting(20, throttles=True), "throttled after 42", "스로틀링"),
    "wake": (
        waking,
        "8.00 ms to the first answer after 1.00 s idle (4.00× the warm one)",
        "1.00 s 유휴 뒤의 첫 응답까지 8.00 ms",
    ),
    "fixed-rate": (
        lambda: judged(sound_run("fixed-rate:rate=50", lambda: Lane([5 * MS]))),
        "100 % of frames in time (",
        "제때 처리된 프레임 100%(",
    ),
    "server": (
        lambda: judged(sound_run("server:rate=50,latency=20ms,percentile=90", lambda: Lane([5 * MS]))),
        " of queries within 20.0 ms (",
        "20.0 ms 이내 쿼리 ",
    ),
    "server:rate=auto": (server, " queries/s within 20.0 ms at p90", "p90 20.0 ms 이내에서 1"),
    "end-to-end": (pipeline, "15.0 ms per input, end to end", "입력당 15.0 ms(전체 과정)"),
    "chat": (
        lambda: chat(processes=ALIKE),
        "25.6 ms to the first token of the last turn, then 3.00 ms a token",
        "마지막 턴의 첫 토큰까지 25.6 ms, 이후 토큰당 3.00 ms",
    ),
    "concurrent": (
        lambda: concurrent(600, ALIKE),
        "25.8 tokens/s of 2 users together",
        "사용자 2명 합계 25.8 토큰/s",
    ),
    "batch": (lambda: plain("batch:sizes=4", 2 * MS), "2,000 samples/s in batches of 4", "배치 크기 4, 2,000 샘플/s"),
    "multi-stream": (
        lambda: plain("multi-stream:streams=8", 2 * MS),
        "2.00 ms at p99 for a query of 8 samples",
        "샘플 8개 쿼리의 p99 2.00 ms",
    ),
    "multi-stream with a tail": (
        tailed,
        "9.00 ms at p99 for a query of 8 samples",
        "샘플 8개 쿼리의 p99 9.00 ms",
    ),
    "single-stream": (lambda: plain("single-stream", 2 * MS), "2.00 ms", "2.00 ms"),
}


@pytest.mark.parametrize("scenario", SAID)
def test_it_is_said_what_was_measured(scenario: str) -> None:
    """On the first screen of each format, in both languages."""
    make, english, korean = SAID[scenario]
    run: RecordedRun = make()
    assert english in leading_words(run.record)
    for writer in (HtmlReport(), MarkdownReport(), TerminalReport(400)):
        told = writer.render([run]).decode().replace(units.NO_BREAK, " ").replace("\\", "")
        assert english in told
    with speaking("ko"):
        assert korean in leading_words(run.record)


def test_every_scenario_has_its_words_and_names_metrics() -> None:
    assert {*WORDS} == {*KINDS}
    known = {metric.name for metric in METRICS}
    assert not {name for kind in KINDS.values() for name in (*kind.leading, *kind.beside)} - known


def test_a_column_stands_where_a_run_has_the_figure() -> None:
    """No power sensor, no column of watts; of a sustained run no throttle, no time to it."""
    shown = TerminalReport(200).render([waking()]).decode()
    assert "Over warm" in shown
    assert "to keep awake" not in shown
    steady, hot = (TerminalReport(200).render([lasting(20, throttles)]).decode() for throttles in (False, True))
    assert ("Throttles after" in steady, "Throttles after" in hot) == (False, True)
