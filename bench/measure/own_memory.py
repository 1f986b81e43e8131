"""The harness' own memory, taken before the model's is looked at."""

from bench.analysis.throughput import throughput_of
from bench.measure.loop import steady_state, warm_up
from bench.record.record import StoppingRule
from bench.stats.timeline import Timeline

REHEARSED_QUERIES = 100_000


def rehearse(rule: StoppingRule) -> None:
    """Run warm-up, steady state and an offline window on made-up latencies with a simulated clock.

    What the harness imports and allocates on first use (numpy, its transforms, the statistics of the stopping rule) is
    then in place, and is not counted as memory of the inference.
    """
    import numpy as np

    now_ns, queries = 0, 0

    def run(count: int, timeline: Timeline) -> None:
        nonlocal now_ns, queries
        more = min(count, REHEARSED_QUERIES)
        done_ns = now_ns + np.cumsum(step_ns + np.arange(queries, queries + more, dtype=np.int64) % 7)
        timeline.issued_ns.append(now_ns)
        timeline.issued_ns.frombytes(done_ns[:-1].tobytes())
        timeline.done_ns.frombytes(done_ns.tobytes())
        now_ns, queries = int(done_ns[-1]), queries + more

    step_ns = max(1_000, rule.max_duration_ns // REHEARSED_QUERIES)
    warm_up(run, rule, lambda: now_ns)
    seen = steady_state(run, rule, lambda: now_ns)
    throughput_of([seen], 0, max(1, now_ns)).converged(rule.precision)
