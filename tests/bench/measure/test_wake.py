"""The wake scenario on an exact clock: what is recorded, in which order, and what follows from it."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from onnx import TensorProto, helper

from bench.analysis.metrics import METRICS
from bench.cli.group import odb
from bench.comparison.along import name_at
from bench.comparison.comparison import compare
from bench.contracts import Scenario
from bench.errors import InputError
from bench.machine.clocks import CoreClocks
from bench.measure.energy import EnergyMeter
from bench.measure.loop import time_queries
from bench.measure.players.wake import Waiting, balanced_order, measure_waking
from bench.measure.stage import Steady, Watched
from bench.record.energy import ChannelReading, RepeatEnergy
from bench.record.record import RecordedRun
from bench.reports.runs.html import HtmlReport
from bench.reports.runs.terminal import TerminalReport
from bench.reports.words.scenarios import scenario_words
from bench.scenarios.kinds import KINDS, parse_scenario
from bench.store.derived import judged
from bench.store.records import load, load_records, save
from bench.suite.presets import PRESETS, idling_rule
from bench.testing import FakeClock
from bench.testing.records import fake_run
from bench.words import speaking, units

MS, SECOND = 1_000_000, 1_000_000_000
QUICK = PRESETS["quick"].rule
WAKE = Scenario("wake", parameters={"idle_ms": (100, 1000), "wakes": 4})


class Sleeper:
    """A model that answers in 2 ms; after a pause in 2 ms and a tenth of the pause, at most 8 ms, and then twice in
    3 ms. Its runtime spins for 5 ms of each pause. Every answer takes two processors."""

    def __init__(self) -> None:
        self.clock, self.cpu_ns, self.drowsy = FakeClock(1), 0, 0
        self.pauses: list[float] = []
        self._last_ns = 1

    def call(self) -> None:
        paused_ns = self.clock() - self._last_ns
        if paused_ns:
            took_ns, self.drowsy = 2 * MS + min(6 * MS, paused_ns // 10), 2
        else:
            took_ns, self.drowsy = (3 * MS, self.drowsy - 1) if self.drowsy else (2 * MS, 0)
        self.clock.advance(took_ns)
        self.cpu_ns += 2 * took_ns
        self._last_ns = self.clock()

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(round(seconds * SECOND))
        self.cpu_ns += 5 * MS

    def played(self, idle_ms: tuple[int, ...], wakes: int, seed: int = 0, take_turn: object = None) -> Steady:
        order = balanced_order(len(idle_ms), wakes, seed)
        meter = EnergyMeter(
            {}, (), Path("/"), {}, clock_ns=self.clock, cpu_clock=lambda: self.cpu_ns / SECOND, unix_clock_ns=self.clock
        )
        watched = Watched(meter, CoreClocks(Path("/nowhere")), take_turn)  # type: ignore[arg-type]
        waiting = Waiting(clock=self.clock, cpu_clock=lambda: self.cpu_ns, sleep=self.sleep)
        run = partial(time_queries, self.call, clock=self.clock)
        return measure_waking(run, [idle_ms[place] for place in order], order, QUICK, watched, waiting)


def test_one_query_is_recorded_after_each_pause_and_warm_ones_before_it() -> None:
    """Each pause as often as asked; every warm query at its steady pace, whatever the warm-up before it took."""
    model = Sleeper()
    found = model.played((10, 20, 60), 3).arrays
    point, latency = found["point"], found["latency_ns"]
    assert Counter(model.pauses) == {0.01: 3, 0.02: 3, 0.06: 3}
    assert {0: 9 * 150, 1: 3, 2: 3, 3: 3} == Counter(point.tolist())  # 0.3 s are 150 queries of 2 ms
    assert {2 * MS} == {*latency[point == 0].tolist()}
    assert [{3 * MS}, {4 * MS}, {8 * MS}] == [{*latency[point == place].tolist()} for place in (1, 2, 3)]
    assert [{10 * MS}, {20 * MS}, {60 * MS}] == [{*found["idle_ns"][point == place].tolist()} for place in (1, 2, 3)]
    assert {5 * MS} == {*found["idle_cpu_ns"][point > 0].tolist()}
    assert 0 == found["idle_ns"][point == 0].sum()
    assert 3 * MS in found["warmup_latency_ns"]  # what still was slow is no warm query


def test_energy_is_read_over_the_first_warm_queries() -> None:
    """150 queries of 2 ms on two processors."""
    found = Sleeper().played((10,), 2)
    assert (150, 300 * MS, pytest.approx(0.6)) == (
        found.energy.queries,
        found.energy.duration_ns,
        found.energy.cpu_seconds,
    )
    assert found.converged is None


@pytest.mark.parametrize("points", [1, 2, 3, 7])
def test_each_pause_comes_as_often_in_every_place(points: int) -> None:
    """So that a machine that slows down slows all pauses alike; and not in one order in every repeat."""
    rounds = [balanced_order(points, points, seed) for seed in range(20)]
    for order in rounds:
        places = np.array(order).reshape(points, points)
        assert all(sorted(row) == [*range(points)] for row in (*places.tolist(), *places.T.tolist()))
    assert len({*rounds}) > 1 or points == 1
    assert balanced_order(points, 5, 3) == balanced_order(points, 5, 3)


def test_drift_does_not_become_an_effect_of_idling() -> None:
    """Queries that become 1 % slower with each turn, whatever the pause: over as many rounds as pauses the mean of
    every pause is the same."""
    order = balanced_order(4, 4, 1)
    slow = 1 + 0.01 * np.arange(len(order)) // 4
    means = {place: slow[np.array(order) == place].mean() for place in range(4)}
    assert 1 == len({round(float(mean), 12) for mean in means.values()})


def test_a_turn_holds_a_pause_and_its_answer() -> None:
    """In alternation the other side works between two turns, never during a pause."""
    turns: list[bool] = []

    def take_turn(satisfied: bool) -> bool:
        turns.append(satisfied)
        return len(turns) < 6

    Sleeper().played((10, 20), 2, take_turn=take_turn)
    assert [False] * 4 + [True, True] == turns


def test_the_preset_does_not_shorten_what_was_asked_for() -> None:
    """Four times 1.1 s of idling, and eight warm blocks: the rule's times are these, so that a dry run says them."""
    rule = idling_rule(QUICK, WAKE)
    assert 4.4 * SECOND + 8 * (0.3 + 0.1) * SECOND == rule.min_duration_ns
    assert 4.4 * SECOND + 8 * (0.6 + 1) * SECOND == rule.max_duration_ns


@pytest.mark.real
@pytest.mark.process
def test_a_run_measures_it(tmp_path: Path) -> None:
    """On a real runtime: one process with three pauses of 30 ms."""
    words = ("run", "-m", str(identity(tmp_path / "net.onnx")), "-t", "ort:cpu", "--preset", "quick", "--repeats", "1")
    asked = [*words, "-s", "wake:idle=30ms", "-o", str(tmp_path / "out"), "--check-inputs", "1"]
    CliRunner().invoke(odb, asked, catch_exceptions=False)
    (run,) = load_records(tmp_path / "out")
    assert "ok" == run.record.status
    point, idle_ns = run.arrays("point")[0], run.arrays("idle_ns")[0]
    assert 3 == int((point == 1).sum())
    assert idle_ns[point == 1].min() >= 30 * MS
    assert (0.0, 30.0) == run.record.summary.curves["latency_p50_ns"].at
    assert run.record.verdict is not None
    assert "too_few_samples" in {reason.code for reason in run.record.verdict.reasons}  # three are no median


def identity(path: Path) -> Path:
    """A model that doubles four numbers."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "doubled", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.mark.parametrize(("text", "values"), [("1s,10s", (1000, 10_000)), ("250ms", (250,)), ("1min", (60_000,))])
def test_idle_times_are_durations(text: str, values: tuple[int, ...]) -> None:
    assert values == parse_scenario(f"wake:idle={text}", KINDS["wake"]).numbers("idle_ms")


# ---------------------------------------------------------------------------------------------------------- figures


def record_of(after_ns: int, name: str = "r", processes: int = 3, noise: float = 0.01) -> RecordedRun:
    """Processes that answer in 2 ms warm, 3 ms after 100 ms and ``after_ns`` after a second; four wakes each."""
    rng, latency, arrays = np.random.default_rng(7), [], []
    point = np.tile([*[0] * 10, 1, *[0] * 10, 2], 4)
    for _ in range(processes):
        base = np.choose(point, [2 * MS, 3 * MS, after_ns])
        latency.append((base * rng.normal(1, noise, len(base))).astype(np.int64))
        idle = np.choose(point, [0, 100 * MS, SECOND])
        arrays.append({"point": point, "idle_ns": idle, "idle_cpu_ns": idle // 10})
    run = fake_run(name, latency, arrays=arrays, scenario=WAKE)
    awake = RepeatEnergy(10, 20 * MS, 0.03)
    record = replace(run.record, repeats=tuple(replace(repeat, energy=awake) for repeat in run.record.repeats))
    return replace(run, record=judged(replace(run, record=record)).record)


def test_the_cost_of_waking_and_of_keeping_awake() -> None:
    """By idle time: the answer, how many times the warm one it is, how much longer, and the CPU time of a second."""
    found = record_of(8 * MS).record.summary
    curves = found.curves
    assert ["latency_p50_ns", "wake_ratio", "waking_ns", "cpu_seconds_per_second"] == [*curves]
    assert [240, 12, 12] == [point.n for point in curves["latency_p50_ns"].points]
    ratio, longer, cpu = (curves[name].points for name in ("wake_ratio", "waking_ns", "cpu_seconds_per_second"))
    assert [None, pytest.approx(1.5, rel=0.02), pytest.approx(4, rel=0.02)] == [point.value for point in ratio]
    assert [None, pytest.approx(MS, rel=0.05), pytest.approx(6 * MS, rel=0.02)] == [point.value for point in longer]
    assert [1.5, pytest.approx(0.1), pytest.approx(0.1)] == [point.value for point in cpu]
    assert ratio[2].interval95 is not None
    assert longer[2].interval95 is not None
    assert longer[2].interval95[0] < 6 * MS < longer[2].interval95[1]
    figures = {name: figure.value for name, figure in found.figures.items()}
    assert pytest.approx(8 * MS, rel=0.02) == figures["wake_p50_ns"]
    assert pytest.approx(4, rel=0.02) == figures["wake_ratio"]
    assert pytest.approx(1.4) == figures["keep_awake_cpu_seconds"]
    assert None is figures["keep_awake_watts"]  # without a sensor


def test_the_power_of_keeping_awake_is_that_above_idle() -> None:
    """Warm queries one after another: 60, 80 and 50 mJ above idle in 20 ms are 3, 4 and 2.5 W, of which 3 is the
    median. A process whose sensor lost its reading counts for nothing."""
    run = record_of(8 * MS)

    def figure(*joules: float | None) -> float | None:
        repeats = [
            replace(
                repeat,
                energy=replace(
                    repeat.energy,
                    channels=(ChannelReading("rapl", "package-0", "package", 0.1, 1.0, above, lost=above is None),),
                ),
            )
            for repeat, above in zip(run.record.repeats, joules, strict=True)
        ]
        record = replace(run.record, repeats=tuple(repeats))
        return judged(replace(run, record=record)).record.summary.figures["keep_awake_watts"].value

    assert figure(0.060, 0.080, 0.050) == pytest.approx(3.0)
    assert figure(0.060, 0.080, None) == pytest.approx(3.5)
    assert figure(None, None, None) is None


def test_the_median_of_an_even_number_of_wakes_is_between_the_two_in_the_middle() -> None:
    """1, 9, 4 and 2 ms: 3 ms, and not 4. All queries of a process together keep LoadGen's rank: of eight answers, four
    of which took 1 ms, the fifth, 2 ms."""
    latency, point = [MS, MS, MS, 8 * MS, 9 * MS, 4 * MS, 2 * MS, MS], [0, 1, 0, 1, 2, 2, 2, 2]
    idle = np.choose(point, [0, 100 * MS, SECOND])
    arrays = {"point": np.array(point), "idle_ns": idle, "idle_cpu_ns": idle // 10}
    run = fake_run("r", [np.array(latency)] * 3, arrays=[arrays] * 3, scenario=WAKE)
    found = judged(run).record.summary
    assert found.figures["wake_p50_ns"].value == 3 * MS
    assert found.curves["latency_p50_ns"].points[2].value == 3 * MS
    assert found.latency_ns is not None
    assert found.latency_ns.repeat_p50 == (2 * MS, 2 * MS, 2 * MS)


Arrays = dict[str, np.ndarray]
OTHERWISE: dict[str, Callable[[Arrays], Arrays]] = {
    "an idle time of 100.ms before a query that is said to come after 1.00": lambda a: {
        **a,
        "idle_ns": np.minimum(a["idle_ns"], 100 * MS),
    },
    "an idle time of 1.00.ms before a query that followed": lambda a: {**a, "idle_ns": a["idle_ns"] + MS},
    "0.queries after 1.00": lambda a: {**a, "point": np.where(a["point"] == 2, 0, a["point"]), "idle_ns": warm(a, 2)},
    "no idle_cpu_ns": lambda a: {role: values for role, values in a.items() if role != "idle_cpu_ns"},
}


def warm(arrays: Arrays, point: int) -> np.ndarray:
    return np.where(arrays["point"] == point, 0, arrays["idle_ns"])


@pytest.mark.parametrize("said", OTHERWISE)
def test_a_record_that_did_not_idle_as_it_says_is_refused(said: str, tmp_path: Path) -> None:
    """Its curve would give the latency of one idle time as that of another."""
    point = np.tile([*[0] * 5, 1, *[0] * 5, 2], 4)
    idle_ns = np.choose(point, [0, 99 * MS, SECOND])  # a sleep may end a tick early
    arrays = {"point": point, "idle_ns": idle_ns, "idle_cpu_ns": idle_ns // 10}
    for name, held in (("as asked", arrays), ("otherwise", OTHERWISE[said](arrays))):
        run = fake_run("r", [np.full(len(point), MS)], arrays=[held], scenario=WAKE)
        repeats = tuple(replace(repeat, energy=None) for repeat in run.record.repeats)
        (tmp_path / name).mkdir()
        save(tmp_path / name, replace(run.record, repeats=repeats), run.samples)
    load(tmp_path / "as asked" / "r")
    with pytest.raises(InputError, match=said):
        load(tmp_path / "otherwise" / "r")


def test_points_close_to_each_other_have_names_of_their_own() -> None:
    assert ["a@1000000", "a@3599999", "a@3600000", "a@123.457"] == [
        name_at("a", at) for at in (1e6, 3_599_999.0, 3.6e6, 123.457)
    ]


def test_other_scenarios_have_none_of_them() -> None:
    found = judged(fake_run("r", [np.full(20, MS)] * 3)).record.summary
    waking = [metric.name for metric in METRICS if metric.scenarios == ("wake",)]
    assert 4 == len(waking)
    assert not {*waking} & {*found.figures}
    plain = compare(*(judged(fake_run(name, [np.full(20, MS)] * 6)).plain() for name in "ab"))
    assert not {*waking} & {one.metric for one in (*plain.changes, *plain.omitted)}


def test_a_later_awakening_is_found_by_the_comparison() -> None:
    """It leads, and the point says after which pause."""
    found = compare(record_of(8 * MS, "base", 6), record_of(12 * MS, "new", 6))
    assert "wake_p50_ns" == found.leading
    assert {"wake_p50_ns": "slower", "latency_p50_ns@1000": "slower", "latency_p50_ns@0": "same"}.items() <= {
        change.metric: change.word for change in found.changes
    }.items()
    assert found.worse
    mixed = {"latency_p50_ns", "latency_p90_ns", "throughput_per_s"}  # of warm and woken queries together
    assert not mixed & {one.metric for one in (*found.changes, *found.omitted)}


def test_cpu_time_of_a_second_is_not_below_zero() -> None:
    """Its interval is one of logarithms: processes that differ by much do not make it reach below 0."""
    run = record_of(8 * MS, processes=3)
    for factor, repeat in zip((1, 4, 20), run.record.repeats, strict=True):
        assert repeat.samples is not None
        name = repeat.samples.arrays["idle_cpu_ns"]
        run = replace(run, samples={**run.samples, name: run.samples[name] // factor})
    (cpu,) = (curve for name, curve in judged(run).record.summary.curves.items() if name == "cpu_seconds_per_second")
    for point in cpu.points[1:]:
        assert point.interval95 is not None
        assert 0 < point.interval95[0] < 0.1 < point.interval95[1]


def test_reports_show_it_in_both_languages() -> None:
    run = record_of(8 * MS)
    shown = TerminalReport(110).render([run]).decode().replace(units.NO_BREAK, " ")
    assert "After 1.00 s idle" in shown
    assert "first answer" in shown
    page = HtmlReport().render([run]).decode()
    assert "by idle time" in page
    assert "Wake: the first answer after 100 ms, 1.00 s" in scenario_words("tensor", WAKE)
    with speaking("ko"):
        assert "유휴 시간별 수치" in HtmlReport().render([run]).decode()
