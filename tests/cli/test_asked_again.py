"""Whatever ``odb run`` is asked for is in the record as data, and both ways of measuring again come back to it.

The two ways are ``odb run --against``, which reads ``plan.asked`` and the other typed fields, and the command that
reports show for pasting.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bench.cli.asked import asked_suite
from bench.cli.run_command import command
from bench.contracts import Device, TargetFacts
from bench.execution.assemble import assemble
from bench.inputs.prepared import Prepared
from bench.passes.evidence import Evidence
from bench.plugins import Catalog, discover, load
from bench.record.asked import NamedFile
from bench.record.evidence import RepeatRule
from bench.record.record import Environment, PlanPart, Record
from bench.suite.base_run import Given, base_suite
from bench.suite.found_files import Places
from bench.suite.plan import ModelChoice, choose_models, choose_targets, make_plan, resolve_targets, settle_scenario
from bench.suite.suite import Suite
from bench.testing.plugins import fake_artifact

NULL = Path(__file__).resolve().parents[2] / "bench" / "testing" / "plugins.py"
NET, WORDS = ("-m", "net.onnx"), ("-m", "fake-decoder")

IN_RECORD: dict[str, tuple[Sequence[str], str, Any]] = {
    "models": (("-m", "net.onnx"), "asked.model.name", "net.onnx"),
    "targets": ((), "target.id", "null:cpu"),
    "scenarios": (("-s", "multi-stream:streams=8"), "scenario.parameters", {"streams": 8}),
    "preset": (("--preset", "strict"), "preset", "strict"),
    "options": (("-O", "latency_us=7"), "target.options_requested", {"latency_us": "7"}),
    "shapes": ((*NET, "--shape", "x=1,4"), "asked.shapes", {"x": (1, 4)}),
    "inputs": ((*NET, "--input", "x=x.npy"), "asked.inputs.x.name", "x.npy"),
    "preprocessing": (
        (*NET, "--input", "x=x.npy", "--preprocessing", "order=bgr"),
        "asked.preprocessing",
        "order=bgr",
    ),
    "pipeline": (
        (*NET, "--inputs", "photos", "--pipeline", "detection"),
        "scenario.parameters",
        {"pipeline": "detection", "inputs": 100},
    ),
    "pipeline_inputs": ((*NET, "--inputs", "photos"), "asked.pipeline_inputs", NamedFile("photos")),
    "prompt_tokens": ((*WORDS, "-p", "12"), "scenario.prompt_tokens", 12),
    "generate_tokens": ((*WORDS, "-n", "5"), "scenario.generate_tokens", 5),
    "depth": ((*WORDS, "-d", "64"), "scenario.depth_tokens", 64),
    "prompt_ids": ((*WORDS, "--prompt-ids", "1,403"), "asked.prompt_ids", (1, 403)),
    "prompts": ((*WORDS, "--prompts", "words.txt"), "asked.prompts.name", "words.txt"),
    "chat": ((*WORDS, "--prompts", "words.txt", "--chat"), "asked.chat", True),
    "stop": ((*WORDS, "--stop"), "asked.stop", True),
    "precision": (("-m", "fake", "--precision", "int8"), "asked.precision", "int8"),
    "compile_cache": (("--compile-cache", "warm"), "scenario.compile_cache", "warm"),
    "datasets": ((*NET, "--dataset", "photos"), "asked.dataset", NamedFile("photos")),
    "dataset_options": (
        (*NET, "--dataset", "photos", "--dataset-options", "label_offset=1"),
        "asked.dataset_options",
        "label_offset=1",
    ),
    "references": ((*NET, "--reference", "twin.onnx"), "asked.reference.name", "twin.onnx"),
    "check_inputs": (("--check-inputs", "8"), "asked.check_inputs", 8),
    "lanes": (("-s", "offline", "--lanes", "3"), "asked.lanes", 3),
    "repeats": (("--repeats", "7"), "repeat_rule", RepeatRule(7, 7)),
    "max_seconds": (("--max-seconds", "1.2345678"), "asked.max_seconds", 1.2345678),
    "seed": (("--seed", "4"), "seed", 4),
    "deadline": (("--deadline", "33ms"), "asked.settings.deadline_ns", 33_000_000),
    "battery_wh": (("--battery-wh", "54.5"), "asked.settings.battery_wh", 54.5),
    "strict_placement": (("--strict-placement",), "strict_placement", True),
    "plugins": (("-m", "fake"), "asked.plugins", ("plugins.py",)),
}
"""Parameter of ``odb run`` -> words that use it, the field of ``plan`` that holds it, and what it holds."""

NOT_IN_RECORD = {
    "suite_file": "its runs are records of their own, each with what the file asked for",
    "output": "where records go; a record names no folder",
    "allow_unsafe_options": "this user's consent to one file; the options are in target.options_requested",
    "timeout": "a bound on the harness: a run that reaches it fails and has no figures",
    "again": "of a submission's folder: what to measure, not how",
    "again_invalid": "of a submission's folder: what to measure, not how",
    "no_yardstick": "of a submission's folder; plan.alternation says that the run took turns",
    "against": "says what to compare with; plan.alternation says that the run took turns",
    "until": "of a comparison; plan.alternation.until says how the number of pairs was decided",
    "max_minutes": "of a comparison; plan.alternation.until.limit_ns",
    "base_models": "says where a file of --against is; plan.model.sha256 says which it is",
    "base_python": "the interpreter of this machine; environment.runtime holds the versions that it had",
    "tolerance": "decides what a comparison finds, and no figure of a run",
    "accept": "decides the exit status",
    "fail_on": "decides the exit status",
    "on": "the device's own name and facts are in the record; a serial number is no setting",
    "runner": "other_tool says which program measured",
    "profile": "adds the field operators from a pass of its own, and changes no figure",
    "meter_marker": "pulses before and behind the run; meter says what was joined",
    "meter_log": "meter says which log was joined, and what was said of it",
    "live_meter": "meter says what was joined",
    "dry_run": "leaves no record",
    "as_json": "how results are printed",
    "lang": "the language of what is printed; a record holds no words",
}
"""Parameter of ``odb run`` -> why no record holds it."""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return discover([NULL])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a file of every kind that a flag may name."""
    monkeypatch.chdir(tmp_path)
    for name in ("net.onnx", "twin.onnx", "x.npy", "words.txt"):
        Path(name).write_text(name, encoding="utf-8")
    Path("photos").mkdir()
    return tmp_path


def suite_of(arguments: Sequence[str], catalog: Catalog) -> Suite:
    return asked_suite(command.make_context("run", list(arguments)).params, catalog)


def record_of(suite: Suite, catalog: Catalog) -> Record:
    """The record of the suite's one run, up to what a worker would add: the plan, and which model it was."""
    target: Any = load(catalog.find("targets", "null"))
    facts = TargetFacts(
        (Device("cpu", True),),
        {"cpu": dict(target.options("cpu"))},
        target.formats,
        target.tasks,
        {},
        target.safe_options,
    )
    ((ask, ref),) = choose_models(suite, catalog)
    plugin: Any = load(ref)
    text = ask.source == "fake-decoder"
    models = [ModelChoice(ask, ref, "text_generation" if text else "tensor", plugin.formats)]
    targets = resolve_targets(choose_targets(suite, catalog), {"null": facts}, suite)
    (run,) = make_plan(suite, models, targets, catalog).runs
    assert run.skip is None
    artifact = replace(fake_artifact(Path("net.onnx"), models[0].task), model_id=run.model.id)
    own = bool(ask.prompts or ask.prompt_ids)
    scenario = settle_scenario(run.scenario, models[0].task, emulated=False, own_prompts=own)
    prepared = Prepared(artifact=artifact)
    evidence = Evidence(run=run, environment=Environment(), scenario=scenario, prepared=prepared)
    return assemble(evidence, []).record


def value_at(plan: PlanPart, path: str) -> Any:
    found: Any = plan
    for name in path.split("."):
        found = found[name] if isinstance(found, dict) else getattr(found, name)
    return found


def test_every_option_is_in_the_record_or_has_a_reason_not_to_be() -> None:
    """A new option of odb run needs a row here: where the record holds it, or why not."""
    assert sorted(p.name or "" for p in command.params) == sorted([*IN_RECORD, *NOT_IN_RECORD])
    assert not IN_RECORD.keys() & NOT_IN_RECORD.keys()


@pytest.mark.parametrize("name", IN_RECORD)
class TestAskedAgain:
    def test_the_record_holds_what_was_asked(self, here: Path, catalog: Catalog, name: str) -> None:
        """In the field that the table names."""
        words, path, expected = IN_RECORD[name]
        assert expected == value_at(record_of(suite_of(complete(words), catalog), catalog).plan, path)

    def test_its_base_is_the_same_run(self, here: Path, catalog: Catalog, name: str) -> None:
        """``--against`` makes the same plan from it, except for the number of repeats; it reads no command."""
        record = record_of(suite_of(complete(IN_RECORD[name][0]), catalog), catalog)
        unread = replace(record, plan=replace(record.plan, command="odb run -m other"))
        base = base_suite(unread, here / "sent", catalog, Places((Path(),), (here / "sent",)), Given())
        assert without_repeats(record.plan) == without_repeats(record_of(base, catalog).plan)

    def test_its_command_asks_for_the_same_run(self, here: Path, catalog: Catalog, name: str) -> None:
        """Parsed by odb run itself, the shown command gives the same plan, and with it the same command."""
        plan = record_of(suite_of(complete(IN_RECORD[name][0]), catalog), catalog).plan
        words = shlex.split(plan.command)
        assert ["odb", "run"] == words[:2]
        assert plan == record_of(suite_of(words[2:], catalog), catalog).plan


def complete(words: Sequence[str]) -> list[str]:
    """With a model and the one target, where the words name none."""
    return [*(words if "-m" in words else ("-m", "fake", *words)), "-t", "null:cpu"]


def without_repeats(plan: PlanPart) -> PlanPart:
    return replace(plan, repeats=0, repeat_rule=None, command="")
