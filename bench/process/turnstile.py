"""Lets workers measure in turns: one at a time, in rounds of one turn each, every other round in reverse.

A round begins when all wait. In rounds a b, b a, a b … a drift of the machine that is a straight line over two rounds
weighs on all alike. One that has left is waited for no more.
"""

import threading


class Turnstile:
    """Shared by the threads of the parent that each follow a worker, numbered from 0. ``first``: who begins; the others
    follow by number, and the first behind the last. ``sides``: how many there are."""

    def __init__(self, first: int = 0, sides: int = 2) -> None:
        self._changed = threading.Condition()
        self._order = [(first + side) % sides for side in range(sides)]
        self._here = [True] * sides
        self._waiting = [False] * sides
        self._satisfied = [False] * sides
        self._working: int | None = None
        self._left_in_round: list[int] = []
        self._enough = False

    def take(self, side: int, satisfied: bool) -> bool:
        """Give up the turn, wait for the next one. Returns whether to measure on: false once all are satisfied."""
        with self._changed:
            self._release(side)
            self._waiting[side], self._satisfied[side] = True, satisfied
            self._grant()
            self._changed.wait_for(lambda: self._working == side)
            self._waiting[side] = False
            return not self._enough

    def leave(self, side: int) -> None:
        """The worker is gone, however it went."""
        with self._changed:
            self._release(side)
            self._here[side] = False
            self._grant()

    def _release(self, side: int) -> None:
        if self._working == side:
            self._working = None

    def _grant(self) -> None:
        self._left_in_round = [side for side in self._left_in_round if self._here[side]]
        present = [side for side in self._order if self._here[side]]
        if self._working is None and not self._left_in_round and present and all(self._waiting[s] for s in present):
            self._left_in_round = present
            self._order.reverse()
            self._enough = all(self._satisfied[side] for side in present)
        if self._working is None and self._left_in_round and self._waiting[self._left_in_round[0]]:
            self._working = self._left_in_round.pop(0)
            self._changed.notify_all()
