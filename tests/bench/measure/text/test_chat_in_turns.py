"""Conversations that take turns with another process: shorter than a block's lead-in, and longer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from msgspec import field

from bench.contracts import DecoderSpec, Scenario
from bench.inputs.prompts import Lengths, Query
from bench.machine.clocks import CoreClocks
from bench.measure.energy import EnergyMeter
from bench.measure.interleaved import LEAST_BLOCKS
from bench.measure.players.chat import play_chat
from bench.measure.stage import Stage, Steady, Text, Watched
from bench.measure.text_driver import OpenedText
from bench.record.record import StoppingRule
from bench.testing.plugins import FakeFacts

TURNS = 3
RULE = StoppingRule(50, 0.5, 3, 1000, 1, 10**9, 2, 10**9, 0.5)


class Session(FakeFacts):
    """Answers at once."""

    fed: list[int] = field(default_factory=list)

    def prefill(self, ids: "np.ndarray") -> int:
        self.fed.append(len(ids))
        return 1

    def decode(self) -> int:
        return 2

    def reset(self) -> None:
        pass


def played(tmp_path: Path, take_turn: Callable[[bool], bool]) -> tuple[Steady, Session]:
    session = Session({})

    @contextmanager
    def steady() -> Iterator[None]:
        yield

    def endless() -> Iterator[Query]:
        while True:
            yield Query(np.zeros(0, np.int64), np.arange(4))

    decoder = DecoderSpec(layers=1, kv_heads=1, head_dim=4, vocab_size=16, context_length=4096)
    text = Text(
        session=OpenedText(session), decoder=decoder, endless=endless(), tokens=2, lengths=Lengths(4, 0), seed=0
    )
    stage = Stage(
        scenario=Scenario("chat", 4, 2, parameters={"turns": TURNS, "prefix_cache": "on"}),
        rule=RULE,
        watched=Watched(EnergyMeter({}, (), tmp_path, {}), CoreClocks(tmp_path), take_turn),
        run=lambda count, timeline: None,
        call=lambda: None,
        lanes=lambda count: [],
        steady=steady,
        text=text,
    )
    return play_chat(stage), session


def test_an_untimed_conversation_of_a_block_is_in_no_figure(tmp_path: Path) -> None:
    """A conversation far shorter than 12.5 ms is run once untimed as each block begins. Its turns used to be counted
    with those of the blocks, so that a comparison refused the record."""
    left = iter(range(LEAST_BLOCKS + 3))
    found, session = played(tmp_path, lambda satisfied: next(left, None) is not None)
    arrays = found.arrays
    rounds = len(arrays["round_ns"])
    assert int(arrays["block_queries"].sum()) == len(arrays["latency_ns"]) == TURNS * rounds
    assert len(session.fed) > TURNS * (rounds + found.warmup.queries)  # those at the begin of each block
    assert arrays["point"].tolist() == [*range(TURNS)] * rounds
    assert (arrays["latency_ns"].reshape(rounds, TURNS).sum(axis=1) == arrays["round_ns"]).all()
    assert len(arrays["token_ns"]) == len(arrays["prefilled_tokens"]) == TURNS * rounds
    assert found.energy.queries == TURNS * rounds
