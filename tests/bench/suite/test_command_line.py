"""The command that measures a run again, made from the fields of its record."""

import shlex

import numpy as np
from click.testing import CliRunner
from msgspec.structs import replace

from bench.cli.asked import asked_suite
from bench.cli.run_command import command
from bench.contracts import Device
from bench.plugins import PluginRef
from bench.record.asked import Asked, NamedFile
from bench.record.evidence import Alternation, RepeatRule
from bench.record.record import PlanPart, Scenario
from bench.record.shown.command import plain_run
from bench.record.shown.redact import option_without_paths
from bench.suite.asked import asked_of
from bench.suite.command_line import rerun_command
from bench.suite.plan import ModelChoice, PlannedRun, TargetChoice
from bench.suite.presets import PRESETS, shorter_rule
from bench.suite.suite import ModelAsk
from bench.testing.records import fake_run

OFFLINE = Scenario("offline")


def planned(ask: ModelAsk, options: dict[str, str], scenario: Scenario = OFFLINE, **run: object) -> PlanPart:
    """The plan of a record, as it is kept of that run: 3 repeats of the preset quick, seed 7."""
    target = TargetChoice(PluginRef("targets", "qnn", "", ""), Device("htp-emu", True), options, ("onnx",), ("tensor",))
    model = ModelChoice(ask, PluginRef("models", ".onnx", "", ""), "tensor", ("onnx",))
    one = PlannedRun(model, target, scenario, PRESETS["quick"].rule, "quick", 3, 7, **run)  # type: ignore[arg-type]
    plan = fake_run("r", [np.full(20, 1_000_000)]).record.plan
    kept = {key: option_without_paths(value) for key, value in options.items()}
    return replace(
        plan,
        target=replace(plan.target, id=one.target.id, options_requested=kept),
        scenario=scenario,
        preset=one.preset,
        rule=one.rule,
        seed=one.seed,
        repeats=one.repeats,
        strict_placement=one.strict_placement,
        alternation=one.alternation,
        asked=asked_of(one),
        repeat_rule=one.repeat_rule,
    )


def test_everything_that_decides_the_figures_is_in_it() -> None:
    """Model, target, options, shapes, inputs, scenario, preset, repeats, seed and strictness; no folder."""
    ask = ModelAsk("/home/ann/my net.onnx", shapes={"x": (1, 3)}, inputs={"x": "/p/cat.jpg"}, preprocessing="order=bgr")
    expected = (
        "odb run -m 'my net.onnx' -t qnn:htp-emu -O soc=qcs6490 --shape x=1,3 --input x=cat.jpg "
        "--preprocessing order=bgr -s offline --lanes 2 --preset quick --repeats 3 --seed 7 --strict-placement"
    )
    plan = planned(ask, {"soc": "qcs6490"}, Scenario("offline", lanes=2), strict_placement=True)
    assert expected == rerun_command(plan)


def test_the_command_line_takes_it() -> None:
    """Each word of it is understood: only the file is missing here."""
    text = rerun_command(planned(ModelAsk("net.onnx"), {}, Scenario("single-stream", 4, 5)))
    result = CliRunner().invoke(command, shlex.split(text)[2:])
    assert "model net.onnx: no such file" in str(result.exception)


def test_what_decides_quality_is_in_it() -> None:
    """Dataset, its options, the float reference and the inputs of the check, by their names alone."""
    ask = ModelAsk("net.tflite", dataset="/data/photos", dataset_options="label_offset=1", reference="/m/float.tflite")
    words = "--dataset photos --dataset-options label_offset=1 --reference float.tflite --check-inputs 8"
    assert words in rerun_command(planned(ask, {}, check_inputs=8))


def test_the_command_of_a_language_model_asks_for_the_same() -> None:
    """Every flag of text generation comes back from the command as it was asked."""
    ask = ModelAsk("llama-15M", precision="int4", prompt_ids=(1, 403))
    scenario = Scenario("single-stream", None, 8, depth_tokens=64, compile_cache="warm")
    words = shlex.split(rerun_command(planned(ask, {}, scenario)))
    suite = asked_suite(command.make_context("run", words[2:]).params)
    (asked,) = suite.scenarios
    assert (ask,) == suite.models
    assert (None, 8, 64) == (asked.prompt_tokens, asked.generate_tokens, asked.depth_tokens)
    assert "warm" == asked.compile_cache


def test_a_number_of_repeats_is_in_it_only_if_it_was_fixed() -> None:
    """Where the preset decides as the repeats come, the command leaves it to the preset again."""
    ask = ModelAsk("net.onnx")
    assert "--repeats" not in rerun_command(planned(ask, {}, repeat_rule=PRESETS["quick"].repeats))
    assert "--repeats 3" in rerun_command(planned(ask, {}, repeat_rule=RepeatRule(3, 3)))


def test_a_side_of_an_alternation_is_measured_alone_as_any_other() -> None:
    """Its pairs are shorter for they take turns, and not because a time was asked for; one that was is kept."""
    plan = planned(ModelAsk("net.onnx"), {}, alternation=Alternation("g", "new"))
    shorter = replace(plan, rule=shorter_rule(PRESETS["quick"].rule))
    assert "--max-seconds" not in rerun_command(shorter)
    asked = planned(ModelAsk("net.onnx"), {}, alternation=Alternation("g", "new"), max_seconds=2.0)
    assert "--max-seconds 2 " in rerun_command(asked)


def test_what_only_a_suite_file_can_ask_has_no_command() -> None:
    """The format of a model, and the precision of a file; nor has a record from before ``plan.asked``."""
    plan = planned(ModelAsk("net.onnx"), {})
    assert rerun_command(plan)
    file = Asked("file", NamedFile("net.onnx"))
    for asked in (None, replace(file, format="onnx"), replace(file, precision="float16")):
        assert "" == rerun_command(replace(plan, asked=asked))


def test_what_it_writes_may_be_shown() -> None:
    """Every flag of it is one that a report shows for pasting; values of options lose their paths."""
    ask = ModelAsk(
        "/home/ann/언어 모델.onnx",
        shapes={"/in": (1, 3)},
        inputs={"x": "/p/cat (1).jpg"},
        preprocessing="order=bgr,mean=104:117:123",
        prompt_ids=(1, 2),
        prompts="/p/prompts.txt",
        dataset="/data/photos",
        dataset_options="label_offset=1,output=probs",
        reference="/m/float.onnx",
    )
    options = {"soc": "qcs6490", "logid": "/any_root/ann/x"}
    scenario = Scenario("single-stream", 4, 5, lanes=2, depth_tokens=64, compile_cache="warm")
    plan = planned(ask, options, scenario, check_inputs=8, max_seconds=0.5, strict_placement=True)
    plan = replace(plan, asked=plan.asked and replace(plan.asked, plugins=("npu.py",)))
    text = rerun_command(plan)
    assert plain_run(text), text
    assert ("ann" in text, "logid=…/x" in text) == (False, True)
