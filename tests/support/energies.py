"""The energy of a run, from the windows in which it was read."""

from collections.abc import Sequence

from bench.analysis import energy
from bench.analysis.summary import summarise
from bench.contracts import Channel
from bench.record.energy import EnergySummary, RepeatEnergy
from bench.record.record import Phases, Repeat, Scenario


def energy_summary(
    energies: Sequence[RepeatEnergy], macs: int | None, bytes_moved: int | None, channels: Sequence[Channel]
) -> EnergySummary:
    """As a record has it, of processes with one window each."""
    repeats = [Repeat(Phases(), energy=one) for one in energies]
    found = energy.energy_summary(energies, macs, bytes_moved, channels)
    summary = summarise(repeats, {}, Scenario("single-stream"), energy=found).energy
    assert summary is not None
    return summary
