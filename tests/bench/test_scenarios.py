"""The table of scenarios: each has a player, words, a row in the docs, metrics that lead; and how one is written."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.comparison.observe import METRICS
from bench.contracts import Parameter, Scenario, ScenarioKind
from bench.errors import InputError, UnknownName
from bench.measure.players.table import PLAYERS
from bench.reports.words.scenarios import WORDS, scenario_short, scenario_words
from bench.scenarios.kinds import (
    FIELDS,
    KINDS,
    check_known,
    check_scenario,
    kind_of,
    parameters_of,
    parse_scenario,
    samples_of,
    scenario_name,
    scenario_text,
    settled,
)
from bench.scenarios.parameters import shown_of
from bench.suite.scenario_choice import choose_scenarios

FRAMES = ScenarioKind(
    name="frames",
    summary="frames that come at fixed times",
    parameters=(
        Parameter(name="rate_per_s", short="rate", unit="frames/s", about="of the camera", least=0.1, words=("auto",)),
        Parameter(name="deadline_ms", short="deadline", unit="ms", about="of an answer", whole=False, least=0.001),
        Parameter(name="drop", unit="", about="which", words=("oldest", "newest", "none"), numeric=False),
        Parameter(name="idle_s", short="idle", unit="s", about="before", least=0, most=3600, many=True, whole=False),
    ),
)
DOCS = Path(__file__).resolve().parents[2] / "docs"
BURST = ScenarioKind(
    name="burst",
    summary="several queries, then a pause",
    parameters=(
        Parameter(name="queries", unit="queries", about="in a burst", default=4),
        Parameter(name="pause_s", unit="s", about="between bursts", least=0, most=1, whole=False),
    ),
)


def test_every_scenario_has_a_player_and_words() -> None:
    """The three tables hold the same names."""
    assert list(KINDS) == list(PLAYERS) == list(WORDS)
    assert list(KINDS) == [kind.name for kind in KINDS.values()]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_scenario_leads_with_metrics_that_there_are(kind: ScenarioKind) -> None:
    """Of each kind of model that it is defined for, one of them is compared."""
    applies = {metric.name: metric.applies for metric in METRICS}
    assert set(kind.leading) <= set(applies)
    for task in kind.tasks:
        assert any(applies[name] in (None, task) for name in kind.leading)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_scenario_is_said_apart_from_others(kind: ScenarioKind) -> None:
    """Its words name it, and differ from those of every other."""
    scenario = settled(Scenario(kind.name), kind)
    said = scenario_words("tensor", scenario)
    assert said.lower().startswith(kind.name)
    assert [said] == [
        s for k in KINDS.values() if (s := scenario_words("tensor", settled(Scenario(k.name), k))) == said
    ]
    assert scenario_short("tensor", scenario).startswith(kind.name)


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table after ``heading``, without its two head lines."""
    lines = (DOCS / page).read_text(encoding="utf-8").partition(heading)[2].splitlines()
    table = [line for line in lines if line.startswith("|")]
    number = [lines.index(line) for line in table]
    last = next((i for i, (a, b) in enumerate(pairwise(number)) if b > a + 1), len(table) - 1)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2 : last + 1]]


def test_the_docs_say_of_every_scenario_what_the_table_says() -> None:
    """Name, parameters, models, leading metrics, percentile, emulator: row by row."""
    tasks = {"tensor": "tensors", "text_generation": "text generation"}
    expected = [
        [
            f"`{kind.name}`",
            ", ".join(f"`{p.name}`" for p in kind.parameters),
            ", ".join(tasks[task] for task in kind.tasks),
            ", ".join(f"`{name}`" for name in kind.leading),
            "the preset's" if kind.percentile else "the median",
            "yes" if kind.emulator else "no",
        ]
        for kind in KINDS.values()
    ]
    assert expected == rows("measuring.md", "\n## Scenarios\n")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_parameters_have_units_and_bounds(kind: ScenarioKind) -> None:
    """The bounds are allowed, what is beyond is not, and the message says which; words are taken as they are."""
    for parameter in kind.parameters:
        assert parameter.unit or not parameter.numeric
        assert parameter.about
        if parameter.default is not None:
            check_scenario(Scenario(kind.name, parameters={parameter.name: parameter.default}), kind)
        for word in parameter.words:
            assert {parameter.name: word} == parameters_of(parse_scenario(f"{kind.name}:{parameter.name}={word}", kind))
        for value in (parameter.least, parameter.most) if parameter.numeric else ():
            scenario = parse_scenario(f"{kind.name}:{parameter.short or parameter.name}={value}", kind)
            check_scenario(scenario, kind)
            assert {parameter.name: (value,) if parameter.many else value} == parameters_of(scenario)
        for value in (parameter.least - 1, parameter.most + 1) if parameter.numeric else ():
            beyond = parse_scenario(f"{kind.name}:{parameter.name}={value}", kind)
            with pytest.raises(InputError, match=f"scenario {kind.name}: {parameter.name} must be"):
                check_scenario(beyond, kind)


def test_a_scenario_is_written_and_read() -> None:
    """The text of the parameters without flags is read again as the same scenario."""
    scenario = parse_scenario("burst:queries=8, pause_s=0.5,compile_cache=warm", BURST)
    assert Scenario("burst", compile_cache="warm", parameters={"queries": 8, "pause_s": 0.5}) == scenario
    assert "burst" == scenario_name("burst:queries=8")
    assert "burst:queries=8,pause_s=0.5" == scenario_text(scenario)
    assert "offline" == scenario_text(Scenario("offline", lanes=4))
    assert Scenario("offline", lanes=4) == parse_scenario("offline:lanes=4", KINDS["offline"])
    assert {"queries": 4} == settled(Scenario("burst"), BURST).own_parameters
    assert {"queries": 2} == settled(Scenario("burst", parameters={"queries": 2}), BURST).own_parameters


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("offline:lane=4", UnknownName, "unknown parameter of scenario offline: lane\nDid you mean lanes?"),
        ("offline:prompt_tokens=4", UnknownName, "unknown parameter of scenario offline: prompt_tokens"),
        ("offline:lanes", InputError, "-s offline:lanes: expected name:key=value,key=value"),
        ("offline:", InputError, "-s offline:: expected name:key=value,key=value"),
        ("offline:lanes=4,lanes=5", InputError, "-s offline:lanes=4,lanes=5: lanes is given twice"),
        ("offline:lanes=four", InputError, "-s offline:lanes=four: lanes: expected a number, not four"),
        ("offline:compile_cache=hot", UnknownName, "unknown compile cache: hot"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, error: type[InputError], message: str) -> None:
    """The flag, the parameter and what is wrong with it."""
    with pytest.raises(error) as raised:
        parse_scenario(text, KINDS["offline"])
    assert str(raised.value).startswith(message)


FRAMED = "frames:rate=auto,deadline=33ms,drop=oldest,idle=1s,500ms,1min"


def test_parameters_in_words_are_those_of_the_command_line() -> None:
    """By the short key, a duration with its unit, without what has its default, and ``-s`` takes it again; a word has
    no unit."""
    cases = {
        "fixed-rate:rate=30,deadline=33ms": "fixed-rate, rate=30, deadline=33ms",
        "fixed-rate:rate=0.5,deadline=0.5s": "fixed-rate, rate=0.5, deadline=500ms",
        "server:latency=250us": "server, latency=0.25ms, rate=auto",
        "multi-stream:streams=4": "multi-stream, streams=4",
        "sustained:minutes=20min,cooldown=1min": "sustained, minutes=20, cooldown=60s",
    }
    for asked, said in cases.items():
        kind = KINDS[asked.partition(":")[0]]
        scenario = settled(parse_scenario(asked, kind), kind)
        short = scenario_short("tensor", scenario)
        assert sorted(said.split(", ")) == sorted(short.split(", "))
        assert scenario == settled(parse_scenario(short.replace(", ", ":", 1).replace(", ", ","), kind), kind)
    listed = shown_of(FRAMES.parameters, {"idle_s": (1, 10, 0.5), "rate_per_s": "auto", "deadline_ms": 33})
    assert ["idle=1s,10s,0.5s", "rate=auto", "deadline=33ms"] == listed


def test_words_durations_and_lists_are_read_and_written() -> None:
    """A duration is converted to the unit of its parameter; an item without a key belongs to the list before it."""
    wanted = {"rate_per_s": "auto", "deadline_ms": 33, "drop": "oldest", "idle_s": (1, 0.5, 60)}
    scenario = parse_scenario(FRAMED, FRAMES)
    check_scenario(scenario, FRAMES)
    assert wanted == scenario.own_parameters
    assert "frames:rate_per_s=auto,deadline_ms=33,drop=oldest,idle_s=1,0.5,60" == scenario_text(scenario)
    assert scenario == parse_scenario(scenario_text(scenario), FRAMES)
    assert 0.25 == parse_scenario("frames:deadline_ms=250us", FRAMES).number("deadline_ms")
    assert (7200, 3) == parse_scenario("frames:idle=2h, 3", FRAMES).numbers("idle_s")
    for written in ("2", "2.0", "2e0", "0.2e1"):  # a record holds a whole number, and is read again
        assert "server:rate_per_s=2" == scenario_text(parse_scenario(f"server:rate={written}", KINDS["server"]))
        assert "2" == repr(parse_scenario(f"offline:lanes={written}", KINDS["offline"]).lanes)
    decoded = msgspec.json.decode(msgspec.json.encode(scenario), type=Scenario)
    assert (decoded, hash(decoded)) == (scenario, hash(scenario))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rate=fast", "-s frames:rate=fast: rate: expected a number or auto, not fast"),
        ("deadline=33m", "-s frames:deadline=33m: deadline: expected a number of ms, or a duration such as 20ms, "),
        ("deadline=ms", "-s frames:deadline=ms: deadline: expected a number of ms, or a duration such as 20ms, "),
        ("deadline=1,2", "-s frames:deadline=1,2: expected name:key=value,key=value"),
        ("drop=new", "-s frames:drop=new: drop: expected oldest, newest or none, not new"),
        ("idle=1s,,2s", "-s frames:idle=1s,,2s: expected name:key=value,key=value"),
        ("idle=1s,2x", "-s frames:idle=1s,2x: idle: expected a number of s, or a duration such as 20ms, 5s or "),
        ("idle=1s,1000ms", "scenario frames: idle_s has 1s twice"),
        ("idle=" + ",".join(map(str, range(65))), "scenario frames: idle_s must be a list of 1 to 64 values"),
        ("idle=1s,2h", "scenario frames: idle_s must be at most 3,600"),
        ("rate=1,rate_per_s=2", "-s frames:rate=1,rate_per_s=2: rate_per_s is given twice"),
    ],
)
def test_words_durations_and_lists_that_cannot_be_read_are_named(text: str, message: str) -> None:
    """What is wrong is refused as it is read, or as it is checked."""
    with pytest.raises(InputError) as raised:
        check_scenario(parse_scenario(f"frames:{text}", FRAMES), FRAMES)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate_per_s", "fast"),
        ("rate_per_s", (1, 2)),
        ("deadline_ms", "33ms"),
        ("drop", 1),
        ("idle_s", 5),
        ("idle_s", ()),
    ],
)
def test_a_record_with_values_of_another_type_is_refused(name: str, value: Any) -> None:
    """A record has numbers in their unit; text with one is a person's."""
    with pytest.raises(InputError, match=name):
        check_scenario(Scenario("frames", parameters={name: value}), FRAMES)


@pytest.mark.parametrize("value", ["1.5", "nan", "inf", "-inf", "1e400"])
def test_a_count_is_a_whole_number(value: str) -> None:
    """Fractions and what is no number at all are refused in words."""
    with pytest.raises(InputError, match="lanes must be a whole number"):
        check_scenario(parse_scenario(f"offline:lanes={value}", KINDS["offline"]), KINDS["offline"])


def test_scenarios_are_keys() -> None:
    """Equal ones have one hash, also with parameters."""
    one, two = (Scenario("burst", parameters={"queries": 8}) for _ in range(2))
    assert (one, hash(one)) == (two, hash(two))
    assert {one: 1} == {two: 1}
    assert one != Scenario("burst", parameters={"queries": 9})


def test_older_scenarios_keep_their_bytes() -> None:
    """What has no parameters of its own is written as it was before there were any."""
    expected = b'{"name":"offline","prompt_tokens":null,"generate_tokens":null,"lanes":2,"depth_tokens":null,'
    assert expected + b'"compile_cache":"none"}' == msgspec.json.encode(Scenario("offline", lanes=2))
    assert sorted(FIELDS) == sorted(set(Scenario.__struct_fields__) - {"name", "compile_cache", "parameters", "kind"})


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        (Scenario("burst"), "scenario.kind is missing"),
        (Scenario("other", kind=BURST), "scenario.kind is that of another"),
        (Scenario("offline", kind=msgspec.structs.replace(BURST, name="offline")), "scenario.kind is that of another"),
        (Scenario("offline", parameters={"queries": 8}), "unknown parameter of scenario offline"),
        (Scenario("burst", kind=BURST, parameters={"queries": 0}), "queries must be 1 or more"),
    ],
)
def test_a_record_says_what_kind_its_scenario_is(scenario: Scenario, message: str) -> None:
    """A kind is in a record where it is a plugin's, and nowhere else; so are parameters."""
    with pytest.raises(InputError, match=message):
        check_known(scenario)


def test_a_plugins_kind_is_read_from_its_record() -> None:
    """With its words, and how many samples a query holds."""
    kind: Any = msgspec.structs.replace(BURST, samples="queries")
    scenario = Scenario("burst", parameters={"queries": 8}, kind=kind)
    check_known(scenario)
    assert kind == kind_of(msgspec.json.decode(msgspec.json.encode(scenario), type=Scenario))
    assert (8, 1) == (samples_of(scenario), samples_of(Scenario("offline")))
    assert "burst (queries=8): several queries, then a pause" == scenario_words("tensor", scenario)
    assert "burst, queries=8" == scenario_short("tensor", scenario)


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("chat:turns=3", ["chat:turns=3,prefix_cache=on", "chat:turns=3,prefix_cache=off"]),
        ("chat", ["chat:turns=8,prefix_cache=on", "chat:turns=8,prefix_cache=off"]),
        ("chat:cache=off,turns=3", ["chat:prefix_cache=off,turns=3"]),
        ("concurrent:users=2", ["concurrent:users=2"]),
    ],
)
def test_a_conversation_is_a_run_with_the_prefix_kept_and_one_without(text: str, runs: list[str]) -> None:
    """Unless one of them was asked for; other scenarios are one run."""
    asked = parse_scenario(text, KINDS[scenario_name(text)])
    assert [set(run.partition(":")[2].split(",")) for run in runs] == [
        set(scenario_text(choice.scenario).partition(":")[2].split(",")) for choice in choose_scenarios(asked, None)
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("chat:turns=1", "turns must be at least 2"),
        ("chat:turns=300", "turns"),
        ("chat:cache=maybe", "maybe"),
        ("concurrent:users=0", "users"),
        ("concurrent:turns=3", "turns"),
    ],
)
def test_impossible_conversations_are_refused(text: str, told: str) -> None:
    """With the parameter in the message."""
    with pytest.raises((InputError, UnknownName), match=told.split()[0]):
        check_scenario(parse_scenario(text, KINDS[scenario_name(text)]), KINDS[scenario_name(text)])
