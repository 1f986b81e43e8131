"""A record of a conversation with every part filled in, as this version writes it."""

import numpy as np
from msgspec.structs import replace
from whole_records import MODEL, QUICK, TARGET, Samples, _finished, _record, _repeat

from bench.contracts import Scenario
from bench.record.energy import EnergySummary
from bench.record.evidence import Determinism, RepeatRule
from bench.record.record import PlanPart, RecordedRun, SampleArrays
from bench.record.summary import Summary
from bench.record.text import AnswersChecked, KvCache, TextGeneration
from bench.suite.presets import text_generation_rule

TURNS, TOKENS, CONVERSATIONS = 2, 4, 12


def chat() -> RecordedRun:
    """Twelve conversations of two turns in each of five processes, with the prefix kept."""
    samples: Samples = {}
    repeats = []
    for index in range(5):
        gaps = (2e6 * np.random.default_rng(index).lognormal(0, 0.02, (TURNS * CONVERSATIONS, TOKENS))).astype(np.int64)
        times = gaps.cumsum(axis=1)
        made = _repeat(index, samples, times[:, -1])
        start = samples[f"start_ns_{index}"]
        extra = {
            "token_ns": times,
            "prefilled_tokens": np.tile([16, 17], CONVERSATIONS),
            "point": np.tile(np.arange(TURNS), CONVERSATIONS),
            "round_ns": times[:, -1].reshape(-1, TURNS).sum(axis=1),
            "round_start_ns": start[::TURNS],
        }
        samples.update({f"{role}_{index}": array for role, array in extra.items()})
        arrays = {**made.samples.arrays, **{role: f"{role}_{index}" for role in extra}} if made.samples else {}
        taken = SampleArrays(TURNS * CONVERSATIONS, arrays)
        repeats.append(replace(made, samples=taken, token_overhead_ns=40))
    plan = PlanPart(
        replace(MODEL, task="text_generation", precision="float16", inputs=(), outputs=()),
        replace(TARGET, executed_precision="float16"),
        Scenario("chat", 16, TOKENS, depth_tokens=0, parameters={"turns": TURNS, "prefix_cache": "on"}),
        "quick",
        text_generation_rule(QUICK.rule),
        0,
        5,
        "odb run -m llm -t ort:cpu -s chat:turns=2,prefix_cache=on --prompt-tokens 16 --generate-tokens 4 "
        "--preset quick --repeats 5 --seed 0",
        repeat_rule=RepeatRule(5, 5),
    )
    known = TextGeneration(
        0,
        0,
        (1, 2, 3, 4),
        kv_cache=KvCache(1280, 1288, 512, "seen"),
        answers=AnswersChecked(((1, 2, 3, 4), (5, 6, 7, 8)), ((1, 2, 3, 4), (5, 6, 7, 9)), True),
    )
    return _finished(
        replace(_record("chat", plan, tuple(repeats)), summary=Summary(energy=EnergySummary(), text_generation=known)),
        samples,
        determinism=Determinism(2, True),
        repeats_ended="fixed",
    )
