"""Suite -> Plan, without a runtime in sight."""

from pathlib import Path

import pytest

from bench.contracts import Device, TargetFacts
from bench.errors import InputError, UnknownName
from bench.plugins import Catalog, PluginRef, discover
from bench.record.evidence import RepeatRule
from bench.record.record import Scenario
from bench.suite.plan import (
    ModelChoice,
    PlannedRun,
    TargetChoice,
    choose_models,
    choose_targets,
    make_plan,
    resolve_targets,
    settle_scenario,
)
from bench.suite.presets import PRESETS, emulated_rule
from bench.suite.suite import ModelAsk, Suite, TargetAsk, check
from bench.suite.untrusted import Untrusted

CATALOG = Catalog(
    tuple(
        PluginRef(kind, name, "m:C", "test")  # type: ignore[arg-type]
        for kind, names in {"models": (".onnx", ".xml", "tiny"), "targets": ("chip", "cpu")}.items()
        for name in names
    )
)
PROBED = {
    "chip": TargetFacts(
        (
            Device("npu", True),
            Device("emu", True, emulated=True),
            Device("gpu", False, reason="no driver", remedy="get it"),
        ),
        {d: {"speed": "how fast", "soc": "which"} for d in ("npu", "emu", "gpu")},
        ("onnx",),
        ("tensor",),
        {},
        ("soc",),
    ),
    "cpu": TargetFacts(
        (Device("x", True), Device("HETERO", True, default=False)),
        {d: {"threads": "n", "speed": "how fast"} for d in ("x", "HETERO:a,b")},
        ("openvino_ir", "onnx"),
        ("tensor", "text_generation"),
        {},
        ("threads", "speed"),
    ),
}


def targets(suite: Suite) -> list[TargetChoice]:
    return resolve_targets(choose_targets(suite, CATALOG), PROBED, suite, CATALOG.names("targets"))


def planned(source: str, suite: Suite, task: str = "tensor", formats: tuple[str, ...] = ("onnx",)) -> list[PlannedRun]:
    plugin = next((ref for ref in CATALOG.refs if ref.name == source), CATALOG.refs[0])
    choice = ModelChoice(ModelAsk(source), plugin, task, formats)  # type: ignore[arg-type]
    return list(make_plan(suite, [choice], targets(suite)).runs)


def test_no_target_named_means_all_that_are_usable() -> None:
    """Unusable devices, and those a plugin does not offer by default, are not planned unless named."""
    assert ["chip:npu", "chip:emu", "cpu:x"] == [t.id for t in targets(Suite())]


def test_options_of_a_plugin_that_broke_are_not_called_unknown() -> None:
    """It could not say which it has: what broke it is the reason of its device, and that of the run."""
    broken = TargetFacts((Device("npu", False, reason="killed"),), {}, (), (), {})
    for suite in (
        Suite(targets=(TargetAsk("chip:npu", {"speed": "1"}),)),
        Suite(targets=(TargetAsk("chip:npu"),), options={"speed": "1"}),
        Suite(targets=(TargetAsk("chip:npu"),), options={"chip.speed": "1"}),
    ):
        (found,) = resolve_targets(choose_targets(suite, CATALOG), {"chip": broken}, suite)
        assert (False, "killed") == (found.device.usable, found.device.reason)
    several = Suite(targets=(TargetAsk("chip:npu"), TargetAsk("cpu:x")), options={"sped": "1"})
    with pytest.raises(UnknownName, match="sped"):  # it would be measured without
        resolve_targets(choose_targets(several, CATALOG), {**PROBED, "chip": broken}, several)


def test_a_device_may_be_named_by_its_family() -> None:
    """HETERO:a,b is known by HETERO and keeps its whole name."""
    assert ["cpu:HETERO:a,b"] == [t.id for t in targets(Suite(targets=(TargetAsk("cpu:HETERO:a,b"),)))]


def test_an_unusable_device_is_skipped_with_its_remedy() -> None:
    """Naming it gives a skipped run that says why and what to do."""
    (run,) = planned("tiny", Suite(targets=(TargetAsk("chip:gpu"),)))
    assert run.skip is not None
    assert ("unavailable", "chip:gpu is not usable here: no driver", "get it") == (
        run.skip.kind,
        run.skip.message,
        run.skip.remedy,
    )


def test_a_format_nobody_opens_is_skipped_plainly() -> None:
    """The sentence names both sides."""
    run = planned("net.xml", Suite(targets=(TargetAsk("chip:npu"),)), formats=("openvino_ir",))[0]
    assert run.skip is not None
    assert ("unsupported_format", "chip:npu opens onnx, but net is openvino_ir") == (run.skip.kind, run.skip.message)


def test_a_files_task_is_known_only_once_it_is_read() -> None:
    """An ONNX file may be a language model: it is not skipped for what files usually are."""
    assert planned("a.onnx", Suite(targets=(TargetAsk("chip:npu"),)), task="text_generation")[0].skip is None


def test_a_folder_is_taken_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a slash or without, whatever follows a dot in its name; a built-in of the same name comes first."""
    catalog = Catalog((*CATALOG.refs, PluginRef("models", "/", "m:C", "test")))
    monkeypatch.chdir(tmp_path)
    for name in ("my-v1.5", "tiny"):
        (tmp_path / name).mkdir()
    asked = tuple(ModelAsk(source) for source in ("my-v1.5", "./my-v1.5/", "tiny", "./tiny"))
    chosen = choose_models(Suite(models=asked), catalog)
    assert ["/", "/", "tiny", "/"] == [ref.name for _, ref in chosen]
    assert {"my-v1.5"} == {ModelChoice(ask, ref, "text_generation", ()).id for ask, ref in chosen[:2]}


def test_a_task_nobody_runs_is_skipped() -> None:
    """A language model on a target for tensors only."""
    run = planned("tiny", Suite(targets=(TargetAsk("chip:npu"),)), task="text_generation")[0]
    assert run.skip is not None
    assert run.skip.kind == "unsupported_task"


def test_emulated_targets_get_the_emulated_rule() -> None:
    """One repeat and few queries, whatever the preset and the repeats asked for."""
    suite = Suite(preset="strict", repeats=7, targets=(TargetAsk("chip:npu"), TargetAsk("chip:emu")))
    real, emulated = planned("tiny", suite)
    assert (7, PRESETS["strict"].rule) == (real.repeats, real.rule)
    assert (1, emulated_rule()) == (emulated.repeats, emulated.rule)
    assert [RepeatRule(7, 7), RepeatRule(1, 1)] == [real.repeat_rule, emulated.repeat_rule]


def test_repeats_are_the_presets_unless_asked() -> None:
    """Without a number from the user a run gets the preset's fewest, most and time."""
    (run,) = planned("tiny", Suite(targets=(TargetAsk("chip:npu"),)))
    assert PRESETS["quick"].repeats == run.repeat_rule
    assert PRESETS["quick"].repeats.fewest == run.repeats


def test_a_repeat_may_be_given_more_time_or_less() -> None:
    """--max-seconds replaces the preset's maximum and pulls its minimum down; emulated runs keep their rule."""
    suite = Suite(preset="standard", max_seconds=1.5, targets=(TargetAsk("chip:npu"), TargetAsk("chip:emu")))
    real, emulated = planned("tiny", suite)
    assert (1_500_000_000, 1_500_000_000) == (real.rule.max_duration_ns, real.rule.min_duration_ns)
    assert emulated_rule() == emulated.rule


def test_options_go_where_they_are_known() -> None:
    """A bare key to all that know it, plugin.key to one, the target's own last."""
    suite = Suite(
        options={"speed": "1", "chip.soc": "a", "threads": "2"},
        targets=(TargetAsk("chip:npu", {"speed": "9"}), TargetAsk("cpu:x")),
    )
    assert [{"speed": "9", "soc": "a"}, {"speed": "1", "threads": "2"}] == [t.options for t in targets(suite)]


def test_a_flag_replaces_what_a_target_of_the_suite_says() -> None:
    """Bare or with its plugin, for the targets that know it; the rest of the file's options stay."""
    asks = (TargetAsk("chip:npu", {"speed": "9", "soc": "b"}), TargetAsk("cpu:x", {"threads": "2"}))
    for flag, expected in (
        ("speed", [{"speed": "5", "soc": "b"}, {"speed": "5", "threads": "2"}]),
        ("chip.speed", [{"speed": "5", "soc": "b"}, {"speed": "1", "threads": "2"}]),
        ("chip.soc", [{"speed": "9", "soc": "5"}, {"speed": "1", "threads": "2"}]),
    ):
        suite = Suite(
            options={"speed": "1", "chip.speed": "3"} | {flag: "5"},
            targets=asks,
            untrusted=Untrusted("s.toml", frozenset({"speed", "chip.speed"} - {flag}), 2, frozenset({"speed"})),
        )
        assert expected == [t.options for t in targets(suite)]


def test_what_a_flag_replaced_is_the_users_own() -> None:
    """An unsafe option of a suite's target whose value the user gives is not somebody else's any more."""
    asks = (TargetAsk("chip:npu", {"speed": "9"}),)
    with pytest.raises(InputError, match="option speed: not taken from somebody else's file"):
        targets(Suite(targets=asks, untrusted=Untrusted("s.toml", frozenset(), 1)))
    given = Suite(options={"speed": "5"}, targets=asks, untrusted=Untrusted("s.toml", frozenset(), 1))
    assert [{"speed": "5"}] == [t.options for t in targets(given)]


@pytest.mark.parametrize(
    ("suite", "message"),
    [
        (Suite(options={"thread": "1"}), "unknown option: thread\nDid you mean threads?"),
        (Suite(options={"chip.sok": "1"}), "unknown option of target chip: sok\nDid you mean soc?"),
        (
            Suite(targets=(TargetAsk("cpu:x", {"soc": "1"}),)),
            "unknown option of cpu:x: soc\nKnown: speed, threads.",
        ),
        (
            Suite(options={"cpu.threads": "1"}, targets=(TargetAsk("chip:npu"),)),
            "option cpu.threads: none of the chosen targets is of cpu\nThey are of chip.",
        ),
        (Suite(targets=(TargetAsk("cpu:y"),)), "unknown target: cpu:y\nDid you mean cpu:x?"),
    ],
)
def test_what_nobody_knows_is_an_error(suite: Suite, message: str) -> None:
    """An option or device that no chosen target knows is refused with the nearest name."""
    with pytest.raises(InputError) as error:
        targets(suite)
    assert str(error.value) == message


def test_files_find_their_plugin_by_suffix() -> None:
    """A path goes to the plugin of its suffix, a name to the built-in; the id is the file's stem."""
    chosen = choose_models(Suite(models=(ModelAsk("a/net.ONNX"), ModelAsk("tiny"))), CATALOG)
    assert [".onnx", "tiny"] == [ref.name for _, ref in chosen]
    assert ModelChoice(chosen[0][0], chosen[0][1], "tensor", ("onnx",)).id == "net"


@pytest.mark.parametrize(
    ("names", "remedy"),
    [
        ((".onnx", ".xml", "/"), "Give .onnx, .xml, or a folder of Hugging Face or a GenAI runtime, or with one"),
        ((".onnx", ".xml"), "Give .onnx or .xml."),
        (("/",), "Give a folder of Hugging Face or a GenAI runtime, or with one model file."),
        ((), "No plugin here reads files or folders: give one that does with --plugin FILE, or the name of a model"),
    ],
)
def test_the_remedy_names_what_is_read_here(names: tuple[str, ...], remedy: str, tmp_path: Path) -> None:
    """No sentence has an empty list in it, whichever plugins there are."""
    (tmp_path / "net.bin").touch()
    catalog = Catalog(tuple(PluginRef("models", name, "x:Y", "z") for name in names))
    with pytest.raises(InputError, match=r"net\.bin") as error:
        choose_models(Suite(models=(ModelAsk(str(tmp_path / "net.bin")),)), catalog)
    assert error.value.remedy.startswith(remedy)


def test_every_pair_in_every_scenario() -> None:
    """The plan is the product, scenarios outermost, so that a page reads in order."""
    suite = Suite(targets=(TargetAsk("chip:npu"), TargetAsk("cpu:x")), scenarios=(Scenario(), Scenario("offline")))
    assert [
        ("single-stream", "chip:npu"),
        ("single-stream", "cpu:x"),
        ("offline", "chip:npu"),
        ("offline", "cpu:x"),
    ] == [(r.scenario.name, r.target.id) for r in planned("tiny", suite)]


def test_a_scenario_of_some_models_is_planned_for_those() -> None:
    """By the models' sources."""
    suite = Suite(
        targets=(TargetAsk("chip:npu"),),
        scenarios=(Scenario("single-stream"), Scenario("offline")),
        scenario_models=((), ("tiny",)),
    )
    names = [[run.scenario.name for run in planned(source, suite)] for source in ("tiny", "net.onnx")]
    assert [["single-stream", "offline"], ["single-stream"]] == names


def test_an_emulator_has_no_throughput() -> None:
    """offline on an emulated device is skipped, with what to do instead."""
    (run,) = planned("tiny", Suite(targets=(TargetAsk("chip:emu"),), scenarios=(Scenario("offline"),)))
    assert run.skip is not None
    assert "unsupported_scenario" == run.skip.kind
    remedy = "To check compilation, placement and outputs, run it with -s single-stream. Measure times on the device."
    assert remedy == str(run.skip.remedy)


def test_token_counts_are_for_text_only() -> None:
    """Text generation gets defaults, smaller when emulated; other tasks have none."""
    asked = Scenario("single-stream", prompt_tokens=5)
    assert settle_scenario(asked, "tensor", False) == Scenario("single-stream")
    assert settle_scenario(asked, "text_generation", False) == Scenario("single-stream", 5, 32, depth_tokens=0)
    emulated = settle_scenario(Scenario("single-stream"), "text_generation", True)
    assert emulated == Scenario("single-stream", 16, 8, depth_tokens=0)


def test_no_models_named_means_the_built_in_ones() -> None:
    """The default is one vision model and one sLLM."""
    assert ["mobilenet_v2", "llama-15M"] == [ask.source for ask, _ in choose_models(Suite(), discover())]


def sent(untrusted: Untrusted, options: dict[str, str], *asks: TargetAsk) -> Suite:
    return Suite(targets=asks or (TargetAsk("chip:npu"), TargetAsk("cpu:x")), options=options, untrusted=untrusted)


@pytest.mark.parametrize("key", ["speed", "chip.speed"])
def test_an_option_from_a_file_is_refused_where_a_target_does_not_call_it_safe(key: str) -> None:
    """speed is safe on cpu and not on chip, which knows it too: whoever gets it decides."""
    with pytest.raises(InputError, match=r"suite\.toml: option speed: ") as caught:
        targets(sent(Untrusted("suite.toml", frozenset({key})), {key: "1"}))
    assert "--allow-unsafe-options speed" in caught.value.remedy


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"soc": "1"}, [{"soc": "1"}, {}]),
        ({"cpu.speed": "1"}, [{}, {"speed": "1"}]),
        ({"threads": "1"}, [{}, {"threads": "1"}]),
    ],
)
def test_a_safe_option_from_a_file_is_taken(options: dict[str, str], expected: list[dict[str, str]]) -> None:
    """Only the plugin that gets the option is asked."""
    found = targets(sent(Untrusted("suite.toml", frozenset(options)), options))
    assert expected == [target.options for target in found]


def test_an_option_of_a_target_in_a_file_is_checked_too() -> None:
    """Of the targets that the file names, and not of those that a flag names."""
    asks = TargetAsk("chip:npu", {"speed": "1"}), TargetAsk("cpu:x")
    with pytest.raises(InputError, match="option speed"):
        targets(sent(Untrusted("suite.toml", targets=1), {}, *asks))
    assert [{"speed": "1"}, {}] == [t.options for t in targets(sent(Untrusted("suite.toml"), {}, *asks))]


def test_what_the_user_says_is_the_users() -> None:
    """A flag in place of the file's value, or the option's name in --allow-unsafe-options."""
    assert {"speed": "9"} == targets(sent(Untrusted("suite.toml"), {"speed": "9"}))[0].options
    allowed = Untrusted("suite.toml", frozenset({"chip.speed"}), allowed=frozenset({"chip.speed"}))
    assert {"speed": "1"} == targets(sent(allowed, {"chip.speed": "1"}))[0].options


def test_every_built_in_model_can_be_named() -> None:
    """Those whose names have a version in them, with dots and digits, too."""
    catalog = discover(())
    names = [name for name in catalog.names("models") if not name.startswith((".", "/"))]
    suite = Suite(models=tuple(ModelAsk(name) for name in names))
    check(suite)
    assert names == [ref.name for _, ref in choose_models(suite, catalog)]
