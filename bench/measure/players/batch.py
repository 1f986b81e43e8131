"""The batch scenario: queries one after another, each of several samples at once."""

from msgspec.structs import replace

from bench.measure.players.single_stream import play_single_stream
from bench.measure.stage import Stage, Steady
from bench.scenarios.kinds import samples_of


def play_batch(stage: Stage) -> Steady:
    """As a single stream; the model takes all samples of a query in one run. Energy is counted for each sample, so that
    sizes can be compared."""
    steady = play_single_stream(stage)
    return replace(steady, energy=replace(steady.energy, queries=samples_of(stage.scenario) * steady.energy.queries))
