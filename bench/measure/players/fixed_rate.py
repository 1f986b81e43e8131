"""The fixed-rate scenario: frames at equal distances, as a camera delivers them, whether or not a lane is free."""

from time import perf_counter_ns

from bench.measure.open_loop.arrivals import NS_PER_S, regular_ns
from bench.measure.open_loop.line import Drop
from bench.measure.open_loop.loop import Clock, play_open_loop
from bench.measure.open_loop.pace import Wait, real_wait
from bench.measure.open_loop.steady import steady_of, warmed_up, window_queries
from bench.measure.stage import Stage, Steady
from bench.scenarios.kinds import DROP, RATE


def play_fixed_rate(stage: Stage, clock: Clock = perf_counter_ns, wait: Wait = real_wait) -> Steady:
    """Frames for as long as the rule allows, at least as many as it asks for. One lane, unless another number is asked
    for: one frame is in work at a time."""
    lanes = stage.lanes(stage.scenario.lanes or 1)
    rate = float(stage.scenario.number(RATE.name))
    drop: Drop = stage.scenario.own_parameters[DROP.name]  # type: ignore[assignment]
    frames = window_queries(stage.rule, rate, stage.rule.min_queries)
    with stage.steady():
        warmup, warm = warmed_up(lanes, stage.rule, clock)
        stage.watched.meter.start()
        played = play_open_loop(
            lanes,
            regular_ns(rate, frames),
            drop=drop,
            length_ns=round(frames / rate * NS_PER_S),
            clock=clock,
            wait=wait,
        )
        energy = stage.watched.meter.stop(len(played.done_ns))
        stage.watched.clocks.look()
    return steady_of(played, warmup, warm, energy, len(lanes))
