"""The chat scenario: one conversation after another, and in each a turn is a query.

A round is a whole conversation. Warm-up and steady state end by the times of rounds, since turns differ by their
history; what is measured of each turn belongs to a point of the scenario's axis.
"""

from msgspec.structs import replace

from bench.measure.conversation import Conversation, conversations, time_conversation
from bench.measure.players.single_stream import play_one_by_one, token_times
from bench.measure.stage import Stage, Steady, text_of
from bench.progress import done
from bench.scenarios.text import keeps_prefix, turns_of
from bench.stats.timeline import Timeline


def play_chat(stage: Stage) -> Steady:
    """Conversations until the rule is met; arrays of turns, and of rounds. Rounds of the warm-up, and those that are
    run untimed as a block begins, are in timelines of their own: the last one belongs to the steady state."""
    import numpy as np

    text, turns = text_of(stage), turns_of(stage.scenario) or 1
    talk = Conversation(
        text.session, keeps=keeps_prefix(stage.scenario), forgets=bool(text.given), stop_tokens=text.stop_tokens
    )
    prompts, of_turns = conversations(text.given, text.endless, turns), Timeline()
    of_rounds: list[Timeline] = []

    least = turns * (stage.rule.warmup_min_queries + stage.rule.min_queries)

    def ended() -> None:
        done(min(len(of_turns.done_ns), least), least)

    def run(count: int, timeline: Timeline) -> None:
        for _ in range(count):
            begin = len(of_turns.done_ns)
            time_conversation(talk, next(prompts), text.tokens, of_turns, ended=ended)
            of_rounds.append(timeline)
            busy_ns = int(of_turns.latency_ns()[begin:].sum())
            timeline.issued_ns.append(of_turns.issued_ns[begin])
            timeline.done_ns.append(of_turns.issued_ns[begin] + busy_ns)

    rounds = play_one_by_one(stage, run)
    steady = np.repeat([timeline is of_rounds[-1] for timeline in of_rounds], turns)
    issued_ns = np.array(of_turns.issued_ns, np.int64)[steady]
    arrays = {
        "latency_ns": of_turns.latency_ns()[steady],
        "start_ns": issued_ns - issued_ns[0],
        "warmup_latency_ns": rounds.arrays["warmup_latency_ns"],
        "round_ns": rounds.arrays["latency_ns"],
        "round_start_ns": rounds.arrays["start_ns"],
        "token_ns": token_times(of_turns)[steady],
        "prefilled_tokens" if talk.tells else "prompt_tokens": np.array(of_turns.prompt_tokens, np.int64)[steady],
        "point": np.tile(np.arange(turns, dtype=np.int64), len(issued_ns) // turns),
    }
    if "block_queries" in rounds.arrays:
        arrays["block_queries"] = turns * rounds.arrays["block_queries"]
    energy = replace(rounds.energy, queries=turns * rounds.energy.queries)
    return replace(rounds, arrays=arrays, energy=energy)
