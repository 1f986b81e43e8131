"""Two workers in turns: one at a time, each first as often as the other, nobody waited for in vain."""

import threading
from collections.abc import Callable

import pytest

from bench.process.turnstile import Turnstile


def play(turns: tuple[int, int], first: int = 0, leaves_early: int | None = None) -> tuple[str, dict[int, int]]:
    """Both sides take turns, satisfied after so many; what happened, a letter a turn, and how many each measured."""
    turnstile, log, counts = Turnstile(first), list[str](), {0: 0, 1: 0}
    at_once = threading.Lock()

    def side(which: int) -> None:
        try:
            satisfied = False
            while turnstile.take(which, satisfied):
                assert at_once.acquire(blocking=False), "both at once"
                log.append("ab"[which])
                counts[which] += 1
                satisfied = counts[which] >= turns[which]
                at_once.release()
                if which == leaves_early:
                    return
            log.append("AB"[which])
        finally:
            turnstile.leave(which)

    threads = [threading.Thread(target=side, args=(which,), daemon=True) for which in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    return "".join(log), counts


@pytest.mark.parametrize(("first", "expected"), [(0, "abbaabAB"), (1, "baabbaBA")])
def test_the_order_is_turned_every_round(first: int, expected: str) -> None:
    """a b, b a, a b …, so that neither is always first; the last turn, after enough, is in turn as well."""
    log, _ = play((3, 3), first)
    assert expected[:6] == log[:6]
    assert {"A", "B"} == set(log[6:])


def test_both_measure_as_often_as_the_slower_needs() -> None:
    """The one that is satisfied after 2 turns goes on until the other is, after 9."""
    assert {0: 9, 1: 9} == play((2, 9))[1]


@pytest.mark.parametrize("gone", [0, 1])
def test_one_that_has_left_is_not_waited_for(gone: int) -> None:
    """After a crash the other measures on alone, and ends by its own rule."""
    _, counts = play((5, 5), leaves_early=gone)
    assert {gone: 1, 1 - gone: 5} == counts


def test_many_turns_never_overlap() -> None:
    """500 turns each under threads that race."""
    run: Callable[[], tuple[str, dict[int, int]]] = lambda: play((500, 500))  # noqa: E731
    assert {0: 500, 1: 500} == run()[1]
