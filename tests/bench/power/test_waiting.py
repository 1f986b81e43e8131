"""A log that is still being written is waited for, one that is not is taken as it is: on a scripted clock."""

import os
from pathlib import Path

from bench.power.waiting import STILL_S, Clock, wait_for

S = 1_000_000_000
BEGAN, ENDED = 1_000 * S, 1_100 * S


class Script:
    """Time passes only in ``sleep``; the file grows at the times of ``grows``, in seconds after the run's end."""

    def __init__(self, file: Path, *grows: float) -> None:
        self.now, self._file, self._grows = ENDED, file, list(grows)
        self.clock = Clock(lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * S)
        while self._grows and self.now >= ENDED + self._grows[0] * S:
            self._grows.pop(0)
            with self._file.open("a", encoding="utf-8") as stream:
                stream.write("1,2\n")

    @property
    def waited_s(self) -> float:
        return (self.now - ENDED) / S


def written(file: Path, at_ns: int) -> Path:
    file.write_text("t,P\n", encoding="utf-8")
    os.utime(file, ns=(at_ns, at_ns))
    return file


def test_it_grows_after_the_run(tmp_path: Path) -> None:
    """Line by line: what is written 3 s after the end holds the run."""
    file = written(tmp_path / "m.csv", ENDED - S)
    script = Script(file, 1, 2, 3, 4, 5)
    assert wait_for(file, BEGAN, ENDED, clock=script.clock)
    assert script.waited_s == 3


def test_it_grows_a_block_at_a_time(tmp_path: Path) -> None:
    file = written(tmp_path / "m.csv", ENDED - 40 * S)
    script = Script(file, 20)
    assert wait_for(file, BEGAN, ENDED, clock=script.clock)
    assert script.waited_s == 20


def test_it_was_closed_during_the_run(tmp_path: Path) -> None:
    """A minute without growth. Its program may still hold back the end of the last line."""
    file = written(tmp_path / "m.csv", ENDED - 30 * S)
    script = Script(file)
    assert wait_for(file, BEGAN, ENDED, clock=script.clock)
    assert script.waited_s == STILL_S + 1


def test_one_of_before_the_run_is_not_waited_for(tmp_path: Path) -> None:
    file = written(tmp_path / "m.csv", BEGAN - S)
    script = Script(file)
    assert not wait_for(file, BEGAN, ENDED, clock=script.clock)
    assert script.waited_s == 0


def test_one_that_never_comes(tmp_path: Path) -> None:
    script = Script(tmp_path / "m.csv")
    assert not wait_for(tmp_path / "m.csv", BEGAN, ENDED, clock=script.clock)
    assert script.waited_s == STILL_S + 1


def test_one_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    """The meter's program writes it when it is stopped."""
    file = tmp_path / "m.csv"
    script = Script(file, 10)
    said: list[float] = []
    assert wait_for(file, BEGAN, ENDED, said.append, script.clock)
    assert (script.waited_s, said[0]) == (10, 0)
