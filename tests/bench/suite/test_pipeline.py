"""``[pipeline]`` of a suite, ``--pipeline`` and ``--inputs``."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.cli.against.suites import applied, named_files, of_model, refuse_unused
from bench.cli.asked import asked_suite
from bench.contracts import Scenario
from bench.errors import InputError
from bench.plugins import Catalog, discover
from bench.suite.suite import ModelAsk, Suite, load_suite
from bench.testing.records import fake_run


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return discover()


FLAGS: dict[str, Any] = {
    **dict.fromkeys(("suite_file", "preset", "repeats", "max_seconds", "seed", "check_inputs", "timeout", "precision")),
    **dict.fromkeys(("prompt_tokens", "generate_tokens", "depth", "compile_cache", "lanes", "dataset_options")),
    **dict.fromkeys(("preprocessing", "pipeline", "strict_placement", "profile")),
    **dict.fromkeys(("models", "targets", "scenarios", "options", "shapes", "inputs", "datasets", "references"), ()),
    "pipeline_inputs": (),
}
END_TO_END = Scenario("end-to-end", parameters={"pipeline": "detection"})


def suite_of(folder: Path, text: str) -> Suite:
    (folder / "photos").mkdir(exist_ok=True)
    (folder / "a.onnx").touch()
    (folder / "b.onnx").touch()
    (folder / "suite.toml").write_text(text)
    return load_suite(folder / "suite.toml")


def asked(**flags: Any) -> Suite:
    return asked_suite(FLAGS | flags)


def test_the_table_is_a_scenario_and_what_every_model_is_fed(tmp_path: Path) -> None:
    """Beside the suite's folder; what a model says itself goes first."""
    suite = suite_of(
        tmp_path,
        '[pipeline]\nkind = "detection"\ninputs = "photos"\npreprocessing = "scale=2"\noptions = "head=yolox"\n'
        '[[models]]\nsource = "a.onnx"\n[[models]]\nsource = "b.onnx"\npreprocessing = "scale=3"\n',
    )
    assert (END_TO_END,) == suite.scenarios
    assert [str(tmp_path / "photos")] * 2 == [model.pipeline_inputs for model in suite.models]
    assert ["scale=2", "scale=3"] == [model.preprocessing for model in suite.models]
    assert ["head=yolox"] * 2 == [model.dataset_options for model in suite.models]


def test_the_table_adds_to_scenarios(tmp_path: Path) -> None:
    suite = suite_of(
        tmp_path,
        '[pipeline]\ninputs = "photos"\nkind = "keyword-spotting"\nhop_ms = 50\n[[models]]\nsource = "a.onnx"\n'
        '[[scenarios]]\nname = "single-stream"\n',
    )
    played = Scenario("end-to-end", parameters={"pipeline": "keyword-spotting", "hop_ms": 50})
    assert ("single-stream", played) == (suite.scenarios[0].name, suite.scenarios[1])


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('kind = "detectoin"\ninputs = "photos"', "detection"),
        ('input = "photos"', "inputs"),
        ("inputs = 3", r"suite\.toml"),
        ('inputs = "nowhere"', "nowhere"),
        ('kind = "detection"', "needs files"),
    ],
)
def test_what_is_wrong_with_the_table_is_said(tmp_path: Path, table: str, told: str) -> None:
    """The nearest kind and key, the file, the folder that is not there, and no inputs at all."""
    with pytest.raises(InputError) as raised:
        suite_of(tmp_path, f'[pipeline]\n{table}\n[[models]]\nsource = "a.onnx"\n')
    assert told.replace("\\", "") in f"{raised.value.message} {raised.value.remedy}"


def test_flags_ask_for_the_same(tmp_path: Path) -> None:
    """``--pipeline`` is a scenario; ``--inputs`` adds it where it is not named, and may begin with a model."""
    photos = str(tmp_path)
    named = asked(models=("a.onnx", "b.onnx"), pipeline="detection", pipeline_inputs=(f"b:{photos}",))
    assert (END_TO_END,) == named.scenarios
    assert ["", photos] == [model.pipeline_inputs for model in named.models]
    alone = asked(models=("a.onnx",), pipeline_inputs=(photos,), preprocessing="scale=2")
    assert ["end-to-end"] == [scenario.name for scenario in alone.scenarios]
    both = asked(models=("a.onnx",), pipeline_inputs=(photos,), scenarios=("offline", "end-to-end:pipeline=text"))
    assert ["offline", "end-to-end"] == [scenario.name for scenario in both.scenarios]


def test_inputs_need_a_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--inputs needs a model"):
        asked(pipeline_inputs=(str(tmp_path),))


@pytest.mark.parametrize("kind", ["classification", "detection", "segmentation", "text", "own"])
def test_a_hop_of_a_pipeline_without_windows_is_refused(tmp_path: Path, kind: str) -> None:
    """It would change nothing. ``auto`` may become keyword spotting, and is decided when the pipeline is opened."""
    text = '[pipeline]\ninputs = "photos"\nhop_ms = 100\nkind = "{}"\n[[models]]\nsource = "a.onnx"\n'
    with pytest.raises(InputError, match=f"hop_ms.*{kind}"):
        suite_of(tmp_path, text.format(kind))
    for kept in ("keyword-spotting", "auto"):
        assert suite_of(tmp_path, text.format(kept)).scenarios[0].own_parameters["hop_ms"] == 100


def test_an_unknown_kind_is_named_with_its_neighbour() -> None:
    with pytest.raises(InputError, match="not segmentatoin\nDid you mean segmentation"):
        asked(models=("a.onnx",), pipeline="segmentatoin")


def test_against_a_record_the_flags_replace_its_files_and_kind(tmp_path: Path, catalog: Catalog) -> None:
    """Of the model that is named before the colon; the scenario stays where ``--pipeline`` is not given."""
    own = Scenario("end-to-end", parameters={"pipeline": "keyword-spotting", "hop_ms": 50})
    suite = Suite(models=(ModelAsk("a.onnx", pipeline_inputs="old"),), scenarios=(own,))
    other = applied(suite, {"pipeline_inputs": (f"a:{tmp_path}",)}, catalog)
    assert (str(tmp_path), own) == (other.models[0].pipeline_inputs, other.scenarios[0])
    kind = applied(suite, {"pipeline": "detection"}, catalog)
    assert ("old", (END_TO_END,)) == (kind.models[0].pipeline_inputs, kind.scenarios)
    assert [tmp_path] == named_files({"pipeline_inputs": (f"a:{tmp_path}",)})
    assert ("b",) == of_model({"pipeline_inputs": ("a:x", "b")}, "c", {"a"})["pipeline_inputs"]


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        ({"pipeline_inputs": ("photos",)}, "--inputs"),
        ({"lanes": 2}, "--lanes"),
        ({"prompt_tokens": "8"}, "--prompt-tokens"),
        ({"chat": True}, "--chat"),
    ],
)
def test_against_refuses_a_flag_that_no_record_uses(given: dict[str, Any], flag: str) -> None:
    """Of a single stream of tensors; not where the flags ask for a scenario that uses it, or the base is one."""
    record = fake_run("r", [np.full(20, 1_000_000)]).record
    with pytest.raises(InputError, match=f"{flag} has no effect"):
        refuse_unused(given, [record])
    staged = replace(record, plan=replace(record.plan, scenario=Scenario("end-to-end")))
    refuse_unused({"pipeline_inputs": ("photos",)}, [record, staged])
    refuse_unused({"pipeline_inputs": ("photos",), "pipeline": "detection"}, [record])
