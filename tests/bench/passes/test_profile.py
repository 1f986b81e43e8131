"""The pass that profiles: what it calls, what it makes of the answer, and what it says where there is none."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from msgspec import field
from msgspec.structs import replace

from bench.contracts import Profile, ProfiledOperator, Scenario, Tensors
from bench.contracts.answers import profiles_of
from bench.errors import PluginError
from bench.inputs.prompts import Query
from bench.jobs import Failed, Result
from bench.passes.evidence import Evidence
from bench.passes.operators import part_of
from bench.passes.profile import EMULATED, MEASURED, Amount, Calls, Played, evidence
from bench.record.operators import Operator, OperatorPart, OperatorProfile
from bench.record.record import Environment, Failure
from bench.testing import FakeClock, FakeTensorSession, FakeTokenSession

MS = 1_000_000


def profile(*operators: ProfiledOperator, executions: int = 4, averaged: bool = False) -> Profile:
    return Profile(source="fake", executions=executions, operators=operators, averaged=averaged)


def operator(name: str, *times_ns: int, **other: Any) -> ProfiledOperator:
    return ProfiledOperator(name=name, op="Conv", times_ns=times_ns, **other)


def test_of_several_calls_each_operator_has_its_median() -> None:
    """And the median of the calls; the parts of the runtime's answer are kept."""
    conv = operator("conv", 10, 30, 20, 900, device="CPU", kernel="jit", calls=2)
    found = part_of("inference", profile(conv), [50, 70, 60, 1000], {"conv": 3888, "other": 1})
    assert (found.part, found.calls, found.statistic, found.profiled_ns) == ("inference", 4, "median", 65)
    expected = Operator("conv", "Conv", 25, runs=2, device="CPU", kernel="jit", macs=3888)
    assert (expected,) == found.operators
    assert (25, 3888, None, None) == (found.operators_ns, found.macs, found.cycles, found.slowdown)


def test_the_sum_is_that_of_calls_and_not_of_medians() -> None:
    """Two operators of which one is slow in each call: every call takes 101, although both medians are small."""
    found = part_of("inference", profile(operator("a", 1, 100, 1, 100), operator("b", 100, 1, 100, 1)), [110] * 4, {})
    assert (101, 110) == (found.operators_ns, found.profiled_ns)
    uneven = part_of(
        "inference", profile(operator("a", 1, 100, 1), operator("b", 100, 1, 1), executions=3), [1] * 3, {}
    )
    assert ([1, 1], 101) == ([one.time_ns for one in uneven.operators], uneven.operators_ns)


def test_a_call_of_several_executions_has_their_sum() -> None:
    """A prompt that is taken in two pieces: 10 + 30 and 20 + 40."""
    found = part_of("prefill", profile(operator("conv", 10, 30, 20, 40)), [50, 70], {})
    assert (50, 2) == (found.operators[0].time_ns, found.calls)


def test_executions_that_no_call_shares_are_averaged_over_the_calls() -> None:
    """Four executions in three calls: all of their time, by three."""
    assert (120,) == tuple(
        one.time_ns for one in part_of("prefill", profile(operator("c", 90, 90, 90, 90)), [1] * 3, {}).operators
    )


def test_means_stay_means() -> None:
    """The runtime gives one value an execution; of two executions a call it is twice that."""
    found = part_of("prefill", profile(operator("conv", 15), averaged=True), [50, 70], {})
    assert ("mean", 30, 30, 60) == (found.statistic, found.operators[0].time_ns, found.operators_ns, found.profiled_ns)


def test_times_of_an_emulator_are_left_out() -> None:
    """Its cycles are kept, beside the word that they are an emulator's."""
    inside = ProfiledOperator(name="conv", op="Conv", cycles=(5, 7), times_ns=(1, 2))
    found = part_of("inference", profile(inside, executions=2), [50, 70], {}, emulated=True)
    assert (None, 6, None) == (found.operators[0].time_ns, found.operators[0].cycles, found.profiled_ns)
    assert (6, None) == (found.cycles, found.operators_ns)


def test_macs_are_given_once() -> None:
    """Of two operators of a name one was fused away: it has no time, and the other's work is not its own."""
    found = part_of("inference", profile(operator("c", 0, 0), operator("c", 3, 5), executions=2), [9, 9], {"c": 8})
    assert [None, 8] == [one.macs for one in found.operators]


def calls_of(work: Callable[[Calls], None], amount: Amount, clock: FakeClock) -> tuple[list[str], Calls]:
    """What was marked, and the calls."""
    marks: list[str] = []
    calls = Calls(marks.append, amount, clock)
    work(calls)
    return marks, calls


def test_inferences_are_made_until_the_time_is_up() -> None:
    """Two to warm up, which are in no part; then 10 ms each, and no more after 35 ms."""
    clock = FakeClock()
    session = FakeTensorSession({}, work=lambda: clock.advance(10 * MS))
    amount = Amount(warm_up=2, fewest=2, most=100, budget_ns=35 * MS)
    feeds: Tensors = {}
    marks, calls = calls_of(lambda c: c.tensors(session, dict(feeds)), amount, clock)
    assert (["inference", ""], {"inference": (10 * MS,) * 4}) == (marks, calls.latencies_ns)
    assert clock.now_ns == 60 * MS


def test_a_slow_model_is_called_as_often_as_it_must() -> None:
    """Of an emulator once, whatever that takes, and never to warm up."""
    clock = FakeClock()
    session = FakeTensorSession({}, work=lambda: clock.advance(9_000 * MS))
    _, calls = calls_of(lambda c: c.tensors(session, {}), EMULATED, clock)
    assert [9_000 * MS] == list(calls.latencies_ns["inference"])
    _, calls = calls_of(lambda c: c.tensors(session, {}), MEASURED, clock)
    assert MEASURED.fewest == len(calls.latencies_ns["inference"])


def test_a_fast_model_is_not_called_for_ever() -> None:
    """A runtime keeps each event in memory."""
    session = FakeTensorSession({})
    _, calls = calls_of(lambda c: c.tensors(session, {}), MEASURED, FakeClock())
    assert MEASURED.most == len(calls.latencies_ns["inference"])


class Decoder(FakeTokenSession):
    """Notes what it is asked, a prompt by its length."""

    asked: list[str] = field(default_factory=list)
    clock: FakeClock = field(default_factory=FakeClock)

    def prefill(self, ids: "np.ndarray[Any, Any]") -> int:
        self.asked.append(str(len(ids)))
        self.clock.advance(100 * len(ids))
        return 1

    def decode(self) -> int:
        self.asked.append("d")
        self.clock.advance(7)
        return 1

    def reset(self) -> None:
        self.asked.append("r")


def test_prompts_and_tokens_are_parts_of_their_own() -> None:
    """Behind the same context each time, which is in no part, as is the prompt before the tokens."""
    clock = FakeClock()
    session = Decoder({}, asked=[], clock=clock)
    asked = Query(np.arange(4), np.arange(3))
    amount = Amount(warm_up=1, fewest=2, most=3, budget_ns=0)
    marks: list[str] = []
    calls = Calls(lambda part: marks.append(f"{part}@{len(session.asked)}"), amount, clock)
    calls.text(session, asked, tokens=3)
    assert "r 4 3 d r 4 3 r 4 3 r 4 3 d d" == " ".join(session.asked)
    assert ["prefill@6", "@7", "prefill@9", "@10", "decode@13", "@15"] == marks
    assert {"prefill": (300, 300), "decode": (7, 7)} == calls.latencies_ns


def test_a_generation_of_one_token_has_no_part_for_more() -> None:
    """The first token is the prompt's."""
    clock = FakeClock()
    calls = Calls(lambda part: None, EMULATED, clock)
    calls.text(Decoder({}, asked=[], clock=clock), Query(np.arange(0), np.arange(3)), tokens=1)
    assert ["prefill"] == list(calls.latencies_ns)


class Answers(FakeTensorSession):
    """A plugin's session with an answer of its own."""

    told: Any = None

    def profile_part(self, name: str) -> None:
        """Nothing."""

    def profiles(self) -> Mapping[str, Profile]:
        answer: Mapping[str, Profile] = self.told
        return answer


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ([], "profiles"),
        ({"inference": "x"}, "Profile"),
        ({"inference": profile(operator("conv", 1, 2), executions=3)}, "inference: conv: times_ns"),
        ({"inference": profile(operator("conv", 1, 2), executions=2, averaged=True)}, "inference: conv: times_ns"),
        ({"inference": profile(ProfiledOperator(name="c", op="", cycles=(1,)), executions=2)}, "c: cycles"),
    ],
)
def test_an_answer_that_the_contract_does_not_allow_names_the_plugin(told: Any, named: str) -> None:
    """And what is wrong with it."""
    with pytest.raises(PluginError, match=f"Answers.*{named}|{named}.*Answers"):
        profiles_of(Answers({}, told=told))


def test_an_answer_as_stated_is_taken() -> None:
    """Nothing is changed."""
    told = {"inference": profile(operator("conv", 1, 2), executions=2)}
    assert told is profiles_of(Answers({}, told=told))


PART = OperatorPart("inference", 3, "median", (Operator("conv", "Conv", 5),), 40, operators_ns=5)


class Jobs:
    """A runner whose jobs end as ``answers`` say, the profiled one first."""

    def __init__(self, *answers: Played | Failed) -> None:
        self.answers, self.asked = list(answers), list[bool]()

    def say(self, text: Any) -> None:
        """Nothing."""

    def attempt(self, job: Any) -> Result[Any]:
        self.asked.append(job.profiled)
        return Result(self.answers.pop(0), 0, ())


def found_by(jobs: Jobs, profile: bool = True, emulated: bool = False) -> OperatorProfile | None:
    """What the pass adds, of a run of ``fake:cpu``."""
    device = SimpleNamespace(emulated=emulated)
    run = SimpleNamespace(profile=profile, seed=0, target=SimpleNamespace(id="fake:cpu", device=device, plugin=None))
    prepared = SimpleNamespace(feeds=())
    checked, opening = SimpleNamespace(text=None), SimpleNamespace(request=None)
    before: Any = Evidence(
        run=run,  # type: ignore[arg-type]
        environment=Environment(),
        prepared=prepared,  # type: ignore[arg-type]
        checked=checked,  # type: ignore[arg-type]
        opening=opening,  # type: ignore[arg-type]
        scenario=Scenario(),
    )
    return evidence(before, jobs).operators  # type: ignore[arg-type]


FAILED = Failed(Failure("compile", "unsupported_scenario", "it has 2 streams", "Use one."))


def test_nobody_asked_and_nothing_is_opened() -> None:
    """Without ``--profile``."""
    jobs = Jobs()
    assert (None, []) == (found_by(jobs, profile=False), jobs.asked)


def test_a_second_process_makes_the_same_calls_without_the_profiler() -> None:
    """Its median stands beside; where it fails, that is unknown."""
    jobs = Jobs(Played({"inference": (40,) * 3}, (PART,), "fake"), Played({"inference": (30, 10, 20)}))
    assert OperatorProfile("fake", (replace(PART, plain_ns=20),)) == found_by(jobs)
    assert [True, False] == jobs.asked
    jobs = Jobs(Played({"inference": (40,) * 3}, (PART,), "fake"), FAILED)
    assert OperatorProfile("fake", (PART,)) == found_by(jobs)


def test_of_an_emulator_no_time_is_compared() -> None:
    """So the second process is spared."""
    jobs = Jobs(Played({"inference": (40,)}, (PART,), "fake"))
    assert OperatorProfile("fake", (PART,)) == found_by(jobs, emulated=True)
    assert [True] == jobs.asked


def test_what_cannot_be_profiled_is_measured_all_the_same_and_says_why() -> None:
    """The failure with its remedy, or that the target reports no operators."""
    failed, silent = found_by(Jobs(FAILED)), found_by(Jobs(Played(offered=False)))
    assert failed is not None
    assert silent is not None
    assert "the pass failed: it has 2 streams. Use one." == str(failed.reason)
    assert "fake:cpu does not report the time of operators" == str(silent.reason)
