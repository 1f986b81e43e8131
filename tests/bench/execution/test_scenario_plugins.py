"""The scenario of the tutorial, played for real on the null target: from a file, and from an entry point."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from doc_pages import blocks, text_of

import bench.testing.plugins
from bench.comparison.comparison import compare
from bench.contracts import Device, Scenario, ScenarioKind
from bench.errors import InputError, PluginError, RunFailure, UnknownName
from bench.execution.suite_run import run_suite
from bench.plugins import Catalog, discover
from bench.record.record import RecordedRun
from bench.reports.words.scenarios import scenario_words
from bench.store.records import load
from bench.suite.base_run import Given, base_suite
from bench.suite.fitness import refuse_task
from bench.suite.found_files import Places
from bench.suite.plan import ModelChoice, TargetChoice, why_skipped
from bench.suite.scenario_choice import kind_named
from bench.suite.suite import ModelAsk, Suite, TargetAsk, check, load_suite
from bench.testing.records import fake_run
from bench.words import sentence

FAKES = Path(bench.testing.plugins.__file__)
PAUSE_NS = 4_000_000


@pytest.fixture
def paced(tmp_path: Path) -> Path:
    """The file of the tutorial."""
    (code,) = [block for block in blocks(text_of("write-a-scenario")) if block.file]
    file = tmp_path / code.file
    file.write_text(code.text, encoding="utf-8")
    return file


@pytest.fixture
def catalog(paced: Path) -> Catalog:
    return discover([paced, FAKES])


def measured(catalog: Catalog, folder: Path, scenario: Scenario, target: str = "null:cpu") -> RecordedRun:
    folder.mkdir()
    suite = Suite(
        models=(ModelAsk("fake"),),
        targets=(TargetAsk(target),),
        scenarios=(scenario,),
        options={"latency_us": "200"},
        repeats=2,
        max_seconds=0.2,
    )
    (run,) = run_suite(suite, catalog, folder, cache=folder.parent / "cache")
    return run


@pytest.mark.process
def test_a_plugins_scenario_is_played_and_read_without_it(catalog: Catalog, tmp_path: Path) -> None:
    """Every query waits for its pause, which is not in its latency; the record says how, and needs no plugin."""
    run = measured(catalog, tmp_path / "out", Scenario("paced", parameters={"pause_ms": 4}))
    record = run.record
    assert record.failure is None
    for start, latency in zip(run.arrays("start_ns"), run.arrays("latency_ns"), strict=True):
        assert len(start) >= 6
        assert (np.diff(start) - latency[:-1] >= PAUSE_NS).all()
        assert latency.min() >= 200_000
    scenario = record.plan.scenario
    kind = kind_named("paced", catalog)
    assert Scenario("paced", parameters={"pause_ms": 4}, kind=kind) == scenario
    assert "-s paced:pause_ms=4" in record.plan.command
    assert "--plugin paced.py" in record.plan.command
    read = load(tmp_path / "out" / record.record_id)
    assert record == read.record
    assert np.array_equal(run.arrays("latency_ns")[0], read.arrays("latency_ns")[0])
    assert scenario_words("tensor", scenario).startswith("paced (pause_ms=4): one query at a time")


@pytest.mark.parametrize(("queries", "leading"), [(200, "latency_p90_ns"), (8, "latency_p50_ns")])
def test_its_own_metric_leads_where_there_are_enough_samples(catalog: Catalog, queries: int, leading: str) -> None:
    """The p90 has no value of so few queries, so that the p50, which stands next, leads."""
    rng = np.random.default_rng(0)
    scenario = Scenario("paced", parameters={"pause_ms": 1}, kind=kind_named("paced", catalog))
    base, new = (
        fake_run(name, [rng.integers(900_000, 1_100_000, queries) for _ in range(6)], scenario=scenario)
        for name in ("base", "new")
    )
    assert leading == compare(base, new).leading


def test_a_leading_metric_that_does_not_exist_is_refused(paced: Path) -> None:
    """With the plugin's name, the field and the names that there are."""
    text = paced.read_text(encoding="utf-8").replace('"latency_p90_ns"', '"latency_p90"')
    paced.write_text(text, encoding="utf-8")
    with pytest.raises(PluginError, match=r"plugin scenario paced: kind\.leading: .*latency_p90") as raised:
        kind_named("paced", discover([paced]))
    assert "latency_p90_ns" in raised.value.remedy


@pytest.mark.process
def test_a_record_of_a_plugins_scenario_is_measured_again_with_the_plugin(catalog: Catalog, tmp_path: Path) -> None:
    """What is asked again is what was asked; without the plugin its name is unknown, and the remedy names the flag."""
    record = measured(catalog, tmp_path / "out", Scenario("paced", parameters={"pause_ms": 4})).record
    places = Places((tmp_path,))
    suite = base_suite(record, tmp_path, catalog, places, Given(options={"latency_us": "200"}))
    assert {"pause_ms": 4} == suite.scenarios[0].own_parameters
    with pytest.raises(InputError, match=r"plan.scenario.name: unknown scenario: paced") as raised:
        base_suite(record, tmp_path, discover([FAKES]), places, Given(options={"latency_us": "200"}))
    assert "--plugin FILE" in raised.value.remedy


def test_a_suite_names_a_plugins_scenario(catalog: Catalog, tmp_path: Path) -> None:
    """Its parameters stand in its table; a wrong one is named with its nearest."""
    file = tmp_path / "suite.toml"
    file.write_text('[[scenarios]]\nname = "paced"\npause_ms = 7\ncompile_cache = "warm"\n')
    expected = Scenario("paced", compile_cache="warm", parameters={"pause_ms": 7})
    assert (expected,) == load_suite(file, catalog).scenarios
    with pytest.raises(UnknownName, match="unknown scenario: paced"):
        load_suite(file)
    file.write_text('[[scenarios]]\nname = "paced"\npause = 7\n')
    with pytest.raises(UnknownName, match=r"suite.toml \[\[scenarios\]\] number 1: pause") as raised:
        load_suite(file, catalog)
    assert "pause_ms" in raised.value.remedy
    with pytest.raises(InputError, match="scenario paced: pause_ms must be at most 10,000"):
        check(Suite(scenarios=(Scenario("paced", parameters={"pause_ms": 10_001}),)), catalog)


def test_an_entry_point_adds_a_scenario(paced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution with the group ``ondevice_bench.scenarios`` is found by name."""
    info = tmp_path / "paced-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: paced\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ondevice_bench.scenarios]\npaced = paced:Paced\n")
    monkeypatch.syspath_prepend(tmp_path)
    catalog = discover()
    assert "paced" in catalog.names("scenarios")
    assert "paced" == kind_named("paced", catalog).name


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("class S: pass", "its kind is not a ScenarioKind of that name"),
        ("class S: kind = 'own'", "its kind is not a ScenarioKind of that name"),
    ],
)
def test_a_plugin_without_a_kind_is_refused(tmp_path: Path, code: str, message: str) -> None:
    """The message says what to add."""
    file = tmp_path / "own.py"
    file.write_text(f'{code}\nPLUGINS = {{"scenarios": {{"own": S}}}}\n')
    with pytest.raises(PluginError, match=message):
        kind_named("own", discover([file]))


def test_a_plugin_takes_no_name_of_this_projects(tmp_path: Path) -> None:
    """Records of that name are judged by the table, so that the plugin would be another scenario."""
    file = tmp_path / "own.py"
    file.write_text('class S: pass\nPLUGINS = {"scenarios": {"offline": S}}\n')
    with pytest.raises(PluginError, match="is the name of a scenario of this project"):
        kind_named("offline", discover([file]))


@pytest.mark.parametrize("change", [{"tasks": ("text_generation",)}, {"emulator": False}])
def test_what_a_kind_rules_out_is_skipped(catalog: Catalog, change: dict[str, object]) -> None:
    """By what the row says, whatever the name."""
    kind: ScenarioKind = msgspec.structs.replace(kind_named("paced", catalog), **change)
    model = ModelChoice(ModelAsk("fake"), catalog.find("models", "fake"), "tensor", ("onnx",))
    device = Device("cpu", True, emulated=True)
    target = TargetChoice(catalog.find("targets", "null"), device, {}, ("onnx",), ("tensor",))
    skipped = why_skipped(model, target, kind)
    assert (skipped is not None) == (not kind.emulator)
    if "tasks" in change:
        with pytest.raises(RunFailure, match="scenario paced is not defined for models of tensors"):
            refuse_task("tensor", Scenario("paced", kind=kind))


WRONG = """
from bench.contracts import ScenarioKind


class Wrong:
    kind = ScenarioKind(name="wrong", summary="returns nothing", tasks=("tensor",), leading=("latency_p50_ns",))

    def play(self, stage):
        stage.call()


PLUGINS = {"scenarios": {"wrong": Wrong}}
"""


@pytest.mark.process
def test_a_play_that_returns_no_steady_is_the_plugins_error(tmp_path: Path) -> None:
    """The failure names what was returned, and what to return."""
    file = tmp_path / "wrong.py"
    file.write_text(WRONG, encoding="utf-8")
    failure = measured(discover([file, FAKES]), tmp_path / "out", Scenario("wrong")).record.failure
    assert failure is not None
    assert "plugin_error" == failure.kind
    assert sentence("measure.no_steady", kind="NoneType") == failure.sentence
