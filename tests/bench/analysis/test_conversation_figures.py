"""Figures of conversations and of users at once, of runs whose arithmetic can be done by hand."""

import numpy as np
import pytest
from made_conversations import MS, SLOWER, chat, concurrent

from bench.record.record import RecordedRun
from bench.store.contradictions import contradictions


def figure(run: RecordedRun, name: str) -> float | None:
    return run.record.summary.figures[name].value


def along(run: RecordedRun, name: str) -> dict[float, float | None]:
    """A curve of the run, in milliseconds."""
    curve = run.record.summary.curves[name]
    values = [None if one.value is None else one.value / MS for one in curve.points]
    return dict(zip(curve.at, values, strict=True))


def test_the_wait_at_the_end_of_a_conversation() -> None:
    """The seventh of thirteen conversations: 25.6 ms in the last turn, twice that in a typical process."""
    assert 51.2 * MS == figure(chat(), "ttft_last_turn_ns")
    found = chat().record.summary.figures["ttft_last_turn_ns"].interval95
    assert found is not None
    assert found[0] <= 51.2 * MS <= found[1]


def test_of_an_even_number_of_conversations_the_middle_two_count() -> None:
    """Twelve: 0.55 ms after 25 ms."""
    assert 51.1 * MS == figure(chat(12), "ttft_last_turn_ns")


@pytest.mark.parametrize(("conversations", "known"), [(3, False), (4, True)])
def test_a_median_needs_eleven_conversations(conversations: int, known: bool) -> None:
    """Of all processes together: three of three are too few, three of four enough."""
    assert known == (figure(chat(conversations), "ttft_last_turn_ns") is not None)


def test_time_to_first_token_by_turn() -> None:
    """5 ms more each turn, and the time per token grows by 1 ms; of a typical process, twice as much. Turns are counted
    from one."""
    run = chat()
    assert {1: 21.2, 2: 31.2, 3: 41.2, 4: 51.2} == along(run, "ttft_ns")
    assert {1: 2.0, 2: 4.0, 3: 6.0, 4: 8.0} == along(run, "tpot_ns")
    assert [13 * len(SLOWER)] * 4 == [one.n for one in run.record.summary.curves["ttft_ns"].points]


def test_the_latency_is_that_of_whole_conversations() -> None:
    """10 + 15 + 20 + 25 ms of first tokens, four times 0.6 ms, and 2 · (1 + 2 + 3 + 4) ms of others."""
    latency = chat().record.summary.latency_ns
    assert latency is not None
    assert (13 * len(SLOWER), 2 * 92.4 * MS) == (latency.n, latency.p50)


def test_tails_of_users_at_once() -> None:
    """Of 200 generations the one of rank 190, of 600 gaps that of rank 570, as LoadGen counts: 191 ms and 1.91 ms."""
    run = concurrent()
    assert 2 * 191 * MS == figure(run, "ttft_p95_ns")
    assert 2 * 1.91 * MS == figure(run, "itl_p95_ns")


def test_processes_of_few_generations_have_their_tail_together() -> None:
    """Sixty are too few for a p95 of their own (130): it is that of all 180. Of gaps each has 180."""
    run = concurrent(60)
    together = sorted(number * slower * MS for number in range(1, 61) for slower in SLOWER)
    assert together[180 * 95 // 100] == figure(run, "ttft_p95_ns")
    gaps = sorted(number * MS // 100 for number in range(1, 61) for _ in range(3))
    assert 2 * gaps[180 * 95 // 100] == figure(run, "itl_p95_ns")


def test_too_few_generations_have_no_tail() -> None:
    """Of 126 in all there is no p95 of the first token; of their 378 gaps there is one."""
    run = concurrent(42)
    assert None is figure(run, "ttft_p95_ns")
    assert None is not figure(run, "itl_p95_ns")


def test_figures_by_user() -> None:
    """One user's first tokens after 1, 3 … 199 ms: 100 in the middle; the other's 1 ms later. Of 300 gaps each, rank
    285."""
    run = concurrent()
    assert {1: 200.0, 2: 202.0} == along(run, "ttft_ns")
    assert {1: 3.82, 2: 3.84} == along(run, "itl_p95_ns")


def test_tokens_of_all_users() -> None:
    """800 tokens of generations that ended and one of those under way, in 10.413 s: the other user alone takes 10.403 s
    for a hundred. Half as many a second in a typical process."""
    assert 801 / 10.413 / 2 == pytest.approx(figure(concurrent(), "tokens_per_s"))


def test_users_generate_at_once() -> None:
    """As the arrays say: two at almost every moment, and never more; and a record of them has no contradiction."""
    run = concurrent()
    start, latency = run.samples["start_ns_0"], run.samples["latency_ns_0"]
    moments = np.linspace(0, 10.29 * 1000 * MS, 500)
    under_way = ((start <= moments[:, None]) & (moments[:, None] < start + latency)).sum(axis=1)
    assert {2} == {*under_way.tolist()}
    assert (np.diff(start + latency) >= 0).all()
    assert [] == [*contradictions(run.record, run.samples)]


def test_other_scenarios_have_none_of_them() -> None:
    """Neither a conversation the tails, nor users at once a last turn."""
    assert not {"ttft_p95_ns", "itl_p95_ns", "tokens_per_s"} & {*chat().record.summary.figures}
    assert "ttft_last_turn_ns" not in concurrent().record.summary.figures
