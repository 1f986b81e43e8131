"""No reader of what somebody else wrote raises anything but an error with a sentence: a short run of every fuzzer."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace

import fuzzers
import pytest
from fuzzers import FUZZERS, findings

SHORT = 180
LONG = int(os.environ.get("ODB_FUZZ_INPUTS", "8000"))


@pytest.mark.parametrize("name", list(FUZZERS))
def test_every_input_is_read_or_refused(name: str) -> None:
    """Of so many seeded inputs none is a finding, and some are read: the damage is not always fatal."""
    read, found = findings(name, SHORT)
    assert {} == dict(found)
    assert read > 0 or name in ("record bytes", "names")


@pytest.mark.fuzz_long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", list(FUZZERS))
def test_every_input_of_many(name: str) -> None:
    """The same with ``ODB_FUZZ_INPUTS`` inputs each, of another seed."""
    _, found = findings(name, LONG, seed=1)
    assert {} == dict(found)


def sleeping(rng: Random) -> None:
    """Waits, as for a pipe that nobody writes to."""
    time.sleep(0.2)


def spinning(rng: Random) -> None:
    """Works, as on a number of a million digits."""
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass


def tried(monkeypatch: pytest.MonkeyPatch, attempt: Callable[[Random], None]) -> list[str]:
    """What is found with a reader that does this."""
    made = SimpleNamespace(attempt=attempt)
    monkeypatch.setitem(FUZZERS, "slow", (lambda folder: made, "attempt", 1.0))  # type: ignore[arg-type]
    return list(findings("slow", 1)[1])


@pytest.mark.parametrize("attempt", [sleeping, spinning])
def test_a_slow_reader_is_found(monkeypatch: pytest.MonkeyPatch, attempt: Callable[[Random], None]) -> None:
    """One that takes long is a finding, whether it works or waits."""
    monkeypatch.setattr(fuzzers, "SLOW_SECONDS", 0.1)
    assert ["over 0.1 s, input 0"] == tried(monkeypatch, attempt)


@pytest.mark.parametrize(("waited_s", "found"), [(0.5, ["over 10 s, input 0"]), (5.0, [])])
def test_a_busy_machine_is_no_finding(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, waited_s: float, found: list[str]
) -> None:
    """Of 12 s by the clock, what the reader waited for a processor does not count."""
    stat, clock = tmp_path / "schedstat", [100.0]
    stat.write_text("0 0 1")
    monkeypatch.setattr(fuzzers, "SCHEDSTAT", stat)
    monkeypatch.setattr(fuzzers, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def attempt(rng: Random) -> None:
        clock[0] += 12
        stat.write_text(f"0 {waited_s * 1e9:.0f} 2")

    assert found == tried(monkeypatch, attempt)
