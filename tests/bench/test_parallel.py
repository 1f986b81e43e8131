"""The same work on many items gives the same results on several cores."""

import os

import pytest

from bench import parallel


def described(number: int) -> tuple[int, int]:
    return number, os.getpid()


@pytest.mark.process
def test_results_come_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is done first; few items stay in this process."""
    many = list(parallel.each(described, range(3 * parallel.FEWEST)))
    few = list(parallel.each(described, range(parallel.FEWEST - 1)))
    assert (list(range(3 * parallel.FEWEST)), list(range(parallel.FEWEST - 1)), {os.getpid()}) == (
        [number for number, _ in many],
        [number for number, _ in few],
        {process for _, process in few},
    )


@pytest.mark.process
def test_several_cores_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Linux with two cores or more, of many items only the first is done in this process, so that the others find
    imported what it needs; on one core all are."""
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("processes are not forked here")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    first, *others = (process for _, process in parallel.each(described, range(parallel.FEWEST)))
    assert (os.getpid(), False) == (first, os.getpid() in others)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})
    assert {os.getpid()} == {process for _, process in parallel.each(described, range(parallel.FEWEST))}


def refuse(number: int) -> int:
    if number == 57:
        raise ValueError("57 cannot be")
    return number


@pytest.mark.process
def test_an_error_reaches_the_caller() -> None:
    """As it was raised."""
    with pytest.raises(ValueError, match="57 cannot be"):
        list(parallel.each(refuse, range(parallel.FEWEST)))
