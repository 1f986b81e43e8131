"""The command that measures a run again."""

import shlex

from click.testing import CliRunner
from msgspec.structs import replace

from bench.cli.asked import asked_suite
from bench.cli.run_command import command
from bench.contracts import Device
from bench.plugins import PluginRef
from bench.record.evidence import Alternation, RepeatRule
from bench.record.record import Scenario
from bench.record.shown_command import plain_run
from bench.suite.command_line import rerun_command
from bench.suite.plan import ModelChoice, PlannedRun, TargetChoice, with_time
from bench.suite.presets import PRESETS, shorter_rule
from bench.suite.suite import ModelAsk


def planned(ask: ModelAsk, options: dict[str, str], strict: bool = False) -> PlannedRun:
    target = TargetChoice(PluginRef("targets", "qnn", "", ""), Device("htp-emu", True), options, ("onnx",), ("tensor",))
    model = ModelChoice(ask, PluginRef("models", ".onnx", "", ""), "tensor", ("onnx",))
    return PlannedRun(model, target, Scenario("offline"), PRESETS["quick"].rule, "quick", 3, 7, strict)


def test_everything_that_decides_the_figures_is_in_it() -> None:
    """Model, target, options, shapes, inputs, scenario, preset, repeats, seed and strictness; no folder."""
    ask = ModelAsk("/home/ann/my net.onnx", shapes={"x": (1, 3)}, inputs={"x": "/p/cat.jpg"}, preprocessing="order=bgr")
    expected = (
        "odb run -m 'my net.onnx' -t qnn:htp-emu -O soc=qcs6490 --shape x=1,3 --input x=cat.jpg "
        "--preprocessing order=bgr -s offline --lanes 2 --preset quick --repeats 3 --seed 7 --strict-placement"
    )
    assert expected == rerun_command(planned(ask, {"soc": "qcs6490"}, strict=True), Scenario("offline", lanes=2))


def test_the_command_line_takes_it() -> None:
    """Each word of it is understood: only the file is missing here."""
    text = rerun_command(planned(ModelAsk("net.onnx"), {}), Scenario("single-stream", 4, 5))
    result = CliRunner().invoke(command, shlex.split(text)[2:])
    assert "model net.onnx: no such file" in str(result.exception)


def test_what_decides_quality_is_in_it() -> None:
    """Dataset, its options, the float reference and the inputs of the check, by their names alone."""
    ask = ModelAsk("net.tflite", dataset="/data/photos", dataset_options="label_offset=1", reference="/m/float.tflite")
    run = replace(planned(ask, {}), check_inputs=8)
    words = "--dataset photos --dataset-options label_offset=1 --reference float.tflite --check-inputs 8"
    assert words in rerun_command(run, Scenario("single-stream"))


def test_the_command_of_a_language_model_asks_for_the_same() -> None:
    """Every flag of text generation comes back from the command as it was asked."""
    ask = ModelAsk("llama-15M", precision="int4", prompt_ids=(1, 403))
    scenario = Scenario("single-stream", None, 8, depth_tokens=64, compile_cache="warm")
    words = shlex.split(rerun_command(planned(ask, {}), scenario))
    suite = asked_suite(command.make_context("run", words[2:]).params)
    (asked,) = suite.scenarios
    assert (ask,) == suite.models
    assert (None, 8, 64) == (asked.prompt_tokens, asked.generate_tokens, asked.depth_tokens)
    assert "warm" == asked.compile_cache


def test_a_number_of_repeats_is_in_it_only_if_it_was_fixed() -> None:
    """Where the preset decides as the repeats come, the command leaves it to the preset again."""
    run = planned(ModelAsk("net.onnx"), {})
    decided = replace(run, repeat_rule=PRESETS["quick"].repeats)
    assert "--repeats" not in rerun_command(decided, Scenario("single-stream"))
    assert "--repeats 3" in rerun_command(replace(run, repeat_rule=RepeatRule(3, 3)), Scenario("single-stream"))


def test_a_side_of_an_alternation_is_measured_alone_as_any_other() -> None:
    """Its pairs are shorter for they take turns, and not because a time was asked for; one that was is kept."""
    run = replace(planned(ModelAsk("net.onnx"), {}), alternation=Alternation("g", "new"))
    own, asked = shorter_rule(PRESETS["quick"].rule), with_time(PRESETS["quick"].rule, 2.0)
    assert "--max-seconds" not in rerun_command(replace(run, rule=own), Scenario("single-stream"))
    assert "--max-seconds 2" in rerun_command(replace(run, rule=asked), Scenario("single-stream"))


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
    run = replace(planned(ask, {"soc": "qcs6490", "logid": "/any_root/ann/x"}, strict=True), check_inputs=8)
    scenario = Scenario("single-stream", 4, 5, lanes=2, depth_tokens=64, compile_cache="warm")
    text = rerun_command(run, scenario)
    assert plain_run(text), text
    assert ("ann" in text, "logid=…/x" in text) == (False, True)
